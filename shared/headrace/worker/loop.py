"""The consumer of a worker: polling, bounded concurrency, answering, committing watermarks."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from functools import partial

import structlog
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from headrace.codec import Codec
from headrace.delivery import Delivery
from headrace.errors import KafkaUnavailable, RegistryUnavailable
from headrace.group import Member, Records
from headrace.kafka import KafkaSettings
from headrace.outbox import Outbox
from headrace.probe import Probe, no_probe
from headrace.service import Service
from headrace.waiting import RETRY_S, learned, stopped_within
from headrace.worker import metrics
from headrace.worker.answering import Answer, Answering
from headrace.worker.job import Worker
from headrace.worker.watermark import Watermark

MAX_RECORDS = 500
IDLE_MS = 1_000
COMMIT_S = 0.2
"""Between commits of offsets: what a killed worker does again, at the most."""
COMMITTING_S = 1.0
"""Seconds that a commit may take: while the group's coordinator is away, aiokafka tries for ever."""
GRACE_S = 6.0
"""Seconds of the ten for a stop that calls under way have; those left are repeated by the next owner."""
CATCH_UP_S = 5.0
"""Seconds for hearing which runs have ended, before work begins: it may be done for nobody, that is all."""
STOPS = "ends of runs"
"""What is away while nobody tells of them."""

_log = structlog.get_logger(__name__)


