"""Budgets without a database: which are active, who pays, for which period, and what is said."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from headrace.budgets.active import Budget, InForce, Payer, active_budgets, pays_for, period_at, renews_at
from headrace.budgets.holds import Shortage, foreign, holds, mismatch, money, short, unread
from headrace.budgets.log import charged
from headrace.errors import Undecodable
from headrace.event import Event
from headrace.events.model import ModelCalled
from headrace.events.resource import ResourceHead, ResourceVersion
from headrace.events.run import Charge, Usage
from headrace.resource.budget import BudgetSpec, Scope

CALL = Payer(workflow="ask", tenant="acme", model="large", prompt="answer")


def spec(**given: Any) -> BudgetSpec:
    return BudgetSpec.model_validate(
        {"scope": {"tenant": "acme"}, "period": "day", "limit": "5", "currency": "USD", **given}
    )


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def entries(name: str, *versions: BudgetSpec, production: int, status: str = "active") -> Mapping[str, Event]:
    made: dict[str, Event] = {
        name: ResourceHead(kind="Budget", latest=len(versions), pointers={"production": production, "staging": 1})
    }
    for number, one in enumerate(versions, 1):
        text = one.model_dump_json()
        made[f"{name}/{number}"] = ResourceVersion(
            kind="Budget", version=number, digest="", spec=text, at=0, status=status
        )
    return made


def test_the_version_that_production_names_is_active() -> None:
    state = entries("daily", spec(limit="1"), spec(limit="2"), spec(limit="3"), production=2)
    assert [(budget.name, budget.spec.limit) for budget in active_budgets(state).budgets] == [("daily", Decimal(2))]


@pytest.mark.parametrize(
    "state",
    [
        entries("daily", spec(suspended=True), production=1),
        entries("daily", spec(), production=1, status="retired"),
        entries("daily", spec(), production=7),
        {"daily": ResourceHead(kind="Budget", latest=1, pointers={"staging": 1})},
    ],
    ids=["suspended", "retired", "missing", "only staging"],
)
def test_what_is_not_in_force_is_not_active(state: Mapping[str, Event]) -> None:
    assert active_budgets(state) == InForce([], [])


NEWER = '{"scope": {"tenant": "acme", "team": "x"}, "period": "week", "limit": "5", "currency": "USD"}'
"""A budget of a Headrace that has scopes and periods that this one does not know."""


def unknown(name: str, text: str, **given: Any) -> Mapping[str, Event]:
    """A readable version 1, and a version 2 in production that is not."""
    newer = ResourceVersion(kind="Budget", version=2, digest="", spec=text, at=0, status="active")
    return {**entries(name, spec(**given), spec(), production=2), f"{name}/2": newer}


def test_of_a_budget_that_can_not_be_read_the_version_before_stays_in_force() -> None:
    # given a budget in force, and another one
    before = active_budgets({**entries("daily", spec(limit="1"), production=1), **entries("b", spec(), production=1)})

    # when a version follows that can't be read, and again when something else changes
    state = {**unknown("daily", NEWER), **entries("b", spec(limit="7"), production=1)}
    after = active_budgets(state, active_budgets(state, before.budgets).budgets)

    # then the one before charges, the others are what they are, and it is said why
    assert [(budget.name, budget.spec.limit) for budget in after.budgets] == [("b", Decimal(7)), ("daily", Decimal(1))]
    (told,) = after.unreadable
    assert (told.name, told.version, told.kept) == ("daily", 2, True)
    assert "period" in told.reason
    assert "team" in told.reason

    # and when it can be read again, or is gone, nothing is left of it
    assert active_budgets(entries("daily", spec(limit="9"), production=1), after.budgets) == InForce(
        [Budget("daily", spec(limit="9"))], []
    )
    assert active_budgets({}, after.budgets) == InForce([], [])


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        (NEWER, {"tenant": "acme"}),
        ('{"scope": {"tenant": ["acme"], "model": "large"}}', {"model": "large"}),
        ('{"scope": "everything"}', {}),
        ("[]", {}),
        ("no JSON", {}),
        ("[" * 100_000, {}),
    ],
    ids=["newer", "names", "no names", "no object", "no JSON", "deep"],
)
def test_a_budget_that_was_never_readable_charges_nobody_and_says_whom_it_may_concern(
    text: str, scope: Mapping[str, str]
) -> None:
    (told,) = active_budgets(unknown("daily", text)).unreadable
    assert not told.kept
    assert told.scope.model_dump(exclude_none=True) == scope
    assert unread([told]).refusal == f"budget_unreadable: budget daily@2 can't be read here ({told.reason})"


def test_a_budget_of_which_only_the_suspension_can_be_read_is_suspended() -> None:
    before = active_budgets(entries("daily", spec(), production=1))
    assert active_budgets(unknown("daily", '{"suspended": true}'), before.budgets) == InForce([], [])


def test_whom_it_may_concern_is_decided_by_the_names_that_can_be_read() -> None:
    assert pays_for(Scope.model_construct(), CALL)
    assert pays_for(Scope.model_construct(tenant="acme"), CALL)
    assert not pays_for(Scope.model_construct(tenant="other"), CALL)


@pytest.mark.parametrize(
    ("scope", "pays"),
    [
        ({"tenant": "acme"}, True),
        ({"tenant": "other"}, False),
        ({"tenant": "acme", "model": "large"}, True),
        ({"tenant": "acme", "model": "small"}, False),
        ({"workflow": "ask", "prompt": "answer"}, True),
    ],
)
def test_a_budget_pays_when_all_that_its_scope_names_is_the_call_s(scope: Mapping[str, str], pays: bool) -> None:
    assert pays_for(spec(scope=scope).scope, CALL) is pays
    assert not pays_for(Scope(tenant="acme"), CALL._replace(tenant=None))


@pytest.mark.parametrize(
    ("period", "now", "named", "renews"),
    [
        ("day", "2026-11-24T23:59:59.999", "2026-11-24", "2026-11-25T00:00"),
        ("day", "2026-12-31T00:00", "2026-12-31", "2027-01-01T00:00"),
        ("month", "2026-12-31T23:59", "2026-12", "2027-01-01T00:00"),
        ("month", "2028-02-01T00:00", "2028-02", "2028-03-01T00:00"),
        ("total", "2026-11-24T12:00", "total", None),
    ],
)
def test_periods_are_those_of_utc(period: str, now: str, named: str, renews: str | None) -> None:
    budget = spec(period=period)
    assert period_at(budget, at(now)) == named
    assert renews_at(budget, at(now)) == (datetime.fromisoformat(renews).replace(tzinfo=UTC) if renews else None)


def test_only_a_budget_that_warns_does_not_refuse() -> None:
    budgets = [Budget("a", spec()), Budget("b", spec(action="warn")), Budget("c", spec(action="use", use="cheap"))]
    assert [hold.strict for hold in holds(budgets, 0)] == [True, False, True]


def test_a_cheaper_model_is_named_only_when_every_refusing_budget_names_one() -> None:
    cheap, hard = Budget("a", spec(action="use", use="cheap")), Budget("b", spec())
    shortages = [Shortage("a", Decimal(1)), Shortage("b", Decimal(1))]
    assert short([cheap, hard], shortages[:1], Decimal(2), 0).use == "cheap"
    verdict = short([cheap, hard], shortages, Decimal(2), 0)
    assert verdict.use is None
    assert verdict.refusal
    assert verdict.refusal.count("has 1.00 of 5.00 USD left for 1970-01-01, and the call could cost 2.00 USD") == 2


def test_a_budget_that_never_renews_says_so_and_what_is_overdrawn_is_nothing_left() -> None:
    total = Budget("once", spec(period="total"))
    verdict = short([total], [Shortage("once", Decimal(-3))], Decimal("0.5"), 0)
    assert verdict.refusal == (
        "budget once has 0.00 of 5.00 USD left for total, and the call could cost 0.50 USD; it does not renew"
    )


def test_another_currency_refuses_or_warns_as_the_budget_says() -> None:
    hard, soft = Budget("a", spec(currency="EUR")), Budget("b", spec(currency="GBP", action="warn"))
    others = foreign([hard, soft, Budget("c", spec())], "USD")
    assert others == [hard, soft]
    verdict = mismatch(others, "USD")
    assert verdict.refusal == "budget_currency_mismatch: budget a is in EUR, the call in USD"
    assert len(verdict.warnings) == 1


@pytest.mark.parametrize(
    ("amount", "text"), [("5", "5.00"), ("5E+3", "5000.00"), ("0.1230", "0.123"), ("1E-9", "0.000000001")]
)
def test_money_is_exact_and_has_cents(amount: str, text: str) -> None:
    assert money(Decimal(amount)) == text


def called(amount: str, usage: Usage | None) -> ModelCalled:
    charge = Charge(budget="daily", period="2026-11-24", amount=amount, limit="5")
    return ModelCalled(
        id="run/n/0/1/1", at=0, model="large@1", prompt="answer@1", workflow="ask@1", run_id="run", node="n",
        outcome="ok", latency_ms=1, usage=usage, charges=(charge,),
    )  # fmt: skip


def test_the_log_says_what_was_charged_in_the_currency_of_the_call() -> None:
    usage = Usage(input_tokens=1, output_tokens=1, cost="0.1", currency="EUR")
    (one,) = charged(called("0.1", usage))
    assert (one.call, one.budget, one.currency, one.cost) == ("run/n/0/1/1", "daily", "EUR", Decimal("0.1"))
    assert list(charged(called("0", None))) == []


@pytest.mark.parametrize("amount", ["much", "NaN", "0.1"])
def test_an_amount_that_makes_no_sense_is_refused(amount: str) -> None:
    with pytest.raises(Undecodable):
        list(charged(called(amount, None)))
