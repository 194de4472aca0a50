"""Everything twice: what is written on topics is written again, as a producer that repeats itself would do it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from headrace.kafka import KafkaSettings
from headrace.topics import Topic
from tests.support import topics as support

ECHO = ("echo", b"")
"""Header of a record that is there for the second time."""


@asynccontextmanager
async def echoing(kafka: KafkaSettings, *topics: Topic) -> AsyncIterator[list[str]]:
    """Repeat each record of these topics as soon as it is there; names of the topics of what was repeated so far."""
    repeated: list[str] = []
    consumer = AIOKafkaConsumer(**kafka.connection(), isolation_level="read_committed", enable_auto_commit=False)
    async with consumer, support.producer(kafka) as producer:
        places = [TopicPartition(topic.name, number) for topic in topics for number in range(kafka.partitions)]
        consumer.assign(places)
        await consumer.seek_to_end(*places)
        for place in places:
            await consumer.position(place)
        repeating = asyncio.create_task(_repeat(consumer, producer, repeated))
        try:
            yield repeated
        finally:
            repeating.cancel()
            await asyncio.gather(repeating, return_exceptions=True)


async def _repeat(consumer: AIOKafkaConsumer, producer: AIOKafkaProducer, repeated: list[str]) -> None:
    async for record in consumer:
        if ECHO not in record.headers:
            headers: Sequence[tuple[str, bytes]] = [*record.headers, ECHO]
            await producer.send_and_wait(
                record.topic, record.value, key=record.key, partition=record.partition, headers=headers
            )
            repeated.append(record.topic)
