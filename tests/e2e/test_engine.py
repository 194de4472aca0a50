"""What edges, joins, loops, maps, signals and the rest mean, over the real broker, with everything delivered twice."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from headrace.events import run
from headrace.events.run import RunCompleted
from headrace.topics import NODE_OUTCOMES, RUN_CHILDREN, RUN_EVENTS, RUN_REQUESTS
from tests.conftest import Stack
from tests.e2e.installation import Installation
from tests.support.echo import echoing
from tests.support.names import unique
from tests.support.waiting import until, until_equal

YES = {"config": {"expressions": {"yes": "true"}}}


def node(_type: str = "template", **more: Any) -> dict[str, Any]:
    return {"type": _type, **more}


def says(expression: str, **bound: str) -> dict[str, Any]:
    """A node that puts out one value."""
    return node(config={"expressions": {"v": expression}}, input=bound)


FAILS = says("1 / input.n", n="input.n")
"""A node whose worker fails."""


def edges(*drawn: str, **more: Mapping[str, Any]) -> list[dict[str, Any]]:
    """`a b` is an edge; `a_b` among the keywords is one with more to it."""
    plain = [dict(zip(("from", "to"), edge.split(), strict=True)) for edge in drawn]
    return plain + [{"from": name.split("_")[0], "to": name.split("_")[1], **keys} for name, keys in more.items()]


@dataclass(frozen=True)
class Case:
    """A workflow, what it is given, and what it must put out."""

    spec: Mapping[str, Any]
    output: Any
    given: Any = None


def seen(*names: str) -> dict[str, str]:
    """An output that says which nodes ran."""
    return {name: f"has(nodes.{name})" for name in names}


CASES = {
    "several edges run in parallel, else does not": Case(
        {
            "nodes": {name: says("1") for name in "abcde"},
            "edges": edges("e a", a_b={"when": "input.n > 1"}, a_c={"when": "input.n > 2"}, a_d={"else": True}),
            "output": seen(*"bcd"),
        },
        {"b": True, "c": True, "d": False},
        {"n": 3},
    ),
    "else is taken when no condition holds": Case(
        {
            "nodes": {name: says("1") for name in "abc"},
            "edges": edges(a_b={"when": "input.n > 1"}, a_c={"else": True}),
            "output": seen(*"bc"),
        },
        {"b": False, "c": True},
        {"n": 0},
    ),
    "a join of all waits for what may still come, and not for a dead path": Case(
        {
            "nodes": {**{name: says("1") for name in "abcd"}, "j": says("input.b", b="nodes.b.output.v")},
            "edges": edges("a b", "b j", "c d", "d j", a_c={"when": "input.n > 5"}),
            "output": {"j": "nodes.j.output.v", "d": "has(nodes.d)"},
        },
        {"j": 1, "d": False},
        {"n": 0},
    ),
    "a join of any starts once": Case(
        {
            "nodes": {"a": says("1"), "b": says("2"), "j": {**says("3"), "join": "any"}},
            "edges": edges("a j", "b j"),
            "output": {"j": "nodes.j.output.v"},
        },
        {"j": 3},
    ),
    "a join of two out of three": Case(
        {
            "nodes": {**{name: says("1") for name in "abcd"}, "j": {**says("4"), "join": {"n_of": 2}}},
            "edges": edges("a j", "b j", c_j={"when": "input.n > 5"}, c_d={"else": True}),
            "output": {"j": "nodes.j.output.v", "d": "has(nodes.d)"},
        },
        {"j": 4, "d": True},
        {"n": 0},
    ),
    "a loop sees the round before and ends": Case(
        {
            "nodes": {
                "a": says("input.last + 1", last="has(previous.b) ? previous.b.output.v : 0"),
                "b": says("input.v * 2", v="nodes.a.output.v"),
                "c": says("input.v", v="nodes.b.output.v"),
            },
            "edges": edges("a b", "b c", b_a={"when": "nodes.b.output.v < 20", "max_iterations": 9}),
            "output": {"v": "nodes.c.output.v"},
        },
        {"v": 30},
    ),
    "a loop ends at its bound": Case(
        {
            "nodes": {"a": says("input.n", n="has(previous.a) ? previous.a.output.v + 1 : 1")},
            "edges": edges(a_a={"max_iterations": 4}),
            "output": {"v": "nodes.a.output.v"},
        },
        {"v": 4},
    ),
    "a map keeps the order": Case(
        {
            "nodes": {"a": {**says("input.x * 2", x="item"), "map": {"over": "input.list", "concurrency": 3}}},
            "output": {"all": "nodes.a.output.items.map(one, one.v)"},
        },
        {"all": [2, 4, 6, 8, 10, 12, 14]},
        {"list": [1, 2, 3, 4, 5, 6, 7]},
    ),
    "a map bears so many failures": Case(
        {
            "nodes": {"a": {**says("10 / input.x", x="item"), "map": {"over": "input.list", "max_failures": 1}}},
            "output": {
                "all": "nodes.a.output.items.map(one, one == null ? -1 : one.v)",
                "failed": "nodes.a.output.failed.map(one, one.index)",
            },
        },
        {"all": [10, -1, 5], "failed": [1]},
        {"list": [1, 0, 2]},
    ),
    "an edge for errors is taken after the last attempt": Case(
        {
            "nodes": {
                "a": {**FAILS, "retry": {"attempts": 3, "backoff_ms": 10, "codes": ["expression_failed"]}},
                "b": says("1"),
                "c": says("input.code", code="nodes.a.error.code"),
            },
            "edges": edges("a b", a_c={"on_error": True}),
            "output": {"code": "has(nodes.c) ? nodes.c.output.v : ''", "b": "has(nodes.b)"},
        },
        {"code": "expression_failed", "b": False},
        {"n": 0},
    ),
    "a delay goes by": Case(
        {
            "nodes": {"a": node("delay", input={"ms": "300"}), "b": says("1")},
            "edges": edges("a b"),
            "output": {"v": "nodes.b.output.v"},
        },
        {"v": 1},
    ),
    "a signal that does not come has a default": Case(
        {
            "nodes": {"a": node("wait", config={"signal": "s", "default": {"ok": False}}, timeout_ms=300)},
            "output": {"ok": "nodes.a.output.ok"},
        },
        {"ok": False},
    ),
}


@pytest.fixture
async def twice(stack: Stack) -> AsyncIterator[list[str]]:
    """Requests, outcomes and what runs tell each other are all delivered twice."""
    async with echoing(stack.kafka, RUN_REQUESTS, NODE_OUTCOMES, RUN_CHILDREN) as repeated:
        yield repeated


async def deploy(installation: Installation, spec: Mapping[str, Any], name: str | None = None) -> str:
    name = name or unique("engine")
    resource = {"apiVersion": "headrace/v1", "kind": "Workflow", "metadata": {"name": name}, "spec": dict(spec)}
    await installation.deploy(yaml.safe_dump(resource))
    return name


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
async def test_a_run_does_what_its_workflow_means(installation: Installation, twice: list[str], case: Case) -> None:
    name = await deploy(installation, case.spec)
    run_id = await installation.start(name, case.given)
    result = await installation.result(run_id)
    assert isinstance(result, RunCompleted), result
    assert json.loads(result.output) == case.output
    await it_ended_once(installation, run_id, twice)


async def it_ended_once(installation: Installation, run_id: str, twice: list[str]) -> None:
    """Once everything that was repeated has been looked at, there is one end and no attempt was made twice."""
    outcomes = await installation.client.read_all(NODE_OUTCOMES, key=run_id)
    await until(lambda: len(twice) >= len(outcomes) // 2)
    log = await installation.events(run_id)
    scheduled = [(one.node, one.iteration, one.attempt) for one in log if isinstance(one, run.NodeScheduled)]
    assert len(scheduled) == len(set(scheduled))
    results = await installation.results()
    assert len(results[run_id]) == 1


CHILD = {
    "input": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
    "nodes": {"a": says("input.n * 10", n="input.n")},
    "output": {"n": "nodes.a.output.v"},
}


async def test_a_workflow_in_a_workflow_is_a_run_of_its_own(installation: Installation, twice: list[str]) -> None:
    child = await deploy(installation, CHILD)
    call = node("workflow", config={"workflow": child}, input={"n": "item"}, map={"over": "[1, 2, 3]"})
    parent = await deploy(
        installation, {"nodes": {"call": call}, "output": {"all": "nodes.call.output.items.map(one, one.n)"}}
    )
    run_id = await installation.start(parent)
    result = await installation.result(run_id)
    assert isinstance(result, RunCompleted), result
    assert json.loads(result.output) == {"all": [10, 20, 30]}
    started, *_ = await installation.events(f"{run_id}:call.1")
    assert isinstance(started, run.RunStarted)
    assert started.parent is not None
    assert (started.parent.run, started.parent.node, started.workflow) == (run_id, "call[1]", f"{child}@1")
    assert f"{run_id}:call.1" not in await installation.results(), "a child's result is its parent's"
    await it_ended_once(installation, run_id, twice)


async def test_a_signal_with_the_right_payload_lets_a_run_go_on(installation: Installation, twice: list[str]) -> None:
    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
    ask = node("wait", config={"signal": "approval"}, output=schema)
    after = says("input.ok", ok="nodes.ask.output.ok")
    name = await deploy(
        installation,
        {"nodes": {"ask": ask, "after": after}, "edges": edges("ask after"), "output": {"ok": "nodes.after.output.v"}},
    )
    run_id = await installation.start(name)
    await until_equal(lambda: waits(installation, run_id), True)
    for payload in ('{"ok": "maybe"}', '{"ok": true}'):
        request = run.SignalRun(signal="approval", payload=payload)
        await installation.client.send(RUN_REQUESTS, run_id, request)
    result = await installation.result(run_id)
    assert isinstance(result, RunCompleted), result
    assert json.loads(result.output) == {"ok": True}
    log = await installation.events(run_id)
    assert sum(isinstance(one, run.SignalRefused) for one in log) == 1
    assert sum(isinstance(one, run.SignalReceived) for one in log) == 1
    await it_ended_once(installation, run_id, twice)


async def waits(installation: Installation, run_id: str) -> bool:
    log = await installation.client.read_all(RUN_EVENTS, key=run_id)
    return any(isinstance(one.event, run.NodeScheduled) and one.event.type == "wait" for one in log)


async def test_a_cancelled_run_ends_once_and_so_do_its_children(installation: Installation, twice: list[str]) -> None:
    child = await deploy(installation, {"nodes": {"w": node("wait", config={"signal": "s"})}, "output": {"x": "1"}})
    call = node("workflow", config={"workflow": child})
    parent = await deploy(installation, {"nodes": {"call": call}, "output": {"x": "1"}})
    run_id = await installation.start(parent)
    await until_equal(lambda: waits(installation, f"{run_id}:call"), True)
    await installation.client.send(RUN_REQUESTS, run_id, run.CancelRun(reason="enough"))
    result = await installation.result(run_id)
    assert isinstance(result, run.RunCancelled)

    async def last() -> object:
        return (await installation.events(f"{run_id}:call"))[-1].NAME

    await until_equal(last, run.RunCancelled.NAME)
    await it_ended_once(installation, run_id, twice)
