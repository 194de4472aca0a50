"""Announcements on the real broker: they arrive in their order, whoever waits knows it, and a stop loses none."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import msgspec
import pytest
from prometheus_client import REGISTRY

from headrace.announcer import Announcer
from headrace.codec import Codec
from headrace.events.run import TokensStreamed
from headrace.topics import RUN_TOKENS, Topic
from tests.conftest import Stack
from tests.support import topics
from tests.support.names import suffix
from tests.support.waiting import until


@dataclass
class World:
    """A topic of a test's own, and who tells."""

    stack: Stack
    codec: Codec
    topic: Topic

    async def announcer(self) -> Announcer:
        made = Announcer("test", [self.topic], self.codec, self.stack.kafka)
        await made.start()
        return made

    async def heard(self, key: str = "run") -> list[str]:
        found = await topics.events(self.stack.kafka, self.codec, self.topic)
        return [event.text for event in found.get(key, ()) if isinstance(event, TokensStreamed)]


@pytest.fixture
async def world(stack: Stack) -> AsyncIterator[World]:
    (topic,) = topics.renamed(suffix(), RUN_TOKENS)
    async with topics.own(stack, [topic]) as codec:
        yield World(stack, codec, topic)


def piece(seq: int) -> TokensStreamed:
    return TokensStreamed(node="n", seq=seq, model="m@1", text=str(seq), at=0)


async def test_who_waits_knows_that_everything_so_far_has_arrived(world: World) -> None:
    announcer = await world.announcer()
    await announcer.told()
    for seq in range(100):
        announcer.tell("run", piece(seq))
    announcer.tell("other", piece(0), correlation="run")

    await announcer.told()

    assert await world.heard() == [str(seq) for seq in range(100)]
    records = await topics.read(world.stack.kafka, world.topic)
    told = {record.key: dict(record.headers) for record in records}
    assert told[b"other"]["ce_correlationid"] == told[b"run"]["ce_correlationid"] == b"run"
    assert told[b"run"]["ce_type"] == TokensStreamed.NAME.encode()
    await announcer.stop()


async def test_what_is_told_while_something_is_under_way_is_waited_for_as_well(world: World) -> None:
    announcer = await world.announcer()
    waiting = []
    for seq in range(20):
        announcer.tell("run", piece(seq))
        waiting.append(asyncio.create_task(announcer.told()))
        await asyncio.sleep(0)

    for seq, wait in enumerate(waiting):
        await wait
        assert str(seq) in await world.heard()
    await announcer.stop()


async def test_what_is_too_large_is_dropped_and_holds_up_nothing_else(world: World) -> None:
    # given a topic that takes small records only, and an event too large in the midst of others
    await topics.configure(world.stack.kafka, world.topic, {"max.message.bytes": "2000"})
    announcer = await world.announcer()
    before = [piece(seq) for seq in range(3)]
    for event in (*before, msgspec.structs.replace(piece(3), text="x" * 4_000), piece(4), piece(5)):
        announcer.tell("run", event)
    announcer.tell("other", piece(0))
    # when all has been sent
    await asyncio.wait_for(announcer.told(), 30)
    # then only that one is missing, which is counted
    assert unique(await world.heard()) == ["0", "1", "2", "4", "5"]
    assert unique(await world.heard("other")) == ["0"]
    assert REGISTRY.get_sample_value("headrace_announcer_dropped_total", {"topic": world.topic.name}) == 1
    assert not announcer.is_away
    await announcer.stop()


def unique(texts: Sequence[str]) -> Sequence[str]:
    """Each once, in the order of its last: what was sent with a record that was refused may come again."""
    return list(reversed(dict.fromkeys(reversed(texts))))


async def test_what_the_broker_does_not_take_is_sent_until_it_does(world: World) -> None:
    # given a broker that takes nothing
    await topics.configure(world.stack.kafka, world.topic, {"message.timestamp.before.max.ms": "0"})
    announcer = await world.announcer()

    async def away() -> bool:
        announcer.tell("run", piece(0))
        return announcer.is_away

    await until(away)
    waiting = asyncio.create_task(announcer.told())
    assert not waiting.done()
    # when it takes records again
    await topics.configure(world.stack.kafka, world.topic, {})
    announcer.tell("run", piece(1))
    # then all of them arrive
    await asyncio.wait_for(waiting, 30)
    await announcer.told()
    heard = await world.heard()
    assert (heard[0], heard[-1], announcer.is_away) == ("0", "1", False)
    await announcer.stop()


async def test_a_stop_sends_what_is_left(world: World) -> None:
    announcer = await world.announcer()
    announcer.tell("run", piece(0))

    await announcer.stop()

    assert await world.heard() == ["0"]


async def test_it_watches_over_its_own_sending(world: World) -> None:
    announcer, stopping = await world.announcer(), asyncio.Event()
    watching = asyncio.create_task(announcer.watch(stopping))
    assert announcer._sending
    announcer._sending.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(watching, 10)
    await announcer.stop()
