"""A client that starts jobs by producing a record and awaits each one's record on a results topic."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from headrace.kafka import KafkaSettings

DEADLINE_S = 120.0


@dataclass
class Load:
    """One client, two topics; `value` makes the request's record value."""

    kafka: KafkaSettings
    requests: str
    results: str
    value: Callable[[], bytes]
    name: str = ""
    """The key of every job; empty gives each its own."""
    _waiting: dict[bytes, asyncio.Future[bytes]] = field(default_factory=dict)
    _counter: int = 0
    _run: str = field(default_factory=lambda: f"bench-{time.time_ns()}")

    async def __aenter__(self) -> "Load":
        """Connect, and stand at the end of the results."""
        self._producer = AIOKafkaProducer(**self.kafka.connection(), linger_ms=0)
        self._consumer = AIOKafkaConsumer(
            **self.kafka.connection(), isolation_level="read_committed", fetch_max_wait_ms=500
        )
        await self._producer.start()
        await self._consumer.start()
        places = [TopicPartition(self.results, number) for number in range(self.kafka.partitions)]
        self._consumer.assign(places)
        await self._consumer.seek_to_end(*places)
        for place in places:
            await self._consumer.position(place)
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Disconnect."""
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
        await self._consumer.stop()
        await self._producer.stop()

    async def one(self) -> tuple[float, bytes]:
        """Run one job; its time in seconds, and the value of its result."""
        self._counter += 1
        key = (self.name or f"{self._run}-{self._counter}").encode()
        done = self._waiting[key] = asyncio.get_running_loop().create_future()
        began = time.perf_counter()
        await self._producer.send(self.requests, self.value(), key=key)
        result = await asyncio.wait_for(done, DEADLINE_S)
        return time.perf_counter() - began, result

    async def one_at_a_time(self, jobs: int) -> list[float]:
        """Times of jobs that follow each other, seconds."""
        return [(await self.one())[0] for _ in range(jobs)]

    async def in_flight(self, jobs: int, at_once: int) -> float:
        """Seconds that `jobs` jobs take with `at_once` of them under way."""
        left = iter(range(jobs))

        async def lane() -> None:
            for _ in left:
                await self.one()

        began = time.perf_counter()
        await asyncio.gather(*(lane() for _ in range(at_once)))
        return time.perf_counter() - began

    async def _read(self) -> None:
        while True:
            for records in (await self._consumer.getmany(timeout_ms=1000)).values():
                for record in records:
                    waiting = self._waiting.pop(record.key, None)
                    if waiting and not waiting.done():
                        waiting.set_result(record.value)
