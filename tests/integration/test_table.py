"""Tables on the real broker: complete when they say so, up to date, acknowledged, and gone when they stop."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.client import AIOKafkaClient

from headrace.codec import Codec
from headrace.errors import KafkaUnavailable, Undecodable
from headrace.events.control import TableApplied
from headrace.events.resource import ResourceHead, ResourceVersion
from headrace.kafka import KafkaSettings
from headrace.table import Table, read_entries
from headrace.topics import CONTROL_POSITIONS, PROMPT_STATE, Topic
from tests.conftest import Stack
from tests.support import topics
from tests.support.names import suffix
from tests.support.proxy import proxy
from tests.support.running import running
from tests.support.waiting import until, until_equal

MANY = 50


@dataclass
class World:
    """A compacted topic of a test's own, and who writes to it. `changed`: keys of which the table has told."""

    stack: Stack
    codec: Codec
    writer: AIOKafkaProducer
    topic: Topic
    changed: list[str] = field(default_factory=list)

    @property
    def kafka(self) -> KafkaSettings:
        return self.stack.kafka

    async def put(self, key: str, latest: int | None, partition: int = 0) -> int:
        """An entry, or its removal, within a transaction; the offset behind it."""
        head = None if latest is None else ResourceHead(kind="Prompt", latest=latest, pointers={})
        value = None if head is None else self.codec.encode(self.topic, head)
        sent = await self.writer.send_and_wait(self.topic.name, value, key.encode(), partition=partition)
        return int(sent.offset) + 1

    async def commit(self, *entries: tuple[str, int | None]) -> None:
        async with self.writer.transaction():
            for key, latest in entries:
                await self.put(key, latest)

    def table(self, codec: Codec | None = None) -> Table:
        def note(keys: Iterable[str]) -> None:
            self.changed += keys

        return Table(
            self.topic, codec or self.codec, self.kafka, service="test", instance=self.topic.name, on_change=note
        )

    @asynccontextmanager
    async def running(self, table: Table) -> AsyncIterator[Table]:
        """The table as it follows its topic."""
        stopping = asyncio.Event()
        async with running(table.run(stopping), stopping):
            yield table

    async def acknowledged(self) -> TableApplied | None:
        """The newest acknowledgement of the table; None when there is none, or it was withdrawn."""
        key = f"{self.topic.name}/{self.topic.name}".encode()
        newest = [record for record in await topics.read(self.kafka, CONTROL_POSITIONS) if record.key == key][-1:]
        if not newest or newest[0].value is None:
            return None
        applied = self.codec.decode(CONTROL_POSITIONS, newest[0].value)
        assert isinstance(applied, TableApplied)
        return applied


def latest(table: Table) -> dict[str, int]:
    return {key: entry.latest for key, entry in table.entries.items() if isinstance(entry, ResourceHead)}


@pytest.fixture
async def world(stack: Stack) -> AsyncIterator[World]:
    (topic,) = topics.renamed(suffix(), PROMPT_STATE)
    async with (
        topics.own(stack, [topic], CONTROL_POSITIONS) as codec,
        topics.producer(stack.kafka, transactional_id=topic.name) as writer,
    ):
        yield World(stack, codec, writer, topic)


async def test_ready_it_holds_everything_that_was_there(world: World) -> None:
    # given more than one fetch brings, and at the end an aborted transaction: only markers follow the last entry
    large = ResourceVersion(kind="Prompt", version=1, digest="d", spec="x" * 200_000, at=0)
    async with world.writer.transaction():
        for number in range(MANY):
            value = world.codec.encode(world.topic, large)
            await world.writer.send_and_wait(world.topic.name, value, f"large/{number}".encode(), partition=number % 2)
    await world.commit(("kept", 1), ("removed", 1))
    await world.commit(("kept", 2), ("removed", None))
    await world.writer.begin_transaction()
    await world.put("never", 1)
    await world.writer.abort_transaction()
    # when a table says that it is ready
    async with world.running(world.table()) as table:
        assert not table.is_ready
        await asyncio.wait_for(table.ready(), 10)
        # then it is all there
        assert table.entries.keys() == {f"large/{number}" for number in range(MANY)} | {"kept"}
        assert latest(table) == {"kept": 2}


