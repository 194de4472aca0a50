"""The worker loop on the real broker and a real journal: killed, frozen, stopped, rebalanced, and with a bug inside."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Sequence
from pathlib import Path

import httpx
import pytest

from headrace.errors import DatabaseUnavailable
from headrace.events.node import ExecuteNode, NodeFailed
from headrace.service import Service
from headrace.settings import ServiceSettings
from headrace.worker import Done, NodeJob, Worker, run_worker
from tests.conftest import Stack
from tests.integration.processes import worker as process
from tests.integration.worker_world import World, answer_of, worker_world
from tests.support import topics
from tests.support.proxy import proxy
from tests.support.running import running
from tests.support.waiting import until


@pytest.fixture
async def world(stack: Stack, tmp_path: Path) -> AsyncIterator[World]:
    async with worker_world(stack, tmp_path) as made:
        yield made


@pytest.mark.parametrize(("point", "hits"), [("taken", (9,)), ("answered", (3, 12)), ("sent", (12,))])
async def test_killed_it_loses_no_request_and_repeats_no_journaled_call(
    world: World, point: str, hits: Sequence[int]
) -> None:
    # given requests, and a worker that is killed among them, again and again
    for number in hits:
        await world.many_requests(f"round-{number}")
        worker = await world.start(point=point, hits=number)
        assert await worker.ended() == -signal.SIGKILL, worker.log
        done = {name: world.provider.calls[name] for name in await world.journaled()}
    # when one lives
    await world.start()
    # then every request is answered, and no call that was done is made again
    await world.all_answered()
    assert {name: world.provider.calls[name] for name in done} == done
    for name in world.sent:
        first, *others = [answer_of(outcome) for outcome in await world.outcomes(name)]
        assert all(other == first for other in others)


async def test_killed_between_journal_and_outcome_it_answers_from_the_journal(world: World) -> None:
    await world.request("paid")
    worker = await world.start(point="answered")
    assert await worker.ended() == -signal.SIGKILL, worker.log
    assert not await world.records()

    await world.start()

    (outcome,) = await world.outcomes("paid")
    assert answer_of(outcome) == {"name": "paid", "call": 1}
    assert world.provider.calls["paid"] == 1


async def test_killed_between_outcome_and_offset_it_says_the_same_again_under_the_same_id(world: World) -> None:
    await world.request("paid")
    worker = await world.start(point="sent")
    assert await worker.ended() == -signal.SIGKILL, worker.log

    await world.start()

    outcomes = await world.outcomes("paid", 2)
    assert [answer_of(outcome) for outcome in outcomes] == [{"name": "paid", "call": 1}] * 2
    assert world.provider.calls["paid"] == 1


@pytest.mark.parametrize("repeat", [True, False])
async def test_killed_in_mid_call_the_node_decides_whether_to_call_again(world: World, repeat: bool) -> None:
    # given a call under way, of which nobody will know whether it was answered
    world.provider.hold("ambiguous")
    await world.request("ambiguous")
    worker = await world.start(repeat=repeat)
    await world.provider.called("ambiguous")
    # when its worker dies
    worker.send(signal.SIGKILL)
    await worker.ended()
    world.provider.release("ambiguous")
    await world.start(repeat=repeat)
    # then it is made again, or fails without a call
    (outcome,) = await world.outcomes("ambiguous")
    if repeat:
        assert answer_of(outcome) == {"name": "ambiguous", "call": 2}
    else:
        assert isinstance(outcome, NodeFailed)
        assert outcome.code == "call_ambiguous"
        assert world.provider.calls["ambiguous"] == 1


async def test_a_frozen_worker_that_makes_a_call_is_waited_for(world: World) -> None:
    # given a worker that freezes in mid-call, past its session time-out
    world.provider.hold("slow")
    frozen = await world.start("one")
    await world.request("slow")
    await world.provider.called("slow")
    frozen.send(signal.SIGSTOP)
    await frozen.stopped()
    # when another has its partition, and has met the request on its way to the next one
    await world.start("two")
    await world.request("next")
    await world.outcomes("next")
    # then it does not call while the first one may still be answered
    assert world.provider.calls["slow"] == 1
    # and both say the same when it was
    frozen.send(signal.SIGCONT)
    world.provider.release("slow")
    outcomes = await world.outcomes("slow", 2)
    assert [answer_of(outcome) for outcome in outcomes] == [{"name": "slow", "call": 1}] * 2
    assert world.provider.calls["slow"] == 1


async def test_nobody_waits_for_a_frozen_worker_longer_than_the_router_does(world: World) -> None:
    # given a worker that is frozen for ever in mid-call
    world.provider.hold("slow")
    frozen = await world.start("one")
    await world.request("slow", timeout_ms=8_000)
    await world.provider.called("slow")
    frozen.send(signal.SIGSTOP)
    # when another takes its name and has the request, and the deadline passes
    await world.start("one")
    (outcome,) = await world.outcomes("slow")
    # then the attempt has failed, and another may be made
    assert isinstance(outcome, NodeFailed)
    assert (outcome.code, outcome.retryable) == ("timeout", True)
    assert world.provider.calls["slow"] == 1


async def test_the_committed_offset_never_passes_a_request_without_an_outcome(world: World) -> None:
    # given requests that end before the one in front of them
    world.provider.hold("first")
    worker = await world.start()
    await world.request("first")
    for number in range(5):
        await world.request(f"behind-{number}")
        await world.request(f"beside-{number}", partition=1)

    async def others_committed() -> bool:
        return await world.committed(1) == 5 and len(await world.records()) == 10

    await until(others_committed)
    # when the worker dies after it has committed what it could
    assert await world.committed(0) == 0
    worker.send(signal.SIGKILL)
    await worker.ended()
    world.provider.release("first")
    await world.start()
    # then the first request is not lost
    assert answer_of((await world.outcomes("first"))[0]) == {"name": "first", "call": 2}

    async def all_committed() -> bool:
        return await world.committed(0) == 6

    await until(all_committed)


async def test_a_worker_with_nothing_to_do_does_not_lag_behind_a_marker(world: World) -> None:
    # given a router that writes in transactions, as the real one does
    await world.start()
    async with topics.producer(world.kafka, transactional_id=world.suffix) as world.router, world.router.transaction():
        await world.request("one")
    await world.all_answered()

    async def caught_up() -> bool:
        return await world.committed(0) == 2  # behind the request, and behind the marker

    await until(caught_up)


@pytest.mark.parametrize("part", ["plan", "perform", "interpret"])
async def test_a_bug_in_a_job_fails_its_own_request_only(world: World, part: str) -> None:
    await world.request("unlucky", bug=part)
    await world.request("next")
    worker = await world.start()

    (outcome,) = await world.outcomes("unlucky")

    assert isinstance(outcome, NodeFailed)
    assert (outcome.code, outcome.retryable) == ("internal_error", False)
    assert "KeyError" in outcome.message
    assert "Traceback" in worker.log
    assert answer_of((await world.outcomes("next"))[0]) == {"name": "next", "call": 1}


async def test_a_bug_in_the_loop_ends_the_worker_and_loses_nothing(world: World) -> None:
    # given a loop that fails at a request, which no job can answer for
    async def bug(point: str, under_way: Sequence[Awaitable[object]] = ()) -> None:
        raise LookupError(point)

    await world.request("unlucky")
    service = Service("worker", ServiceSettings(instance="one"))
    # when it comes there, it ends instead of going on without the request
    async with httpx.AsyncClient() as http:
        job = process.CallJob(http, world.provider.url, repeat=True)
        worker = Worker(world.group, world.requests, world.outcomes_topic, job)
        with pytest.raises(LookupError, match="taken"):
            await asyncio.wait_for(run_worker(worker, world.codec, world.kafka, service, probe=bug), 30)
    # then the next one finds it
    await world.start()
    assert answer_of((await world.outcomes("unlucky"))[0]) == {"name": "unlucky", "call": 1}


async def test_a_rebalance_calls_nobody_twice(world: World) -> None:
    # given a worker in the middle of its calls
    names = await world.many_requests("first", 40)
    world.provider.hold(names[0])
    world.provider.hold(names[1])
    one = await world.start("one")
    await world.provider.called(names[0])
    await world.provider.called(names[1])
    # when a second one joins, and the first one leaves later
    two = await world.start("two")
    await two.says("partitions assigned")
    await world.many_requests("second", 40)
    await until(lambda: answered(world, 78))
    one.send(signal.SIGTERM)
    world.provider.release(names[0])
    world.provider.release(names[1])
    assert await one.ended(10) == 0, one.log
    # then every call was made once
    await world.all_answered()
    assert set(world.provider.calls.values()) == {1}


async def answered(world: World, number: int) -> bool:
    return len(await world.records()) >= number


async def test_told_to_stop_it_ends_its_calls_first(world: World) -> None:
    world.provider.hold("last")
    worker = await world.start()
    await world.request("last")
    await world.provider.called("last")

    worker.send(signal.SIGTERM)
    await worker.says("ending calls under way")
    world.provider.release("last")

    assert await worker.ended(10) == 0, worker.log
    assert answer_of((await world.outcomes("last"))[0]) == {"name": "last", "call": 1}


async def test_told_to_stop_it_does_not_wait_for_ever_and_the_next_one_repeats(world: World) -> None:
    world.provider.hold("last")
    worker = await world.start()
    await world.request("last")
    await world.provider.called("last")

    worker.send(signal.SIGTERM)

    assert await worker.ended(10) == 0, worker.log
    world.provider.release("last")
    await world.start()
    assert answer_of((await world.outcomes("last"))[0]) == {"name": "last", "call": 2}


async def test_told_to_stop_while_the_registry_is_away_it_ends_its_calls_all_the_same(world: World) -> None:
    # given a call under way, and behind it a record of a schema that nobody can look up now
    async with proxy(world.stack.registry_url) as registry:
        world.provider.hold("last")
        worker = await world.start(registry_url=registry.url)
        await world.request("last")
        await world.provider.called("last")
        registry.shut()
        await world.router.send_and_wait(world.requests.name, b"\0\x7f\xff\xff\xff!", b"new", partition=0)
        await worker.says('"waiting"')
        # when it is told to stop
        worker.send(signal.SIGTERM)
        await worker.says("ending calls under way")
        world.provider.release("last")
        # then the call ends, once
        assert await worker.ended(10) == 0, worker.log
    assert answer_of((await world.outcomes("last"))[0]) == {"name": "last", "call": 1}


class ForgetfulJob(NodeJob[None]):
    """Finds its journal away, and notes each time what its service waits for."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.seen: list[list[str]] = []

    def plan(self, request: ExecuteNode) -> None:
        """Nothing."""

    async def perform(self, call: None) -> None:
        """Be away twice."""
        self.seen.append([name for name in self._service.not_ready() if name != "start"])
        if len(self.seen) < 3:
            raise DatabaseUnavailable("away")

    def interpret(self, call: None, answer: None) -> Done:
        """Nothing."""
        return Done(None)


async def test_it_is_not_ready_until_its_journal_is_back(world: World) -> None:
    service = Service("worker", ServiceSettings(instance="one"))
    job = ForgetfulJob(service)
    worker = Worker(world.group, world.requests, world.outcomes_topic, job)

    async with running(run_worker(worker, world.codec, world.kafka, service), service.stopping):
        await world.request("patient")
        await world.outcomes("patient")

        assert job.seen == [[], [world.group], [world.group]]
        assert service.not_ready() == ["start"]
