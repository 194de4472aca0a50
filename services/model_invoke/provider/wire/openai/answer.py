"""What an OpenAI-compatible provider answers in one piece."""

from pydantic import Field, model_validator

from model_invoke.model import Completion, Tokens, ToolCall
from model_invoke.provider.wire.answer import (
    LARGEST_COUNT,
    Believed,
    Count,
    Outside,
    completed,
    invalid,
    refused,
    whole,
)
from model_invoke.provider.wire.format import Redact


class Function(Outside):
    """A function to call."""

    name: str
    arguments: str = ""


class Call(Outside):
    """A call of a function."""

    id: str = ""
    function: Function


class Message(Outside):
    """What the model says."""

    content: str | None = None
    refusal: str | None = None
    tool_calls: list[Call] | None = None


class Choice(Outside):
    """One of several answers; one is asked for."""

    message: Message
    finish_reason: str | None = None


class _Details(Outside):
    cached_tokens: Count | None = None


class Usage(Outside):
    """A prompt of no tokens does not exist: a provider that says so does not count."""

    prompt_tokens: int = Field(ge=1, le=LARGEST_COUNT)
    completion_tokens: Count
    prompt_tokens_details: Believed[_Details] = None

    @model_validator(mode="after")
    def _cached_is_a_part(self) -> "Usage":
        if self.cached > self.prompt_tokens:
            raise ValueError("more cached tokens than tokens")
        return self

    @property
    def cached(self) -> int:
        """Tokens of the prompt that were in the provider's cache."""
        return (self.prompt_tokens_details and self.prompt_tokens_details.cached_tokens) or 0

    @property
    def tokens(self) -> Tokens:
        """In our words."""
        return Tokens(self.prompt_tokens, self.completion_tokens, self.cached)


class Answer(Outside):
    """The whole."""

    choices: list[Choice] = Field(default=[])
    usage: Believed[Usage] = None

    @property
    def tokens(self) -> Tokens | None:
        """What the call took, if that is said."""
        return self.usage.tokens if self.usage else None


def completion(body: bytes, content_type: str, redact: Redact) -> Completion:
    """See Format."""
    return understood(whole(Answer, body, content_type, redact), redact)


def understood(answer: Answer, redact: Redact) -> Completion:
    """The completion, however the answer came. Raises ProviderFault: provider_answer_invalid or model_refused."""
    tokens = answer.tokens
    if not answer.choices:
        raise invalid("the answer has no choices", tokens)
    message = answer.choices[0].message
    calls = tuple(ToolCall(call.id, call.function.name, call.function.arguments) for call in message.tool_calls or ())
    if message.refusal and not message.content:
        raise refused(message.refusal, tokens, redact)
    if message.content is None and not calls:
        raise invalid("the answer has no text", tokens)
    return completed(message.content or "", answer.choices[0].finish_reason, tokens, calls, redact)
