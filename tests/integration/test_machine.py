"""The machine loop on the real broker: killed, frozen, refused, compacted, cut off from its registry, and stopped."""

import signal
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from headrace.topics import dead_letters
from tests.conftest import Stack
from tests.integration.machine_world import World, machine_world
from tests.support import topics
from tests.support.proxy import proxy
from tests.support.waiting import until


@pytest.fixture
async def world(stack: Stack, tmp_path: Path) -> AsyncIterator[World]:
    async with machine_world(stack, tmp_path) as made:
        yield made


@pytest.mark.parametrize(
    ("point", "hits"),
    [
        ("after_poll", (1, 3)),
        ("mid_send", (1, 2, 5)),
        ("before_commit", (1, 3)),
        ("after_commit", (1, 3)),
    ],
)
async def test_killed_again_and_again_each_command_has_its_event_once(
    world: World, point: str, hits: Sequence[int]
) -> None:
    # given commands in flight, and more that follow
    for number in hits:
        await world.commands_in_flight()
        async with world.busy_callers():
            # when the machine is killed there, and started again
            machine = await world.start(point=point, hits=number)
            assert await machine.ended() == -signal.SIGKILL, machine.log
    await world.start()
    # then nothing is lost, nothing is there twice, and all parts agree
    await world.all_answered()
    await world.assert_exact()


async def test_a_machine_with_nothing_to_do_does_not_lag_behind_a_marker(world: World) -> None:
    # given commands that the machine itself sends home, in transactions of its own
    await world.commands_in_flight()
    await world.start()
    await world.all_answered()

    async def caught_up() -> bool:
        committed = await topics.group_offsets(world.kafka, world.machine.name)
        return {place: found.offset for place, found in committed.items()} == await topics.ends(
            world.kafka, world.commands
        )

    await until(caught_up)


async def test_killed_mid_send_it_leaves_a_part_that_nobody_ever_sees(world: World) -> None:
    # given a machine that dies when the events have arrived and the state has not
    await world.commands_in_flight()
    machine = await world.start(point="mid_send")
    assert await machine.ended() == -signal.SIGKILL, machine.log
    # then the broker has events of which a reader of committed records knows nothing
    assert await world.uncommitted(world.log) > 0
    assert await world.uncommitted(world.state) == 0
    assert not await world.outcomes()
    # and after the next start they are still there beside those that count
    await world.start()
    await world.all_answered()
    await world.assert_exact()
    assert await world.uncommitted(world.log) > 0


@pytest.mark.parametrize(("point", "heir"), [("after_poll", "one"), ("before_commit", "two")])
async def test_a_zombie_is_fenced_wherever_it_stood_still(world: World, point: str, heir: str) -> None:
    # given an owner that freezes in the middle of its work
    await world.commands_in_flight()
    zombie = await world.start("one", point=point, signal=signal.SIGSTOP)
    await zombie.stopped()
    # when the group takes it for dead, or its supervisor does, and another takes over
    other = await world.start(heir)
    await world.all_answered()
    # then it finds itself fenced as soon as it wakes up, and ends
    zombie.send(signal.SIGCONT)
    assert await zombie.ended() == 1, zombie.log
    assert "ProducerFenced" in zombie.log
    # and whoever owns what, the system goes on, and nobody ever sees what the zombie had sent
    await world.commands_in_flight()
    await world.start("three")
    await world.commands_in_flight()
    await world.all_answered()
    await world.assert_exact()
    assert other.alive, other.log


async def test_an_owner_that_stood_still_between_two_batches_does_no_harm(world: World) -> None:
    # given two owners of a partition each, one of which freezes while commands come
    one, two = await world.two_owners("one", "two")
    async with world.busy_callers():
        await until(world.some_answered)
        one.send(signal.SIGSTOP)
        # when the other one has taken over everything
        await two.says("partition ready", times=3)
        await world.commands_in_flight()
        # and the first wakes up
        one.send(signal.SIGCONT)
        await world.commands_in_flight()
    # then it joins again or is started again, and each command has its event once
    if not await one.goes_on("partition ready", times=4):
        await world.start("one")
    await world.commands_in_flight()
    await world.all_answered()
    await world.assert_exact()


async def test_a_refused_record_commits_nothing_until_its_cause_is_gone(world: World) -> None:
    # given a log that refuses what a batch of commands leads to
    await topics.configure(world.kafka, world.log, {"max.message.bytes": "2000"})
    await world.commands_in_flight()
    async with world.running():
        # when the machine tries, and tries again
        await until(world.aborted_again)
        # then the state has arrived, but nothing is committed, and the position stays where it was
        assert await world.uncommitted(world.state) > 0
        assert not await topics.read(world.kafka, world.state)
        assert not await world.outcomes()
        shown = await topics.group_offsets(world.kafka, world.machine.name)
        assert {place.offset for place in shown.values()} <= {0}
        # and once the log takes it everything goes on
        await topics.configure(world.kafka, world.log, {})
        await world.all_answered()
    await world.assert_exact()


async def test_a_compacted_state_topic_is_a_whole_state(world: World) -> None:
    # given a state topic whose old records the broker removes at once
    busy = {"segment.ms": "100", "min.cleanable.dirty.ratio": "0.001", "delete.retention.ms": "100"}
    await topics.configure(world.kafka, world.state, busy)
    async with world.running():
        await world.commands_in_flight()
        await world.all_answered()

        first = await world.positions()

        async def compacted() -> bool:
            await world.commands_in_flight()  # the newest segment is never cleaned
            return not first & await world.positions()

        # when that has happened, and the machine starts again
        await until(compacted, 60, every_s=1.0)
        await world.all_answered()
    async with world.running():
        # then it knows its versions and its place: no command is done twice, no number is given twice
        await world.commands_in_flight()
        await world.all_answered()
    await world.assert_exact()


async def test_while_the_registry_is_away_a_new_schema_waits_and_is_not_poison(world: World) -> None:
    # given a machine that reaches its registry through a proxy
    async with proxy(world.stack.registry_url) as between:
        async with world.running(between.url):
            await world.commands_in_flight()
            await world.all_answered()
            # when the registry is away while a command with a newer schema comes
            between.shut()
            await world.newer_command("ticket")
            await until(between.has_refused)
            # then the command waits
            assert "ticket" not in await world.outcomes()
            between.reopen()
            await world.all_answered()
            # and the machine does not forget to stop while it waits for another one
            between.shut()
            await world.newer_command("approval")
            await until(between.has_refused)
        between.reopen()
        async with world.running(between.url):
            await world.all_answered()
    await world.assert_exact()
    assert not await topics.read(world.kafka, dead_letters(world.commands))


async def test_one_of_two_stops_within_its_time_and_the_other_takes_over_at_once(world: World) -> None:
    # given two owners at work, without names that outlive them
    one, two = await world.two_owners("", "")
    async with world.busy_callers():
        await until(world.some_answered)
        # when one is told to stop
        began = time.monotonic()
        one.send(signal.SIGTERM)
        assert await one.ended() == 0, one.log
        # then it is gone within 10 s
        stopped = time.monotonic()
        assert stopped - began < 10
        # and the other has its partitions long before the group would take it for dead
        await two.says("partition ready", times=3)
        assert time.monotonic() - stopped < world.kafka.session_timeout_ms / 2_000
    await world.all_answered()
    await world.assert_exact()
