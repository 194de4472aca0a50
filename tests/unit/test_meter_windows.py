"""The meter's table of windows: it holds an hour, and no more of it than it needs."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import faust
import msgspec

from headrace.kafka import KafkaSettings
from usage_meter import core
from usage_meter.app import faust_app
from usage_meter.core.lifetime import KEPT_MS, MARKED_MS
from usage_meter.core.measures import MINUTE_MS, REMEMBERED
from usage_meter.windows import Place, Windows

NOW = 1_000 * 24 * KEPT_MS
KEY = "0/model/large"
BUSY = core.Window(calls=200, recent=("0123456789ab",) * REMEMBERED)


def count(windows: Windows, minutes: range) -> None:
    """A busy minute after the other."""
    for minute in minutes:
        windows.advance(0, NOW + minute * MINUTE_MS)
        windows[KEY, NOW + minute * MINUTE_MS] = BUSY


def size(table: Mapping[Place, Any]) -> int:
    return len(msgspec.json.encode([*table.values()]))


def test_after_a_day_the_windows_take_what_they_took_after_two_hours() -> None:
    table: dict[Place, Any] = {}
    windows = Windows(table)
    count(windows, range(120))
    before = size(table)
    count(windows, range(120, 24 * 60))
    assert size(table) == before
    assert len(table) == KEPT_MS // MINUTE_MS + 1
    marked = [place for place, window in windows.items() if window.recent]
    assert len(marked) == MARKED_MS // MINUTE_MS + 1


def test_a_window_that_loses_its_marks_keeps_its_sums() -> None:
    windows = Windows({})
    count(windows, range(20))
    assert windows[KEY, NOW] == core.Window(calls=BUSY.calls)


def test_no_timely_call_finds_its_window_gone() -> None:
    windows = Windows({})
    windows.advance(0, NOW)
    windows[KEY, NOW] = BUSY
    last = NOW + MINUTE_MS - 1
    # when time goes on until the last call of the window is late
    for late in range(0, KEPT_MS + 2 * MINUTE_MS, 999):
        windows.advance(0, last + late)
        if windows.takes(0, last):
            assert windows[KEY, NOW].calls == BUSY.calls
    # then it is gone, and none was counted after that
    assert windows[KEY, NOW] == core.Window()


def test_what_is_told_an_hour_late_or_early_is_in_no_window() -> None:
    windows = Windows({})
    windows.advance(0, NOW)
    assert [windows.takes(0, NOW + off) for off in (-KEPT_MS, 1 - KEPT_MS, 0, KEPT_MS - 1, KEPT_MS)] == [
        False, True, True, True, False,
    ]  # fmt: skip


def test_late_is_what_is_late_in_its_partition_and_time_never_goes_back() -> None:
    windows = Windows({})
    # given a partition that has not been read for two hours, and one that has
    windows.advance(0, NOW)
    windows["1/model/other", NOW - 2 * KEPT_MS] = BUSY
    windows.advance(1, NOW - 2 * KEPT_MS)
    windows.advance(0, NOW - KEPT_MS)
    # then each has its own time
    assert windows.takes(1, NOW - 2 * KEPT_MS)
    assert not windows.takes(0, NOW - 2 * KEPT_MS + MINUTE_MS)
    windows.advance(0, NOW + MINUTE_MS)
    assert windows["1/model/other", NOW - 2 * KEPT_MS] == BUSY


class Alone(faust.Table[Place, Any]):
    """A table of Faust's, as partition 0 fills it, whose changelog is a list."""

    def __init__(self, app: faust.App) -> None:
        super().__init__(app, name="windows")
        self.changelog: list[tuple[Place, Any]] = []

    def partition_for_key(self, key: Any) -> int:
        return 0

    def send_changelog(self, partition: int | None, key: Any, value: Any, *_: Any, **__: Any) -> Any:
        self.changelog.append((key, value))
        return SimpleNamespace(message=SimpleNamespace(partition=partition))


async def test_faust_remembers_no_write_and_what_is_over_is_struck_from_the_changelog() -> None:
    table = Alone(faust_app(KafkaSettings(), None))
    windows = Windows(table)
    # given a window that is written often
    windows.advance(0, NOW)
    for calls in range(1, 1_000):
        windows[KEY, NOW] = core.Window(calls=calls)
    assert not any(table._partition_timestamps.values())
    # when its hour is over
    windows.advance(0, NOW + KEPT_MS + MINUTE_MS)
    # then nothing is left of it
    assert not [*windows.items()]
    assert table.changelog[-1] == ((KEY, NOW), None)


def read_back(place: Place, window: core.Window | None) -> Any:
    """An event of the changelog: keys are lists, and a deletion has no value."""
    value = window and msgspec.to_builtins(window)
    return SimpleNamespace(key=[*place], value=value, message=SimpleNamespace(value=value, partition=0))


async def test_recovered_windows_are_dropped_like_others() -> None:
    table = Alone(faust_app(KafkaSettings(), None))
    windows = Windows(table)
    # given windows that were read back from the changelog, one of which is over
    changelog = [((KEY, NOW), BUSY), ((KEY, NOW + KEPT_MS), BUSY), ((KEY, NOW + MINUTE_MS), None)]
    table.apply_changelog_batch([read_back(place, window) for place, window in changelog])
    assert dict(windows.items()) == {(KEY, NOW): BUSY, (KEY, NOW + KEPT_MS): BUSY}
    # when the first record comes
    windows.advance(0, NOW + KEPT_MS + MINUTE_MS)
    # then the other one is left
    assert dict(windows.items()) == {(KEY, NOW + KEPT_MS): BUSY}
