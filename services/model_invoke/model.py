"""What a node asks of a model, and what a provider answers: provider-neutral, frozen."""

from dataclasses import dataclass
from typing import Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict

from headrace.prompting import ChatMessage
from headrace.resource.model import Costs, Endpoint, ModelSpec, Secret
from headrace.resource.prompt import PromptSpec, Tool

ARRIVAL_MS = 100
"""Kept back from what is left until the deadline: an outcome that comes later finds nobody, and its cost is lost."""


class Pinned(BaseModel):
    """A version that the run is bound to; keys that later routers add are ignored."""

    model_config = ConfigDict(frozen=True)

    name: str
    version: int

    def __str__(self) -> str:
        """As references write it: `name@version`."""
        return f"{self.name}@{self.version}"


class PinnedPrompt(Pinned):
    """The prompt."""

    spec: PromptSpec


class PinnedModel(Pinned):
    """The model."""

    spec: ModelSpec


class InvokeConfig(BaseModel):
    """A node's configuration as the router sends it: references replaced by what they mean in this run."""

    model_config = ConfigDict(frozen=True)

    prompt: PinnedPrompt
    model: PinnedModel
    on_ambiguous: Literal["retry", "fail"] = "retry"


@dataclass(frozen=True, slots=True)
class ResponseSchema:
    """The JSON Schema that the answer must meet, under the prompt's name."""

    name: str
    schema: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A question to a provider. `model` is the provider's own name; the credential is a reference, not a value.

    temperature: None leaves it to the provider.
    """

    endpoint: Endpoint
    credential: Secret | None
    model: str
    messages: tuple[ChatMessage, ...]
    temperature: float | None
    max_tokens: int
    stop: tuple[str, ...] = ()
    response: ResponseSchema | None = None
    provider: Literal["openai", "anthropic"] = "openai"
    tools: tuple[Tool, ...] = ()
    tool_choice: Literal["auto", "required", "none"] = "auto"


class Tokens(msgspec.Struct, frozen=True):
    """Tokens as the provider, or an estimate, counts them. cached: those of the input that were in its cache."""

    input: int
    output: int
    cached: int = 0


class ToolCall(msgspec.Struct, frozen=True):
    """A function that the model asks for; `arguments` is JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str


class Completion(msgspec.Struct, frozen=True):
    """A provider's answer. tokens: None when it did not say, or said what can't be true."""

    text: str
    finish_reason: str | None = None
    tokens: Tokens | None = None
    tool_calls: tuple[ToolCall, ...] = ()


class Answered(msgspec.Struct, frozen=True):
    """What the journal keeps of a call. latency_ms: from request to last byte."""

    completion: Completion
    latency_ms: int


@dataclass(frozen=True, slots=True)
class Plan:
    """One call to make, and how to read its answer.

    provider: the model's name@version. deadline: when the router gives the attempt up, epoch milliseconds.
    output: validator of the response schema, if one was asked for.
    """

    request: ChatRequest
    provider: str
    costs: Costs
    timeout_ms: int
    deadline: int | None
    output: Any
    repeat_ambiguous: bool

    def timeout_s(self, now: int) -> float:
        """Seconds that the call may take when it starts now; none are left when it is not above 0."""
        if self.deadline is None:
            return self.timeout_ms / 1000
        return min(self.timeout_ms, self.deadline - ARRIVAL_MS - now) / 1000
