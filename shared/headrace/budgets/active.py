"""Which budgets are active, whose calls they pay for, and in which period. Pure."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from pydantic import ValidationError

from headrace.errors import LONGEST_REASON
from headrace.event import Event
from headrace.events.resource import ResourceHead, ResourceVersion
from headrace.resource.budget import BudgetSpec, Scope
from headrace.resource.catalog import DEFAULT_POINTER
from headrace.resource.state import ACTIVE
from headrace.shape import from_pydantic

TOTAL = "total"
KINDS = frozenset(Scope.model_fields)


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


class Unreadable(NamedTuple):
    """A budget that is in force, and whose spec can't be read here: a newer Headrace may have written it.

    scope: the names in it that can be read. kept: whether the version that was in force before still charges.
    """

    name: str
    version: int
    reason: str
    scope: Scope
    kept: bool


class InForce(NamedTuple):
    """The budgets that charge now, by name, and those that should."""

    budgets: Sequence[Budget] = ()
    unreadable: Sequence[Unreadable] = ()


def active_budgets(entries: Mapping[str, Event], before: Sequence[Budget] = ()) -> InForce:
    """What `budget.state` says is in force: no suspended ones, no retired versions.

    before: what charged until now; it goes on where the version that follows can't be read.
    """
    known = {budget.name: budget for budget in before}
    budgets, unreadable = [], []
    for name, head in sorted(entries.items()):
        if isinstance(head, ResourceHead) and (version := _production(entries, name, head)):
            found = _read(name, version, known.get(name))
            if isinstance(found, Unreadable):
                unreadable.append(found)
                found = known.get(name)
            if found and not found.spec.suspended:
                budgets.append(found)
    return InForce(budgets, unreadable)


def _production(entries: Mapping[str, Event], name: str, head: ResourceHead) -> ResourceVersion | None:
    version = entries.get(f"{name}/{head.pointers.get(DEFAULT_POINTER)}")
    return version if isinstance(version, ResourceVersion) and version.status == ACTIVE else None


def _read(name: str, version: ResourceVersion, known: Budget | None) -> Budget | Unreadable | None:
    """The budget; None for one that can't be read but for the word that it is suspended."""
    try:
        return Budget(name, _spec(version.spec))
    except (ValueError, RecursionError) as error:  # of JSON, or of the shape
        faults = from_pydantic(error, BudgetSpec) if isinstance(error, ValidationError) else [error]
        given = _object(version.spec)
        if given.get("suspended") is True:
            return None
        reason = "; ".join(map(str, faults))[:LONGEST_REASON]
        return Unreadable(name, version.version, reason, _scope(given), kept=known is not None)


@lru_cache(maxsize=1_024)
def _spec(text: str) -> BudgetSpec:
    return BudgetSpec.model_validate(json.loads(text))


def _object(text: str) -> Mapping[str, Any]:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return given if isinstance(given, dict) else {}


def _scope(given: Mapping[str, Any]) -> Scope:
    """Names that can be read: a call that has others is not in the scope, whatever else it says."""
    scope = given.get("scope")
    names = scope.items() if isinstance(scope, dict) else ()
    read = {kind: name for kind, name in names if kind in KINDS and isinstance(name, str)}
    return Scope.model_construct().model_copy(update=read)


def pays_for(scope: Scope, payer: Payer) -> bool:
    """Whether a call is in a scope: all that it names must be the call's."""
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
