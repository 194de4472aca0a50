"""One partition of a machine: fence the last owner, recover from the state topic, commit batch after batch.

The order that keeps it exact, as the numbers in the code:

 1. the consumer's `getmany` has given a batch of one partition (loop.py)
 2. decode; what can't be decoded goes to the dead letters, in the same transaction
 3. decide and evolve in memory, which is ahead of the log from here on; before each decision wait for the machine's
    preparation, if it has one
 4. begin the transaction
 5. send events, requests, results, changed state and the position, as few batches
 6. await every acknowledgement; on any failure leave it open and close: whoever opens next aborts it
 7. commit
 8. only now has memory caught up with the log; on any failure before, it is dropped and read again
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Generic

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from headrace.codec import Codec
from headrace.kafka import BATCH_BYTES, LARGEST_REQUEST, KafkaSettings, close_producer
from headrace.machine import metrics
from headrace.machine.batch import Batch
from headrace.machine.memory import Memory
from headrace.machine.model import Machine, S
from headrace.probe import Probe, no_probe
from headrace.table import read_entries

TRANSACTION_TIMEOUT_MS = 15_000
REQUEST_TIMEOUT_MS = 10_000
CLOSE_S = 3.0
SEND_S = 30.0
"""Seconds that a transaction may take, which the broker has aborted long before: one that closes the connection at a
request is asked again for ever."""

_log = structlog.get_logger(__name__)


class Partition(Generic[S]):
    """The owner of one partition, from `open` until `close`.

    probe: awaited after_poll, mid_send (once a topic, nothing after it is sent yet), before_commit and after_commit.
    """

    def __init__(
        self, machine: Machine[S], codec: Codec, kafka: KafkaSettings, number: int, probe: Probe = no_probe
    ) -> None:
        self.number = number
        self.ready = False
        self.opened = False
        self.inputs = [TopicPartition(topic.name, number) for topic in machine.inputs]
        self._machine = machine
        self._codec = codec
        self._kafka = kafka
        self._probe = probe
        self._producer: AIOKafkaProducer | None = None
        self._memory: Memory[S] = Memory(machine, {})
        self._position: Mapping[str, int] = {}
        self._labels = (machine.name, str(number))

    async def open(self, consumer: AIOKafkaConsumer) -> None:
        """Fence, recover, seek; only then is the partition ready."""
        self._producer = self._new_producer()
        await self._producer.start()  # InitProducerId fences the last owner and aborts what it left open
        entries = await read_entries(self._machine.state, self.number, self._codec, self._kafka)
        self._memory = Memory(self._machine, entries)
        for place in self.inputs:  # behind what retention has left of 0, auto_offset_reset goes to the earliest
            consumer.seek(place, self._memory.position.get(place.topic, 0))
        self._position = dict(self._memory.position)  # 8
        self.ready = self.opened = True
        _log.info("partition ready", partition=self.number, keys=len(self._memory.states))

    async def close(self) -> None:
        """Let go of the producer; an open transaction is aborted by whoever fences us, or by its time-out."""
        self.ready = False
        producer, self._producer = self._producer, None
        if producer is not None:
            await close_producer(producer, CLOSE_S)

    def group_offsets(self) -> dict[TopicPartition, int]:
        """The position that is committed, as the consumer group is shown it."""
        return {place: self._position.get(place.topic, 0) for place in self.inputs}

    @property
    def next_due(self) -> int | None:
        """Epoch milliseconds at which a tick is wanted."""
        return self._memory.next_due

    async def commit(self, records: Sequence[ConsumerRecord]) -> None:
        """Turn records into one transaction, or several when they lead to very much.

        After any error the partition must be closed and opened again.
        """
        while left := await self._commit(records):
            records = left

    async def _commit(self, records: Sequence[ConsumerRecord]) -> Sequence[ConsumerRecord]:
        """Commit a batch of as many records as it takes; those that are left."""
        began = time.perf_counter()
        batch = Batch(
            self._machine, self._codec, self._memory, self.number, self._kafka.partitions, time.time_ns() // 1_000_000
        )
        if preparation := self._machine.preparation:
            await batch.consume_prepared(records, preparation)  # 2, 3
            await batch.tick_prepared(preparation)
        else:
            batch.consume(records)  # 2, 3
            batch.tick()
        if batch.empty:
            return ()
        await self._probe("after_poll")
        batch.close()
        await self._send(batch)  # 4-7
        self._position = dict(self._memory.position)  # 8
        await self._probe("after_commit")
        metrics.count(self._labels, batch.consumed, batch.events, batch.poisoned, time.perf_counter() - began)
        return records[batch.consumed :]

    async def _send(self, batch: Batch[S]) -> None:
        producer = self._producer
        assert producer is not None
        try:
            async with asyncio.timeout(SEND_S):
                await producer.begin_transaction()  # 4
                await batch.outbox.send(producer, partial(self._probe, "mid_send"))  # 5, 6
                await self._probe("before_commit")
                await producer.commit_transaction()  # 7
        except BaseException:
            metrics.ABORTED.labels(*self._labels).inc()
            raise

    def _new_producer(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            **self._kafka.connection(),
            transactional_id=f"{self._machine.name}.{self.number}",
            transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            max_batch_size=BATCH_BYTES,
            max_request_size=LARGEST_REQUEST,
            linger_ms=0,
            retry_backoff_ms=10,
        )
