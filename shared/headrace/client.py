"""Headrace from outside, in Python: send commands, follow topics, read a log to its end.

A caller needs none of this (a stock Avro client does, see tests/e2e/test_outside.py); the command line stands on it.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from headrace import cloudevents
from headrace.codec import Codec
from headrace.contracts import SchemaRegistry
from headrace.errors import HeadraceError, KafkaUnavailable, Unanswered, Undecodable
from headrace.event import Event
from headrace.events.control import TableApplied
from headrace.events.run import RunCancelled, RunCompleted, RunFailed, StartRun
from headrace.kafka import KafkaSettings, check_alive, partition_of
from headrace.limits import RUN_ID
from headrace.seen import Seen
from headrace.table import CATCH_UP_MS, GONE_MS
from headrace.topics import ALL, CALLERS, CONTROL_POSITIONS, RUN_REQUESTS, Topic

IDLE_MS = 500
SOURCE = b"/headrace/client"
COMMANDS = tuple(topic for topic in ALL if topic.writer == CALLERS)
"""What callers may write."""

Acknowledged = Callable[[float], Awaitable[Sequence[TableApplied]]]
Result = RunCompleted | RunFailed | RunCancelled


class Client:
    """A caller's connection; use it as a context. The codec must have registered what is sent."""

    def __init__(self, kafka: KafkaSettings, codec: Codec) -> None:
        self._kafka = kafka
        self._codec = codec
        self._producer: AIOKafkaProducer | None = None

    @classmethod
    @asynccontextmanager
    async def connect(cls, kafka: KafkaSettings, registry_url: str) -> AsyncIterator[Self]:
        """A client with a codec of its own. Raises RegistryUnavailable and KafkaUnavailable."""
        async with SchemaRegistry(registry_url) as registry:
            codec = Codec(registry)
            await codec.register(COMMANDS)
            async with cls(kafka, codec) as client:
                yield client

    async def __aenter__(self) -> Self:
        """Connect the producer. Raises KafkaUnavailable."""
        producer = AIOKafkaProducer(**self._kafka.connection(), enable_idempotence=True)
        try:
            await producer.start()
        except KafkaError as error:
            await producer.stop()
            raise KafkaUnavailable(_silent(self._kafka)) from error
        self._producer = producer
        return self

    async def __aexit__(self, *_: object) -> None:
        """Send what is under way, and close."""
        assert self._producer is not None
        await self._producer.stop()

    async def send(
        self, topic: Topic, key: str, event: Event, *, actor: str | None = None, correlation: str | None = None
    ) -> str:
        """Produce one command and wait until Kafka has it; its event id, which what it causes names as causation."""
        assert self._producer is not None
        event_id = str(uuid.uuid4())
        headers = cloudevents.headers(
            event.NAME,
            event_id,
            cloudevents.shared(
                source=SOURCE,
                time=cloudevents.timestamp(_now()),
                subject=key.encode(),
                correlation=correlation or key,
                actor=actor,
                traceparent=_traceparent(),
            ),
        )
        home = partition_of(key.encode(), self._kafka.partitions)
        value = self._codec.encode(topic, event)
        try:
            await self._producer.send_and_wait(topic.name, value, key.encode(), partition=home, headers=headers)
        except KafkaError as error:
            raise KafkaUnavailable(f"{topic.name} did not take the {event.NAME}: {error}") from error
        return event_id

    async def start_run(self, request: StartRun, run_id: str) -> str:
        """Ask for a run; the request's event id. The same run id never starts a second run: `headrace.starting` tells
        whose it is. Raises HeadraceError for an id that is none.
        """
        if not RUN_ID.fullmatch(run_id):
            raise HeadraceError(f"{run_id!r:.210} is no run id: 1-200 characters of A-Z a-z 0-9 . _ : -")
        return await self.send(RUN_REQUESTS, run_id, request, actor=request.actor)

    async def read_all(self, *topics: Topic, key: str | None = None) -> list[Seen]:
        """All committed records up to the end as it is now; topic after topic, partitions mixed."""
        order = {topic.name: number for number, topic in enumerate(topics)}
        return sorted([seen async for seen in self.read(*topics, keys=_only(key))], key=lambda one: order[one.topic])

    async def read(
        self, *topics: Topic, keys: Collection[str] | None = None, since: int = 0
    ) -> AsyncGenerator[Seen, None]:
        """All committed records up to the end as it is now, one after the other, for what is too much to be kept.

        keys: only records with one of these, and only the partitions where those are; None for all records.
        since: epoch milliseconds; records that were written before are left out. The end is a position, not a last
        record: the markers of transactions occupy offsets.
        """
        async with self._consumer(topics, keys) as (consumer, places):
            ends = dict(await consumer.end_offsets(places))
            if since:
                await _assign(consumer, places, since)
            else:
                consumer.assign(places)
            async for seen in self._to(ends, consumer, topics, keys):
                yield seen

    async def read_after(self, topic: Topic, positions: Mapping[int, int]) -> AsyncGenerator[Seen, None]:
        """As `read`, from each partition's position on; a partition without one from its beginning."""
        async with self._consumer((topic,), None) as (consumer, places):
            ends = dict(await consumer.end_offsets(places))
            consumer.assign(places)
            for place in places:
                if position := positions.get(place.partition):
                    consumer.seek(place, position)
            async for seen in self._to(ends, consumer, (topic,), None):
                yield seen

    async def _to(
        self,
        ends: Mapping[TopicPartition, int],
        consumer: AIOKafkaConsumer,
        topics: Iterable[Topic],
        keys: Collection[str] | None,
    ) -> AsyncGenerator[Seen, None]:
        """Records until these positions are reached."""
        while ends := {place: end for place, end in ends.items() if await consumer.position(place) < end}:
            for seen in await self._poll(consumer, topics, keys, CATCH_UP_MS):
                yield seen

    async def await_applied(self, tables: Sequence[Topic], timeout_s: float) -> Sequence[TableApplied]:
        """Wait until every living reader of these tables has applied what is on them now; their acknowledgements.

        Raises Unanswered, also when nobody reads them.
        """
        async with self.acknowledgements(*tables) as acknowledged:
            return await acknowledged(timeout_s)

    @asynccontextmanager
    async def acknowledgements(self, *tables: Topic) -> AsyncIterator[Acknowledged]:
        """Entering connects. What is yielded waits, when it is called with a time in seconds, until every living reader
        has applied what is on these tables at that moment; it returns their acknowledgements, or raises Unanswered.
        """
        # What was answered is written, though perhaps not yet shown to those who read what is committed.
        written = self._consumer(tables, None, isolation_level="read_uncommitted")
        async with written as (ends, places), self._consumer((CONTROL_POSITIONS,), None) as (consumer, own):
            known = dict(await consumer.end_offsets(own))
            newest: dict[str, TableApplied] = {}
            # the oldest living instance must have repeated its own since then
            await _assign(consumer, own, _now() - GONE_MS)

            async def acknowledged(timeout_s: float) -> Sequence[TableApplied]:
                try:
                    async with asyncio.timeout(timeout_s):
                        return await self._acknowledged(consumer, known, newest, await ends.end_offsets(places))
                except TimeoutError as error:
                    names = ", ".join(table.name for table in tables)
                    message = f"not every router has applied {names} after {timeout_s:g} s, or none is running"
                    raise Unanswered(message) from error

            yield acknowledged

    async def _acknowledged(
        self,
        consumer: AIOKafkaConsumer,
        ends: Mapping[TopicPartition, int],
        newest: dict[str, TableApplied],
        wanted: Mapping[TopicPartition, int],
    ) -> Sequence[TableApplied]:
        """Follow acknowledgements at least to these ends, until the wanted positions are reached.

        newest: those that were read so far, by instance and table.
        """
        names = {place.topic for place in wanted}
        while True:
            for seen in await self._poll(consumer, (CONTROL_POSITIONS,), None):
                newest.pop(seen.key, None)
                if isinstance(seen.event, TableApplied) and seen.event.topic in names:
                    newest[seen.key] = seen.event
            alive = [applied for applied in newest.values() if applied.at > _now() - GONE_MS]
            caught_up = all([await consumer.position(place) >= end for place, end in ends.items()])
            if caught_up and names == {applied.topic for applied in alive} and _all_reached(alive, wanted):
                return alive

    @asynccontextmanager
    async def follow(
        self, *topics: Topic, key: str | None = None, since: int | None = None
    ) -> AsyncIterator[AsyncIterator[Seen]]:
        """Committed records as they come, for ever; entering the context fixes where they begin.

        since: epoch milliseconds; 0 is the beginning, None is now.
        """
        async with self._consumer(topics, _only(key)) as (consumer, places):
            await _assign(consumer, places, since)
            yield self._records(consumer, topics, _only(key))

    async def _records(
        self, consumer: AIOKafkaConsumer, topics: Iterable[Topic], keys: Collection[str] | None
    ) -> AsyncIterator[Seen]:
        while True:
            for seen in await self._poll(consumer, topics, keys):
                yield seen

    async def _poll(
        self, consumer: AIOKafkaConsumer, topics: Iterable[Topic], keys: Collection[str] | None, idle_ms: int = IDLE_MS
    ) -> list[Seen]:
        by_name = {topic.name: topic for topic in topics}
        wanted = None if keys is None else {key.encode() for key in keys}
        check_alive(consumer)
        polled = await consumer.getmany(timeout_ms=idle_ms)
        records = [one for batch in polled.values() for one in batch if wanted is None or one.key in wanted]
        if ids := self._codec.unknown(record.value for record in records):
            await self._codec.learn(ids)
        return [self._seen(record, by_name) for record in records]

    def _seen(self, record: ConsumerRecord, topics: Mapping[str, Topic]) -> Seen:
        event, fault = self._read(topics[record.topic], record.value)
        key = (record.key or b"").decode(errors="replace")
        place = (record.topic, record.partition, record.offset)
        attributes = cloudevents.attributes(record.headers, "-".join(map(str, place)))
        return Seen(*place, record.timestamp, key, attributes, record.value, event, fault)

    def _read(self, topic: Topic, value: bytes | None) -> tuple[Event | None, str | None]:
        try:
            return self._codec.decode_or_none(topic, value), None
        except Undecodable as error:
            return None, str(error)

    @asynccontextmanager
    async def _consumer(
        self, topics: Iterable[Topic], keys: Collection[str] | None, **settings: Any
    ) -> AsyncIterator[tuple[AIOKafkaConsumer, list[TopicPartition]]]:
        """A consumer, and what it is for. Ask for offsets before you assign: behind a first fetch they would wait."""
        consumer = AIOKafkaConsumer(**self._kafka.connection(), **{**_READING, **settings})
        try:
            await consumer.start()
            yield consumer, [place for topic in topics for place in self._places(topic, keys)]
        except KafkaError as error:
            raise KafkaUnavailable(_silent(self._kafka)) from error
        finally:
            await consumer.stop()

    def _places(self, topic: Topic, keys: Collection[str] | None) -> list[TopicPartition]:
        """Where the records of these keys may be."""
        count = self._kafka.partitions
        if keys is None or not topic.homed:
            return [TopicPartition(topic.name, number) for number in range(count)]
        homes = {partition_of(key.encode(), count) for key in keys}
        return [TopicPartition(topic.name, home) for home in homes]


