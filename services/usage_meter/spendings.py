"""What the meter saw of each budget, in a table of Faust: one row a partition, budget and period.

A row is dropped when its period is over and no call of it is waited for any more, as a write like others, so that the
changelog loses it, too.
"""

from collections.abc import Iterator, MutableMapping
from typing import Any

import msgspec

from usage_meter import core


class Spendings:
    """Spending by partition and `budget/name/period`. To be changed only while a record of the partition is at hand."""

    def __init__(self, table: MutableMapping[str, Any], partitions: int) -> None:
        self._table = table
        self._partitions = partitions
        self._swept: dict[int, int] = {}

    def advance(self, partition: int, now: int) -> None:
        """Drop, once an hour of a partition's time (epoch milliseconds), what is spent in periods that are over."""
        hour = now // core.HOUR_MS
        if hour != self._swept.get(partition):
            self._swept[partition] = hour
            mine = [place for place in self._table if place.startswith(f"{partition}/")]
            for place in mine:
                if core.is_period_over(place.rpartition("/")[2], now):
                    del self._table[place]

    def get(self, partition: int, key: str) -> core.Spending:
        """What a partition saw; nothing when there is no row."""
        return msgspec.convert(self._table.get(f"{partition}/{key}", {}), core.Spending)

    def of_others(self, partition: int, key: str) -> Iterator[core.Spending]:
        """What the other partitions saw."""
        return (self.get(other, key) for other in range(self._partitions) if other != partition)

    def keep(self, partition: int, key: str, spending: core.Spending) -> None:
        """Keep what a partition saw, as it is now."""
        self._table[f"{partition}/{key}"] = msgspec.to_builtins(spending)
