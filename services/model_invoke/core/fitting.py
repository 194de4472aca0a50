"""Messages that fit the window of a model, or are made to fit as the node says."""

from bisect import bisect_left
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from headrace.prompting import FORMULA, ChatMessage, Loaded, estimated_question, render_prompt
from model_invoke.core.request import max_tokens
from model_invoke.model import PinnedModel, Plan
from model_invoke.ports import Rejected

Messages = tuple[ChatMessage, ...]


class Fitted(NamedTuple):
    """Messages that fit, and what was left out: `messages` (a number), or `documents` (places in the input)."""

    messages: Messages
    dropped: Mapping[str, Any]


class _Shortening(NamedTuple):
    """Ways to leave out more and more. most: steps. without: the messages after so many; dropped: what that left out"""

    most: int
    without: Callable[[int], Messages]
    dropped: Callable[[int], Mapping[str, Any]]


def fitted(plan: Plan, loaded: Loaded, messages: Messages, model: PinnedModel) -> Fitted:
    """The messages, or as little less of them as fits. Raises Rejected context_window_exceeded."""
    room = _room(plan, model)

    def fits(some: Messages) -> bool:
        return estimated_question(some, plan.config.prompt.spec.parameters) <= room

    if fits(messages):
        return Fitted(messages, {})
    shortening = _shortening(plan, loaded, messages)
    least = bisect_left(range(shortening.most + 1), True, key=lambda number: fits(shortening.without(number)))
    if least > shortening.most:
        raise Rejected("context_window_exceeded", _said(plan, messages, model, shortening.most))
    return Fitted(shortening.without(least), shortening.dropped(least))


def _shortening(plan: Plan, loaded: Loaded, messages: Messages) -> _Shortening:
    match plan.config.on_overflow:
        case "drop_oldest_messages":
            return _fewer_messages(messages)
        case "drop_lowest_documents":
            return _fewer_documents(plan, loaded)
        case _:
            return _Shortening(0, lambda _: messages, lambda _: {})


def _fewer_messages(messages: Messages) -> _Shortening:
    """The oldest go first; the system's and the last one stay."""
    oldest = [place for place, message in enumerate(messages[:-1]) if message.role != "system"]

    def without(number: int) -> Messages:
        gone = set(oldest[:number])
        return tuple(message for place, message in enumerate(messages) if place not in gone)

    return _Shortening(len(oldest), without, lambda number: {"messages": number})


def _fewer_documents(plan: Plan, loaded: Loaded) -> _Shortening:
    """Those with the lowest score go first; of equals, the later one."""
    documents = plan.given.get(plan.config.documents)
    scored = documents if isinstance(documents, list) and all(map(_is_scored, documents)) else []
    lowest = sorted(range(len(scored)), key=lambda place: (scored[place]["score"], -place))

    def without(number: int) -> Messages:
        gone = set(lowest[:number])
        kept = [document for place, document in enumerate(scored) if place not in gone]
        return render_prompt(loaded, {**plan.given, plan.config.documents: kept} if gone else plan.given)

    return _Shortening(len(lowest), without, lambda number: {"documents": sorted(lowest[:number])})


def _is_scored(document: Any) -> bool:
    return isinstance(document, dict) and isinstance(document.get("score"), int | float)


def _room(plan: Plan, model: PinnedModel) -> int:
    limits = model.spec.limits
    return limits.context_window - limits.reserved_tokens - max_tokens(plan, model)


def _said(plan: Plan, messages: Messages, model: PinnedModel, most: int) -> str:
    limits = model.spec.limits
    about = estimated_question(messages, plan.config.prompt.spec.parameters)
    tried = {
        "fail": "",
        "drop_oldest_messages": f", and leaving out {most} messages is not enough",
        "drop_lowest_documents": f", and leaving out {most} items of the input {plan.config.documents:.80}, a list of "
        "objects with a `score`, is not enough",
    }
    return (
        f"the messages have about {about} tokens ({FORMULA}), and model {model} has room for {_room(plan, model)}: "
        f"context_window {limits.context_window} less reserved_tokens {limits.reserved_tokens} less "
        f"{max_tokens(plan, model)} for the answer{tried[plan.config.on_overflow]}"
    )
