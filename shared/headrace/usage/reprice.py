"""History repriced: what the calls of the log cost by each model's newest list of prices. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from headrace.events.model import ModelCalled
from headrace.pricing import cost_of
from headrace.resource.model import Costs, price_at
from headrace.usage.trials import is_trial


class Repriced(NamedTuple):
    """What calls of one name did cost, and cost by the newest prices, by currency. unpriced: of gone models."""

    name: str
    calls: int
    then: Mapping[str, Decimal]
    now: Mapping[str, Decimal]
    unpriced: int


def repriced(
    by: str, calls: Iterable[ModelCalled], prices: Mapping[str, Sequence[Costs]], *, versions: bool = False
) -> list[Repriced]:
    """One sum a name of this kind (model, prompt, workflow or tenant), by name.

    calls: of those with equal ids the first counts, as in the ledger.
    versions: one sum a version, under `name@3`.
    prices: by the model's name; a call has the price of its day (UTC).
    """
    by_name: dict[str, list[ModelCalled]] = defaultdict(list)
    for call in _first_of_each(calls):
        if (name := _name(by, call, versions=versions)) is not None:
            by_name[name].append(call)
    return [_repriced(name, those, prices) for name, those in sorted(by_name.items())]


def _first_of_each(calls: Iterable[ModelCalled]) -> Iterable[ModelCalled]:
    first: dict[str, ModelCalled] = {}
    for call in calls:
        first.setdefault(call.id, call)
    return first.values()


def _repriced(name: str, calls: Iterable[ModelCalled], prices: Mapping[str, Sequence[Costs]]) -> Repriced:
    then: dict[str, Decimal] = defaultdict(Decimal)
    now: dict[str, Decimal] = defaultdict(Decimal)
    count = unpriced = 0
    for call in calls:
        count += 1
        listed = prices.get(call.model.partition("@")[0])
        if usage := call.usage:
            then[usage.currency] += Decimal(usage.cost)
            if listed is None:
                unpriced += 1
            else:
                costs = price_at(listed, datetime.fromtimestamp(call.at / 1000, UTC).date())
                now[costs.currency] += cost_of(costs, usage.input_tokens, usage.output_tokens, usage.cached_tokens)
    return Repriced(name, count, dict(then), dict(now), unpriced)


def _name(by: str, call: ModelCalled, *, versions: bool) -> str | None:
    if by == "tenant":
        return call.tenant
    if by == "prompt" and is_trial(call.workflow, call.prompt):
        return None
    reference = str(getattr(call, by))
    return reference if versions else reference.partition("@")[0]
