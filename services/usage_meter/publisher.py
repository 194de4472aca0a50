"""What the meter writes, at least once: in order, and again while Kafka is away."""

import asyncio
from collections.abc import Iterable
from typing import Any

from headrace.codec import Codec
from headrace.delivery import Delivery
from headrace.event import Event
from headrace.event_record import event_record
from headrace.kafka import dead_letter, partition_of
from headrace.outbox import Outbox
from headrace.topics import Topic
from usage_meter.app import NAME

SOURCE = b"/headrace/usage_meter"


class Publisher:
    """A producer of events and dead letters. Its methods raise CancelledError when told to stop before it is done."""

    def __init__(self, codec: Codec, delivery: Delivery, partitions: int, stopping: asyncio.Event) -> None:
        self._codec = codec
        self._delivery = delivery
        self._partitions = partitions
        self.stopping = stopping

    async def publish(self, records: Iterable[tuple[Topic, str, Event]]) -> None:
        """Write events, each on the home partition of its key."""
        outbox = Outbox()
        for topic, key, event in records:
            record = event_record(self._codec, topic, key, event, source=SOURCE, correlation=key)
            outbox.add(topic.name, partition_of(key.encode(), self._partitions), record)
        await self._send(outbox)

    async def bury(self, record: Any, topic: Topic, error: BaseException) -> None:
        """Write a record that can't be read to its topic's dead letters, byte for byte."""
        outbox = Outbox()
        outbox.add(*dead_letter(record, topic, connector=NAME, stage="VALUE_CONVERTER", error=error))
        await self._send(outbox)

    async def _send(self, outbox: Outbox) -> None:
        if not await self._delivery.send_in_time(outbox, self.stopping):
            raise asyncio.CancelledError
