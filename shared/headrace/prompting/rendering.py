"""A loaded prompt and values to the messages that a model gets."""

from collections.abc import Mapping
from typing import Any

from headrace.errors import NodeError
from headrace.prompting.images import image_urls
from headrace.prompting.loaded import Loaded
from headrace.prompting.messages import ChatMessage
from headrace.resource.prompt import Message
from headrace.templating import Budget, TemplateFault, render

BETWEEN = "\n\n"
"""Between the messages of a prompt that another one uses."""


def render_prompt(loaded: Loaded, given: Mapping[str, Any], budget: Budget | None = None) -> tuple[ChatMessage, ...]:
    """The messages with these values of the variables.

    budget: what they may cost, with those of the prompts that it uses. Raises NodeError: variables_invalid, which names
    every fault, and template_failed, which says in which message; of a sensitive prompt it says no more.
    """
    budget = budget or Budget()
    values = loaded.variables.values(given)
    known = _known(loaded, given, values)
    texts = {name: _text(loaded, used, known, budget) for name, used in loaded.uses.items()}
    return tuple(
        ChatMessage(
            message.role, _content(loaded, index, message, {**values, **texts}, budget), image_urls(message, values)
        )
        for index, message in enumerate(loaded.messages)
    )


def _known(loaded: Loaded, given: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """What was given or has a default; the null of an optional variable is nothing that another prompt can take."""
    declared = loaded.spec.variables
    return {name: value for name, value in values.items() if name in given or declared[name].has_default}


def _text(loaded: Loaded, used: Loaded, known: Mapping[str, Any], budget: Budget) -> str:
    given = {name: known[name] for name in used.spec.variables if name in known}
    try:
        return BETWEEN.join(message.content for message in render_prompt(used, given, budget))
    except NodeError as error:
        raise NodeError(error.code, f"{used.title}, which {loaded.title} uses: {error}") from error


def _content(loaded: Loaded, index: int, message: Message, values: Mapping[str, Any], budget: Budget) -> str:
    try:
        return render(message.template, values, budget)
    except TemplateFault as error:
        reason = f"{error!s:.500}"
    # raised out here, so that no traceback leads to the words of a sensitive prompt
    if loaded.sensitive:
        reason = "the template failed; the prompt is sensitive, so no more is said"
    raise NodeError("template_failed", f"message {index} ({message.role}): {reason}")
