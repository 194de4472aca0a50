"""Workflows in workflows: a node's work is done by a run of its own, to which it is linked."""

from collections import deque
from collections.abc import Mapping
from typing import Any

import pytest

from headrace.event import Event
from headrace.events import node
from headrace.events import run as events_of
from headrace.topics import NODE_STOPS, RUN_CHILDREN
from tests.unit.engine import NOW, Edge, Run, Shelf, a_run, at, graph, said, usage
from workflow_router.model import RUNNING

CHILD: dict[str, Any] = {
    "input": {"type": "object", "properties": {"text": {}}, "required": ["text"], "additionalProperties": False},
    "nodes": {"work": {"type": "template", "input": {"text": "input.text"}}},
    "output": {"text": "nodes.work.output.text"},
}
PARENT: dict[str, Any] = {
    **graph("call after", call={"type": "workflow", "config": {"workflow": "child"}, "input": {"text": "input.text"}}),
    "output": {"text": "nodes.call.output.text"},
}


class Family:
    """A run, and the runs that it leads to; what they send each other arrives."""

    def __init__(self, **workflows: Mapping[str, Any]) -> None:
        self.shelf = Shelf()
        for name, spec in workflows.items():
            self.shelf.put("Workflow", name, spec)
        self.runs: dict[str, Run] = {}

    def start(self, value: Any) -> list[str]:
        return self.also(self.run("r1").start(value))

    def run(self, key: str) -> Run:
        if key not in self.runs:
            self.runs[key] = a_run(shelf=self.shelf, key=key)
        return self.runs[key]

    def also(self, events: list[Event]) -> list[str]:
        """Events in short, and those of the runs that they lead to."""
        told = said(events)
        letters = deque(self._letters())
        while letters:
            key, event = letters.popleft()
            more = self.run(key).receive(event, at(key.encode(), "run.children-0-1"))
            told += [f"{key}: {line}" for line in said(more)]
            letters += self._letters()
        return told

    def _letters(self) -> list[tuple[str, Event]]:
        found = [
            ((output.key or run.key.encode()).decode(), output.event)
            for run in self.runs.values()
            for output in run.outputs
            if output.topic is RUN_CHILDREN
        ]
        for run in self.runs.values():
            run.outputs = [output for output in run.outputs if output.topic is not RUN_CHILDREN]
        return found


def a_family(**more: Any) -> Family:
    return Family(child={**CHILD, **more}, w=PARENT)


def test_a_workflow_in_a_workflow_runs_and_its_output_is_the_node_s() -> None:
    family = a_family()
    assert family.start({"text": "hi"}) == [
        "started",
        'scheduled call#1 {"text":"hi"}',
        "r1:call: started",
        'r1:call: scheduled work#1 {"text":"hi"}',
    ]
    child = family.run("r1:call")
    assert family.also(child.succeed("work", {"text": "HI"}, usage=usage(cost="2")))[-2:] == [
        "r1: succeeded call#1 after",
        "r1: scheduled after#1 {}",
    ]
    (*_, end) = family.run("r1").succeed("after")
    assert isinstance(end, events_of.RunCompleted)
    assert (end.output, end.usage.cost) == ('{"text":"HI"}', "2")


def test_parent_and_child_know_each_other_and_are_bound_to_the_same() -> None:
    family = a_family()
    family.start({"text": "hi"})
    parent, child = family.run("r1").state.start, family.run("r1:call").state.start
    assert child.parent == events_of.Parent(run="r1", node="call", iteration=0, attempt=1, depth=1)
    assert child.workflow == "child@1"
    assert child.pins == parent.pins
    assert [pin.ref for pin in parent.pins] == ["w", "child"]
    assert child.deadline <= parent.deadline  # type: ignore[operator]  # both have one


def test_a_child_s_result_is_for_its_parent_alone() -> None:
    family = a_family()
    family.start({"text": "hi"})
    family.also(family.run("r1:call").succeed("work", {"text": ""}))
    assert not [output for output in family.run("r1:call").outputs if output.topic.name == "run.results"]


def test_a_child_that_fails_fails_its_node() -> None:
    family = a_family()
    family.start({"text": "hi"})
    told = family.also(family.run("r1:call").fail("work"))
    assert told[-2:] == ["r1: failed call#1 node_failed", "r1: run failed node_failed call"]


def test_an_input_that_the_child_does_not_take_fails_the_node() -> None:
    spec = {**PARENT, "nodes": {**PARENT["nodes"], "call": {**PARENT["nodes"]["call"], "input": {"x": "1"}}}}
    family = Family(child=CHILD, w=spec)
    told = family.start({})
    assert told[-3:] == [
        "r1:call: run failed input_invalid",
        "r1: failed call#1 input_invalid",
        "r1: run failed node_failed call",
    ]


def test_a_run_that_is_cancelled_takes_its_children_with_it_and_tells_workers() -> None:
    family = a_family()
    family.start({"text": "hi"})
    told = family.also(family.run("r1").receive(events_of.CancelRun(reason="enough")))
    assert told == ["cancelled: enough", "r1:call: cancelled: run r1 has ended: RunCancelled"]
    (stop,) = [output for output in family.run("r1:call").outputs if output.topic is NODE_STOPS]
    assert isinstance(stop.event, node.StopRun)


