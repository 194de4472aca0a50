"""The raw floor: the hops of a workflow of HOPS nodes over Kafka, with no engine in between.

Two processes, as in the real thing. The router is transactional: each batch of a partition becomes one transaction that
holds the next hops and the position. The worker passes requests on. Bytes are never decoded.

Run by the benchmark as `python -m tests.bench.floor router` and `... worker`.
"""

import asyncio
import signal
import sys

import aiokafka.producer.sender
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from headrace.kafka import KafkaSettings
from headrace.topics import Topic

HOPS = 5
PADDING = b"x" * 400
"""About the size of a real request."""


def _topic(name: str) -> Topic:
    return Topic(f"floor.{name}", (), "job", "benchmark", "the raw floor", retention_ms=3_600_000)


REQUESTS, WORK, OUTCOMES, RESULTS, STATE = (
    _topic(name) for name in ("requests", "work", "outcomes", "results", "state")
)
TOPICS = (REQUESTS, WORK, OUTCOMES, RESULTS, STATE)


def job() -> bytes:
    """A request's value: how many hops are done, and padding."""
    return bytes([0]) + PADDING


def next_hop(record: ConsumerRecord) -> tuple[str, bytes]:
    """Where a record goes from the router, and as what."""
    value: bytes = record.value
    if value[0] == HOPS:
        return RESULTS.name, value
    return WORK.name, bytes([value[0] + 1]) + value[1:]


async def send(producer: AIOKafkaProducer, partition: int, outputs: dict[str, list[tuple[bytes, bytes]]]) -> None:
    """Send a batch a topic and wait until all have arrived."""
    arrived = []
    for topic, records in outputs.items():
        batch = producer.create_batch()
        for key, value in records:
            if batch.append(key=key, value=value, timestamp=None) is None:
                arrived.append(await producer.send_batch(batch, topic, partition=partition))
                batch = producer.create_batch()
                batch.append(key=key, value=value, timestamp=None)
        batch.close()
        arrived.append(await producer.send_batch(batch, topic, partition=partition))
    await asyncio.gather(*arrived)


async def route(kafka: KafkaSettings, partition: int) -> None:
    """The router of one partition."""
    producer = AIOKafkaProducer(
        **kafka.connection(), transactional_id=f"floor.{partition}", linger_ms=0, max_batch_size=1 << 20
    )
    consumer = AIOKafkaConsumer(**kafka.connection(), isolation_level="read_committed", max_poll_records=500)
    await producer.start()
    await consumer.start()
    places = [TopicPartition(topic.name, partition) for topic in (REQUESTS, OUTCOMES)]
    consumer.assign(places)
    await consumer.seek_to_end(*places)
    try:
        while True:
            batch = [record for records in (await consumer.getmany(timeout_ms=1000)).values() for record in records]
            if batch:
                async with producer.transaction():
                    await send(producer, partition, _outputs(batch))
    finally:
        await consumer.stop()
        await producer.stop()


def _outputs(batch: list[ConsumerRecord]) -> dict[str, list[tuple[bytes, bytes]]]:
    outputs: dict[str, list[tuple[bytes, bytes]]] = {}
    for record in batch:
        topic, value = next_hop(record)
        outputs.setdefault(topic, []).append((record.key, value))
    outputs[STATE.name] = [(b"@position", str(batch[-1].offset).encode())]
    return outputs


async def work(kafka: KafkaSettings) -> None:
    """The worker of all partitions."""
    producer = AIOKafkaProducer(**kafka.connection(), enable_idempotence=True, linger_ms=0, max_batch_size=1 << 20)
    consumer = AIOKafkaConsumer(**kafka.connection(), isolation_level="read_committed", max_poll_records=500)
    await producer.start()
    await consumer.start()
    places = [TopicPartition(WORK.name, number) for number in range(kafka.partitions)]
    consumer.assign(places)
    await consumer.seek_to_end(*places)
    try:
        while True:
            for place, records in (await consumer.getmany(timeout_ms=1000)).items():
                outcomes = {OUTCOMES.name: [(record.key, record.value) for record in records]}
                await send(producer, place.partition, outcomes)
    finally:
        await consumer.stop()
        await producer.stop()


async def main(role: str) -> None:
    """Run one role until SIGTERM."""
    aiokafka.producer.sender.BACKOFF_OVERRIDE = 0.002
    kafka = KafkaSettings()
    if role == "router":
        loops = [asyncio.create_task(route(kafka, number)) for number in range(kafka.partitions)]
    else:
        loops = [asyncio.create_task(work(kafka))]
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await asyncio.wait([*loops, asyncio.create_task(stop.wait())], return_when=asyncio.FIRST_COMPLETED)
    for loop in loops:
        loop.cancel()
    await asyncio.gather(*loops, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
