"""The projection loop on a real broker and a real Postgres: killed, stopped, poisoned, and without its database."""

import asyncio
import os
import signal
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from headrace.codec import Codec
from headrace.contracts import SchemaRegistry
from headrace.errors import KafkaUnavailable
from headrace.events import run
from headrace.kafka import LARGEST_REQUEST, create_topics
from headrace.projection import run_projection, start_over
from headrace.projection.store import Store
from headrace.service import Service
from headrace.settings import ServiceSettings
from headrace.topics import dead_letters
from tests.conftest import Stack
from tests.integration.projection_process import POINTS, projection, topics
from tests.integration.projection_world import (
    DEADLINE_S,
    INSTANCE,
    NO_PREV,
    Place,
    Proxy,
    World,
    consumer,
    delete,
    ends_of,
    fetch,
    read_all,
    stop,
    tables,
    tallied,
    until,
)
from tests.integration.proxy import proxy
from tests.integration.topics import configure

NAMED = ServiceSettings(instance=INSTANCE)
SIGNALLED = run.SignalReceived(seq=1, prev=NO_PREV, at=1, signal="s", payload="{}")


@pytest.fixture
async def world(stack: Stack, tmp_path: Path) -> AsyncIterator[World]:
    suffix = uuid.uuid4().hex[:10]
    created = [*topics(suffix), *(dead_letters(topic) for topic in topics(suffix))]
    async with SchemaRegistry(stack.registry_url) as registry:
        codec = Codec(registry)
        await codec.register(topics(suffix))
        await create_topics(stack.kafka, created)
        producer = AIOKafkaProducer(
            **stack.kafka.connection(), transactional_id=f"test.{suffix}", max_request_size=LARGEST_REQUEST
        )
        await producer.start()
        world = World(stack, suffix, codec, producer, tmp_path)
        try:
            yield world
        finally:
            await world.close()
            await delete(stack.kafka, created)


@asynccontextmanager
async def running(
    world: World, dsn: str, *, codec: Codec | None = None, settings: ServiceSettings = NAMED
) -> AsyncIterator[Service]:
    """The projection in this process until the end of the block; there, what it raised is raised."""
    service = Service("projection", settings)
    service.started = True
    loop = run_projection(projection(world.suffix), codec or world.codec, world.kafka, service, dsn)
    task = asyncio.create_task(loop)
    try:
        yield service
    finally:
        service.stopping.set()
        await asyncio.wait_for(task, DEADLINE_S)


@pytest.mark.timeout(400)
async def test_killed_between_any_two_statements_the_rows_equal_a_rebuild(world: World) -> None:
    dsn = await world.create_database("rows")
    for point in POINTS:
        for hits in (1, 3):
            process = await world.start(dsn, point=point, hits=hits, signal=signal.SIGKILL)
            died = asyncio.create_task(process.wait())
            await world.produce_while(lambda died=died: not died.done())  # type: ignore[misc]  # a default, not a type
            assert died.result() == -signal.SIGKILL

    survivor = await world.start(dsn)
    await world.caught_up(dsn)
    await stop(survivor)

    assert await tallied(dsn) == world.produced
    assert await tables(dsn) == await world.rebuilt()
    letters = await read_all(world.kafka, dead_letters(world.topics[0]))
    assert {_place(letter) for letter in letters} == set(world.poison)


@pytest.mark.parametrize(("point", "learns_by"), [("after_poll", "fenced"), ("before_commit", "waiting")])
async def test_an_owner_stopped_past_its_session_does_no_harm_when_it_resumes(
    world: World, point: str, learns_by: str
) -> None:
    dsn = await world.create_database("rows")
    zombie = await world.start(dsn, "zombie", point=point, hits=2, signal=signal.SIGSTOP)
    await world.produce_while(lambda: psutil.Process(zombie.pid).status() != psutil.STATUS_STOPPED)
    before = await tallied(dsn)

    heir = await world.start(dsn, "heir")
    await world.caught_up(dsn)
    assert await tallied(dsn) > before, "the heir had nothing to do"
    zombie.send_signal(signal.SIGCONT)
    await until(lambda: world.said("zombie", learns_by), "the zombie learns that it is one")
    await world.produce()
    await world.caught_up(dsn)
    await asyncio.gather(stop(zombie), stop(heir))

    assert await tallied(dsn) == world.produced
    assert await tables(dsn) == await world.rebuilt()


