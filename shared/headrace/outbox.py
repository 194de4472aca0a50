"""Records to be sent together, packed by topic."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence, Set
from typing import Any

from aiokafka import AIOKafkaProducer

from headrace.cloudevents import Header

Record = tuple[bytes | None, bytes | None, list[Header]]
HandedOver = Callable[[Sequence[Awaitable[object]]], Awaitable[None]]


async def _go_on(arriving: Sequence[Awaitable[object]]) -> None:
    """Hand over the next one."""


class Outbox:
    """Collects records by topic and partition, then sends each as few large batches."""

    def __init__(self) -> None:
        self._records: dict[tuple[str, int], list[Record]] = defaultdict(list)
        self.size = 0
        """Bytes of all values so far."""

    def add(self, topic: str, partition: int, record: Record) -> None:
        """Append a record (key, value, headers); order is kept per topic partition."""
        self._records[topic, partition].append(record)
        self.size += len(record[1] or b"")

    @property
    def topics(self) -> Set[str]:
        """Where records go."""
        return {topic for topic, _ in self._records}

    def halves(self) -> Sequence["Outbox"]:
        """Two with half of the records each, in their order; a single record stays as it is."""
        every = [(*place, record) for place, records in self._records.items() for record in records]
        middle = len(every) // 2
        return [_filled(half) for half in (every[:middle], every[middle:]) if half]

    async def send(self, producer: AIOKafkaProducer, handed_over: HandedOver = _go_on) -> None:
        """Send everything and wait for every acknowledgement. Raises the first failure, after all have ended.

        handed_over: awaited after each batch, with what has been handed to the producer so far.
        """
        arriving: list[asyncio.Future[object]] = []
        for (topic, partition), records in self._records.items():
            for batch in _packed(producer, records):
                arriving.append(await producer.send_batch(batch, topic, partition=partition))
                await handed_over(arriving)
        for result in await asyncio.gather(*arriving, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result


def _filled(records: Iterable[tuple[str, int, Record]]) -> Outbox:
    outbox = Outbox()
    for topic, partition, record in records:
        outbox.add(topic, partition, record)
    return outbox


def _packed(producer: AIOKafkaProducer, records: Iterable[Record]) -> Iterator[Any]:
    """Batches, each as full as the producer allows; one always takes a first record, however large."""
    batch = producer.create_batch()
    for key, value, headers in records:
        if batch.append(key=key, value=value, headers=headers, timestamp=None) is None:
            yield batch
            batch = producer.create_batch()
            batch.append(key=key, value=value, headers=headers, timestamp=None)
    batch.close()
    yield batch
