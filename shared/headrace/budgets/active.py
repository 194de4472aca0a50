"""Which budgets are active, whose calls they pay for, and in which period. Pure."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from headrace.event import Event
from headrace.events.resource import ResourceHead, ResourceVersion
from headrace.resource.budget import BudgetSpec
from headrace.resource.catalog import DEFAULT_POINTER

TOTAL = "total"
ACTIVE = "active"


class Budget(NamedTuple):
    """The version of a budget that its pointer production names."""

    name: str
    spec: BudgetSpec


class Payer(NamedTuple):
    """Whose call it is: names without versions."""

    workflow: str
    tenant: str | None
    model: str
    prompt: str


class ActiveBudgets:
    """Those of a table, found once for each of its changes, not once for each call."""

    def __init__(self) -> None:
        self.now: Sequence[Budget] = ()

    def follow(self, entries: Mapping[str, Event]) -> None:
        """Take over the table's entries. Raises ValidationError for a budget of a shape that is not known here."""
        self.now = active_budgets(entries)


def active_budgets(entries: Mapping[str, Event]) -> list[Budget]:
    """The budgets that charge now, by name, from `budget.state`: no suspended ones, no retired versions."""
    found = []
    for name, head in entries.items():
        if isinstance(head, ResourceHead) and (spec := _production(entries, name, head)) and not spec.suspended:
            found.append(Budget(name, spec))
    return sorted(found, key=lambda budget: budget.name)


def _production(entries: Mapping[str, Event], name: str, head: ResourceHead) -> BudgetSpec | None:
    version = entries.get(f"{name}/{head.pointers.get(DEFAULT_POINTER)}")
    return _spec(version.spec) if isinstance(version, ResourceVersion) and version.status == ACTIVE else None


@lru_cache(maxsize=1_024)
def _spec(text: str) -> BudgetSpec:
    return BudgetSpec.model_validate(json.loads(text))


def pays_for(budget: Budget, payer: Payer) -> bool:
    """Whether a call is in a budget's scope: all that the scope names must be the call's."""
    scope = budget.spec.scope
    return (
        scope.tenant in (None, payer.tenant)
        and scope.workflow in (None, payer.workflow)
        and scope.model in (None, payer.model)
        and scope.prompt in (None, payer.prompt)
    )


def period_at(spec: BudgetSpec, now: int) -> str:
    """The period that is charged at a time (epoch milliseconds): `2026-11-24`, `2026-11` or `total`, in UTC."""
    today = _day(now)
    return {"day": today.isoformat(), "month": f"{today:%Y-%m}", TOTAL: TOTAL}[spec.period]


def renews_at(spec: BudgetSpec, now: int) -> datetime | None:
    """When the next period begins, in UTC; None when there is none."""
    today = _day(now)
    match spec.period:
        case "day":
            following = today + timedelta(days=1)
        case "month":
            following = (today.replace(day=1) + timedelta(days=31)).replace(day=1)
        case _:
            return None
    return datetime(following.year, following.month, following.day, tzinfo=UTC)


def _day(now: int) -> date:
    return datetime.fromtimestamp(now // 1000, UTC).date()
