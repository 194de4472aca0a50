"""The projection loop on a real broker and a real Postgres: killed, stopped, poisoned, and without its database."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition

from headrace.codec import Codec
from headrace.contracts import SchemaRegistry
from headrace.errors import KafkaUnavailable
from headrace.events import run
from headrace.projection import run_projection, start_over
from headrace.projection.store import Store
from headrace.service import Service
from headrace.settings import ServiceSettings
from headrace.topics import dead_letters
from tests.conftest import Stack
from tests.integration.processes.projection import POINTS, projection
from tests.integration.projection_world import (
    DEADLINE_S,
    INSTANCE,
    NO_PREV,
    Place,
    World,
    projection_world,
    tables,
    tallied,
)
from tests.support import topics
from tests.support.databases import fetch
from tests.support.proxy import proxy
from tests.support.running import running
from tests.support.waiting import until

NAMED = ServiceSettings(instance=INSTANCE)
SIGNALLED = run.SignalReceived(seq=1, prev=NO_PREV, at=1, signal="s", payload="{}")


@pytest.fixture
async def world(stack: Stack, tmp_path: Path) -> AsyncIterator[World]:
    async with projection_world(stack, tmp_path) as made:
        yield made


@asynccontextmanager
async def projecting(
    world: World, dsn: str, *, codec: Codec | None = None, settings: ServiceSettings = NAMED
) -> AsyncIterator[Service]:
    """The projection in this process until the end of the block."""
    service = Service("projection", settings)
    service.started = True
    loop = run_projection(projection(world.suffix), codec or world.codec, world.kafka, service, dsn)
    async with running(loop, service.stopping, DEADLINE_S):
        yield service


@pytest.mark.timeout(400)
async def test_killed_between_any_two_statements_the_rows_equal_a_rebuild(world: World) -> None:
    dsn = await world.create_database("rows")
    for point in POINTS:
        for hits in (1, 3):
            process = await world.start(dsn, point=point, hits=hits, signal=signal.SIGKILL)
            died = asyncio.create_task(process.ended(DEADLINE_S))
            await world.produce_until(died.done)
            assert died.result() == -signal.SIGKILL

    survivor = await world.start(dsn)
    await world.caught_up(dsn)
    await survivor.stop()

    assert await tallied(dsn) == world.produced
    assert await tables(dsn) == await world.rebuilt()
    letters = await topics.read(world.kafka, dead_letters(world.topics[0]))
    assert {_place(letter) for letter in letters} == set(world.poison)


@pytest.mark.parametrize(("point", "learns_by"), [("after_poll", "fenced"), ("before_commit", "waiting")])
async def test_an_owner_stopped_past_its_session_does_no_harm_when_it_resumes(
    world: World, point: str, learns_by: str
) -> None:
    dsn = await world.create_database("rows")
    zombie = await world.start(dsn, "zombie", point=point, hits=2, signal=signal.SIGSTOP)
    frozen = asyncio.create_task(zombie.stopped())
    await world.produce_until(frozen.done)
    await frozen
    before = await tallied(dsn)

    heir = await world.start(dsn, "heir")
    await world.caught_up(dsn)
    assert await tallied(dsn) > before, "the heir had nothing to do"
    zombie.send(signal.SIGCONT)
    await zombie.says(f'"event": "{learns_by}"')
    await world.produce()
    await world.caught_up(dsn)
    await asyncio.gather(zombie.stop(), heir.stop())

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

    async with projecting(world, dsn):
        await world.caught_up(dsn)

    letters = {letter.key.decode(): letter for letter in await topics.read(world.kafka, dead_letters(runs))}
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
    await topics.configure(world.kafka, letters, {"max.message.bytes": "3000"})
    async with projecting(world, dsn) as service:
        await world.send(runs, "k", b"small")
        await until(lambda: _buried(world, b"small"), DEADLINE_S)
        await world.send(runs, "k", b"l" * 5_000)
        await until(lambda: bool(service.not_ready()), DEADLINE_S)
        # when its topic takes it at last
        await topics.configure(world.kafka, letters, {})
        # then it is there, and the next record is unharmed
        await until(lambda: _buried(world, b"small", b"l" * 5_000), DEADLINE_S)
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
    await first.stop()
    # then another has them
    async with projecting(world, dsn, settings=ServiceSettings()):
        await world.produce()
        await world.caught_up(dsn)
    assert await tallied(dsn) == world.produced


async def test_told_to_stop_while_the_registry_is_away_it_leaves_the_records_to_the_next_one(world: World) -> None:
    dsn = await world.create_database("rows")
    await world.produce()
    async with proxy(world.stack.registry_url) as between, SchemaRegistry(between.url) as registry:
        # given one that does not know the writers' schemas, and can't ask for them
        between.shut()
        async with projecting(world, dsn, codec=Codec(registry)):
            await until(between.has_refused, DEADLINE_S)
            # when it is told to stop, it does
        assert await tallied(dsn) == 0
        # then the next one reads what it had not
        between.reopen()
        async with projecting(world, dsn, codec=Codec(registry)):
            await world.caught_up(dsn)
    assert await tallied(dsn) == world.produced
    assert not await topics.read(world.kafka, dead_letters(world.topics[1]))


async def test_a_database_that_is_not_there_yet_is_waited_for(world: World) -> None:
    name = projection(world.suffix).name
    await world.produce()
    async with projecting(world, world.dsn("late")) as service:
        await until(lambda: name in service.not_ready(), DEADLINE_S)
        dsn = await world.create_database("late")
        await world.caught_up(dsn)
        await until(lambda: not service.not_ready(), DEADLINE_S)
    assert await tallied(dsn) == world.produced


async def test_a_database_that_goes_away_loses_and_doubles_nothing(world: World) -> None:
    dsn = await world.create_database("rows")
    async with proxy(dsn) as between, projecting(world, between.url) as service:
        for _ in range(3):
            await world.produce()
            await world.caught_up(dsn)
            between.shut()
            await world.produce()
            await until(lambda: bool(service.not_ready()), DEADLINE_S)
            between.reopen()
            await world.caught_up(dsn)
            await until(lambda: not service.not_ready(), DEADLINE_S)

    assert await tallied(dsn) == world.produced
    assert await tables(dsn) == await world.rebuilt()


async def test_starting_over_under_an_idle_projection_brings_the_same_rows_back(world: World) -> None:
    dsn = await world.create_database("rows")
    for _ in range(20):
        await world.produce()
    async with projecting(world, dsn):
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
    async with projecting(world, dsn):
        await world.caught_up(dsn)
    await fetch(dsn, "update projection_positions set next_offset = 1000000 returning topic")

    process = await world.start(dsn)

    assert await process.ended(DEADLINE_S) == 1
    assert "stand at 1000000: start over" in process.log


async def test_lag_tools_see_no_lag_when_nothing_is_left_to_read(world: World) -> None:
    dsn = await world.create_database("rows")
    await world.produce()
    async with projecting(world, dsn):
        await world.caught_up(dsn)
        await until(lambda: _no_lag(world), DEADLINE_S)


async def _buried(world: World, *values: bytes) -> bool:
    """Whether these are the dead letters of runs, each perhaps more than once."""
    return {letter.value for letter in await topics.read(world.kafka, dead_letters(world.topics[0]))} == set(values)


async def _no_lag(world: World) -> bool:
    committed = await topics.group_offsets(world.kafka, projection(world.suffix).name)
    offsets = {place: found.offset for place, found in committed.items()}
    return offsets == await topics.ends(world.kafka, *world.topics)


async def _rebuild(dsn: str) -> int:
    environment = {**os.environ, "DATABASE_URL": dsn}
    command = (sys.executable, "-m", "projector", "rebuild")
    process = await asyncio.create_subprocess_exec(*command, env=environment, stderr=asyncio.subprocess.DEVNULL)
    return await process.wait()


def _place(letter: Any) -> Place:
    headers = {name.removeprefix("__connect.errors."): value for name, value in letter.headers}
    return headers["topic"].decode(), int(headers["partition"]), int(headers["offset"])
