"""What is known of a prompt's text before it is rendered."""

from headrace.links.known import Known
from headrace.prompting import ChatMessage, most_question
from headrace.resource.prompt import DEEPEST_USES, PromptSpec
from headrace.templating import outline

MOST_BYTES = 4
"""Of one character in UTF-8."""


def fixed_messages(known: Known, spec: PromptSpec) -> list[ChatMessage]:
    """A prompt's messages with what stands in them whatever its variables are; none of a body that is stored."""
    texts = _used(known, spec, 0)
    return [
        ChatMessage(message.role, _fixed(message.template, texts))  # its images count for nothing
        for message in spec.inline or ()
    ]


def most_tokens(known: Known, spec: PromptSpec) -> int | None:
    """The most tokens that a prompt can be, whatever its variables are; None if that can't be told.

    It can be where templates have nothing but variables in braces, and each is text with a maxLength.
    """
    outlines = [outline(message.template) for message in spec.inline or ()]
    sizes = [_most_characters(spec, name) for one in outlines for name in one.names]
    shown = any(message.images for message in spec.inline or ())
    if spec.inline is None or shown or not all(one.whole for one in outlines) or None in sizes:
        return None
    return most_question(fixed_messages(known, spec), spec.parameters) + MOST_BYTES * sum(filter(None, sizes))


def _most_characters(spec: PromptSpec, name: str) -> int | None:
    schema = spec.variables[name].json_schema if name in spec.variables else {}
    longest = schema.get("maxLength")
    return int(longest) if schema.get("type") == "string" and longest is not None else None


def _used(known: Known, spec: PromptSpec, level: int) -> dict[str, str]:
    """The fixed texts of the prompts that a prompt uses, by the name that its templates see."""
    if level == DEEPEST_USES:
        return {}
    found = {name: known.prompt(ref) for name, ref in spec.uses.items()}
    return {name: _whole(known, used.spec, level + 1) for name, used in found.items() if used}


def _whole(known: Known, spec: PromptSpec, level: int) -> str:
    texts = _used(known, spec, level)
    return "".join(_fixed(message.template, texts) for message in spec.inline or ())


def _fixed(template: str, texts: dict[str, str]) -> str:
    found = outline(template)
    return found.text + "".join(texts.get(name, "") for name in found.names)
