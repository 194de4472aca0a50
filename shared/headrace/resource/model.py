"""The shapes of models and of their aliases, and what else must hold in them."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from headrace.fault import Fault
from headrace.resource.naming import REFERENCE
from headrace.resource.prompt import Spec

Capability = Literal["streaming", "json_mode", "json_schema", "function_calling", "image_input"]


class Endpoint(Spec):
    """Base URL of a provider's API, given, or by the environment variable that holds it."""

    url: str | None = Field(default=None, pattern=r"^https?://[^/@\s?#]+(/[^@\s?#]*)?$")
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
    """What a model can take; tokens and milliseconds. Rates and concurrency hold for each worker process."""

    context_window: int = Field(ge=1)
    max_output_tokens: int = Field(ge=1)
    reserved_tokens: int = Field(default=0, ge=0)
    timeout_ms: int = Field(default=60_000, ge=1)
    requests_per_minute: int | None = Field(default=None, ge=1)
    tokens_per_minute: int | None = Field(default=None, ge=1)
    concurrency: int | None = Field(default=None, ge=1)


class Costs(Spec):
    """Prices per 1,000 tokens."""

    currency: str = Field(pattern=r"^[A-Z]{3}$")
    input_per_1k: Decimal = Field(ge=0, max_digits=24, decimal_places=12)
    output_per_1k: Decimal = Field(ge=0, max_digits=24, decimal_places=12)
    cached_per_1k: Decimal | None = Field(default=None, ge=0, max_digits=24, decimal_places=12)
    """Input that the provider had in its cache; the price of other input where it is not given."""
    since: date | None = None
    """From when it holds (UTC); the first price of a model may leave it out."""


def _free(value: Any) -> Any:
    """The word `free` as prices: a union of both shapes would report every fault twice."""
    return {"currency": "USD", "input_per_1k": 0, "output_per_1k": 0} if value == "free" else value


class ModelSpec(Spec):
    """A model behind a provider's API; `model` is the provider's own name for it.

    costs: `free`, one price, or several that follow each other. status: a retired model is never called.
    """

    description: str = ""
    provider: Literal["openai", "anthropic"]
    endpoint: Endpoint
    model: str = Field(min_length=1)
    credential: Secret | None = None
    kind: Literal["chat", "embedding"] = "chat"
    capabilities: list[Capability] = Field(default=[])
    limits: Limits
    costs: Annotated[Costs, BeforeValidator(_free, json_schema_input_type=Costs | Literal["free"])]


class ModelAliasSpec(Spec):
    """A name for whatever model stands behind it now; `fallbacks` are asked in their order when it does not answer."""

    description: str = ""
    model: str = Field(min_length=1)
    fallbacks: list[str] = Field(default=[])


def model_faults(spec: ModelSpec) -> Iterator[Fault]:
    """Limits that leave no room for a question."""
    limits = spec.limits
    kept = limits.max_output_tokens + limits.reserved_tokens
    if kept >= limits.context_window:
        message = f"max_output_tokens and reserved_tokens ({kept}) fill the context_window ({limits.context_window})"
        yield Fault("limits_invalid", ("limits",), message, "leave room for the input")


def alias_faults(spec: ModelAliasSpec) -> Iterator[Fault]:
    """A model that is not named as references are."""
    if not REFERENCE.fullmatch(spec.model):
        message = f"{spec.model!r:.80} is no reference"
        yield Fault("reference_invalid", ("model",), message, "write name, name@7, name@production or name@latest")
