"""What the answers of all formats have in common."""

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from model_invoke.model import Completion, Tokens, ToolCall
from model_invoke.ports import ProviderFault
from model_invoke.provider.wire.fault import shortened
from model_invoke.provider.wire.format import Redact

LARGEST_COUNT = 1_000_000_000
LONGEST_REASON = 80
"""Characters of a finish_reason."""


class Outside(BaseModel):
    """A part of an answer; its errors repeat nothing of it, for it may hold the credential."""

    model_config = ConfigDict(hide_input_in_errors=True)


_Outside = TypeVar("_Outside", bound=Outside)
_Any = TypeVar("_Any")


def _or_none(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    try:
        return handler(value)
    except ValidationError:
        return None


Believed = Annotated[_Any | None, WrapValidator(_or_none)]
"""None for what makes no sense: the answer beside it is still good."""
Count = Annotated[int, Field(ge=0, le=LARGEST_COUNT)]


def parsed(kind: type[_Outside], text: bytes | str, what: str, redact: Redact) -> _Outside:
    """Outside data of a kind. Raises ProviderFault provider_answer_invalid, which says where it is not."""
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        detail = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in detail["loc"])
        said = f"{place}: {detail['msg']}" if place else detail["msg"]
        raise invalid(redact(f"{what} is no completion: {said}")) from error


def whole(kind: type[_Outside], body: bytes, content_type: str, redact: Redact) -> _Outside:
    """An answer in one piece, likewise."""
    return parsed(kind, body, f"the answer, {content_type or 'of no content type'},", redact)


def completed(
    text: str, finish_reason: str | None, tokens: Tokens | None, calls: tuple[ToolCall, ...], redact: Redact
) -> Completion:
    """The answer, redacted; an answer of no tokens that says something was not counted."""
    reason = finish_reason and redact(finish_reason)[:LONGEST_REASON]
    counted = None if (text or calls) and tokens and not tokens.output else tokens
    clean = tuple(ToolCall(redact(call.id), redact(call.name), redact(call.arguments)) for call in calls)
    return Completion(redact(text), reason, counted, clean)


def invalid(message: str, tokens: Tokens | None = None) -> ProviderFault:
    """An answer that can't be used."""
    return ProviderFault("provider_answer_invalid", message, worked=True, tokens=tokens)


def refused(said: str, tokens: Tokens | None, redact: Redact) -> ProviderFault:
    """A model that refuses, in its own words if it has some."""
    words = f": {shortened(said, redact)}" if said else ""
    return ProviderFault("model_refused", f"the model refuses{words}", retryable=False, worked=True, tokens=tokens)


def cut() -> ProviderFault:
    """A stream that ended before the answer did."""
    return ProviderFault("provider_unavailable", "the stream ended in the middle of the answer", worked=True)
