"""What a job owes to others beside its outcome: calls that are told of before it, and bodies that can't be used."""

import asyncio
from collections.abc import Mapping

import pytest

from headrace.bodies import BodyUnusable
from headrace.events import resource
from headrace.prompting import Loaded, PinnedPrompt
from model_invoke.job import ModelInvokeJob
from model_invoke.model import ChatRequest, Completion
from model_invoke.ports import Heard
from tests.unit.asking import Answer, Told, World, answering, down, never, pinned, work


class Slow(Told):
    """An announcer whose records arrive when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.arrived = asyncio.Event()
        self.waited_for = asyncio.Event()

    async def told(self) -> None:
        self.waited_for.set()
        await self.arrived.wait()


@pytest.mark.parametrize("answers", [{}, {"a": down()}])
async def test_an_attempt_has_not_ended_before_its_calls_have_been_told_of(answers: Mapping[str, Answer]) -> None:
    told = Slow()
    attempt = asyncio.create_task(_ended(answering(answers, told=told)))
    await asyncio.wait_for(told.waited_for.wait(), 10)
    assert len(told.events) == 1
    assert not attempt.done()

    told.arrived.set()

    await asyncio.wait_for(attempt, 10)


async def test_an_attempt_that_is_given_up_has_told_of_its_calls_as_well() -> None:
    told = Slow()
    asked = asyncio.Event()

    async def silent(request: ChatRequest, heard: Heard | None) -> Completion:
        asked.set()
        return await never(request, heard)

    world = answering({"a": down(), "b": silent}, told=told)
    attempt = asyncio.create_task(world.done(work(pinned("a"), pinned("b"))))
    await asyncio.wait_for(asked.wait(), 10)

    attempt.cancel()
    await asyncio.wait_for(told.waited_for.wait(), 10)
    told.arrived.set()

    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(attempt, 10)


async def _ended(world: World) -> None:
    await asyncio.gather(world.done(work(pinned("a"))), return_exceptions=True)


class Tampered:
    """A port Bodies in which nothing is as it was stored."""

    async def load(self, prompt: PinnedPrompt) -> Loaded:
        raise BodyUnusable("body_tampered", prompt, ": the digest is another")


async def test_a_body_that_can_not_be_used_fails_the_node_and_is_told_of() -> None:
    world = World()
    world.job = ModelInvokeJob(world.providers, Tampered(), world.resolver)
    stored = {"messages": None, "body": {"sha256": "0" * 64, "size": 9}, "sensitive": True}

    error = await world.fails(work(prompt=stored))

    assert (error.code, error.retryable, error.calls) == ("body_tampered", False, ())
    ((key, found),) = world.told.events
    assert isinstance(found, resource.BodyUnusable)
    assert (key, found.version, found.digest, found.code) == ("p", 1, "0" * 64, "body_tampered")
    assert (found.run, found.node) == ("r", "n")
    assert found.message == str(error) == "the body of the prompt p@1: the digest is another"
    assert world.models.calls == []
