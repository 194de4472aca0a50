"""The consumer of a projection, and its partitions coming and going.

The order that keeps it exact, as the numbers in the code (4 to 7 are in store.py):

 1. `getmany` has given the records that follow our positions
 2. decode and fold them into rows, in memory; what can't be read becomes a dead letter
 3. send the dead letters and await every acknowledgement
 4. begin the transaction
 5. move the positions, each only if it stands where we left it; else another owner is right, and nothing is written
 6. write the rows
 7. commit
 8. only now are the positions in memory current; on any failure they are dropped and read again
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from headrace.codec import Codec
from headrace.delivery import Delivery
from headrace.errors import DatabaseUnavailable
from headrace.group import Member, Records
from headrace.kafka import KafkaSettings
from headrace.outbox import Outbox
from headrace.probe import Probe, no_probe
from headrace.projection import metrics
from headrace.projection.batch import Batch
from headrace.projection.model import LogReplaced, Projection
from headrace.projection.store import Fenced, RowsRefused, Store
from headrace.service import Service
from headrace.waiting import RETRY_S, learned, stopped_within

MAX_RECORDS = 500
"""Most records of one poll: bounds memory and the length of a transaction."""
LINGER_MS = 200
"""How much later rows may come, so that one transaction writes many."""
IDLE_MS = 1_000
JOINING_MS = 50
"""Between looks at the assignment while no partition is ours."""
LOOK_S = 5.0
"""Between looks at the stored positions of partitions on which nothing happens."""

_log = structlog.get_logger(__name__)


class Loop:
    """One process's share of a projection. `_positions`: the next offset of each partition; None is yet to be read.

    probe: awaited for every batch: after_poll, buried, begun, positions, the name of each write, before_commit,
    after_commit.
    """

    def __init__(
        self,
        projection: Projection,
        store: Store,
        codec: Codec,
        kafka: KafkaSettings,
        service: Service,
        probe: Probe = no_probe,
    ) -> None:
        self._projection = projection
        self._store = store
        self._codec = codec
        self._stopping = service.stopping
        self._probe = probe
        self._positions: dict[TopicPartition, int | None] = {}
        self._busy = asyncio.Lock()
        self._assigned = False
        self._looked = time.monotonic()
        self._delivery = Delivery(kafka)
        self._member = Member(kafka, self, group=projection.name, name=service.member, linger_ms=LINGER_MS)

    @property
    def ready(self) -> bool:
        """Whether every partition that is ours goes on from its stored position."""
        return self._assigned and None not in self._positions.values()

    async def run(self) -> None:
        """Work until told to stop. Raises LogReplaced, and what else another attempt can't mend."""
        await self._delivery.start()
        try:
            await self._member.start(topic.name for topic in self._projection.topics)
            while not self._stopping.is_set():
                await self._poll()
        finally:
            metrics.READY.labels(self._projection.name).set(0)
            await self._member.stop()
            await self._delivery.stop()

    async def revoke(self, places: Collection[TopicPartition]) -> None:
        """Let the batch in hand commit, then let go. Were we too slow, the next owner's positions fence us."""
        async with self._busy:
            self._assigned = False
            self._positions = {}

    async def assign(self, places: Collection[TopicPartition]) -> None:
        """Own these partitions from now on; the next poll opens them."""
        self._positions = dict.fromkeys(places)
        self._assigned = True

    async def _poll(self) -> None:
        async with self._held():
            await self._open()
        timeout = IDLE_MS if self._positions else JOINING_MS
        records = await self._member.poll(timeout, MAX_RECORDS)  # 1
        if not await self._learned(records):
            return
        async with self._held():
            await self._apply(records)
        if time.monotonic() - self._looked > LOOK_S:
            self._looked = time.monotonic()
            async with self._held():
                await self._look()
        metrics.READY.labels(self._projection.name).set(self.ready)

    @asynccontextmanager
    async def _held(self) -> AsyncIterator[None]:
        """While this lasts no partition goes. After a failure that passes, begin again where the rows are."""
        try:
            async with self._busy:
                yield
        except Fenced as error:
            self._positions = dict.fromkeys(self._positions)
            metrics.FENCED.labels(self._projection.name).inc()
            _log.warning("fenced", projection=self._projection.name, error=str(error))
        except (DatabaseUnavailable, KafkaError, OSError) as error:
            self._positions = dict.fromkeys(self._positions)
            await self._pause(error)

    async def _open(self) -> None:
        """Stand where the rows are, on every partition that is new to us or was given up."""
        positions = self._positions
        places = [place for place, position in positions.items() if position is None]
        if not places:
            return
        stored = await self._store.positions(places)
        await self._check(stored)
        for place, position in stored.items():
            self._member.consumer.seek(place, position)
        positions.update(stored)
        _log.info("positions read", projection=self._projection.name, partitions=len(stored))

    async def _check(self, stored: Mapping[TopicPartition, int]) -> None:
        """Make sure that the rows come from this log, as far as offsets tell."""
        begins = await self._member.consumer.beginning_offsets(list(stored))
        ends = await self._member.consumer.end_offsets(list(stored))
        for place, position in stored.items():
            if position and not begins[place] <= position <= ends[place]:
                raise LogReplaced(
                    f"{place.topic}-{place.partition} has offsets from {begins[place]} to {ends[place]}, the rows of "
                    f"{self._projection.name} stand at {position}: start over, to make them again from this log"
                )

    async def _learned(self, records: Records) -> bool:
        """Know the writers' schemas of these records; false when told to stop while the registry is away."""
        values = [record.value for batch in records.values() for record in batch]
        return await learned(self._codec, values, self._stopping, self._warn)

    async def _apply(self, records: Records) -> None:
        began = time.perf_counter()
        positions = self._positions
        batch = Batch(self._projection, self._codec)
        for place, position in positions.items():
            if position is not None and place in records:
                batch.fold(place, position, records[place])  # 2
        if not batch.moves:
            return
        await self._probe("after_poll")
        await self._commit(batch)
        positions.update({place: move.next for place, move in batch.moves.items()})  # 8
        metrics.count(self._projection.name, batch, time.perf_counter() - began)

    async def _commit(self, batch: Batch) -> None:
        await self._bury(batch)  # 3
        try:
            await self._store.write(batch)  # 4-7
        except RowsRefused:
            batch.refuse(await self._store.refused(batch))
            await self._bury(batch)
            await self._store.write(batch)

    async def _bury(self, batch: Batch) -> None:
        letters, batch.letters = batch.letters, Outbox()
        await self._delivery.send(letters)
        await self._probe("buried")

    async def _look(self) -> None:
        """Notice that somebody started over or took over, and that Postgres is away, although no record comes.

        Group offsets are committed here as well, for lag tools and autoscalers; the truth is beside the rows.
        """
        mine = {place: position for place, position in self._positions.items() if position is not None}
        if not mine:
            return
        if await self._store.positions(mine) != mine:
            raise Fenced("the stored positions have moved")
        with contextlib.suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(LOOK_S):
                consumer = self._member.consumer
                await consumer.commit({place: await consumer.position(place) for place in mine})

    async def _pause(self, error: BaseException) -> None:
        self._warn(error)
        await stopped_within(self._stopping, RETRY_S)

    def _warn(self, error: BaseException) -> None:
        _log.warning("waiting", projection=self._projection.name, error=str(error) or type(error).__name__)


async def run_projection(
    projection: Projection, codec: Codec, kafka: KafkaSettings, service: Service, dsn: str, *, probe: Probe = no_probe
) -> None:
    """Run a projection for the life of a service, which is ready when all partitions that are ours are at their
    position. Raises LogReplaced.
    """
    store = Store(dsn, projection, probe)
    loop = Loop(projection, store, codec, kafka, service, probe)
    service.ready_when(projection.name, lambda: loop.ready)
    try:
        await loop.run()
    finally:
        await store.close()
