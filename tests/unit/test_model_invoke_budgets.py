"""Budgets as a worker meets them: those in force, and those that it can't read."""

from collections.abc import Mapping
from decimal import Decimal

import pytest
from structlog.testing import capture_logs

from headrace.event import Event
from headrace.events.resource import ResourceHead, ResourceVersion
from model_invoke.money.active import UNREADABLE, ActiveBudgets
from model_invoke.money.ledger import Ledger
from model_invoke.ports import Facts, OverBudget

SOUND = '{"scope": {"tenant": "acme"}, "period": "day", "limit": "1", "currency": "USD"}'
NEWER = '{"scope": {"tenant": "acme"}, "period": "week", "limit": "1", "currency": "USD"}'
NOBODY = "postgresql://127.0.0.1:1/none"


def state(*specs: str) -> dict[str, Event]:
    """A budget, the last of whose versions is in production."""
    head = ResourceHead(kind="Budget", latest=len(specs), pointers={"production": len(specs)})
    made: dict[str, Event] = {"daily": head}
    for number, text in enumerate(specs, 1):
        made[f"daily/{number}"] = ResourceVersion(
            kind="Budget", version=number, digest="", spec=text, at=0, status="active"
        )
    return made


def following(*states: Mapping[str, Event]) -> ActiveBudgets:
    active = ActiveBudgets()
    for entries in states:
        active.follow(entries, ())
    return active


def facts(tenant: str) -> Facts:
    return Facts("run/answer/0/1/1", "ask", tenant, "large", "answer")


def unreadable() -> float:
    return next(iter(UNREADABLE.collect())).samples[0].value


def test_active_ones_are_found_when_the_table_changes_and_not_again_at_each_call() -> None:
    table, active = state(SOUND), ActiveBudgets()
    active.follow(table, ())
    found = active.now

    table.update(state(SOUND, SOUND.replace('"1"', '"2"')))

    assert active.now is found
    active.follow(table, ())
    assert [budget.spec.limit for budget in active.now.budgets] == [Decimal(2)]


def test_what_can_not_be_read_is_told_of_once_and_counted_until_it_can() -> None:
    with capture_logs() as logs:
        active = following(state(SOUND), state(SOUND, NEWER), state(SOUND, NEWER))
    assert [(log["budget"], log["version"], log["effect"]) for log in logs] == [
        ("daily", 2, "the version before still charges")
    ]
    assert "week" in logs[0]["error"] or "period" in logs[0]["error"]
    assert unreadable() == 1
    active.follow(state(SOUND), ())
    assert unreadable() == 0


async def test_a_call_in_the_scope_of_a_budget_that_was_never_readable_is_refused() -> None:
    # given a worker to which the budget is new, and cannot be read
    active = following(state(NEWER))
    ledger = Ledger(NOBODY, lambda: active.now)
    # when a call comes that it may have to pay for, then the refusal says which one, and why
    with pytest.raises(OverBudget, match=r"budget_unreadable: budget daily@1 can't be read here .*period"):
        await ledger.reserve(facts("acme"), Decimal("0.01"), "USD", 0)
    # and calls of others, and those that can cost nothing, pass
    assert not (await ledger.reserve(facts("other"), Decimal("0.01"), "USD", 0)).held
    assert not (await ledger.reserve(facts("acme"), Decimal(0), "USD", 0)).held
