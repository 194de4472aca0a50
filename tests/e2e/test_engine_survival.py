"""One long run with everything in it, under which the router and the broker are killed; and timers across restarts."""

import json
from collections.abc import Awaitable
from functools import partial
from typing import Any, TypeVar

import pytest

from headrace.errors import KafkaUnavailable
from headrace.events import run
from headrace.events.run import RunCompleted
from headrace.topics import RUN_EVENTS, RUN_REQUESTS
from tests.conftest import Stack
from tests.e2e.installation import Installation
from tests.e2e.test_engine import CHILD, deploy, edges, node, says, waits
from tests.e2e.test_survival import kill
from tests.support.waiting import until, until_equal

T = TypeVar("T")

ITEMS = 20
FIRST = [f"first{number}" for number in range(10)]
SECOND = [f"second{number}" for number in range(9)]
LATE_MS = 1_000
"""How late a timer may fire, once the router runs again."""


def long_one(child: str) -> dict[str, Any]:
    """Thirty nodes: two branches, a map of twenty, a loop, a workflow in a workflow, an approval."""
    nodes = {
        "begin": says("input.n", n="input.n"),
        **{name: says("input.v + 1", v=f"nodes.{before}.output.v") for name, before in steps("begin", FIRST)},
        **{name: says("input.v + 1", v=f"nodes.{before}.output.v") for name, before in steps("begin", SECOND)},
        "each": {**says("input.x * 2", x="item"), "map": {"over": "input.items", "concurrency": 4}},
        "sum": says("input.all.map(one, one.v)", all="nodes.each.output.items"),
        "draft": says("input.last + 1", last="has(previous.check) ? previous.check.output.v : 0"),
        "rest": node("delay", input={"ms": "100"}),
        "check": says("input.v", v="nodes.draft.output.v"),
        "call": node("workflow", config={"workflow": child}, input={"n": "nodes.check.output.v"}),
        "approve": node("wait", config={"signal": "approval"}, output={"required": ["by"]}),
        "one": says("input.v", v=f"nodes.{FIRST[-1]}.output.v"),
        "two": says("input.v", v=f"nodes.{SECOND[-1]}.output.v"),
        "end": says("input.by", by="nodes.approve.output.by"),
    }
    drawn = [
        *(f"{before} {name}" for branch in (FIRST, SECOND) for name, before in steps("begin", branch)),
        *(f"{FIRST[-1]} each", "each sum", "sum one", "one approve"),
        *(f"{SECOND[-1]} draft", "draft rest", "rest check", "check call", "call two", "two approve"),
        "approve end",
    ]
    back = {"check_draft": {"when": "nodes.check.output.v < 5", "max_iterations": 10}}
    output = {
        "doubled": "nodes.sum.output.v",
        "rounds": "nodes.check.output.v",
        "child": "nodes.call.output.n",
        "by": "nodes.end.output.v",
        "steps": "[nodes.one.output.v, nodes.two.output.v]",
    }
    assert len(nodes) >= 30
    return {"nodes": nodes, "edges": edges(*drawn, **back), "output": output}


def steps(begin: str, names: list[str]) -> list[tuple[str, str]]:
    """Names, each with the one before it."""
    return list(zip(names, [begin, *names[:-1]], strict=True))


@pytest.mark.timeout(300)
async def test_a_long_run_survives_the_death_of_router_and_broker(installation: Installation, stack: Stack) -> None:
    child = await deploy(installation, CHILD)
    name = await deploy(installation, long_one(child))
    run_id = await installation.start(name, {"n": 0, "items": list(range(ITEMS))})
    for node_id, victim in (("first3", "workflow_router"), ("each[5]", "kafka"), ("check", "workflow_router")):
        await until_equal(partial(has_ended, installation, run_id, node_id), True, 120)
        await kill(stack, victim)
    await until_equal(lambda: answered(waits(installation, run_id)), True, 120)
    request = run.SignalRun(signal="approval", payload='{"by": "ada"}')
    await until(lambda: answered(installation.client.send(RUN_REQUESTS, run_id, request)), 60)
    result = await until(lambda: answered(installation.result(run_id)), 60)
    assert isinstance(result, RunCompleted), result
    assert json.loads(result.output) == {
        "doubled": [2 * item for item in range(ITEMS)],
        "rounds": 5,
        "child": 50,
        "by": "ada",
        "steps": [10, 9],
    }
    log = await installation.events(run_id)  # which were found to be without a gap
    assert sum(isinstance(one, run.LoopRepeated) for one in log) == 4
    scheduled = [(one.node, one.iteration, one.attempt) for one in log if isinstance(one, run.NodeScheduled)]
    assert len(scheduled) == len(set(scheduled))
    assert len((await installation.results())[run_id]) == 1


async def answered(asked: Awaitable[T]) -> T | None:
    """An answer; None while the broker is away."""
    try:
        return await asked
    except KafkaUnavailable:
        return None


async def has_ended(installation: Installation, run_id: str, name: str) -> bool:
    log = await answered(installation.client.read_all(RUN_EVENTS, key=run_id)) or []
    return any(isinstance(one.event, run.NodeSucceeded) and one.event.node == name for one in log)


@pytest.mark.timeout(300)
async def test_a_timer_goes_off_in_time_although_everything_was_killed(
    installation: Installation, stack: Stack
) -> None:
    spec = {
        "nodes": {"rest": node("delay", input={"ms": "input.ms"}), "after": says("1")},
        "edges": edges("rest after"),
        "output": {"v": "nodes.after.output.v"},
    }
    name = await deploy(installation, spec)
    run_id = await installation.start(name, {"ms": 20_000})
    await until_equal(lambda: has_begun(installation, run_id), True)
    for victim in ("kafka", "workflow_router"):
        await kill(stack, victim)
    quick = await until(lambda: answered(installation.start(name, {"ms": 0})), 60)
    assert quick
    back = await until(lambda: answered(installation.result(quick)), 60)
    assert isinstance(back, RunCompleted)
    assert isinstance(await until(lambda: answered(installation.result(run_id)), 60), RunCompleted)
    log = await installation.events(run_id)
    (due,) = [one.deadline or 0 for one in log if isinstance(one, run.NodeScheduled) and one.node == "rest"]
    (done,) = [one.at for one in log if isinstance(one, run.NodeSucceeded) and one.node == "rest"]
    assert due <= done < max(due, back.finished_at) + LATE_MS


async def has_begun(installation: Installation, run_id: str) -> bool:
    return bool(await installation.client.read_all(RUN_EVENTS, key=run_id))
