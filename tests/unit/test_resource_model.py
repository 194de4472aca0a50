"""Models: what they cost on which day, how long they live, and who is asked when one does not answer."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from headrace.resource.model import FREE, ModelSpec, life_cycle_warning, model_faults, price_at
from headrace.resource.specs import check

PRICE = {"currency": "USD", "input_per_1k": "0.2", "output_per_1k": "0.6"}
ORDER = " (put the prices in the order of their days)"
TODAY = date(2026, 11, 24)


def spec(**fields: Any) -> dict[str, Any]:
    return {
        "provider": "anthropic",
        "endpoint": {"url": "https://api.example.com"},
        "model": "m",
        "limits": {"context_window": 4096, "max_output_tokens": 512},
        "costs": "free",
        **fields,
    }


def price(since: str | None = None, **fields: Any) -> dict[str, Any]:
    return {**PRICE, **({"since": since} if since else {}), **fields}


def model(**fields: Any) -> ModelSpec:
    return ModelSpec.model_validate(spec(**fields))


def faults(kind: str, value: dict[str, Any]) -> list[str]:
    return [str(fault) for fault in check(kind, value)]


class TestLimits:
    @pytest.mark.parametrize(
        ("name", "most"),
        [
            ("context_window", 1_000_000_000),
            ("max_output_tokens", 1_000_000_000),
            ("reserved_tokens", 1_000_000_000),
            ("timeout_ms", 86_400_000),
            ("requests_per_minute", 1_000_000_000),
            ("tokens_per_minute", 1_000_000_000),
            ("concurrency", 10_000),
        ],
    )
    def test_no_new_model_is_above_the_bounds_and_old_ones_are_read_all_the_same(self, name: str, most: int) -> None:
        window = {"context_window": 1_000_000_000, "max_output_tokens": 512}
        above = spec(limits={**window, name: most + 1})
        assert f"limits.{name}: must be at most {most}, not {most + 1}" in faults("Model", above)
        assert getattr(ModelSpec.model_validate(above).limits, name) == most + 1
        assert not any("must be at most" in fault for fault in faults("Model", spec(limits={**window, name: most})))


class TestCosts:
    def test_free_is_a_price_of_nothing(self) -> None:
        assert model(costs="free").costs == [FREE]

    def test_one_price_holds_on_every_day(self) -> None:
        assert price_at(model(costs=price()).costs, TODAY).input_per_1k == Decimal("0.2")

    @pytest.mark.parametrize(
        ("day", "expected"),
        [
            (date(1970, 1, 1), "0.2"),
            (date(2026, 5, 31), "0.2"),
            (date(2026, 6, 1), "0.15"),
            (date(2026, 12, 31), "0.15"),
            (date(2027, 1, 1), "0.1"),
            (date(2099, 1, 1), "0.1"),
        ],
    )
    def test_of_several_the_last_that_holds(self, day: date, expected: str) -> None:
        prices = [price(), price("2026-06-01", input_per_1k="0.15"), price("2027-01-01", input_per_1k="0.1")]
        assert price_at(model(costs=prices).costs, day).input_per_1k == Decimal(expected)

    def test_before_the_first_day_the_first_price_holds(self) -> None:
        assert price_at(model(costs=[price("2027-01-01")]).costs, TODAY).output_per_1k == Decimal("0.6")

    @pytest.mark.parametrize(
        ("costs", "said"),
        [
            ("cheap", "costs: costs are the word free, a price, or a list of prices"),
            ([], "costs: must not be empty"),
            (price(curency="USD"), "costs.curency: unknown key curency (did you mean currency?)"),
            ([price(curency="USD")], "costs.0.curency: unknown key curency (did you mean currency?)"),
            (price(cached_per_1k="0.3"), "costs: cached_per_1k (0.3) is above input_per_1k (0.2)"),
            ([price(), price()], "costs.1: only the first price may have no since (say from which day it holds)"),
            (
                [price("2026-02-01"), price("2026-01-01")],
                f"costs.1.since: since 2026-01-01 is not after 2026-02-01, the one before{ORDER}",
            ),
            (
                [price("2026-02-01"), price("2026-02-01")],
                f"costs.1.since: since 2026-02-01 is not after 2026-02-01, the one before{ORDER}",
            ),
            (
                [price(), price("2026-02-01", currency="EUR")],
                "costs.1.currency: EUR after USD: a model has one currency (register a model of another name for it)",
            ),
        ],
    )
    def test_prices_that_make_no_sense(self, costs: object, said: str) -> None:
        assert faults("Model", spec(costs=costs)) == [said]


class TestLifeCycle:
    def test_an_active_model_warns_of_nothing(self) -> None:
        assert not life_cycle_warning("m", model(), TODAY)

    @pytest.mark.parametrize(
        ("status", "sunset", "said"),
        [
            ("deprecated", "2026-12-24", "model m is deprecated: its provider ends it on 2026-12-24, in 30 days"),
            ("deprecated", "2026-11-24", "model m is deprecated: its provider ended it on 2026-11-24"),
            ("retired", None, "model m is retired: it is not called any more"),
            ("retired", "2026-01-01", "model m is retired: it is not called any more"),
        ],
    )
    def test_what_a_user_should_know(self, status: str, sunset: str | None, said: str) -> None:
        assert life_cycle_warning("m", model(status=status, sunset=sunset), TODAY) == said

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"status": "deprecated"}, "a deprecated model has a sunset: the day on which its provider ends it"),
            ({"sunset": "2027-01-01"}, "a model with a sunset is deprecated (or retired)"),
        ],
    )
    def test_a_sunset_and_deprecation_come_together(self, fields: dict[str, Any], said: str) -> None:
        assert faults("Model", spec(**fields)) == [said]


class TestFallbacks:
    def test_other_versions_are_other_models(self) -> None:
        assert not faults("ModelAlias", {"model": "a", "fallbacks": ["b", "b@staging", "a@7"]})

    @pytest.mark.parametrize(
        ("fallbacks", "said"),
        [
            (["x@@"], "fallbacks.0: 'x@@' is no reference (write name, name@7, name@production or name@latest)"),
            (["a"], "fallbacks.0: 'a' is asked already, as model (name each model once)"),
            (["a@production"], "fallbacks.0: 'a@production' is asked already, as model (name each model once)"),
            (["b@7", "c", "b@v7"], "fallbacks.2: 'b@v7' is asked already, as fallbacks.0 (name each model once)"),
        ],
    )
    def test_no_model_is_asked_twice(self, fallbacks: list[str], said: str) -> None:
        assert faults("ModelAlias", {"model": "a", "fallbacks": fallbacks}) == [said]

    def test_they_are_at_most_eight(self) -> None:
        assert (
            "at most 8 entries"
            in faults("ModelAlias", {"model": "a", "fallbacks": [f"b@{n}" for n in range(1, 10)]})[0]
        )


class TestWhatWasStoredBefore:
    """Bounds that came later hold for what is written now."""

    @pytest.mark.parametrize(
        "fields",
        [
            {"endpoint": {"url": "http://a:99999"}},
            {"costs": price(input_per_1k="-0")},
            {"costs": price(input_per_1k="1_000")},
            {"limits": {"context_window": "4096", "max_output_tokens": "512"}},
            {"costs": [price(since=None, output_per_1k=" 1")]},
        ],
    )
    def test_is_refused_now_and_can_still_be_read(self, fields: dict[str, Any]) -> None:
        assert model(**fields)
        assert faults("Model", spec(**fields))


@pytest.mark.parametrize(
    "host",
    ["[::1]x", "x[::1]", "[v1.a]", "[::1%25eth0]", "h/a\x00", "...", "a..b", "-a", "a" * 64, "a." * 127 + "a", "h:"],
)
def test_an_address_that_nobody_can_call_is_refused(host: str) -> None:
    assert [fault.code for fault in model_faults(model(endpoint={"url": f"http://{host}"}))] == ["endpoint_invalid"]


@pytest.mark.parametrize(
    "host", ["[::1]", "[::FFFF:1.2.3.4]:80/v1", "10.0.0.1", "api.example.com.", "model_invoke:8080", "a" * 63 + ".b"]
)
def test_an_address_is_a_name_or_a_number_of_either_kind(host: str) -> None:
    assert not [*model_faults(model(endpoint={"url": f"http://{host}"}))]
