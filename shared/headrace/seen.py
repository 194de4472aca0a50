"""Records as whoever reads a topic sees them."""

from typing import NamedTuple

from headrace.cloudevents import Attributes
from headrace.event import Event


class Seen(NamedTuple):
    """A record as it stands on a topic.

    at: epoch milliseconds, its producer's clock. value: the bytes that were hashed into the log's chain.
    event: None for a tombstone, and for a value that can't be read; `fault` then says why.
    """

    topic: str
    partition: int
    offset: int
    at: int
    key: str
    attributes: Attributes
    value: bytes | None
    event: Event | None
    fault: str | None = None

    @property
    def place(self) -> str:
        """`<topic>-<partition>-<offset>`."""
        return f"{self.topic}-{self.partition}-{self.offset}"