def new_run_id() -> str:
    """An id that nobody has used."""
    return str(uuid.uuid4())


def _only(key: str | None) -> Collection[str] | None:
    return None if key is None else (key,)


def _traceparent() -> str:
    """A new trace, sampled (W3C Trace Context)."""
    return f"00-{uuid.uuid4().hex}-{uuid.uuid4().hex[:16]}-01"


def _all_reached(alive: Iterable[TableApplied], wanted: Mapping[TopicPartition, int]) -> bool:
    return all(
        applied.offsets.get(str(place.partition), 0) >= end
        for applied in alive
        for place, end in wanted.items()
        if place.topic == applied.topic
    )


def _now() -> int:
    return time.time_ns() // 1_000_000


_READING: Mapping[str, Any] = {
    "isolation_level": "read_committed",
    "enable_auto_commit": False,
    "auto_offset_reset": "earliest",
}


async def _assign(consumer: AIOKafkaConsumer, places: list[TopicPartition], since: int | None) -> None:
    """Stand where records of this time begin (epoch milliseconds); None, or a time after the last one, is the end."""
    starts = dict(await consumer.end_offsets(places))
    if since is not None:
        found = await consumer.offsets_for_times(dict.fromkeys(places, since))
        starts |= {place: offset.offset for place, offset in found.items() if offset is not None}
    consumer.assign(places)
    for place, offset in starts.items():
        consumer.seek(place, offset)


def _silent(kafka: KafkaSettings) -> str:
    return f"Kafka at {kafka.bootstrap_servers} does not answer; is the stack up? `headrace status` says"
