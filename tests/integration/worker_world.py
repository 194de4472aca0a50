"""Workers in processes of their own, a provider that counts, and a router that sends requests."""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiokafka import AIOKafkaProducer, ConsumerRecord

from headrace.codec import Codec
from headrace.event import Event
from headrace.events.node import ExecuteNode, NodeSucceeded
from headrace.kafka import KafkaSettings
from tests.conftest import Stack
from tests.integration.processes import Processes, Started, processes
from tests.integration.processes import worker as process
from tests.integration.provider import Provider, provider
from tests.support import names, topics
from tests.support.databases import database, fetch
from tests.support.waiting import until


@dataclass
class World:
    """A worker's own topics, database and provider, and the requests that a router has sent, by name."""

    stack: Stack
    codec: Codec
    router: AIOKafkaProducer
    processes: Processes
    provider: Provider
    dsn: str
    suffix: str
    sent: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.requests, self.outcomes_topic = process.topics(self.suffix)
        self.group = f"worker.{self.suffix}"

    @property
    def kafka(self) -> KafkaSettings:
        return self.stack.kafka

    async def start(self, instance: str = "one", **orders: object) -> Started:
        known = {"instance": instance, "provider": self.provider.url, "dsn": self.dsn}
        return await self.processes.start("worker", process.Orders.of(self.stack, self.suffix, **{**known, **orders}))

    async def request(self, name: str, partition: int = 0, timeout_ms: int | None = None, **more: str) -> None:
        """A request of the router; its run's id and its record's id are its name."""
        deadline = None if timeout_ms is None else time.time_ns() // 1_000_000 + timeout_ms
        event = ExecuteNode(
            run=name,
            workflow="w@1",
            node="n",
            type="model_invoke",
            config="{}",
            input=json.dumps({"name": name, **more}),
            deadline=deadline,
        )
        value = self.codec.encode(self.requests, event)
        self.sent.append(name)
        await self.router.send_and_wait(
            self.requests.name, value, name.encode(), partition=partition, headers=[("ce_id", name.encode())]
        )

    async def many_requests(self, prefix: str, number: int = 20) -> Sequence[str]:
        names = [f"{prefix}-{count}" for count in range(number)]
        await asyncio.gather(*(self.request(name, count % 2) for count, name in enumerate(names)))
        return names

    async def records(self) -> Mapping[str, Sequence[ConsumerRecord]]:
        """Outcomes by request."""
        found: dict[str, list[ConsumerRecord]] = defaultdict(list)
        for record in await topics.read(self.kafka, self.outcomes_topic):
            found[record.key.decode()].append(record)
        return found

    async def outcomes(self, name: str, number: int = 1) -> Sequence[Event]:
        """What became of a request, as soon as there are so many outcomes."""

        async def look() -> Sequence[ConsumerRecord] | None:
            records = (await self.records()).get(name, [])
            return records if len(records) >= number else None

        records = await until(look)
        assert records
        assert {dict(record.headers)["ce_id"] for record in records} == {f"{name}/outcome".encode()}
        return [self.codec.decode(self.outcomes_topic, record.value) for record in records]

    async def all_answered(self) -> None:
        async def look() -> bool:
            return (await self.records()).keys() >= set(self.sent)

        await until(look, 60)

    async def journaled(self) -> Sequence[str]:
        """Requests whose call is done, as the journal has it."""
        rows = await fetch(self.dsn, "select key from call_journal where answer is not null")
        return [key.split("/")[0] for (key,) in rows]

    async def committed(self, partition: int) -> int:
        offsets = await topics.group_offsets(self.kafka, self.group)
        return sum(offset.offset for place, offset in offsets.items() if place.partition == partition)


def answer_of(outcome: Event) -> object:
    assert isinstance(outcome, NodeSucceeded), outcome
    return json.loads(outcome.output)


@asynccontextmanager
async def worker_world(stack: Stack, folder: Path) -> AsyncIterator[World]:
    """For the length of a test."""
    suffix = names.suffix()
    async with (
        topics.own(stack, process.topics(suffix)) as codec,
        topics.producer(stack.kafka) as router,
        database(stack.env["DATABASE_URL"]) as dsn,
        provider() as outside,
        processes(folder) as started,
    ):
        yield World(stack, codec, router, started, outside, dsn, suffix)
