"""What the tests of the projection loop stand on: a test's own topics, databases, load and processes."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
from aiokafka import AIOKafkaProducer

from headrace.codec import Codec
from headrace.event import Event
from headrace.events import resource, run
from headrace.kafka import KafkaSettings, partition_of
from headrace.topics import Topic
from tests.conftest import Stack
from tests.integration.processes import Processes, Started, processes
from tests.integration.processes import projection as process
from tests.support import names, topics
from tests.support.databases import database, fetch, on
from tests.support.waiting import until

DEADLINE_S = 60.0
INSTANCE = "one"
"""Of every process but those that meet another: a static member that returns causes no rebalance."""
ABORTED_EVERY = 7
POISON_EVERY = 5
POISON = b"\x00 this is no Avro"
USAGE = run.Usage(input_tokens=7, output_tokens=11, cost="0.0030", currency="EUR")
NO_PREV = bytes(32)
BEGAN = 1_700_000_000_000

Place = tuple[str, int, int]
"""Topic, partition and offset."""


@dataclass
class World:
    """One test's own. `produced`: committed records that can be read; `poison`: places of those that can't."""

    stack: Stack
    suffix: str
    codec: Codec
    producer: AIOKafkaProducer
    processes: Processes
    databases: AsyncExitStack
    produced: int = 0
    poison: list[Place] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=count)

    @property
    def kafka(self) -> KafkaSettings:
        return self.stack.kafka

    @property
    def topics(self) -> tuple[Topic, Topic]:
        return process.topics(self.suffix)

    def dsn(self, name: str) -> str:
        """Of a database that may not be there yet."""
        return on(self.stack.env["DATABASE_URL"], f"{name}-{self.suffix}")

    async def create_database(self, name: str) -> str:
        made = database(self.stack.env["DATABASE_URL"], f"{name}-{self.suffix}")
        return await self.databases.enter_async_context(made)

    async def start(self, dsn: str, instance: str = INSTANCE, **given: Any) -> Started:
        """A projection process."""
        orders = process.Orders.of(self.stack, self.suffix, dsn=dsn, instance=instance, **given)
        return await self.processes.start("projection", orders)

    async def send(self, topic: Topic, key: str, value: bytes | None, **options: Any) -> Place:
        """One record in a transaction of its own."""
        async with self.producer.transaction():
            sent = await (await self._send(topic, key, value, **options))
        return sent.topic, sent.partition, sent.offset

    async def produce(self) -> None:
        """A run and a prompt's life in one transaction; now and then one that is aborted, and a poison record."""
        number = next(self.numbers)
        runs, prompts = self.topics
        records = [(runs, f"run-{number}", event) for event in run_of(number)]
        records += [(prompts, f"prompt-{number % 5}", event) for event in changes_of(number)]
        await self.producer.begin_transaction()
        sent = [await self._send(topic, key, self.codec.encode(topic, event)) for topic, key, event in records]
        await asyncio.gather(*sent)
        if number % ABORTED_EVERY == ABORTED_EVERY - 1:
            await self.producer.abort_transaction()
            return
        await self.producer.commit_transaction()
        self.produced += len(records)
        if number % POISON_EVERY == 0:
            self.poison.append(await self.send(runs, "poison", POISON))

    async def produce_until(self, seen: Callable[[], bool]) -> None:
        """Load without a pause."""

        async def look() -> bool:
            await self.produce()
            return seen()

        await until(look, DEADLINE_S, every_s=0)

    async def caught_up(self, dsn: str) -> None:
        """Wait until the tally has as many records as were produced, or more."""

        async def all_there() -> bool:
            return await tallied(dsn) >= self.produced

        await until(all_there, DEADLINE_S)

    async def rebuilt(self) -> dict[str, list[Any]]:
        """The tables as a projection makes them that reads everything from offset 0 into a new database."""
        dsn = await self.create_database("rebuilt")
        started = await self.start(dsn)
        await self.caught_up(dsn)
        await started.stop()
        return await tables(dsn)

    async def _send(self, topic: Topic, key: str, value: bytes | None, **options: Any) -> Any:
        home = partition_of(key.encode(), self.kafka.partitions)
        return await self.producer.send(topic.name, value, key.encode(), partition=home, **options)


def run_of(number: int) -> list[Event]:
    """A run in which a node fails, is tried again and succeeds, and another is skipped; it ends well or badly."""
    at = BEGAN + number
    seq = count()

    def place() -> dict[str, Any]:
        return {"seq": next(seq), "prev": NO_PREV}

    ended: dict[str, Any] = {"workflow": "w@1", "started_at": at, "finished_at": at + 9, "usage": USAGE}
    times: dict[str, Any] = {"started_at": at + 2, "finished_at": at + 3}
    return [
        run.RunStarted(**place(), at=at, workflow="w@1", input="{}", actor="ann"),
        run.NodeScheduled(**place(), at=at, node="n", type="template", input="{}"),
        run.NodeFailed(**place(), at=at + 1, node="n", code="timeout", message="too slow", retry_at=at + 2),
        run.NodeScheduled(**place(), at=at + 2, node="n", attempt=2, type="template", input="{}"),
        run.NodeSucceeded(**place(), at=at + 3, node="n", attempt=2, output="{}", usage=USAGE, **times),
        run.NodeSkipped(**place(), at=at + 4, node="m", reason="no edge from n leads here"),
        run.RunCompleted(**place(), **ended, output="{}")
        if number % 2
        else run.RunFailed(**place(), **ended, code="node_failed", message="a NUL: \0", node="n"),
    ]


def changes_of(number: int) -> list[Event]:
    """A version, a pointer that moves to it, and a refusal."""
    at = BEGAN + number
    return [
        resource.VersionCreated(at=at, kind="Prompt", version=number + 1, digest="d", spec="{}", actor="ann"),
        resource.PointerMoved(at=at, pointer="production", version=number + 1, previous=number, reason="better"),
        resource.ChangeRefused(at=at, command="MovePointer", code="pointer_conflict", message="look again"),
    ]


async def tallied(dsn: str) -> int:
    """Records in the tally; 0 while there is none."""
    try:
        return int((await fetch(dsn, "select coalesce(sum(records), 0) from tally"))[0][0])
    except asyncpg.UndefinedTableError:
        return 0


async def tables(dsn: str) -> dict[str, list[Any]]:
    """Every row of every table as text, in one order."""
    return {name: await fetch(dsn, f"select whole::text from {name} as whole order by 1") for name in process.TABLES}


@asynccontextmanager
async def projection_world(stack: Stack, folder: Path) -> AsyncIterator[World]:
    """For the length of a test."""
    suffix = names.suffix()
    async with (
        topics.own(stack, process.topics(suffix)) as codec,
        topics.producer(stack.kafka, transactional_id=f"test.{suffix}") as producer,
        AsyncExitStack() as databases,
        processes(folder) as started,
    ):
        yield World(stack, suffix, codec, producer, started, databases)
