"""Topics of a test's own, and what stands on them."""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.structs import OffsetAndMetadata

from headrace.codec import Codec
from headrace.contracts import SchemaRegistry
from headrace.event import Event
from headrace.kafka import KafkaSettings, create_topics
from headrace.topics import Topic, dead_letters
from tests.conftest import Stack

LARGEST = 64 * 1_048_576
REGISTRY_S = 30.0
"""For an answer of the schema registry of a busy machine."""


def renamed(suffix: str, *topics: Topic) -> tuple[Topic, ...]:
    """These topics under names of a test's own."""
    return tuple(replace(topic, name=f"{topic.name}.{suffix}") for topic in topics)


@asynccontextmanager
async def created(kafka: KafkaSettings, topics: Sequence[Topic]) -> AsyncIterator[None]:
    """These topics and those of their dead letters, for the length of a test."""
    every = [each for topic in topics for each in (topic, dead_letters(topic))]
    await create_topics(kafka, every)
    try:
        yield
    finally:
        async with _admin(kafka) as admin:
            await admin.delete_topics([topic.name for topic in every])


@asynccontextmanager
async def registered(registry_url: str, topics: Iterable[Topic]) -> AsyncIterator[Codec]:
    """A codec for the events of these topics, whose schemas are in the registry."""
    async with SchemaRegistry(registry_url, REGISTRY_S) as registry:
        codec = Codec(registry)
        await codec.register(topics)
        yield codec


@asynccontextmanager
async def own(stack: Stack, topics: Sequence[Topic], *others: Topic) -> AsyncIterator[Codec]:
    """Topics for the length of a test, and a codec for them and for others, which are the stack's and stay."""
    await create_topics(stack.kafka, others)
    async with created(stack.kafka, topics), registered(stack.registry_url, (*topics, *others)) as codec:
        yield codec


async def configure(kafka: KafkaSettings, topic: Topic, config: Mapping[str, str]) -> None:
    """Change settings of a topic."""
    async with _admin(kafka) as admin:
        resource = ConfigResource(ConfigResourceType.TOPIC, topic.name, configs={**topic.config, **config})
        await admin.alter_configs([resource])


async def group_offsets(kafka: KafkaSettings, group: str) -> Mapping[TopicPartition, OffsetAndMetadata]:
    """What a group has committed."""
    async with _admin(kafka) as admin:
        offsets: Mapping[TopicPartition, OffsetAndMetadata] = await admin.list_consumer_group_offsets(group)
        return offsets


async def read(kafka: KafkaSettings, topic: Topic, isolation_level: str = "read_committed") -> Sequence[ConsumerRecord]:
    """All records of a topic up to its end as it is now, in the order of each partition."""
    records: list[ConsumerRecord] = []
    async with _consumer(kafka, isolation_level) as consumer:
        ends = await consumer.end_offsets(_places(kafka, topic))
        consumer.assign(list(ends))
        while any([await consumer.position(place) < end for place, end in ends.items()]):
            for batch in (await consumer.getmany(timeout_ms=50)).values():
                records += batch
    return sorted(records, key=lambda record: (record.partition, record.offset))


async def ends(kafka: KafkaSettings, *topics: Topic) -> Mapping[TopicPartition, int]:
    """Last stable offset of each partition."""
    async with _consumer(kafka) as consumer:
        return dict(await consumer.end_offsets([place for topic in topics for place in _places(kafka, topic)]))


async def events(
    kafka: KafkaSettings, codec: Codec, topic: Topic, only: str | None = None
) -> Mapping[str, Sequence[Event]]:
    """Committed events by key, in their order. only: of this key, on a topic where others write what they like."""
    by_key: dict[str, list[Event]] = defaultdict(list)
    for record in await read(kafka, topic):
        if only is not None and record.key != only.encode():
            continue
        by_key[record.key.decode()].append(codec.decode(topic, record.value))
    return by_key


@asynccontextmanager
async def producer(kafka: KafkaSettings, **options: str | None) -> AsyncIterator[AIOKafkaProducer]:
    """A caller's producer, which sends what it is told to, however large."""
    async with AIOKafkaProducer(
        **kafka.connection(), linger_ms=0, max_request_size=LARGEST, max_batch_size=LARGEST, **options
    ) as made:
        yield made


def _places(kafka: KafkaSettings, topic: Topic) -> list[TopicPartition]:
    return [TopicPartition(topic.name, number) for number in range(kafka.partitions)]


def _consumer(kafka: KafkaSettings, isolation_level: str = "read_committed") -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        **kafka.connection(),
        isolation_level=isolation_level,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        fetch_max_wait_ms=50,
    )


@asynccontextmanager
async def _admin(kafka: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**kafka.connection())
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()