class Loop:
    """One process's share of a worker's requests.

    probe: awaited for every request, or batch of an inline job: taken, answered (the journal has it), sent.
    """

    def __init__(
        self, worker: Worker, codec: Codec, kafka: KafkaSettings, service: Service, probe: Probe = no_probe
    ) -> None:
        self._worker = worker
        self._codec = codec
        self._kafka = kafka
        self._answering = Answering(worker, codec, partial(self._wait_for, "journal"))
        self._stopping = service.stopping
        self._probe = probe
        self._marks: Mapping[TopicPartition, Watermark] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None
        self._committed = 0.0
        self.assigned = False
        self.away: set[str] = set()
        self._delivery = Delivery(kafka)
        self._member = Member(kafka, self, group=worker.name, name=service.member)

    async def run(self) -> None:
        """Work until told to stop; then give the calls under way GRACE_S to end."""
        await self._delivery.start()
        await self._member.start([self._worker.requests.name])
        try:
            async with self._following_stops():
                while not self._stopping.is_set():
                    await self._poll()
                if self._running:
                    _log.info("ending calls under way", worker=self._worker.name, calls=len(self._running))
                    await asyncio.wait(self._running, timeout=GRACE_S)
            await self._commit()
        finally:
            for task in self._running:
                task.cancel()
            await self._member.stop()
            await self._delivery.stop()

    async def revoke(self, places: Collection[TopicPartition]) -> None:
        """Commit what has ended, and forget: what is under way will be repeated by the next owner."""
        self.assigned = False
        await self._commit()
        self._marks = {}

    async def assign(self, places: Collection[TopicPartition]) -> None:
        """Start with fresh marks."""
        self._marks = {place: Watermark() for place in places}
        self.assigned = True
        _log.info(
            "partitions assigned", worker=self._worker.name, partitions=sorted(place.partition for place in places)
        )

    @asynccontextmanager
    async def _following_stops(self) -> AsyncIterator[None]:
        """Hear of runs that end, to the last call; first of those that have."""
        try:
            async with asyncio.timeout(CATCH_UP_S):
                await self._worker.stops.catch_up(self._codec, self._kafka)
        except (KafkaUnavailable, RegistryUnavailable, TimeoutError) as error:
            self._is_away(STOPS, error)
        back = partial(self.away.discard, STOPS)
        stops = self._worker.stops.follow(self._codec, self._kafka, partial(self._wait_for, STOPS), back)
        following = asyncio.create_task(stops)
        following.add_done_callback(self._not_following)
        try:
            yield
        finally:
            following.cancel()
            await asyncio.wait({following})

    def _not_following(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            self._failure = task.exception() or self._failure

    async def _poll(self) -> None:
        if self._failure is not None:
            raise self._failure
        free = self._worker.concurrency - len(self._running)
        if free <= 0:
            await asyncio.wait(self._running, timeout=IDLE_MS / 1000, return_when=asyncio.FIRST_COMPLETED)
        else:
            inline = self._worker.job.inline
            wait = IDLE_MS if not self._running and not self._uncommitted() else int(COMMIT_S * 1000)
            records = await self._member.poll(wait, MAX_RECORDS if inline else free)
            marks = self._marks
            if not await self._learned(records):
                return
            if marks is self._marks:  # else a rebalance came between, and whoever owns the records now reads them again
                await (self._work_inline(records) if inline else self._spawn(records))
        if time.monotonic() - self._committed > COMMIT_S:
            await self._skip_markers()
            await self._commit()

    def _uncommitted(self) -> bool:
        return any(mark.pending is not None for mark in self._marks.values())

    async def _work_inline(self, records: Records) -> None:
        """A whole batch, one after the other, without a task a record."""
        if not records:
            return
        taken = self._take(records)
        began = time.perf_counter()
        outbox = Outbox()
        await self._probe("taken")
        answers = [answer for _, record in taken if (answer := await self._answer(record, outbox))]
        self._answering.forget()
        self._answering.put(answers, outbox)
        await self._probe("answered")
        await self._deliver(outbox)
        await self._probe("sent")
        for mark, record in taken:
            mark.end(record.offset)
        metrics.SECONDS.labels(self._worker.name).observe(time.perf_counter() - began)

    async def _spawn(self, records: Records) -> None:
        for mark, record in self._take(records):
            task = asyncio.create_task(self._work(mark, record))
            self._running.add(task)
            task.add_done_callback(self._ended)

    def _take(self, records: Records) -> list[tuple[Watermark, ConsumerRecord]]:
        taken = [(self._marks[place], record) for place, batch in records.items() for record in batch]
        for mark, record in taken:
            mark.begin(record.offset)
        return taken

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A task of ours never fails but for a bug: better no worker than one that has lost a request."""
        self._running.discard(task)
        if not task.cancelled():
            self._failure = task.exception() or self._failure
        elif not self._stopping.is_set():
            self._failure = RuntimeError(f"{self._worker.name}: a request was given up although nobody asked to stop")

    async def _work(self, mark: Watermark, record: ConsumerRecord) -> None:
        began = time.perf_counter()
        outbox = Outbox()
        await self._probe("taken")
        if answer := await self._answer(record, outbox):
            self._answering.put([answer], outbox)
        await self._probe("answered")
        await self._deliver(outbox)
        await self._probe("sent")
        mark.end(record.offset)
        metrics.SECONDS.labels(self._worker.name).observe(time.perf_counter() - began)

    async def _deliver(self, outbox: Outbox) -> None:
        """Send until it has arrived: an outcome may come twice, and is never lost."""
        while True:
            try:
                await self._delivery.send(outbox)
            except (KafkaError, OSError) as error:
                await self._wait_for("kafka", error)
            else:
                self.away.discard("kafka")
                return

    async def _learned(self, records: Records) -> bool:
        """Know the writers' schemas of these records; false when told to stop while the registry is away."""
        values = [record.value for batch in records.values() for record in batch]
        known = await learned(self._codec, values, self._stopping, partial(self._is_away, "schema registry"))
        self.away.discard("schema registry")
        return known

    async def _answer(self, record: ConsumerRecord, outbox: Outbox) -> Answer | None:
        answer = await self._answering.answer(record, outbox)
        self.away.discard("journal")
        return answer

    async def _wait_for(self, what: str, error: BaseException) -> None:
        """In the middle of a request. Raises CancelledError when the worker is told to stop: the next one does it."""
        self._is_away(what, error)
        if await stopped_within(self._stopping, RETRY_S):
            raise asyncio.CancelledError

    def _is_away(self, what: str, error: BaseException) -> None:
        """Not ready until it is back."""
        self.away.add(what)
        _log.warning("waiting", worker=self._worker.name, what=what, error=str(error) or type(error).__name__)

    async def _skip_markers(self) -> None:
        """A transaction ends with a marker, an offset that nobody gets to see: without this we would lag for ever."""
        for place, mark in self._marks.items():
            if mark.idle:
                with contextlib.suppress(KafkaError):
                    mark.skip_to(await self._member.consumer.position(place))

    async def _commit(self) -> None:
        pending = [(place, mark, offset) for place, mark in self._marks.items() if (offset := mark.pending) is not None]
        self._committed = time.monotonic()
        if not pending:
            return
        try:
            async with asyncio.timeout(COMMITTING_S):
                await self._member.consumer.commit({place: offset for place, _, offset in pending})
        except (KafkaError, TimeoutError) as error:
            _log.warning("offsets not committed", worker=self._worker.name, error=str(error) or type(error).__name__)
            return
        for _, mark, offset in pending:
            mark.committed(offset)


async def run_worker(
    worker: Worker, codec: Codec, kafka: KafkaSettings, service: Service, *, probe: Probe = no_probe
) -> None:
    """Run a worker for the life of a service, which is ready when it is a member of its group and nothing is away."""
    loop = Loop(worker, codec, kafka, service, probe)
    service.ready_when(worker.name, lambda: loop.assigned and not loop.away)
    await loop.run()
