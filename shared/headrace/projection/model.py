"""What a service supplies to the projection loop, and what the loop gives to it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from headrace.errors import HeadraceError
from headrace.event import Event
from headrace.topics import Topic

SCHEMA, DROP = "schema", "drop"
"""Names of the two queries that are no writes."""


class LogReplaced(HeadraceError):
    """The rows do not come from this log, or it has lost records: start over."""


class Origin(NamedTuple):
    """Where an event stands in the log. A record without a key has its place as its key."""

    topic: str
    partition: int
    offset: int
    key: str
    headers: Sequence[tuple[str, bytes]]


class Row(NamedTuple):
    """What to write: the name of a query and its arguments.

    key: how many of the first arguments say which row it is. Writes of one row in one batch become one write: of each
    argument the last that is not None. The query must treat what the table has in the same way, for where a batch ends
    is chance. 0: every write is carried out.
    """

    query: str
    values: tuple[Any, ...]
    key: int = 0


@dataclass(frozen=True)
class Projection:
    """Tables that follow from topics.

    name: of the consumer group, and of the positions in Postgres.
    queries: `schema` creates what is missing and may run again; `drop` drops all of it; every other one writes one row
    into a table of its own and reads no other table.
    rows: pure, without clock, ids or I/O. Raises Undecodable for an event that makes no sense.

    Each table gets its rows in the order of the log's partition, tables in no promised order. A row belongs to one
    partition: records that write it have the same key. So the rows depend on nothing but the log.
    """

    name: str
    topics: tuple[Topic, ...]
    queries: Mapping[str, str]
    rows: Callable[[Event, Origin], Iterable[Row]]

    @property
    def writes(self) -> list[str]:
        """Names of the queries that write rows."""
        return [name for name in self.queries if name not in {SCHEMA, DROP}]
