"""What the tests of the projection loop stand on: a test's own topics, databases, load and processes."""

import asyncio
import inspect
import json
import sys
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from headrace.codec import Codec
from headrace.event import Event
from headrace.events import resource, run
from headrace.kafka import KafkaSettings, partition_of
from headrace.topics import PARTITIONS, Topic
from tests.conftest import Stack
from tests.integration.projection_process import TABLES, Orders, topics

TOP_LEVEL = Path(__file__).parents[2]
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
    logs: Path
    produced: int = 0
    poison: list[Place] = field(default_factory=list)
    databases: list[str] = field(default_factory=list)
    processes: list[Process] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=count)

    @property
    def kafka(self) -> KafkaSettings:
        return self.stack.kafka

    @property
    def topics(self) -> tuple[Topic, Topic]:
        return topics(self.suffix)

    def dsn(self, name: str) -> str:
        """Of a database that may not be there yet."""
        return urlsplit(self.stack.env["DATABASE_URL"])._replace(path=f"/headrace_{self.suffix}_{name}").geturl()

    async def create_database(self, name: str) -> str:
        await self._administer(f'create database "headrace_{self.suffix}_{name}"')
        self.databases.append(name)
        return self.dsn(name)

    async def start(self, dsn: str, instance: str = INSTANCE, **given: Any) -> Process:
        """A projection process; what it logs goes to `log(instance)`."""
        orders = Orders(
            suffix=self.suffix,
            dsn=dsn,
            registry_url=self.stack.registry_url,
            kafka=self.kafka.bootstrap_servers,
            instance=instance,
            **given,
        )
        command = (sys.executable, "-m", "tests.integration.projection_process", orders.model_dump_json())
        with self.log(instance).open("ab") as log:
            process = await asyncio.create_subprocess_exec(*command, cwd=TOP_LEVEL, stderr=log)
        self.processes.append(process)
        return process

    def log(self, instance: str) -> Path:
        return self.logs / f"{instance}.log"

    def said(self, instance: str, event: str) -> bool:
        """Whether a process has logged this event."""
        return any(json.loads(line)["event"] == event for line in self.log(instance).read_text().splitlines())

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

    async def produce_while(self, going_on: Callable[[], bool]) -> None:
        """Load without a pause. Fails when it goes on for too long."""
        deadline = time.monotonic() + DEADLINE_S
        while going_on():
            assert time.monotonic() < deadline, f"it still goes on after {DEADLINE_S:.0f} s"
            await self.produce()

    async def caught_up(self, dsn: str) -> None:
        """Wait until the tally has as many records as were produced, or more."""

        async def all_there() -> bool:
            return await tallied(dsn) >= self.produced

        await until(all_there, "all records are in the tally")

    async def rebuilt(self) -> dict[str, list[Any]]:
        """The tables as a projection makes them that reads everything from offset 0 into a new database."""
        dsn = await self.create_database("rebuilt")
        process = await self.start(dsn)
        await self.caught_up(dsn)
        await stop(process)
        return await tables(dsn)

    async def close(self) -> None:
        """Leave nothing: no process, no database."""
        for process in self.processes:
            if process.returncode is None:
                process.kill()
                await process.wait()
        await self.producer.stop()
        for name in self.databases:
            await self._administer(f'drop database "headrace_{self.suffix}_{name}" with (force)')

    async def _send(self, topic: Topic, key: str, value: bytes | None, **options: Any) -> Any:
        home = partition_of(key.encode(), self.kafka.partitions)
        return await self.producer.send(topic.name, value, key.encode(), partition=home, **options)

    async def _administer(self, statement: str) -> None:
        connection = await asyncpg.connect(self.stack.env["DATABASE_URL"])
        await connection.execute(statement)
        await connection.close()


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


async def until(condition: Callable[[], bool | Awaitable[bool]], what: str, seconds: float = DEADLINE_S) -> None:
    """Wait for a condition; fail at the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if await found if inspect.isawaitable(found) else found:
            return
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        await asyncio.sleep(0.05)


async def fetch(dsn: str, query: str) -> list[Any]:
    connection = await asyncpg.connect(dsn)
    try:
        return [tuple(row) for row in await connection.fetch(query)]
    finally:
        await connection.close()


async def tallied(dsn: str) -> int:
    """Records in the tally; 0 while there is none."""
    try:
        return int((await fetch(dsn, "select coalesce(sum(records), 0) from tally"))[0][0])
    except asyncpg.UndefinedTableError:
        return 0


async def tables(dsn: str) -> dict[str, list[Any]]:
    """Every row of every table as text, in one order."""
    return {name: await fetch(dsn, f"select whole::text from {name} as whole order by 1") for name in TABLES}


async def stop(process: Process) -> None:
    """Ask a process to end, which it must do well."""
    process.terminate()
    assert await asyncio.wait_for(process.wait(), DEADLINE_S) == 0


async def read_all(kafka: KafkaSettings, topic: Topic) -> list[Any]:
    """All committed records of a topic as it is now."""
    records: list[Any] = []
    async with consumer(kafka) as reader:
        ends = await ends_of(reader, topic)
        reader.assign(list(ends))
        while any([await reader.position(place) < end for place, end in ends.items()]):
            for batch in (await reader.getmany(timeout_ms=200)).values():
                records += batch
    return records


@asynccontextmanager
async def consumer(kafka: KafkaSettings) -> AsyncIterator[AIOKafkaConsumer]:
    reader = AIOKafkaConsumer(**kafka.connection(), auto_offset_reset="earliest", isolation_level="read_committed")
    await reader.start()
    try:
        yield reader
    finally:
        await reader.stop()


async def ends_of(reader: AIOKafkaConsumer, *topics: Topic) -> dict[TopicPartition, int]:
    """Last stable offsets."""
    names = [topic.name for topic in topics]
    places = [TopicPartition(name, number) for name in names for number in range(PARTITIONS)]
    return dict(await reader.end_offsets(places))


async def delete(kafka: KafkaSettings, topics: list[Topic]) -> None:
    admin = AIOKafkaAdminClient(**kafka.connection())
    await admin.start()
    await admin.delete_topics([topic.name for topic in topics])
    await admin.close()


class Proxy:
    """A way to Postgres that can be cut."""

    def __init__(self, dsn: str) -> None:
        self._target = urlsplit(dsn)
        self._writers: set[asyncio.StreamWriter] = set()
        self._open = True
        self._server: asyncio.Server | None = None

    @property
    def dsn(self) -> str:
        """The same database, through here."""
        assert self._server
        port = self._server.sockets[0].getsockname()[1]
        return self._target._replace(netloc=f"{self._target.username}@127.0.0.1:{port}").geturl()

    async def __aenter__(self) -> "Proxy":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server
        self._server.close()
        self.cut()
        await self._server.wait_closed()

    def cut(self) -> None:
        """Break every connection, and every new one until `mend`."""
        self._open = False
        for writer in self._writers:
            writer.transport.abort()

    def mend(self) -> None:
        self._open = True

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._open:
            writer.transport.abort()
            return
        far_reader, far_writer = await asyncio.open_connection(self._target.hostname, self._target.port)
        pair = {writer, far_writer}
        self._writers |= pair
        await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
        self._writers -= pair


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hand on bytes until either side ends, and then end the other."""
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.transport.abort()