async def test_poison_goes_to_the_dead_letters_as_it_was_and_the_next_record_is_unharmed(world: World) -> None:
    runs, _ = world.topics
    usage = run.Usage(input_tokens=1, output_tokens=1, cost="a lot", currency="EUR")
    ended: dict[str, Any] = {"workflow": "w@1", "started_at": 1, "finished_at": 2, "output": "{}", "usage": usage}
    nonsense = run.RunCompleted(seq=0, prev=NO_PREV, **ended)
    poison = {
        "random bytes": (os.urandom(64), "VALUE_CONVERTER"),
        "unknown schema": (b"\x00\x7f\xff\xff\xffabc", "VALUE_CONVERTER"),
        "no value": (None, "VALUE_CONVERTER"),
        "too large": (b"\x00" * 5_000_000, "VALUE_CONVERTER"),
        "nonsense in it": (world.codec.encode(runs, nonsense), "TRANSFORMATION"),
        "unwanted": (world.codec.encode(runs, SIGNALLED), "TASK_PUT"),
    }
    places = {}
    for key, (value, _) in poison.items():
        places[key] = await world.send(runs, key, value, headers=[("colour", b"red \xff")])
        await world.send(runs, f"after {key}", world.codec.encode(runs, SIGNALLED))
    world.produced = len(poison)
    dsn = await world.create_database("rows")

    async with running(world, dsn):
        await world.caught_up(dsn)

    letters = {letter.key.decode(): letter for letter in await read_all(world.kafka, dead_letters(runs))}
    assert {key: letter.value for key, letter in letters.items()} == {key: value for key, (value, _) in poison.items()}
    for key, letter in letters.items():
        headers = dict(letter.headers)
        assert letter.headers[0] == ("colour", b"red \xff")
        assert _place(letter) == places[key]
        assert headers["__connect.errors.connector.name"].decode() == projection(world.suffix).name
        assert headers["__connect.errors.stage"].decode() == poison[key][1]
        assert headers["__connect.errors.exception.message"]
    expected = [(f"after {key}", "running", 1) for key in sorted(poison)]
    assert await fetch(dsn, "select run, status, last_seq from runs order by run") == expected


async def test_a_dead_letter_that_is_refused_is_sent_again_until_it_is_taken(world: World) -> None:
    # given a dead letter that is too large for its topic, after one that is not
    runs, _ = world.topics
    letters = dead_letters(runs)
    dsn = await world.create_database("rows")
    await configure(world.kafka, letters, {"max.message.bytes": "3000"})
    async with running(world, dsn) as service:
        await world.send(runs, "k", b"small")
        await until(lambda: _buried(world, b"small"), "the small one is buried")
        await world.send(runs, "k", b"l" * 5_000)
        await until(lambda: bool(service.not_ready()), "the large one is refused")
        # when its topic takes it at last
        await configure(world.kafka, letters, {})
        # then it is there, and the next record is unharmed
        await until(lambda: _buried(world, b"small", b"l" * 5_000), "the large one is buried")
        await world.send(runs, "k", world.codec.encode(runs, SIGNALLED))
        world.produced = 1
        await world.caught_up(dsn)


async def test_topics_that_are_not_there_are_named(world: World) -> None:
    absent = projection(f"{world.suffix}.absent")
    service = Service("projection", NAMED)
    with pytest.raises(KafkaUnavailable, match=f"no topics prompt.events.{world.suffix}.absent"):
        await run_projection(absent, world.codec, world.kafka, service, world.dsn("rows"))
    assert absent.name in service.not_ready()


async def test_without_a_name_that_outlives_it_the_next_one_takes_over_at_once(world: World) -> None:
    # given one whose partitions would stay its own for minutes, if it had a name to come back under
    dsn = await world.create_database("rows")
    first = await world.start(dsn, instance="", session_timeout_ms=300_000)
    await world.produce()
    await world.caught_up(dsn)
    # when it has stopped
    await stop(first)
    # then another has them
    async with running(world, dsn, settings=ServiceSettings()):
        await world.produce()
        await world.caught_up(dsn)
    assert await tallied(dsn) == world.produced


async def test_told_to_stop_while_the_registry_is_away_it_leaves_the_records_to_the_next_one(world: World) -> None:
    dsn = await world.create_database("rows")
    await world.produce()
    async with proxy(world.stack.registry_url) as between, SchemaRegistry(between.url) as registry:
        # given one that does not know the writers' schemas, and can't ask for them
        between.shut()
        async with running(world, dsn, codec=Codec(registry)):
            await until(between.has_refused, "it asks")
            # when it is told to stop, it does
        assert await tallied(dsn) == 0
        # then the next one reads what it had not
        between.reopen()
        async with running(world, dsn, codec=Codec(registry)):
            await world.caught_up(dsn)
    assert await tallied(dsn) == world.produced
    assert not await read_all(world.kafka, dead_letters(world.topics[1]))


