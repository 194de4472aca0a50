"""A model call whose run ends in the middle of it: cut off, told of, and paid by what is known."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import pytest

from headrace.events.model import ModelCalled
from headrace.events.node import ExecuteNode
from headrace.events.run import Charge, TokensStreamed
from model_invoke.model import ChatRequest, Completion
from model_invoke.ports import Facts, Heard, Reservation
from tests.support.waiting import until
from tests.unit.asking import Purse, World, answering, never, pinned, work

CALL = "r/n/0/1/0"
SAID = "Headrace runs workflows"
STREAMING = pinned("a", capabilities=["streaming"])


async def says_half(_: ChatRequest, heard: Heard | None) -> Completion:
    """The beginning of an answer, whose end does not come."""
    if heard:
        heard(SAID)
    await asyncio.Event().wait()
    raise AssertionError


async def under_way(world: World, asked: ExecuteNode) -> "asyncio.Task[object]":
    """An attempt that has come to its first call."""
    task = asyncio.create_task(world.stops.unless_ended("r", lambda: world.done(asked)))
    await until(lambda: world.models.asked)
    return task


@pytest.mark.parametrize("stream", [False, True])
async def test_what_was_sent_and_what_was_said_is_paid(stream: bool) -> None:
    purse = Purse()
    world = answering({"a": says_half}, budgets=purse)
    task = await under_way(world, work(STREAMING, pinned("b"), stream=stream))
    world.stops.stop("r")
    assert await task is None
    (called,) = world.told.of(ModelCalled)
    assert (called.id, called.outcome) == (CALL, "run_stopped")
    assert called.usage is not None
    assert (called.usage.estimated, called.usage.output_tokens) == (True, -(-len(SAID) // 4) if stream else 0)
    assert called.usage.input_tokens > 0
    assert purse.settled == {CALL: Decimal(called.usage.cost)}
    assert Decimal(called.usage.cost) > 0
    assert not purse.held
    assert world.models.calls == ["a"], "nobody else is asked"


async def test_what_was_streamed_stays() -> None:
    world = answering({"a": says_half})
    task = await under_way(world, work(STREAMING, stream=True))
    world.stops.stop("r")
    await task
    assert [piece.text for piece in world.told.of(TokensStreamed)] == [SAID]


async def test_it_says_nothing_against_the_model() -> None:
    world = answering({"a": never})
    task = await under_way(world, work(pinned("a")))
    world.stops.stop("r")
    await task
    assert world.breakers.of("a@1")._storage.window.counts(time.monotonic()) == (0, 0)


async def test_at_a_shutdown_nothing_is_settled_for_the_next_owner_calls_again() -> None:
    purse = Purse()
    world = answering({"a": never}, budgets=purse)
    task = await under_way(world, work(pinned("a")))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (purse.settled, world.made, list(purse.held)) == ({}, [], [CALL])


@dataclass
class Slow(Purse):
    """Takes its time with one step: `at` is set when it is there, and it goes on when it is let."""

    step: str = "settle"
    at: asyncio.Event = field(default_factory=asyncio.Event)
    let: asyncio.Event = field(default_factory=asyncio.Event)

    async def reserve(self, facts: Facts, worst: Decimal, currency: str, now: int) -> Reservation:
        """See the port."""
        made = await super().reserve(facts, worst, currency, now)
        await self._wait("reserve")
        return made

    async def settle(self, reservation: Reservation, cost: Decimal) -> Sequence[Charge]:
        """See the port."""
        await self._wait("settle")
        return await super().settle(reservation, cost)

    async def _wait(self, step: str) -> None:
        if step == self.step:
            self.at.set()
            await self.let.wait()


async def test_an_answer_that_came_is_settled_to_the_cent_though_the_run_ends_meanwhile() -> None:
    purse = Slow()
    world = World(budgets=purse)
    task = asyncio.create_task(world.stops.unless_ended("r", lambda: world.done(work(pinned("a")))))
    await purse.at.wait()
    world.stops.stop("r")
    await asyncio.sleep(0)
    purse.let.set()
    assert await task is None
    assert purse.settled == {CALL: Decimal("0.45")}
    assert world.made == [("a@1", "ok")]


async def test_what_was_reserved_for_a_call_that_is_not_made_is_given_back() -> None:
    purse = Slow(step="reserve")
    world = World(budgets=purse)
    task = asyncio.create_task(world.stops.unless_ended("r", lambda: world.done(work(pinned("a")))))
    await purse.at.wait()
    world.stops.stop("r")
    assert await task is None
    await world.patient.close()
    assert (purse.held, purse.settled, world.made) == ({}, {CALL: Decimal(0)}, [])
