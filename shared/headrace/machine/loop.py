"""The consumer of a machine, and its partitions coming and going."""

import asyncio
import contextlib
import time
from collections.abc import Collection, Iterable, Sequence
from functools import partial
from typing import Generic

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, ProducerFenced

from headrace.codec import Codec
from headrace.errors import KafkaUnavailable, NotFound, RegistryUnavailable
from headrace.group import Member, Records
from headrace.kafka import KafkaSettings
from headrace.machine import metrics
from headrace.machine.model import Machine, S
from headrace.machine.partition import Partition
from headrace.probe import Probe, no_probe
from headrace.service import Service
from headrace.table import Table, all_ready
from headrace.waiting import RETRY_S, learned, stopped_within

MAX_RECORDS = 500
"""Most records of one poll: bounds memory and the length of a transaction."""
IDLE_MS = 1_000
LAG_COMMIT_S = 5.0
SHOW_S = 1.0
"""Seconds that showing how far we are may take."""

_log = structlog.get_logger(__name__)


class Loop(Generic[S]):
    """One process's share of a machine."""

    def __init__(
        self,
        machine: Machine[S],
        codec: Codec,
        kafka: KafkaSettings,
        stopping: asyncio.Event,
        *,
        member: str | None,
        tables: Sequence[Table] = (),
        probe: Probe = no_probe,
    ) -> None:
        self._machine = machine
        self._codec = codec
        self._kafka = kafka
        self._stopping = stopping
        self._tables = tables
        self._probe = probe
        self._partitions: dict[int, Partition[S]] = {}
        self._busy = asyncio.Lock()
        self._opening: asyncio.Future[list[None]] | None = None
        self._assigned = False
        self._member = Member(kafka, self, group=machine.name, name=member)

    @property
    def ready(self) -> bool:
        """Whether every partition that is ours is recovered."""
        return self._assigned and all(partition.ready for partition in self._partitions.values())

    async def run(self) -> None:
        """Work until `stopping` is set. Raises what a partition can't survive, such as being fenced."""
        if not await all_ready(self._tables, self._stopping):
            return
        await self._member.start(topic.name for topic in self._machine.inputs)
        last_commit = time.monotonic()
        try:
            while not self._stopping.is_set():
                await self._poll()
                if time.monotonic() - last_commit > LAG_COMMIT_S:
                    await self._show_progress()
                    last_commit = time.monotonic()
        finally:
            await self._close_all(self._partitions.values())
            await self._member.stop()

    async def revoke(self, places: Collection[TopicPartition]) -> None:
        """Let the batch in hand commit, then let go. Were we too slow, the next owner fences us."""
        self._assigned = False
        if self._opening is not None:
            self._opening.cancel()  # or it would fence the next owner
        async with self._busy:
            partitions, self._partitions = self._partitions, {}
            await self._close_all(partitions.values())

    async def assign(self, places: Collection[TopicPartition]) -> None:
        """Own these partitions from now on; the next poll opens them."""
        for number in {place.partition for place in places}:
            self._partitions[number] = Partition(self._machine, self._codec, self._kafka, number, self._probe)
        self._assigned = True

    async def _poll(self) -> None:
        async with self._busy:
            await self._open_all()
        records = await self._member.poll(self._wait_ms(), MAX_RECORDS)
        if not await self._learned(records):
            return
        async with self._busy:
            ready = [partition for partition in self._partitions.values() if partition.ready]
            await asyncio.gather(*(self._commit(partition, records) for partition in ready))

    def _wait_ms(self) -> int:
        """How long to wait for records: until something is due, at the most IDLE_MS."""
        if not (self._assigned and self._partitions):
            return 10
        due = min((due for partition in self._partitions.values() if (due := partition.next_due)), default=None)
        return IDLE_MS if due is None else max(0, min(IDLE_MS, due - time.time_ns() // 1_000_000))

    async def _learned(self, records: Records) -> bool:
        """Know the writers' schemas of these records; false when told to stop while the registry is away."""
        values = [record.value for batch in records.values() for record in batch]
        return await learned(self._codec, values, self._stopping, partial(self._warn, "schema registry away"))

    async def _open_all(self) -> None:
        """Open what is not ready, unless it is revoked meanwhile."""
        closed = [partition for partition in self._partitions.values() if not partition.ready]
        if not closed:
            return
        self._opening = opening = asyncio.gather(*(self._open(partition) for partition in closed))
        try:
            await opening
        except asyncio.CancelledError:
            if self._assigned:
                raise
        finally:
            self._opening = None

    async def _open(self, partition: Partition[S]) -> None:
        try:
            await self._still_ours(partition)
            await partition.open(self._member.consumer)
        except (KafkaError, KafkaUnavailable, RegistryUnavailable, OSError) as error:
            await self._close(partition)
            await self._pause("partition not opened", error)
        metrics.READY.labels(self._machine.name, str(partition.number)).set(partition.ready)

    async def _still_ours(self, partition: Partition[S]) -> None:
        """Before fencing again after an error, make sure that we wouldn't fence a rightful new owner.

        A commit of group offsets is refused, and we join again, unless we are a member of the current generation.
        """
        if partition.opened:
            await self._member.consumer.commit(partition.group_offsets())

    async def _commit(self, partition: Partition[S], records: Records) -> None:
        batch = [record for place in partition.inputs for record in records.get(place, ())]
        try:
            await partition.commit(batch)
        except ProducerFenced:
            raise  # another owner is right
        except (KafkaError, OSError, NotFound) as error:
            # NotFound: a table of ours is behind what a run was pinned to
            await self._close(partition)
            await self._pause("transaction failed", error)

    async def _close_all(self, partitions: Iterable[Partition[S]]) -> None:
        await asyncio.gather(*(self._close(partition) for partition in partitions))

    async def _close(self, partition: Partition[S]) -> None:
        metrics.READY.labels(self._machine.name, str(partition.number)).set(0)
        await partition.close()

    async def _show_progress(self) -> None:
        """Commit group offsets for lag tools and autoscalers; the truth is in the state topic.

        They are where the consumer stands: a transaction ends with a marker, an offset that nobody gets to see.
        """
        consumer = self._member.consumer
        places = [place for partition in self._partitions.values() if partition.ready for place in partition.inputs]
        if not places:
            return
        with contextlib.suppress(KafkaError, TimeoutError):  # while the coordinator is away, aiokafka tries for ever
            async with asyncio.timeout(SHOW_S):
                await consumer.commit({place: await consumer.position(place) for place in places})

    async def _pause(self, what: str, error: BaseException) -> None:
        self._warn(what, error)
        await stopped_within(self._stopping, RETRY_S)

    def _warn(self, what: str, error: BaseException) -> None:
        _log.warning(what, machine=self._machine.name, error=str(error) or type(error).__name__)


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
    loop = Loop(machine, codec, kafka, service.stopping, member=service.member, tables=tables, probe=probe)
    service.ready_when(machine.name, lambda: loop.ready)
    await loop.run()
