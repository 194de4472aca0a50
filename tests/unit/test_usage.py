"""Sums of windows, the series over time, and history repriced."""

from datetime import date
from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from headrace.events.model import ModelCalled
from headrace.events.run import Usage
from headrace.events.usage import UsageWindow
from headrace.pricing import cost_of
from headrace.resource.model import Costs
from headrace.usage.reprice import repriced
from headrace.usage.sums import MINUTE_MS, series, usage_by_name, with_versions


def window(name: str, minute: int, calls: int, cost: str = "0", currency: str = "USD", slowest: int = 5) -> UsageWindow:
    start = minute * MINUTE_MS
    return UsageWindow(
        by="model", name=name, start=start, end=start + MINUTE_MS, calls=calls, errors=1, input_tokens=10,
        output_tokens=3, cached_tokens=2, costs={currency: cost}, latency_ms=calls * 10, slowest_ms=slowest,
    )  # fmt: skip


def test_windows_of_a_name_are_added_up() -> None:
    windows = [window("large", 0, 2, "0.1"), window("large", 1, 4, "0.2"), window("small", 1, 9, "1", "EUR"),
               window("large", 2, 1, "0.5", "EUR", slowest=70)]  # fmt: skip
    small, large = usage_by_name(windows)
    assert small.name == "small"
    assert (large.calls, large.errors, large.input_tokens, large.cached_tokens) == (7, 3, 30, 6)
    assert large.costs == {"USD": Decimal("0.3"), "EUR": Decimal("0.5")}
    assert (large.mean_ms, large.slowest_ms) == (10, 70)


def test_versions_of_a_name_are_told_apart_when_asked_for() -> None:
    windows = [msgspec.structs.replace(window("answer", 0, calls), version=version)
               for calls, version in ((9, 1), (1, 2), (2, 2))] + [window("acme@3", 0, 1)]  # fmt: skip
    told = usage_by_name(with_versions(one) for one in windows)
    assert [(one.name, one.calls) for one in told] == [("answer@1", 9), ("answer@2", 3), ("acme@3", 1)]
    assert [(one.name, one.calls) for one in usage_by_name(windows)] == [("answer", 12), ("acme@3", 1)]


@given(
    st.lists(st.tuples(st.integers(0, 600), st.integers(0, 9))),
    st.integers(1, 600 * MINUTE_MS),
    st.integers(1, 80),
)
def test_no_call_is_lost_in_a_series_and_it_has_at_most_so_many_stretches(
    minutes: list[tuple[int, int]], length: int, most: int
) -> None:
    windows = [window("large", minute, calls) for minute, calls in minutes]
    found = series(windows, 0, length, most)
    assert 1 <= len(found.times) <= most
    inside = sum(one.calls for one in windows if one.start < length)
    assert sum(found.calls.get("large", [])) >= inside


def called(number: int, model: str, tokens: tuple[int, int, int], tenant: str | None = "acme") -> ModelCalled:
    into, cached, out = tokens
    usage = Usage(input_tokens=into, output_tokens=out, cost="1", currency="USD", cached_tokens=cached)
    return ModelCalled(
        id=f"run-{number}", at=0, model=model, prompt="answer@1", workflow="ask@1", tenant=tenant, run_id="run",
        node="n", outcome="ok", latency_ms=1, usage=usage,
    )  # fmt: skip


PRICE = Costs(currency="EUR", input_per_1k=Decimal(2), output_per_1k=Decimal(10), cached_per_1k=Decimal("0.5"))


def test_history_costs_what_the_newest_price_says_and_equal_ids_are_one_call() -> None:
    calls = [called(1, "large@1", (1000, 400, 100)), called(1, "large@1", (1000, 400, 100)),
             called(2, "gone@3", (1, 0, 1)), called(3, "large@2", (500, 0, 0), tenant=None)]  # fmt: skip
    (acme,) = repriced("tenant", calls, {"large": [PRICE]})
    assert (acme.name, acme.calls, acme.unpriced) == ("acme", 2, 1)
    assert acme.then == {"USD": Decimal(2)}
    assert acme.now == {"EUR": Decimal("2.4")}
    gone, large = repriced("model", calls, {"large": [PRICE]})
    assert (gone.now, large.now) == ({}, {"EUR": Decimal("3.4")})


def test_history_is_repriced_by_version_when_asked_for() -> None:
    calls = [called(1, "large@1", (1000, 0, 0)), called(2, "large@2", (500, 0, 0))]
    first, second = repriced("model", calls, {"large": [PRICE]}, versions=True)
    assert (first.name, first.now, second.name) == ("large@1", {"EUR": Decimal(2)}, "large@2")


def test_of_calls_with_equal_ids_the_first_counts_as_in_the_ledger() -> None:
    (large,) = repriced("model", [called(1, "large@1", (1000, 0, 0)), called(1, "large@1", (9000, 0, 0))],
                        {"large": [PRICE]})  # fmt: skip
    assert (large.calls, large.now) == (1, {"EUR": Decimal(2)})


def test_a_call_has_the_price_of_its_day() -> None:
    later = Costs(currency="EUR", input_per_1k=Decimal(4), output_per_1k=Decimal(0), since=date(1970, 1, 2))
    calls = [
        called(1, "large@1", (1000, 0, 0)),
        msgspec.structs.replace(called(2, "large@1", (1000, 0, 0)), at=86_400_000),
    ]
    (large,) = repriced("model", calls, {"large": [PRICE, later]})
    assert large.now == {"EUR": Decimal(6)}


def test_cached_tokens_cost_as_much_as_others_where_they_have_no_price_of_their_own() -> None:
    assert cost_of(Costs(currency="USD", input_per_1k=Decimal(3), output_per_1k=Decimal(0)), 1000, 0, 900) == 3
