"""A read-only view of a compacted topic in memory: what Kafka Streams calls a GlobalKTable.

It reads all partitions from the beginning, without a group, and is ready when its position (not its last record:
transaction markers occupy offsets) has reached the end offsets seen at start. Then it follows, and acknowledges on
`control.positions` how far it has come, so that a change can be reported as applied everywhere.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from headrace.codec import Codec
from headrace.errors import Undecodable
from headrace.event import Event
from headrace.events.control import TableApplied
from headrace.kafka import KafkaSettings, check_alive, place_of
from headrace.topics import CONTROL_POSITIONS, Topic
from headrace.waiting import learned

IDLE_MS = 1_000
CATCH_UP_MS = 50
"""Between looks at the position on the way to the end: markers move it without giving a record."""
ALIVE_S = 5.0
"""An instance repeats its acknowledgement this often."""
GONE_MS = 15_000
"""One that is silent for so long counts as gone."""
WITHDRAW_S = 1.0
"""Seconds for the farewell: a broker that is away does not hold up a stop."""

_log = structlog.get_logger(__name__)


async def read_entries(topic: Topic, partition: int, codec: Codec, kafka: KafkaSettings) -> dict[str, Event]:
    """All current entries of one partition of a compacted topic, up to its end as it is now.

    Raises KafkaError, KafkaUnavailable, RegistryUnavailable, and Undecodable: whoever goes on from here must have read
    everything.
    """
    entries: dict[str, Event] = {}
    place = TopicPartition(topic.name, partition)
    consumer = _consumer(kafka)
    await consumer.start()
    try:
        ends = await _rewind(consumer, [place])
        while not await _reached(consumer, ends):
            check_alive(consumer)
            for records in (await consumer.getmany(timeout_ms=CATCH_UP_MS)).values():
                await _learn(codec, records)
                for record in records:
                    _put(entries, *_entry(record, topic, codec))
    finally:
        await consumer.stop()
    return entries


class Table:
    """One compacted topic, by key. `on_change` is called after every batch with the keys that changed."""

    def __init__(
        self,
        topic: Topic,
        codec: Codec,
        kafka: KafkaSettings,
        *,
        service: str,
        instance: str,
        on_change: Callable[[Iterable[str]], None] | None = None,
    ) -> None:
        self.topic = topic
        self._entries: dict[str, Event] = {}
        self._codec = codec
        self._kafka = kafka
        self._service = service
        self._instance = instance
        self._on_change = on_change
        self._ready = asyncio.Event()

    @property
    def entries(self) -> Mapping[str, Event]:
        """The current entries; the mapping changes as the topic does."""
        return self._entries

    @property
    def is_ready(self) -> bool:
        """Whether everything that was there at the start has been read."""
        return self._ready.is_set()

    async def ready(self) -> None:
        """Wait until everything that was there at the start has been read."""
        await self._ready.wait()

    async def run(self, stopping: asyncio.Event) -> None:
        """Follow the topic until `stopping` is set; the last acknowledgement is then withdrawn."""
        consumer = _consumer(self._kafka)
        producer = AIOKafkaProducer(**self._kafka.connection(), linger_ms=0)
        await consumer.start()
        await producer.start()
        try:
            places = [TopicPartition(self.topic.name, number) for number in range(self._kafka.partitions)]
            ends = await _rewind(consumer, places)
            acknowledged = 0.0
            while not stopping.is_set():
                changed = await self._poll(consumer, stopping)
                if stopping.is_set():
                    break  # perhaps in the middle of what was polled: the position is not what was applied
                if not self._ready.is_set() and await _reached(consumer, ends):
                    self._ready.set()
                if self._ready.is_set() and (changed or time.monotonic() - acknowledged > ALIVE_S):
                    await self._acknowledge(consumer, producer, places)
                    acknowledged = time.monotonic()
            await self._withdraw(producer)
        finally:
            await producer.stop()
            await consumer.stop()

    async def _poll(self, consumer: AIOKafkaConsumer, stopping: asyncio.Event) -> bool:
        check_alive(consumer)
        changed: list[str] = []
        timeout = IDLE_MS if self._ready.is_set() else CATCH_UP_MS
        for records in (await consumer.getmany(timeout_ms=timeout)).values():
            if await self._learned(records, stopping):
                changed += _apply(self._entries, records, self.topic, self._codec)
        if changed and self._on_change:
            self._on_change(changed)
        return bool(changed)

    async def _learned(self, records: Sequence[ConsumerRecord], stopping: asyncio.Event) -> bool:
        """Know the writers' schemas of these records; false when told to stop while the registry is away."""
        return await learned(self._codec, [record.value for record in records], stopping, self._warn)

    def _warn(self, error: BaseException) -> None:
        _log.warning("schema registry away", table=self.topic.name, error=str(error))

    @property
    def _key(self) -> bytes:
        return f"{self._instance}/{self.topic.name}".encode()

    async def _acknowledge(
        self, consumer: AIOKafkaConsumer, producer: AIOKafkaProducer, places: list[TopicPartition]
    ) -> None:
        offsets = {str(place.partition): await consumer.position(place) for place in places}
        applied = TableApplied(
            instance=self._instance,
            service=self._service,
            topic=self.topic.name,
            offsets=offsets,
            at=time.time_ns() // 1_000_000,
        )
        with contextlib.suppress(KafkaError):  # the next one says the same, and more
            await producer.send(CONTROL_POSITIONS.name, self._codec.encode(CONTROL_POSITIONS, applied), key=self._key)

    async def _withdraw(self, producer: AIOKafkaProducer) -> None:
        with contextlib.suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(WITHDRAW_S):
                await producer.send_and_wait(CONTROL_POSITIONS.name, None, key=self._key)


