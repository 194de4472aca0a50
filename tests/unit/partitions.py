"""The owner of a partition of runs, in memory: records as a consumer gives them, and what its batches would send."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka import ConsumerRecord

from headrace.event import Event
from headrace.events import run as events_of
from headrace.kafka import partition_of
from headrace.machine.batch import Batch
from headrace.machine.memory import Memory
from headrace.outbox import Record
from headrace.topics import NODE_OUTCOMES, RUN_EVENTS, RUN_REQUESTS, RUN_STATE, Topic
from tests.unit.engine import CODEC, NOW, Shelf, graph
from workflow_router.adapters import CatalogWorkflows
from workflow_router.machine import RunMachine

PARTITIONS = 2
HOME, OTHER = (
    next(f"r{n}" for n in range(99) if partition_of(f"r{n}".encode(), PARTITIONS) == home) for home in range(PARTITIONS)
)
"""A run id whose home is partition 0, and one whose home is partition 1."""
START = events_of.StartRun(workflow="w", input="{}")

Headers = Sequence[tuple[str, bytes]]
Kept = tuple[str, int, Record]


def record(
    topic: Topic, offset: int, key: bytes | None, value: bytes | None, headers: Headers = (), partition: int = 0
) -> Any:
    sizes = (len(key or b""), len(value or b""))
    return ConsumerRecord(topic.name, partition, offset, NOW, 0, key, value, None, *sizes, tuple(headers))


def request(offset: int, key: str | None, event: Event = START, headers: Headers = ()) -> Any:
    encoded = None if key is None else key.encode()
    return record(RUN_REQUESTS, offset, encoded, CODEC.encode(RUN_REQUESTS, event), headers)


def outcome(offset: int, key: str, event: Event) -> Any:
    return record(NODE_OUTCOMES, offset, key.encode(), CODEC.encode(NODE_OUTCOMES, event))


def a_machine(**nodes: dict[str, Any]) -> RunMachine:
    shelf = Shelf()
    shelf.put("Workflow", "w", graph("a b", **nodes))
    return RunMachine(CatalogWorkflows(shelf.catalog))


@dataclass
class Owner:
    """The owner of partition 0: its memory, and every record that its batches would have sent."""

    machine: RunMachine = field(default_factory=a_machine)
    memory: Memory[Any] = field(init=False)
    sent: list[Kept] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.memory = Memory(self.machine, {})

    def batch(self, *records: Any, now: int = NOW, tick: bool = False) -> Batch[Any]:
        batch = Batch(self.machine, CODEC, self.memory, 0, PARTITIONS, now)
        batch.consume(records)
        if tick:
            batch.tick()
        if not batch.empty:
            batch.close()
        self.sent += sent(batch)
        return batch

    def on(self, topic: str, *, partition: int = 0) -> list[Record]:
        return [kept for name, number, kept in self.sent if (name, number) == (topic, partition)]

    def events(self, topic: Topic = RUN_EVENTS) -> list[Event]:
        return [CODEC.decode(topic, value) for _, value, _ in self.on(topic.name)]

    def restarted(self) -> Memory[Any]:
        return Memory(self.machine, entries(self.on(RUN_STATE.name)))


def sent(batch: Batch[Any]) -> list[Kept]:
    return [(*place, kept) for place, records in batch.outbox._records.items() for kept in records]


def entries(records: Iterable[Record]) -> dict[str, Event]:
    """A state topic's entries as compaction leaves them."""
    kept: dict[str, Event] = {}
    for key, value, _ in records:
        assert key
        if value is None:
            kept.pop(key.decode(), None)
        else:
            kept[key.decode()] = CODEC.decode(RUN_STATE, value)
    return kept
