"""Circuit breakers with the real broker: an outage under load, and two workers that share what they see."""

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from headrace.events.node import NodeSucceeded
from model_invoke.core.window import Threshold
from tests.conftest import Stack
from tests.integration.calling_world import World, all_ask, calling_world, output
from tests.providers import behaviours
from tests.support.waiting import until

RUNS = 50
CONCURRENCY = 8
THRESHOLD = Threshold().calls


@pytest.fixture
async def world(stack: Stack, tmp_path: Path) -> AsyncIterator[World]:
    async with calling_world(stack, tmp_path) as made:
        yield made


async def opened(world: World, model: str) -> None:
    """Wait until a model's breaker has opened."""

    async def look() -> bool:
        return any(change.state == "open" for change in await world.health(model))

    await until(look)


async def test_all_runs_end_well_through_an_outage_and_the_provider_is_left_alone(world: World) -> None:
    # given a first provider that is away, and a second one
    world.provider.behave(behaviours.error(503), "first")
    await world.start(concurrency=CONCURRENCY, open_s=0.3)
    # when many runs ask
    runs = await all_ask(world, RUNS, world.model("first"), world.model("second"))
    outcomes = await world.outcomes(runs)
    # then all of them end well
    assert all(isinstance(outcome, NodeSucceeded) for outcome in outcomes.values())
    assert world.provider.calls["second"] == RUNS
    # and the first got as many calls as open a breaker, those that were under way then, and one for each probe
    changes = Counter(change.state for change in await world.health("first"))
    assert changes["open"] == 1 + changes["half_open"]
    assert THRESHOLD <= world.provider.calls["first"] <= THRESHOLD + (CONCURRENCY - 1) + changes["half_open"]
    # and every call was told of, once
    told = await world.calls("first")
    assert len({call.id for call in told}) == world.provider.calls["first"]
    made = [call for outcome in outcomes.values() for call in outcome.calls if call.outcome == "provider_unavailable"]
    assert len(made) == world.provider.calls["first"]


async def test_a_provider_that_comes_back_is_called_again(world: World) -> None:
    world.provider.behave(behaviours.error(503), "first", times=THRESHOLD)
    await world.start(open_s=0.3)
    await world.outcomes(await all_ask(world, THRESHOLD, world.model("first"), world.model("second")))
    await opened(world, "first")
    asked = iter(range(1_000))

    async def look() -> bool:
        run = await world.ask(f"again-{next(asked)}", world.model("first"), world.model("second"))
        return [call.provider.partition("-")[0] for call in (await world.outcome(run)).calls] == ["first"]

    await until(look, every_s=0.1)
    assert [change.state for change in await world.health("first")] == ["open", "half_open", "closed"]


async def test_what_one_worker_sees_all_workers_know(world: World) -> None:
    # given a worker whose breaker has opened
    world.provider.behave(behaviours.error(503), "first")
    one = await world.start("one")
    await world.outcomes(await all_ask(world, 2 * THRESHOLD, world.model("first"), world.model("second")))
    await opened(world, "first")
    before = world.provider.calls["first"]
    # when another one takes over
    await world.start("two")
    await one.close()
    run = await world.ask("later", world.model("first"), world.model("second"), partition=1)
    outcome = await world.outcome(run)
    # then it does not call that model either
    assert output(outcome)["text"] == behaviours.TEXT
    assert [call.outcome for call in outcome.calls] == ["breaker_open", "ok"]
    assert world.provider.calls["first"] == before
    assert {change.instance for change in await world.health("first")} == {f"one-{world.suffix}"}


async def test_two_workers_at_once_one_trips_and_the_other_follows(world: World) -> None:
    # given two workers, each with a partition of its own
    await world.start("one")
    await world.start("two")
    # when the first provider fails for one of them
    world.provider.behave(behaviours.error(503), "first")
    models = (world.model("first"), world.model("second"))
    for number in range(THRESHOLD):
        await world.outcome(await world.ask(f"failing-{number}", *models, partition=0))
    await opened(world, "first")
    # then the other one leaves it alone, as soon as it has heard
    asked = iter(range(1_000))

    async def look() -> bool:
        run = await world.ask(f"other-{next(asked)}", *models, partition=1)
        return [call.outcome for call in (await world.outcome(run)).calls] == ["breaker_open", "ok"]

    await until(look)
    assert world.provider.calls["first"] < 2 * THRESHOLD, "it did not find out by itself"
    assert [change.state for change in await world.health("first")] == ["open"]
