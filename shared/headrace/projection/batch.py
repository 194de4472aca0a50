"""The rows and dead letters of one batch, in memory, before anything is written."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

import structlog
from aiokafka import ConsumerRecord, TopicPartition

from headrace.codec import Codec
from headrace.errors import Undecodable
from headrace.kafka import dead_letter
from headrace.outbox import Outbox
from headrace.projection.model import LogReplaced, Origin, Projection, Row

NUL, REPLACEMENT = "\0", "\N{REPLACEMENT CHARACTER}"

_log = structlog.get_logger(__name__)


class Entry(NamedTuple):
    """A record that could be read, and its rows."""

    record: ConsumerRecord
    rows: tuple[Row, ...]


class Move(NamedTuple):
    """A partition's position before and after the batch."""

    expected: int
    next: int


class Batch:
    """Folds records into `entries`, `moves` and `letters`."""

    def __init__(self, projection: Projection, codec: Codec) -> None:
        self._projection = projection
        self._codec = codec
        self._topics = {topic.name: topic for topic in projection.topics}
        self.entries: list[Entry] = []
        self.moves: dict[TopicPartition, Move] = {}
        self.letters = Outbox()
        self.poisoned = 0

    def fold(self, place: TopicPartition, position: int, records: Sequence[ConsumerRecord]) -> None:
        """Take the records that follow a partition's position. Raises LogReplaced for one that can't."""
        if records[0].offset < position:
            raise LogReplaced(f"{place.topic}-{place.partition} went back from {position} to {records[0].offset}")
        for record in records:
            try:
                event = self._codec.decode(self._topics[record.topic], record.value)
            except Undecodable as error:
                self._bury(record, "VALUE_CONVERTER", error)
                continue
            try:
                rows = tuple(
                    row._replace(values=_storable(row.values)) for row in self._projection.rows(event, _at(record))
                )
            except Undecodable as error:
                self._bury(record, "TRANSFORMATION", error)
                continue
            self.entries.append(Entry(record, rows))
        self.moves[place] = Move(position, records[-1].offset + 1)

    def writes(self) -> Iterator[tuple[str, Collection[tuple[Any, ...]]]]:
        """For each query that writes, its arguments in the order of the log."""
        writes: dict[str, dict[Any, tuple[Any, ...]]] = {name: {} for name in self._projection.writes}
        for number, row in enumerate(row for entry in self.entries for row in entry.rows):
            table = writes[row.query]
            identity = row.values[: row.key] or number
            table[identity] = _merged(table.get(identity), row.values)
        return ((name, table.values()) for name, table in writes.items() if table)

    def refuse(self, refused: Sequence[tuple[Entry, Exception]]) -> None:
        """Bury records whose rows Postgres does not take."""
        for entry, error in refused:
            self.entries.remove(entry)
            self._bury(entry.record, "TASK_PUT", error)

    def _bury(self, record: ConsumerRecord, stage: str, error: Exception) -> None:
        topic = self._topics[record.topic]
        self.letters.add(*dead_letter(record, topic, connector=self._projection.name, stage=stage, error=error))
        self.poisoned += 1


def _at(record: ConsumerRecord) -> Origin:
    place = (record.topic, record.partition, record.offset)
    key = record.key.decode(errors="replace") if record.key else "-".join(map(str, place))
    return Origin(*place, key, record.headers)


def _storable(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Values without U+0000, which Postgres can't hold in a text and which a caller's own words may contain."""
    return tuple(value.replace(NUL, REPLACEMENT) if isinstance(value, str) else value for value in values)


def _merged(earlier: tuple[Any, ...] | None, later: tuple[Any, ...]) -> tuple[Any, ...]:
    """What the later values say, and where they say nothing, the earlier ones."""
    if earlier is None:
        return later
    return tuple(old if new is None else new for old, new in zip(earlier, later, strict=True))
