"""History at today's prices: what the calls of the log would cost with each model's newest price. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from typing import NamedTuple

from headrace.events.model import ModelCalled
from headrace.events.run import Usage
from headrace.resource.model import Costs

_EXACT = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)


class Repriced(NamedTuple):
    """What the calls of one name did cost and would cost, by currency. unpriced: calls of models that are gone."""

    name: str
    calls: int
    then: Mapping[str, Decimal]
    now: Mapping[str, Decimal]
    unpriced: int


def repriced(by: str, calls: Iterable[ModelCalled], prices: Mapping[str, Costs]) -> list[Repriced]:
    """One sum a name of this kind (model, prompt, workflow or tenant), by name; equal ids are one call.

    prices: by the model's name.
    """
    by_name: dict[str, list[ModelCalled]] = defaultdict(list)
    for call in {call.id: call for call in calls}.values():
        if (name := _name(by, call)) is not None:
            by_name[name].append(call)
    return [_repriced(name, those, prices) for name, those in sorted(by_name.items())]


def _repriced(name: str, calls: Iterable[ModelCalled], prices: Mapping[str, Costs]) -> Repriced:
    then: dict[str, Decimal] = defaultdict(Decimal)
    now: dict[str, Decimal] = defaultdict(Decimal)
    count = unpriced = 0
    for call in calls:
        count += 1
        costs = prices.get(call.model.partition("@")[0])
        if usage := call.usage:
            then[usage.currency] += Decimal(usage.cost)
            if costs is None:
                unpriced += 1
            else:
                now[costs.currency] += cost_at(costs, usage)
    return Repriced(name, count, dict(then), dict(now), unpriced)


def cost_at(costs: Costs, usage: Usage) -> Decimal:
    """Tokens / 1000 * price, exact; cached input at its own price where it has one."""
    cached_price = costs.input_per_1k if costs.cached_per_1k is None else costs.cached_per_1k
    parts = (
        _EXACT.multiply(usage.input_tokens - usage.cached_tokens, costs.input_per_1k),
        _EXACT.multiply(usage.cached_tokens, cached_price),
        _EXACT.multiply(usage.output_tokens, costs.output_per_1k),
    )
    return _EXACT.scaleb(sum(parts, Decimal(0)), -3)


def _name(by: str, call: ModelCalled) -> str | None:
    if by == "tenant":
        return call.tenant
    return str(getattr(call, by)).partition("@")[0]
