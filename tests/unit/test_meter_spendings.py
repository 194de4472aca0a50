"""The meter's table of spending: it holds periods that calls can still be charged to."""

from datetime import UTC, datetime, timedelta
from typing import Any

from headrace.kafka import KafkaSettings
from tests.unit.test_meter_windows import Alone
from usage_meter import core
from usage_meter.app import faust_app
from usage_meter.spendings import Spendings

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
SPENT = core.Spending(spent="1", limit="10", recent=("0123456789ab",) * 64)


def ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def spend(spendings: Spendings, days: range) -> None:
    """Each day is paid for by a budget a day, one a month and one in total."""
    for day in days:
        at = NEW_YEAR + timedelta(days=day)
        spendings.advance(0, ms(at))
        for period in (f"{at:%Y-%m-%d}", f"{at:%Y-%m}", "total"):
            spendings.keep(0, f"budget/acme/{period}", SPENT)


def test_after_two_years_there_are_no_more_rows_than_after_two_months() -> None:
    table: dict[str, Any] = {}
    spendings = Spendings(table, 1)
    spend(spendings, range(59))
    before = len(table)
    spend(spendings, range(59, 730))
    assert len(table) <= before <= 6
    assert spendings.get(0, "budget/acme/total") == SPENT


def test_a_day_can_be_charged_until_the_end_of_the_next() -> None:
    spendings = Spendings({}, 1)
    spend(spendings, range(1))
    spendings.advance(0, ms(NEW_YEAR + timedelta(hours=47)))
    assert spendings.get(0, "budget/acme/2026-01-01") == SPENT
    spendings.advance(0, ms(NEW_YEAR + timedelta(hours=48)))
    assert spendings.get(0, "budget/acme/2026-01-01") == core.Spending()


def test_each_partition_drops_its_own_rows_in_its_own_time() -> None:
    spendings = Spendings({}, 3)
    for partition in range(2):
        spendings.keep(partition, "budget/acme/2026-01-01", SPENT)
    spendings.advance(0, ms(NEW_YEAR + timedelta(days=9)))
    assert [*spendings.of_others(0, "budget/acme/2026-01-01")] == [SPENT, core.Spending()]
    assert [*spendings.of_others(1, "budget/acme/2026-01-01")] == [core.Spending(), core.Spending()]


async def test_what_is_dropped_is_struck_from_the_changelog() -> None:
    table: Any = Alone(faust_app(KafkaSettings(), None))
    spendings = Spendings(table, 1)
    spend(spendings, range(1))
    spendings.advance(0, ms(NEW_YEAR + timedelta(days=2)))
    assert table.changelog[-1] == ("0/budget/acme/2026-01-01", None)