def test_nobody_but_the_child_speaks_for_its_node() -> None:
    family = a_family()
    family.start({"text": "hi"})
    assert said(family.run("r1").succeed("call", {"text": "forged"})) == []


def test_each_attempt_and_each_round_has_a_child_of_its_own() -> None:
    call = {**PARENT["nodes"]["call"], "retry": {"attempts": 2, "backoff_ms": 10, "codes": ["node_failed"]}}
    family = Family(child=CHILD, w={**PARENT, "nodes": {**PARENT["nodes"], "call": call}})
    family.start({"text": "hi"})
    family.also(family.run("r1:call").fail("work"))
    assert "r1:call:0.2: started" in family.also(family.run("r1").tick(10))


def test_a_workflow_may_be_mapped() -> None:
    call = {**PARENT["nodes"]["call"], "input": {"text": "item"}, "map": {"over": "input.texts"}}
    spec = {**PARENT, "nodes": {**PARENT["nodes"], "call": call}, "output": {"all": "nodes.call.output.items"}}
    family = Family(child=CHILD, w=spec)
    family.start({"texts": ["a", "b"]})
    for name in ("b", "a"):
        key = f"r1:call.{'ab'.index(name)}"
        family.also(family.run(key).succeed("work", {"text": name.upper()}))
    assert said(family.run("r1").succeed("after"))[-1] == 'completed {"all":[{"text":"A"},{"text":"B"}]}'


@pytest.mark.parametrize("depth", [0, 9])
def test_workflows_that_lead_to_each_other_without_an_end_are_refused(depth: int) -> None:
    call = {"type": "workflow", "config": {"workflow": "w1"}}
    specs = {f"w{level}": graph(a={**call, "config": {"workflow": f"w{level + 1}"}}) for level in range(1, depth + 1)}
    last = graph(a={"type": "template"}) if depth else graph(a={**call, "config": {"workflow": "w"}})
    family = Family(**{f"w{depth + 1}": last, **specs, "w": graph(a=call)})
    assert family.start({}) == ["run failed workflow_recursion"]


def test_the_longest_way_to_a_workflow_counts() -> None:
    call = {"type": "workflow", "config": {"workflow": "w1"}}
    specs = {f"w{level}": graph(a={**call, "config": {"workflow": f"w{level + 1}"}}) for level in range(1, 9)}
    also = {**call, "config": {"workflow": "w5"}}
    assert Family(w9=graph(a={"type": "template"}), **specs, w=graph(short=also)).start({})[0] == "started"
    both = Family(w9=graph(a={"type": "template"}), **specs, w=graph(short=also, long=call))
    assert both.start({}) == ["run failed workflow_recursion"]


def test_a_long_run_id_still_makes_one_for_its_child() -> None:
    family = a_family()
    run = a_run(shelf=family.shelf, key="r" * 200)
    run.start({"text": "hi"})
    (output,) = [output for output in run.outputs if output.topic is RUN_CHILDREN]
    assert output.key is not None
    assert output.key.startswith(b"child-")


def test_a_loop_that_goes_round_takes_the_children_with_it_that_it_gives_up() -> None:
    edges: list[Edge] = ["a call", "a quick", "call end", "quick end", {"from": "end", "to": "a", "max_iterations": 2}]
    spec = graph(*edges, call=PARENT["nodes"]["call"], end={"join": "any"})
    family = Family(child=CHILD, w=spec)
    family.start({"text": "hi"})
    family.also(family.run("r1").succeed("a"))
    family.also(family.run("r1").succeed("quick"))
    told = family.also(family.run("r1").succeed("end"))
    assert "r1:call: cancelled: run r1 needs it no more: LoopRepeated of end" in told
    assert family.run("r1").state.status == RUNNING


def test_a_map_that_fails_takes_the_children_with_it_that_it_gives_up() -> None:
    call = {**PARENT["nodes"]["call"], "map": {"over": "[1, 2, 3]"}}
    spec = graph({"from": "call", "to": "after", "on_error": True}, call=call)
    family = Family(child=CHILD, w=spec)
    family.start({"text": "hi"})
    told = family.also(family.run("r1:call.1").fail("work"))
    gone = "cancelled: run r1 needs it no more: NodeFailed of call"
    assert [line for line in told if "cancelled" in line] == [f"r1:call.0: {gone}", f"r1:call.2: {gone}"]


def test_a_child_has_as_long_as_its_node_and_no_longer_than_its_workflow() -> None:
    call = {**PARENT["nodes"]["call"], "timeout_ms": 5_000}
    family = Family(child={**CHILD, "timeout_ms": 60_000}, w={**PARENT, "nodes": {**PARENT["nodes"], "call": call}})
    family.start({"text": "hi"})
    assert family.run("r1:call").state.start.deadline == NOW + 5_000
    family = Family(child={**CHILD, "timeout_ms": 3_000}, w={**PARENT, "nodes": {**PARENT["nodes"], "call": call}})
    family.start({"text": "hi"})
    assert family.run("r1:call").state.start.deadline == NOW + 3_000
