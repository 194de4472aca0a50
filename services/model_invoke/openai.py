"""The OpenAI-compatible chat completions API, as far as it is used here: https://platform.openai.com/docs/api-reference/chat

Pure. Answers are outside data: nothing in them is believed before it was checked.
"""

import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from model_invoke.model import ChatRequest, Completion, Tokens
from model_invoke.ports import ProviderFault

PATH = "/chat/completions"
LARGEST_COUNT = 1_000_000_000
LONGEST_MESSAGE = 300
"""Characters of a provider's message that an error repeats."""

Redact = Callable[[str], str]
"""Takes the credential out of a text."""


def request_body(request: ChatRequest) -> dict[str, Any]:
    """The body of a request. `strict`: the provider binds the model to the schema or refuses it, never just tries."""
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [{"role": message.role, "content": message.content} for message in request.messages],
        "temperature": request.temperature,
        "max_tokens": request.max_tokens,
    }
    if request.stop:
        body["stop"] = list(request.stop)
    if request.response:
        named = {"name": request.response.name, "strict": True, "schema": request.response.schema}
        body["response_format"] = {"type": "json_schema", "json_schema": named}
    return body


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Usage(BaseModel):
    """A prompt of no tokens does not exist: a provider that says so does not count."""

    prompt_tokens: int = Field(ge=1, le=LARGEST_COUNT)
    completion_tokens: int = Field(ge=0, le=LARGEST_COUNT)


def _or_none(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
    """Usage that makes no sense is no usage; the answer beside it is still good."""
    try:
        return handler(value)
    except ValidationError:
        return None


class _Answer(BaseModel):
    choices: list[_Choice] = []
    usage: Annotated[_Usage | None, WrapValidator(_or_none)] = None

    @property
    def tokens(self) -> Tokens | None:
        return Tokens(self.usage.prompt_tokens, self.usage.completion_tokens) if self.usage else None


def completion(body: bytes, content_type: str, redact: Redact) -> Completion:
    """What a successful answer says. Raises ProviderFault: provider_answer_invalid or model_refused."""
    try:
        answer = _Answer.model_validate_json(body)
    except ValidationError as error:
        detail = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in detail["loc"])
        said = f"{place}: {detail['msg']}" if place else detail["msg"]
        raise _invalid(
            redact(f"the answer, {content_type or 'of no content type'}, is no completion: {said}")
        ) from error
    if not answer.choices:
        raise _invalid("the answer has no choices", answer.tokens)
    choice, tokens = answer.choices[0], answer.tokens
    text = choice.message.content
    if text is None and choice.message.refusal:
        said = shortened(choice.message.refusal, redact)
        raise ProviderFault("model_refused", f"the model refuses: {said}", retryable=False, worked=True, tokens=tokens)
    if text is None:
        raise _invalid("the answer has no text", tokens)
    text = redact(text)
    believed = None if text and tokens and not tokens.output else tokens
    return Completion(text, choice.finish_reason and redact(choice.finish_reason)[:80], believed)


def refusal(status: int, headers: Mapping[str, str], body: bytes, redact: Redact) -> ProviderFault:
    """What an answer means that is no success."""
    # What is said about a credential may hold parts of it.
    said = f"the provider answered {status}" + ("" if status in {401, 403} else f": {_message(body, redact)}")
    if "retry-after" in headers:
        said += f" (Retry-After: {shortened(headers['retry-after'], redact)})"
    if status == 429:
        return ProviderFault("provider_rate_limited", said)
    if status == 408:
        return ProviderFault("provider_timeout", said)
    if status >= 500:
        return ProviderFault("provider_unavailable", said)
    return ProviderFault("provider_refused", said, retryable=False)


def shortened(text: str, redact: Redact) -> str:
    """A provider's words on one line, as Unicode: redacted first, so that no cut leaves half a credential behind."""
    line = " ".join(redact(text).encode(errors="replace").decode().split())
    return line if len(line) <= LONGEST_MESSAGE else f"{line[:LONGEST_MESSAGE]}…"


def _invalid(message: str, tokens: Tokens | None = None) -> ProviderFault:
    return ProviderFault("provider_answer_invalid", message, worked=True, tokens=tokens)


def _message(body: bytes, redact: Redact) -> str:
    """The words in an error's body: `error.message`, as OpenAI has it, or what there is."""
    text = body.decode(errors="replace")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return shortened(text, redact) or "nothing"
    for key in ("error", "message"):
        if isinstance(value, dict) and value.get(key):
            value = value[key]
    return shortened(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), redact)
