"""The consumer of a machine, and its partitions coming and going."""

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from typing import Generic

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import CommitFailedError, KafkaError, ProducerFenced

from headrace.codec import Codec
from headrace.errors import RegistryUnavailable
from headrace.kafka import KafkaSettings, tune
from headrace.machine import metrics
from headrace.machine.model import Machine, S
from headrace.machine.partition import Partition, Probe, no_probe
from headrace.service import Service
from headrace.table import Table

MAX_RECORDS = 500
"""Most records of one poll: bounds memory and the length of a transaction."""
IDLE_MS = 1_000
SESSION_TIMEOUT_MS = 10_000
LAG_COMMIT_S = 5.0
RETRY_S = 0.5
"""Between attempts to open a partition while the broker or the registry is away."""

Records = Mapping[TopicPartition, Sequence[ConsumerRecord]]

_log = structlog.get_logger(__name__)


class Loop(ConsumerRebalanceListener, Generic[S]):  # type: ignore[misc]  # aiokafka has no types
    """One process's share of a machine."""

    def __init__(
        self,
        machine: Machine[S],
        codec: Codec,
        kafka: KafkaSettings,
        stopping: asyncio.Event,
        *,
        instance: str,
        tables: Sequence[Table] = (),
        probe: Probe = no_probe,
    ) -> None:
        tune()
        self._machine = machine
        self._codec = codec
        self._kafka = kafka
        self._stopping = stopping
        self._tables = tables
        self._probe = probe
        self._partitions: dict[int, Partition[S]] = {}
        self._busy = asyncio.Lock()
        self._assigned = False
        self._consumer = AIOKafkaConsumer(
            **kafka.connection(),
            group_id=machine.name,
            group_instance_id=f"{machine.name}.{instance}",
            partition_assignment_strategy=(RangePartitionAssignor,),
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=SESSION_TIMEOUT_MS,
            heartbeat_interval_ms=SESSION_TIMEOUT_MS // 4,
        )

    @property
    def ready(self) -> bool:
        """Whether every partition that is ours is recovered."""
        return self._assigned and all(partition.ready for partition in self._partitions.values())

    async def run(self) -> None:
        """Work until `stopping` is set. Raises what a partition can't survive, such as being fenced."""
        for table in self._tables:
            await table.ready()
        await self._consumer.start()
        self._consumer.subscribe([topic.name for topic in self._machine.inputs], listener=self)
        last_commit = time.monotonic()
        try:
            while not self._stopping.is_set():
                await self._poll()
                if time.monotonic() - last_commit > LAG_COMMIT_S:
                    await self._show_progress()
                    last_commit = time.monotonic()
        finally:
            for partition in self._partitions.values():
                await self._close(partition)
            await self._consumer.stop()

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """Let the batch in hand commit, then let go. Were we too slow, the next owner fences us."""
        async with self._busy:
            self._assigned = False
            partitions, self._partitions = self._partitions, {}
            for partition in partitions.values():
                await self._close(partition)

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Own these partitions from now on. The loop opens them: the client swallows errors raised in here."""
        for number in {place.partition for place in assigned}:
            self._partitions[number] = Partition(self._machine, self._codec, self._kafka, number, self._probe)
        self._assigned = True

    async def _poll(self) -> None:
        closed = [partition for partition in self._partitions.values() if not partition.ready]
        await asyncio.gather(*(self._open(partition) for partition in closed))
        records = await self._consumer.getmany(timeout_ms=self._wait_ms(), max_records=MAX_RECORDS)
        await self._learn(records)
        async with self._busy:
            ready = [partition for partition in self._partitions.values() if partition.ready]
            await asyncio.gather(*(self._commit(partition, records) for partition in ready))

    def _wait_ms(self) -> int:
        """How long to wait for records: until something is due, at the most IDLE_MS."""
        if not (self._assigned and self._partitions):
            return 10
        due = min((due for partition in self._partitions.values() if (due := partition.next_due)), default=None)
        return IDLE_MS if due is None else max(0, min(IDLE_MS, due - time.time_ns() // 1_000_000))

    async def _learn(self, records: Records) -> None:
        """Fetch writers' schemas that are new to us; while the registry is away, wait: the records can't help it."""
        values = [record.value for batch in records.values() for record in batch]
        while (ids := self._codec.unknown(values)) and not self._stopping.is_set():
            try:
                await self._codec.learn(ids)
            except RegistryUnavailable as error:
                await self._pause("schema registry away", error)

    async def _open(self, partition: Partition[S]) -> None:
        try:
            await self._still_ours(partition)
            await partition.open(self._consumer)
        except (ProducerFenced, CommitFailedError):
            raise
        except (KafkaError, RegistryUnavailable, OSError) as error:
            await self._close(partition)
            await self._pause("partition not opened", error)
        metrics.READY.labels(self._machine.name, str(partition.number)).set(partition.ready)

    async def _still_ours(self, partition: Partition[S]) -> None:
        """Before fencing again after an error, make sure that we wouldn't fence a rightful new owner.

        A commit of group offsets is refused unless we are a member of the current generation.
        """
        if partition.opened:
            await self._consumer.commit(partition.group_offsets())

    async def _commit(self, partition: Partition[S], records: Records) -> None:
        batch = [record for place in partition.inputs for record in records.get(place, ())]
        try:
            await partition.commit(batch)
        except ProducerFenced:
            raise  # another owner is right
        except (KafkaError, OSError) as error:
            await self._close(partition)
            await self._pause("transaction failed", error)

    async def _close(self, partition: Partition[S]) -> None:
        metrics.READY.labels(self._machine.name, str(partition.number)).set(0)
        await partition.close()

    async def _show_progress(self) -> None:
        """Commit group offsets for lag tools and autoscalers; the truth is in the state topic."""
        for partition in self._partitions.values():
            if partition.ready:
                with contextlib.suppress(KafkaError):
                    await self._consumer.commit(partition.group_offsets())

    async def _pause(self, what: str, error: BaseException) -> None:
        _log.warning(what, machine=self._machine.name, error=str(error) or type(error).__name__)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), RETRY_S)


async def run_machine(
    machine: Machine[S],
    codec: Codec,
    kafka: KafkaSettings,
    service: Service,
    *,
    tables: Sequence[Table] = (),
    probe: Probe = no_probe,
) -> None:
    """Run a machine for the life of a service, which is ready when all partitions that are ours are recovered.

    Raises ProducerFenced when another instance took over: exit and be started again.
    """
    loop = Loop(machine, codec, kafka, service.stopping, instance=service.instance, tables=tables, probe=probe)
    service.ready_when(machine.name, lambda: loop.ready)
    await loop.run()
