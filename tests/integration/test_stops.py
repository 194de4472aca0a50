"""Runs that end while workers call models for them, on the real broker: of a provider that hangs, drips or stalls."""

import json
import time
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from pathlib import Path

import psutil
import pytest

from headrace.client import Client
from headrace.events.model import ModelCalled
from headrace.events.resource import CreateVersion, PointerMoved
from headrace.topics import BUDGET_COMMANDS, BUDGET_EVENTS, BUDGET_STATE
from tests.conftest import Stack
from tests.integration.calling_world import World, calling_world, output
from tests.providers import behaviours
from tests.providers.behaviours import Behaviour
from tests.support import topics
from tests.support.databases import fetch
from tests.support.waiting import until

CUT_S = 1.0
"""Within which a call is cut after the end of its run was told of."""
WAYS = [
    pytest.param(behaviours.hangs, False, id="hangs"),
    pytest.param(behaviours.drips, False, id="drips"),
    pytest.param(behaviours.slow(200), True, id="streams slowly"),
    pytest.param(behaviours.stalls, True, id="stalls in a stream"),
]


@pytest.fixture
async def world(stack: Stack, tmp_path: Path) -> AsyncIterator[World]:
    async with calling_world(stack, tmp_path) as made:
        yield made


def connections(world: World) -> int:
    """Open ones at the provider, as it sees them."""
    port = int(world.provider.url.rpartition(":")[2].partition("/")[0])
    every = psutil.Process().net_connections("tcp")
    return sum(one.laddr.port == port and one.status == psutil.CONN_ESTABLISHED for one in every)


async def told(world: World, model: str, number: int = 1) -> Sequence[ModelCalled]:
    """So many calls of a model, once they were told of."""

    async def look() -> Sequence[ModelCalled]:
        found = await world.calls(model)
        return found if len(found) >= number else ()

    return await until(look)


async def committed(world: World) -> int:
    offsets = await topics.group_offsets(world.stack.kafka, f"caller.{world.suffix}")
    return sum(offset.offset for offset in offsets.values())


async def budget(world: World, model: str) -> None:
    """One that pays for this model, in force in every worker."""
    name = f"budget-{world.suffix}"
    scope = {"model": f"{model}-{world.suffix}"}
    spec = json.dumps({"scope": scope, "period": "total", "limit": 1000, "currency": "EUR"})
    async with (
        Client.connect(world.stack.kafka, world.stack.registry_url) as client,
        client.follow(BUDGET_EVENTS, key=name) as events,
    ):
        await client.send(BUDGET_COMMANDS, name, CreateVersion(kind="Budget", spec=spec, pointer="production"))
        async for seen in events:
            if isinstance(seen.event, PointerMoved):
                break
        await client.await_applied([BUDGET_STATE], 60)


@pytest.mark.parametrize(("behaviour", "stream"), WAYS)
async def test_a_call_of_a_run_that_ends_is_cut_and_counted_and_others_go_on(
    world: World, behaviour: Behaviour, stream: bool
) -> None:
    # given a call that leads nowhere, and another one that takes its time, both paid by a budget or not
    world.provider.behave(behaviour, "lost")
    world.provider.behave(behaviours.hangs, "patient")
    await world.start()
    await budget(world, "lost")
    run = await world.ask("lost", world.model("lost"), world.model("fallback"), stream=stream)
    other = await world.ask("other", world.model("patient"), partition=1)
    await until(lambda: world.provider.calls.keys() == {"lost", "patient"})
    if stream:
        await until(lambda: world.tokens(run))
    # when its run ends, on whatever partition that stands
    await world.stop(run, partition=1)
    began = time.monotonic()
    # then its connection is closed soon, and no other model is asked
    await until(lambda: connections(world) == 1, CUT_S, 0.02)
    assert time.monotonic() - began < CUT_S
    (call,) = await told(world, "lost")
    assert set(world.provider.calls) == {"lost", "patient"}
    # and it is counted by what was sent and said, in the ledger and in the journal, and will not be made again
    said = "".join(piece.text for piece in await world.tokens(run))
    assert (call.outcome, bool(said)) == ("run_stopped", stream)
    assert call.usage
    assert (call.usage.estimated, call.usage.output_tokens) == (True, -(-len(said) // 4))
    assert Decimal(call.usage.cost) > 0
    assert await fetch(world.dsn, "select call, cost from budget_entries") == [(call.id, Decimal(call.usage.cost))]
    await until(lambda: journal_says(world, run, "run_stopped"))
    # and the others go on, with an offset behind what was cut
    world.provider.behave(behaviours.well, "patient")
    assert output(await world.outcome(other))["text"] == behaviours.TEXT
    await until(lambda: all_committed(world, 2))


async def journal_says(world: World, run: str, text: str) -> bool:
    rows = await fetch(world.dsn, "select answer from call_journal where key like $1", f"{run}/%")
    return bool(rows) and all(text in (answer or "") for (answer,) in rows)


async def all_committed(world: World, number: int) -> bool:
    return await committed(world) >= number


async def test_an_end_that_is_told_of_twice_does_nothing_more(world: World) -> None:
    world.provider.behave(behaviours.hangs, "lost")
    worker = await world.start()
    run = await world.ask("lost", world.model("lost"))
    await until(lambda: world.provider.calls["lost"] == 1)
    for partition in (0, 1, 0):
        await world.stop(run, partition)
    await told(world, "lost")
    later = await world.ask("later", world.model("later"))
    output(await world.outcome(later))
    assert len(await world.calls("lost")) == 1
    assert worker.log.count("stopped, for its run has ended") == 1


async def test_what_is_read_after_the_end_of_its_run_is_not_begun(world: World) -> None:
    # given a run that ended while its request was still on the topic, and a worker that starts later
    run = await world.ask("lost", world.model("lost"))
    await world.stop(run, partition=1)
    worker = await world.start()
    # when it comes by
    await worker.says("stopped, for its run has ended")
    output(await world.outcome(await world.ask("later", world.model("later"))))
    # then nobody was called for it, and it is done
    assert set(world.provider.calls) == {"later"}
    await until(lambda: all_committed(world, 2))


async def test_what_is_no_end_of_a_run_is_passed_over(world: World) -> None:
    world.provider.behave(behaviours.hangs, "lost")
    await world.start()
    run = await world.ask("lost", world.model("lost"))
    await until(lambda: world.provider.calls["lost"] == 1)
    await world.router.send_and_wait("node.stops", b"nonsense", run.encode(), partition=0)
    await world.stop(run, partition=0)
    (call,) = await told(world, "lost")
    assert call.outcome == "run_stopped"
