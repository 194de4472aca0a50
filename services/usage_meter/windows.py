"""The meter's windows, in a table of Faust: one row a window, dropped when no call can come to it any more.

Faust would drop them itself, but it remembers every write until then, forgets what it recovered, and tells the
changelog nothing (docs/adr/0003-faust-has-one-job.md).
"""

from collections.abc import Iterator, MutableMapping
from typing import Any

import msgspec

from usage_meter import core

Place = tuple[str, int]
"""A window: `partition/by/name@version`, and when it begins (epoch milliseconds)."""


class Windows:
    """Windows by place. To be changed only while a record of their partition is at hand, as Faust's tables are."""

    def __init__(self, table: MutableMapping[Place, Any]) -> None:
        self._table = table
        self._now: dict[int, int] = {}

    def advance(self, partition: int, at: int) -> int:
        """Take a partition's time to that of a record (epoch milliseconds), and return it; it never goes back.

        With each new minute windows that are over are dropped, and the marks of those that are settled.
        """
        before = self._now.get(partition, 0)
        self._now[partition] = now = max(before, at)
        if now // core.MINUTE_MS > before // core.MINUTE_MS:
            self._sweep(f"{partition}/", now)
        return now

    def takes(self, partition: int, at: int) -> bool:
        """Whether a call of this time is counted, at the partition's time."""
        return core.is_timely(at, self._now[partition])

    def __getitem__(self, place: Place) -> core.Window:
        """A window; an empty one where there is none."""
        return msgspec.convert(self._table.get(place, {}), core.Window)

    def __setitem__(self, place: Place, window: core.Window) -> None:
        """Keep a window as it is now."""
        self._table[place] = msgspec.to_builtins(window)

    def items(self) -> Iterator[tuple[Place, core.Window]]:
        """All windows."""
        return ((place, self[place]) for place in self._table if _is_ours(place))

    def _sweep(self, prefix: str, now: int) -> None:
        for place in [place for place in self._table if place[0].startswith(prefix)]:
            if not _is_ours(place) or core.is_over(place[1], now):
                del self._table[place]
            elif core.is_settled(place[1], now) and (window := self[place]).recent:
                self[place] = msgspec.structs.replace(window, recent=())


def _is_ours(place: Place) -> bool:
    """Whether a row is one of these; Faust's own windows, which were here before, have a range in their key."""
    return isinstance(place[1], int)
