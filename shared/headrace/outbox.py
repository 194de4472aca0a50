"""Records to be sent together, packed by topic."""

import asyncio
from collections import defaultdict

from aiokafka import AIOKafkaProducer

from headrace.cloudevents import Header

Record = tuple[bytes | None, bytes | None, list[Header]]


class Outbox:
    """Collects records by topic and partition, then sends each as few large batches."""

    def __init__(self) -> None:
        self._records: dict[tuple[str, int], list[Record]] = defaultdict(list)

    def add(self, topic: str, partition: int, record: Record) -> None:
        """Append a record (key, value, headers); order is kept per topic partition."""
        self._records[topic, partition].append(record)

    async def send(self, producer: AIOKafkaProducer) -> None:
        """Send everything and wait for every acknowledgement. Raises the first failure, after all have ended."""
        sent = []
        for (topic, partition), records in self._records.items():
            batch = producer.create_batch()
            for key, value, headers in records:
                if batch.append(key=key, value=value, headers=headers, timestamp=None) is None:
                    sent.append(await producer.send_batch(batch, topic, partition=partition))
                    batch = producer.create_batch()
                    batch.append(key=key, value=value, headers=headers, timestamp=None)
            batch.close()
            sent.append(await producer.send_batch(batch, topic, partition=partition))
        results = await asyncio.gather(*sent, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
