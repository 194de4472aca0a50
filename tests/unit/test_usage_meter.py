"""What the usage meter counts, and when it tells."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from headrace.errors import Undecodable
from headrace.events.model import ModelCalled
from headrace.events.run import Charge, Usage
from usage_meter import core

KEY = "budget/daily/2026-11-24"


def called(number: int = 1, **given: Any) -> ModelCalled:
    usage = Usage(input_tokens=10, output_tokens=2, cost="0.01", currency="USD", cached_tokens=4)
    fields = {"tenant": "a/b", "outcome": "ok", "latency_ms": 7, "usage": usage, **given}
    return ModelCalled(
        id=f"run-{number}", at=0, model="large@3", prompt="answer@1", workflow="ask@2", run_id="run", node="n", **fields
    )


def charge(amount: str, budget: str = "daily") -> tuple[Charge, ...]:
    return (Charge(budget=budget, period="2026-11-24", amount=amount, limit="10"),)


def test_a_call_counts_for_its_versions_of_model_prompt_and_workflow_and_for_its_tenant() -> None:
    assert [*core.window_keys(called())] == ["model/large@3", "prompt/answer@1", "workflow/ask@2", "tenant/a/b"]
    assert "tenant" not in "".join(core.window_keys(called(tenant=None)))
    assert core.budget_key(*charge("1")) == KEY


def test_a_trial_costs_its_model_but_is_no_use_of_its_prompt() -> None:
    trial = msgspec.structs.replace(called(tenant=None), workflow="try-answer@2")
    other = msgspec.structs.replace(trial, workflow="try-answers@2")
    assert [*core.window_keys(trial)] == ["model/large@3", "workflow/try-answer@2"]
    assert "prompt/answer@1" in core.window_keys(other)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("prompt/answer@3", ("prompt", "answer", 3)),
        ("prompt/answer", ("prompt", "answer", None)),
        ("model/large@next", ("model", "large", None)),
        ("model/large@" + "9" * 30, ("model", "large", None)),
        ("tenant/ada@7", ("tenant", "ada@7", None)),
    ],
)
def test_a_window_says_of_which_name_and_version_it_is(key: str, said: tuple[str, str, int | None]) -> None:
    published = core.usage_window(key, 0, core.Window())
    assert (published.by, published.name, published.version) == said


@pytest.mark.parametrize(
    ("period", "last_second"),
    [
        ("2026-11-24", datetime(2026, 11, 25, 23, 59, 59, tzinfo=UTC)),
        ("2026-02", datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC)),
        ("2026-12", datetime(2027, 1, 1, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_a_period_is_over_a_day_after_its_end(period: str, last_second: datetime) -> None:
    now = round(last_second.timestamp() * 1000)
    assert not core.is_period_over(period, now)
    assert core.is_period_over(period, now + 1_000)


def test_a_total_is_never_over_and_what_is_no_period_always_is() -> None:
    assert not core.is_period_over("total", 2**52)
    assert all(core.is_period_over(period, 0) for period in ("", "2026", "2026-13", "9999-12-31", "2026-1-2-3"))


def test_a_window_is_the_sum_of_its_calls_and_counts_a_repeated_one_once() -> None:
    window = core.Window()
    for call in (called(1), called(2, outcome="provider_timeout", usage=None, latency_ms=90), called(1), called(2)):
        window = core.with_call(window, call)
    published = core.usage_window("tenant/a/b", 60_000, window)
    assert (published.by, published.name, published.start, published.end) == ("tenant", "a/b", 60_000, 120_000)
    assert (published.calls, published.errors, published.input_tokens, published.cached_tokens) == (2, 1, 10, 4)
    assert published.costs == {"USD": "0.01"}
    assert (published.latency_ms, published.slowest_ms) == (97, 90)


def test_a_call_that_was_cut_off_because_its_run_ended_is_no_error_of_its_model() -> None:
    window = core.with_call(core.Window(), called(outcome="run_stopped"))
    assert (window.calls, window.errors) == (1, 0)


def test_small_amounts_are_written_without_an_exponent() -> None:
    tiny = Usage(input_tokens=1, output_tokens=0, cost="0.0000005", currency="USD")
    call = called(usage=tiny, charges=charge("0.0000005"))
    assert core.with_call(core.Window(), call).costs == {"USD": "0.0000005"}
    spending = core.with_charges(KEY, core.Spending(), call)
    assert spending.spent == core.total(spending, ()).spent == "0.0000005"


@pytest.mark.parametrize("text", ["", "much", "NaN", "Infinity", "1e999999", "1e-999999"])
def test_a_call_whose_money_is_none_is_not_counted(text: str) -> None:
    usage = Usage(input_tokens=1, output_tokens=1, cost=text, currency="USD")
    for call in (called(charges=charge(text)), called(usage=usage)):
        with pytest.raises(Undecodable):
            core.check(call)


def test_a_call_whose_counts_can_not_be_summed_is_not_counted() -> None:
    usage = Usage(input_tokens=2**62, output_tokens=1, cost="1", currency="USD")
    for call in (called(latency_ms=2**62), called(latency_ms=-1), called(usage=usage)):
        with pytest.raises(Undecodable):
            core.check(call)
    core.check(called(charges=charge("0.000000000001")))


def test_no_call_of_the_last_64_counts_twice() -> None:
    window = core.Window()
    for number in (*range(64), *range(64)):
        window = core.with_call(window, called(number))
    assert window.calls == 64


def failing(failed: int, calls: int) -> core.Window:
    return core.Window(calls=calls, errors=failed)


def test_a_model_that_fails_half_of_ten_calls_is_told_of_once() -> None:
    (alert,) = core.error_alerts("model/large", failing(5, 10), 9)
    assert (alert.kind, alert.about, alert.value, alert.threshold) == ("errors", "large", "0.50", "0.5")
    assert [*core.error_alerts("model/large", core.Window(calls=10, errors=9, told=True), 9)] == []
    for key, window in (("model/large", failing(4, 10)), ("model/large", failing(9, 9)), ("tenant/x", failing(9, 10))):
        assert [*core.error_alerts(key, window, 9)] == []


def test_a_budget_is_told_of_once_at_each_threshold() -> None:
    # given charges that come to 7.9, to 8 and to 10 of 10, one of them repeated, and one of another budget
    charges = [charge("7.9"), charge("9", budget="other"), charge("0.1"), charge("2")]
    spending, told = core.Spending(), list[tuple[str, str]]()
    for number, one in enumerate([*charges, charges[-1]]):
        spending = core.with_charges(KEY, spending, called(min(number, 3), charges=one))
        alerts = [*core.budget_alerts(KEY, spending, 9)]
        told += [(alert.threshold, alert.value) for alert in alerts]
        spending = core.Spending(
            spending.spent, spending.limit, (*spending.told, *(alert.threshold for alert in alerts)), spending.recent
        )
    # then
    assert told == [("0.8", "0.8000"), ("1.0", "1.0000")]
    assert Decimal(spending.spent) == 10