async def all_ready(tables: Iterable[Table], stopping: asyncio.Event) -> bool:
    """Wait until these are ready; false when told to stop before."""
    ready = asyncio.gather(*(table.ready() for table in tables))
    told_to = asyncio.create_task(stopping.wait())
    await asyncio.wait((ready, told_to), return_when=asyncio.FIRST_COMPLETED)
    told_to.cancel()
    ready.cancel()
    return not stopping.is_set()


def _consumer(kafka: KafkaSettings) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        **kafka.connection(), isolation_level="read_committed", enable_auto_commit=False, auto_offset_reset="earliest"
    )


async def _rewind(consumer: AIOKafkaConsumer, places: list[TopicPartition]) -> dict[TopicPartition, int]:
    """Stand at the beginning of these partitions; their end offsets.

    The offsets are asked for before there is an assignment: behind a first fetch they would wait until it gives up.
    """
    ends = dict(await consumer.end_offsets(places))
    consumer.assign(places)  # and auto_offset_reset does the rest
    return ends


async def _reached(consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> bool:
    """Whether the position is at or behind each of these offsets."""
    for place, end in ends.items():
        if await consumer.position(place) < end:
            return False
    return True


async def _learn(codec: Codec, records: Iterable[ConsumerRecord]) -> None:
    if ids := codec.unknown(record.value for record in records):
        await codec.learn(ids)


def _apply(entries: dict[str, Event], records: Iterable[ConsumerRecord], topic: Topic, codec: Codec) -> list[str]:
    """Put records into the entries; the keys that changed. What we can't read is not ours, and is logged."""
    changed = []
    for record in records:
        try:
            key, event = _entry(record, topic, codec)
        except Undecodable as error:
            _log.error("unreadable entry", error=str(error))
            continue
        _put(entries, key, event)
        changed.append(key)
    return changed


def _put(entries: dict[str, Event], key: str, event: Event | None) -> None:
    if event is None:
        entries.pop(key, None)
    else:
        entries[key] = event


def _entry(record: ConsumerRecord, topic: Topic, codec: Codec) -> tuple[str, Event | None]:
    """A record's key and event. Raises Undecodable, which says where."""
    try:
        return (record.key or b"").decode(), codec.decode_or_none(topic, record.value)
    except (Undecodable, UnicodeDecodeError) as error:
        raise Undecodable(f"{place_of(record)}: {error}") from error