async def test_a_database_that_is_not_there_yet_is_waited_for(world: World) -> None:
    name = projection(world.suffix).name
    await world.produce()
    async with running(world, world.dsn("late")) as service:
        await until(lambda: name in service.not_ready(), "it is asked, and not ready")
        dsn = await world.create_database("late")
        await world.caught_up(dsn)
        await until(lambda: not service.not_ready(), "it is ready")
    assert await tallied(dsn) == world.produced


async def test_a_database_that_goes_away_loses_and_doubles_nothing(world: World) -> None:
    dsn = await world.create_database("rows")
    async with Proxy(dsn) as proxy, running(world, proxy.dsn) as service:
        for _ in range(3):
            await world.produce()
            await world.caught_up(dsn)
            proxy.cut()
            await world.produce()
            await until(lambda: bool(service.not_ready()), "it is not ready")
            proxy.mend()
            await world.caught_up(dsn)
            await until(lambda: not service.not_ready(), "it is ready again")

    assert await tallied(dsn) == world.produced
    assert await tables(dsn) == await world.rebuilt()


async def test_starting_over_under_an_idle_projection_brings_the_same_rows_back(world: World) -> None:
    dsn = await world.create_database("rows")
    for _ in range(20):
        await world.produce()
    async with running(world, dsn):
        await world.caught_up(dsn)
        before = await tables(dsn)
        await fetch(dsn, "update runs set status = 'tampered with' returning run")

        await start_over(projection(world.suffix), dsn)

        await world.caught_up(dsn)
        assert await tables(dsn) == before
        assert await tallied(dsn) == world.produced


async def test_the_command_to_rebuild_drops_rows_and_positions_of_the_projector(world: World) -> None:
    dsn = await world.create_database("rows")
    assert await _rebuild(dsn) == 0
    await fetch(dsn, "insert into runs (run, last_seq, status) values ('r', 0, 'running') returning run")
    places = "('projector', 't', 0, 7), ('another', 't', 0, 7)"
    await fetch(dsn, f"insert into projection_positions values {places} returning topic")
    await fetch(dsn, "alter table runs drop column workflow")  # as an older version made them

    assert await _rebuild(dsn) == 0

    assert await fetch(dsn, "select run, workflow from runs") == []
    assert await fetch(dsn, "select projection from projection_positions") == [("another",)]


async def test_many_may_create_the_schema_at_once(world: World) -> None:
    dsn = await world.create_database("rows")
    places = [TopicPartition("t", 0), TopicPartition("t", 1)]
    stores = [Store(dsn, projection(world.suffix)) for _ in range(12)]
    positions = await asyncio.gather(*(store.positions(places) for store in stores))
    await asyncio.gather(*(store.close() for store in stores))
    assert positions == [dict.fromkeys(places, 0)] * len(stores)


async def test_rows_of_another_log_are_not_gone_on_with(world: World) -> None:
    dsn = await world.create_database("rows")
    await world.produce()
    async with running(world, dsn):
        await world.caught_up(dsn)
    await fetch(dsn, "update projection_positions set next_offset = 1000000 returning topic")

    process = await world.start(dsn)

    assert await asyncio.wait_for(process.wait(), DEADLINE_S) == 1
    assert "stand at 1000000: start over" in world.log(INSTANCE).read_text()


async def test_lag_tools_see_no_lag_when_nothing_is_left_to_read(world: World) -> None:
    dsn = await world.create_database("rows")
    await world.produce()
    async with running(world, dsn):
        await world.caught_up(dsn)
        await until(lambda: _no_lag(world), "the group has come to the end of the log")


async def _buried(world: World, *values: bytes) -> bool:
    """Whether these are the dead letters of runs, each perhaps more than once."""
    return {letter.value for letter in await read_all(world.kafka, dead_letters(world.topics[0]))} == set(values)


async def _no_lag(world: World) -> bool:
    admin = AIOKafkaAdminClient(**world.kafka.connection())
    await admin.start()
    committed = await admin.list_consumer_group_offsets(projection(world.suffix).name)
    await admin.close()
    async with consumer(world.kafka) as reader:
        return {place: found.offset for place, found in committed.items()} == await ends_of(reader, *world.topics)


async def _rebuild(dsn: str) -> int:
    environment = {**os.environ, "DATABASE_URL": dsn}
    command = (sys.executable, "-m", "projector", "rebuild")
    process = await asyncio.create_subprocess_exec(*command, env=environment, stderr=asyncio.subprocess.DEVNULL)
    return await process.wait()


def _place(letter: Any) -> Place:
    headers = {name.removeprefix("__connect.errors."): value for name, value in letter.headers}
    return headers["topic"].decode(), int(headers["partition"]), int(headers["offset"])
