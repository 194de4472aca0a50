"""The shapes of models and of their aliases, and what else must hold in them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from ipaddress import IPv6Address
from itertools import pairwise
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from headrace.fault import Fault, Path
from headrace.resource.naming import REFERENCE
from headrace.resource.prompt import Spec

MOST_PRICES = 100
_LABEL = "[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_AUTHORITY = re.compile(rf"(\[(?P<ipv6>[^]%]+)]|(?=[^:]{{1,254}}(:|$)){_LABEL}(\.{_LABEL})*\.?)(:[0-9]+)?")
"""A host, by name, IPv4 or IPv6 address, and a port. Names are as long as DNS takes them."""
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


MOST_TOKENS = 1_000_000_000


MOST: Mapping[str, int] = {
    "context_window": MOST_TOKENS,
    "max_output_tokens": MOST_TOKENS,
    "reserved_tokens": MOST_TOKENS,
    "timeout_ms": 86_400_000,
    "requests_per_minute": MOST_TOKENS,
    "tokens_per_minute": MOST_TOKENS,
    "concurrency": 10_000,
}
"""The largest value of each limit of a new model. No part of the shape: models that were accepted before must still be
read. Editors are told of them all the same.
"""


def _told(schema: dict[str, Any]) -> None:
    for name, most in MOST.items():
        limit = schema["properties"][name]
        next(one for one in (limit, *limit.get("anyOf", ())) if one.get("type") == "integer")["maximum"] = most


class Limits(Spec):
    """What a model can take; tokens and milliseconds. Rates and concurrency hold for each worker process."""

    model_config = ConfigDict(json_schema_extra=_told)

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

    @model_validator(mode="after")
    def _cached_is_no_dearer(self) -> "Costs":
        if self.cached_per_1k is not None and self.cached_per_1k > self.input_per_1k:
            raise ValueError(f"cached_per_1k ({self.cached_per_1k}) is above input_per_1k ({self.input_per_1k})")
        return self


FREE = Costs(currency="USD", input_per_1k=Decimal(0), output_per_1k=Decimal(0))
"""What the word `free` means."""


def _prices(value: Any) -> Any:
    """All three shapes as a list: a union of them would report every fault of each."""
    if value == "free":
        return [FREE]
    if isinstance(value, Mapping | Costs):
        return [Costs.model_validate(value)]
    if isinstance(value, list):
        return value
    raise ValueError("costs are the word free, a price, or a list of prices")


PriceList = Annotated[list[Costs], Field(min_length=1, max_length=MOST_PRICES)]
Prices = Annotated[
    PriceList,
    BeforeValidator(_prices, json_schema_input_type=Literal["free"] | Costs | PriceList),
]
"""Prices that follow each other."""


class ModelSpec(Spec):
    """A model behind a provider's API; `model` is the provider's own name for it.

    costs: `free`, one price, or several that follow each other.
    status: a deprecated model is called, with a warning, and has a sunset: the day on which its provider ends it; a
    retired one is never called.
    """

    description: str = ""
    provider: Literal["openai", "anthropic"]
    endpoint: Endpoint
    model: str = Field(min_length=1)
    credential: Secret | None = None
    kind: Literal["chat", "embedding"] = "chat"
    capabilities: list[Capability] = Field(default=[])
    limits: Limits
    costs: Prices
    status: Literal["active", "deprecated", "retired"] = "active"
    sunset: date | None = None

    @model_validator(mode="after")
    def _sunset_is_announced(self) -> "ModelSpec":
        if self.status == "deprecated" and self.sunset is None:
            raise ValueError("a deprecated model has a sunset: the day on which its provider ends it")
        if self.status == "active" and self.sunset is not None:
            raise ValueError("a model with a sunset is deprecated (or retired)")
        return self


class ModelAliasSpec(Spec):
    """A name for whatever model stands behind it now; `fallbacks` are asked in their order when it does not answer."""

    description: str = ""
    model: str = Field(min_length=1)
    fallbacks: list[str] = Field(default=[], max_length=8)


def price_at(prices: Sequence[Costs], day: date) -> Costs:
    """The price of a day (UTC): the last that holds since then or before.

    Before the first one, the first holds: no call is free because its price is still to come.
    """
    held = [price for price in prices if price.since is None or price.since <= day]
    return held[-1] if held else prices[0]


def life_cycle_warning(name: str, spec: ModelSpec, today: date) -> str:
    """What a user of a model should know about its end; nothing when it is active."""
    if spec.status == "retired":
        return f"model {name} is retired: it is not called any more"
    if spec.sunset is None:
        return ""
    left = (spec.sunset - today).days
    said = f"ends it on {spec.sunset}, in {left} days" if left > 0 else f"ended it on {spec.sunset}"
    return f"model {name} is deprecated: its provider {said}"


def model_faults(spec: ModelSpec) -> Iterator[Fault]:
    """An address that is none, limits beyond what is sensible, and prices that do not follow each other."""
    if spec.endpoint.url is not None and not _is_address(spec.endpoint.url):
        message = "must name a host, and a port from 1 to 65535 if any"
        yield Fault("endpoint_invalid", ("endpoint", "url"), message, "write it as https://api.example.com/v1")
    limits = spec.limits
    for name, most in MOST.items():
        if (value := getattr(limits, name) or 0) > most:
            yield Fault("invalid_value", ("limits", name), f"must be at most {most}, not {value}")
    kept = limits.max_output_tokens + limits.reserved_tokens
    if kept >= limits.context_window:
        message = f"max_output_tokens and reserved_tokens ({kept}) fill the context_window ({limits.context_window})"
        yield Fault("limits_invalid", ("limits",), message, "leave room for the input")
    for index, (before, price) in enumerate(pairwise(spec.costs), start=1):
        yield from _price_faults(index, before, price)


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        found = _AUTHORITY.fullmatch(parts.netloc)
        if found and found["ipv6"]:
            IPv6Address(found["ipv6"])
        return bool(found) and url.isprintable() and parts.port != 0
    except ValueError:  # a port that is too large; brackets that do not close, or hold no IPv6 address
        return False


def _price_faults(index: int, before: Costs, price: Costs) -> Iterator[Fault]:
    path = ("costs", index)
    if price.since is None:
        yield Fault("prices_invalid", path, "only the first price may have no since", "say from which day it holds")
    elif before.since is not None and price.since <= before.since:
        message = f"since {price.since} is not after {before.since}, the one before"
        yield Fault("prices_invalid", (*path, "since"), message, "put the prices in the order of their days")
    if price.currency != before.currency:
        message = f"{price.currency} after {before.currency}: a model has one currency"
        yield Fault("prices_invalid", (*path, "currency"), message, "register a model of another name for it")


def alias_faults(spec: ModelAliasSpec) -> Iterator[Fault]:
    """Models that are not named as references are, or that would be asked twice."""
    named: dict[str, Path] = {}
    for path, ref in [(("model",), spec.model), *((("fallbacks", n), ref) for n, ref in enumerate(spec.fallbacks))]:
        if not REFERENCE.fullmatch(ref):
            message = f"{ref!r:.80} is no reference"
            yield Fault("reference_invalid", path, message, "write name, name@7, name@production or name@latest")
        if before := named.get(_in_full(ref)):
            place = ".".join(str(step) for step in before)
            yield Fault("fallback_repeated", path, f"{ref!r:.80} is asked already, as {place}", "name each model once")
        named.setdefault(_in_full(ref), path)


def _in_full(ref: str) -> str:
    name, _, version = ref.partition("@")
    return f"{name}@{version.removeprefix('v') if version[1:].isdigit() else version or 'production'}"