async def test_a_topic_with_nothing_on_it_is_a_table_that_is_ready(world: World) -> None:
    async with world.running(world.table()) as table:
        await asyncio.wait_for(table.ready(), 10)
        assert not table.entries


async def test_it_does_not_wait_for_an_open_transaction_and_shows_it_once_it_is_committed(world: World) -> None:
    await world.commit(("old", 1))
    await world.writer.begin_transaction()
    await world.put("new", 1)
    async with world.running(world.table()) as table:
        await asyncio.wait_for(table.ready(), 10)
        assert latest(table) == {"old": 1}

        await world.writer.commit_transaction()
        await until_equal(lambda: latest(table), {"old": 1, "new": 1})


async def test_it_follows_changes_and_tells_of_them(world: World) -> None:
    await world.commit(("kept", 1), ("removed", 1))
    async with world.running(world.table()) as table:
        await asyncio.wait_for(table.ready(), 10)
        world.changed.clear()

        await world.commit(("kept", 2), ("removed", None))

        await until_equal(lambda: latest(table), {"kept": 2})
        assert world.changed == ["kept", "removed"]


async def test_what_it_can_not_read_is_passed_over(world: World) -> None:
    async with world.writer.transaction():
        await world.writer.send_and_wait(world.topic.name, b"junk", b"junk", partition=0)
        await world.writer.send_and_wait(world.topic.name, None, b"\xff", partition=0)
        await world.put("good", 1)
    async with world.running(world.table()) as table:
        await asyncio.wait_for(table.ready(), 10)
        assert latest(table) == {"good": 1}


async def test_who_must_know_everything_does_not_go_on_without_it(world: World) -> None:
    async with world.writer.transaction():
        await world.put("good", 1)
        await world.writer.send_and_wait(world.topic.name, b"junk", b"junk", partition=0)
    with pytest.raises(Undecodable, match=rf"{world.topic.name}-0-1: .* wire format"):
        await read_entries(world.topic, 0, world.codec, world.kafka)


async def test_it_acknowledges_how_far_it_has_come_until_it_stops(world: World) -> None:
    # given a table that is ready
    async with world.running(world.table()) as table:
        await asyncio.wait_for(table.ready(), 10)
        # when entries come
        async with world.writer.transaction():
            behind = {str(number): await world.put("key", 1, number) for number in range(world.kafka.partitions)}

        async def applied() -> TableApplied | None:
            applied = await world.acknowledged()
            return applied if applied and all(applied.offsets[place] >= behind[place] for place in behind) else None

        # then it says so when it has them
        acknowledgement = await until(applied)
        assert acknowledgement
        assert (acknowledgement.service, acknowledgement.topic) == ("test", world.topic.name)
        assert latest(table) == {"key": 1}
    # and nothing is left of it when it has stopped
    assert await world.acknowledged() is None


async def test_while_the_registry_is_away_it_is_not_ready_and_does_not_forget_to_stop(world: World) -> None:
    await world.commit(("key", 1))
    async with proxy(world.stack.registry_url) as between, topics.registered(between.url, [CONTROL_POSITIONS]) as codec:
        between.shut()
        async with world.running(world.table(codec)) as table:
            await until(between.has_refused)
            assert not table.is_ready
        assert not table.is_ready
        between.reopen()
        async with world.running(world.table(codec)) as table:
            await asyncio.wait_for(table.ready(), 10)
            assert latest(table) == {"key": 1}


async def test_a_table_whose_consumer_the_library_has_given_up_ends_with_an_error(world: World) -> None:
    before = asyncio.all_tasks()
    table = world.table()
    following = asyncio.create_task(table.run(asyncio.Event()))
    await asyncio.wait_for(table.ready(), 10)
    for task in asyncio.all_tasks() - before:
        frame = getattr(task.get_coro(), "cr_frame", None)
        client = frame and frame.f_locals.get("self")
        if isinstance(client, AIOKafkaClient) and world.topic.name in client._topics:
            task.cancel()  # what keeps the consumer's metadata fresh
    with pytest.raises(KafkaUnavailable, match="aiokafka has given up a consumer"):
        await asyncio.wait_for(following, 10)
