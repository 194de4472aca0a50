"""The shapes of prompts, models, aliases and document sets, and the check of a spec by its kind."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from headrace.fault import Fault, from_pydantic
from headrace.workflow import InvalidWorkflow, WorkflowSpec, compile_workflow

Role = Literal["system", "user", "assistant"]
Capability = Literal["streaming", "json_mode", "json_schema", "function_calling", "image_input"]
Name = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class Spec(BaseModel):
    """A spec; unknown keys are faults."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Message(Spec):
    """One message; `template` is Jinja2 over the prompt's variables."""

    role: Role
    template: str = Field(min_length=1)


class Variable(Spec):
    """A variable of a prompt, with the JSON Schema that its values must meet."""

    json_schema: dict[str, Any] = Field(default={}, alias="schema")
    required: bool = True
    default: Any = None


class Parameters(Spec):
    """What a model is told beside the messages."""

    temperature: float = Field(default=0.0, ge=0.0, le=2.0)
    max_output_tokens: int = Field(default=512, ge=1)
    stop: list[str] = []
    response_schema: dict[str, Any] | None = None


class PromptSpec(Spec):
    """A prompt: messages, declared variables, and parameters."""

    description: str = ""
    messages: list[Message] = Field(min_length=1)
    variables: dict[Name, Variable] = {}
    parameters: Parameters = Parameters()


class Endpoint(Spec):
    """Base URL of a provider's API, given, or by the environment variable that holds it."""

    url: str | None = Field(default=None, pattern=r"^https?://")
    env: str | None = Field(default=None, pattern=r"^[A-Z][A-Z0-9_]*$")

    @model_validator(mode="after")
    def _one(self) -> "Endpoint":
        if (self.url is None) == (self.env is None):
            raise ValueError("an endpoint has either url or env")
        return self


class Secret(Spec):
    """A credential by reference: the name of the environment variable that holds it, never its value."""

    secret: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")


class Limits(Spec):
    """What a model can take; tokens and milliseconds."""

    context_window: int = Field(ge=1)
    max_output_tokens: int = Field(ge=1)
    reserved_tokens: int = Field(default=0, ge=0)
    timeout_ms: int = Field(default=60_000, ge=1)


class Costs(Spec):
    """Prices per 1,000 tokens."""

    currency: str = Field(pattern=r"^[A-Z]{3}$")
    input_per_1k: Decimal = Field(ge=0)
    output_per_1k: Decimal = Field(ge=0)


class ModelSpec(Spec):
    """A model behind a provider's API; `model` is the provider's own name for it."""

    description: str = ""
    provider: Literal["openai"]
    endpoint: Endpoint
    model: str = Field(min_length=1)
    credential: Secret | None = None
    kind: Literal["chat", "embedding"] = "chat"
    capabilities: list[Capability] = []
    limits: Limits
    costs: Costs | Literal["free"]


class ModelAliasSpec(Spec):
    """A name for whatever model stands behind it now."""

    description: str = ""
    model: str = Field(min_length=1)


class DocumentSetSpec(Spec):
    """Files to be searchable in a collection; `paths` are globs, relative to the YAML file."""

    description: str = ""
    collection: str = Field(min_length=1)
    paths: list[str] = Field(min_length=1)
    chunk_chars: int = Field(default=1_200, ge=100, le=20_000)


SPECS: Mapping[str, type[BaseModel]] = {
    "Prompt": PromptSpec,
    "Model": ModelSpec,
    "ModelAlias": ModelAliasSpec,
    "Workflow": WorkflowSpec,
    "DocumentSet": DocumentSetSpec,
}
"""The shape of every kind that a file may hold."""


def check(kind: str, spec: Mapping[str, Any], allowed: Sequence[str] = tuple(SPECS)) -> list[Fault]:
    """Everything that is wrong with a spec of one of the allowed kinds."""
    if kind not in allowed:
        return [Fault("unknown_kind", ("kind",), f"{kind!r:.80} is none of {', '.join(allowed)}")]
    try:
        SPECS[kind].model_validate(spec)
        if kind == "Workflow":
            compile_workflow(spec)
    except ValidationError as error:
        return from_pydantic(error, {"": tuple(SPECS[kind].model_fields)})
    except InvalidWorkflow as error:
        return list(error.faults)
    return []
