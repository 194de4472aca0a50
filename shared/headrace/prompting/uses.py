"""What keeps a prompt from using another one."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from headrace.errors import NotFound
from headrace.resource.catalog import Resolver
from headrace.resource.prompt import Message, PromptSpec


def misused(resolver: Resolver, name: str, spec: Mapping[str, Any]) -> Iterator[str]:
    """Why a prompt can't use those that it does, as far as it can be told without bodies that are stored.

    What is not there is not looked at: it is reported where all references are.
    """
    using = PromptSpec.model_validate(spec)
    for ref in using.uses.values():
        try:
            found = resolver.resolve(("Prompt",), ref)
        except NotFound:
            continue
        used = PromptSpec.model_validate(found.spec)
        if reason := why_not_used(name, using, str(found), used, used.inline or ()):
            yield reason


def why_not_used(title: str, spec: PromptSpec, used_title: str, used: PromptSpec, messages: Sequence[Message]) -> str:
    """What keeps a prompt from using another one with these messages, or nothing."""
    lacking = [name for name, one in used.variables.items() if one.mandatory and name not in spec.variables]
    if lacking:
        names = ", ".join(lacking)
        return f"{title} uses {used_title}, which needs the variable {names:.200}; declare it in {title}"
    if any(message.images for message in messages):
        return f"{title} uses {used_title}, which shows images; only texts can be used"
    return ""
