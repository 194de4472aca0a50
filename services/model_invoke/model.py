"""What a node asks of a model, and what a provider answers: provider-neutral, frozen."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict

from headrace.events.node import ExecuteNode
from headrace.events.run import Call
from headrace.prompting import ChatMessage, PinnedPrompt
from headrace.resource.model import Endpoint, ModelSpec, Secret
from headrace.resource.prompt import Tool

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


class PinnedModel(Pinned):
    """A model; `alias`: through which it was reached, if through one."""

    spec: ModelSpec
    alias: Pinned | None = None


class InvokeConfig(BaseModel):
    """A node's configuration as the router sends it: references replaced by what they mean in this run."""

    model_config = ConfigDict(frozen=True)

    prompt: PinnedPrompt
    model: PinnedModel
    fallbacks: tuple[PinnedModel, ...] = ()
    on_ambiguous: Literal["retry", "fail"] = "retry"
    on_overflow: Literal["fail", "drop_oldest_messages", "drop_lowest_documents"] = "fail"
    documents: str = "documents"
    stream: bool = False

    @property
    def candidates(self) -> tuple[PinnedModel, ...]:
        """The model and its fallbacks in their order, each once; all were reached as the first was."""
        first: dict[str, PinnedModel] = {}
        for model in (self.model, *self.fallbacks):
            first.setdefault(str(model), model.model_copy(update={"alias": self.model.alias}))
        return tuple(first.values())


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
    """What the journal keeps of an attempt that went well: the node's output, and what each candidate did."""

    output: dict[str, Any]
    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """An attempt: what to ask which models, and how to read their answers.

    given: the prompt's variables. output: validator of the response schema, if one is asked for. tools: validators of
    functions' arguments, by the function's name.
    """

    work: ExecuteNode
    config: InvokeConfig
    given: Mapping[str, Any]
    output: Any
    tools: Mapping[str, Any]

    def left_s(self, now: int) -> float:
        """Seconds that the attempt has at this time, epoch milliseconds; none are left when it is not above 0."""
        return inf if self.work.deadline is None else (self.work.deadline - ARRIVAL_MS - now) / 1000

    def call_id(self, number: int) -> str:
        """What a call of this attempt is known by: the same when the request comes again."""
        work = self.work
        return f"{work.run}/{work.node}/{work.iteration}/{work.attempt}/{number}"
