"""Given a run in flight and two versions of its workflow, then what keeps it from going on with the newer one."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from headrace.events import run
from headrace.limits import GENESIS
from headrace.workflow.spec import WorkflowSpec
from headrace.workflow.upgrade import InFlight, in_flight, obstacles

PLACE: Mapping[str, Any] = {"seq": 0, "prev": GENESIS, "at": 0}
TEMPLATE: Mapping[str, Any] = {"type": "template"}
ASK: Mapping[str, Any] = {"type": "model_invoke", "config": {"prompt": "ask", "model": "chat"}}
WAIT: Mapping[str, Any] = {"type": "wait", "config": {"signal": "approval"}}
OLD: Mapping[str, Any] = {
    "nodes": {"first": TEMPLATE, "ask": ASK, "check": TEMPLATE, "approve": WAIT, "publish": TEMPLATE},
    "edges": [
        {"from": "first", "to": "ask"},
        {"from": "ask", "to": "check"},
        {"from": "check", "to": "ask", "when": "nodes.check.output.again", "max_iterations": 3},
        {"from": "check", "to": "approve"},
        {"from": "approve", "to": "publish", "when": "nodes.approve.output.ok"},
    ],
    "output": {"text": "nodes.ask.output.text"},
}


def pin(ref: str) -> run.Pin:
    return run.Pin(kind="Prompt", ref=ref, name=ref, version=1, digest="d")


def state(
    results: Mapping[str, tuple[str, ...]], *outstanding: str, status: str = "scheduled", maps: Any = (), **head: Any
) -> InFlight:
    """A run in which nodes have succeeded, each with the targets of its taken edges."""
    started = run.RunStarted(**PLACE, workflow="ask@1", input='{"name": "Ada"}', pins=(pin("ask"), pin("chat")))
    attempts = {name: run.Attempt(status=status) for name in outstanding}
    ended = {name: run.NodeResult(status="succeeded", output="{}", taken=taken) for name, taken in results.items()}
    found = run.RunHead(seq=9, prev=GENESIS, status="running", outstanding=attempts, **head)
    return InFlight(started, found, ended, frozenset(maps))


def changed(**parts: Any) -> Mapping[str, Any]:
    """The newer version: nodes by name, None removes one; `edges` and other parts take the place of the old."""
    nodes = {**OLD["nodes"], **parts.pop("nodes", {})}
    return {**OLD, **parts, "nodes": {name: node for name, node in nodes.items() if node is not None}}


def found(before: InFlight, new: Mapping[str, Any], old: Mapping[str, Any] = OLD) -> list[str]:
    return obstacles(before, WorkflowSpec.model_validate(old), WorkflowSpec.model_validate(new))


CHECKED = state({"first": ("ask",), "ask": ("check",), "check": ("approve",)}, "approve")
ASKED = state({"first": ("ask",)}, "ask")


def without(*left_out: tuple[str, str]) -> list[Any]:
    return [edge for edge in OLD["edges"] if (edge["from"], edge["to"]) not in left_out]


def test_the_same_version_is_no_obstacle() -> None:
    assert found(CHECKED, OLD) == []
    assert found(ASKED, OLD) == []


@pytest.mark.parametrize(
    "new",
    [
        changed(nodes={"publish": {**TEMPLATE, "config": {"expressions": {"x": "1"}}}}),
        changed(nodes={"approve": {**WAIT, "retry": {"attempts": 3}}}),
        changed(nodes={"later": TEMPLATE}, edges=[*OLD["edges"], {"from": "publish", "to": "later"}]),
        changed(nodes={"publish": None}, edges=without(("approve", "publish"))),
        changed(output={"done": "true"}, nodes={"ask": {**ASK, "output": {"type": "object"}}}),
    ],
    ids=["config", "retry", "appended", "end-removed", "output-not-read"],
)
def test_what_lies_ahead_may_change(new: Mapping[str, Any]) -> None:
    assert found(CHECKED, new) == []


def test_a_node_under_way_must_stay_what_it_is() -> None:
    gone = changed(nodes={"approve": None}, edges=without(("check", "approve"), ("approve", "publish")))
    assert "node approve is under way, and the new version has no such node" in found(CHECKED, gone)
    assert found(CHECKED, changed(nodes={"approve": {"type": "template"}})) == [
        "node approve is under way as a wait, and in the new version it is a template"
    ]
    assert found(CHECKED, changed(nodes={"approve": {"type": "wait", "config": {"signal": "yes"}}})) == [
        "node approve waits for the signal approval, in the new version for yes"
    ]


def test_what_is_read_later_must_keep_its_shape() -> None:
    reader = {**TEMPLATE, "input": {"x": "nodes.check.output.x"}}
    new = changed(nodes={"check": {**TEMPLATE, "output": {"type": "object"}}, "publish": reader})
    assert found(CHECKED, new) == [
        "node publish reads node check, which has ended, and in the new version has another output"
    ]
    values = changed(nodes={"check": {**TEMPLATE, "config": {"templates": {"y": "z"}}}, "publish": reader})
    assert len(found(CHECKED, values)) == 1
    assert found(CHECKED, changed(nodes={"ask": TEMPLATE})) == [
        "the output reads node ask, which has ended, and in the new version has another output"
    ]


def test_what_is_read_later_must_be_there() -> None:
    new = changed(
        nodes={"check": None, "publish": {**TEMPLATE, "input": {"x": "nodes.check.output.x"}}},
        edges=[*without(("ask", "check"), ("check", "ask"), ("check", "approve")), {"from": "ask", "to": "approve"}],
    )
    assert "node publish reads node check, which has ended, and the new version has no such node" in found(CHECKED, new)


def test_a_condition_that_is_asked_later_reads_too() -> None:
    edges = [*without(("approve", "publish")), {"from": "approve", "to": "publish", "when": "nodes.check.output.ok"}]
    new = changed(nodes={"check": {**TEMPLATE, "output": {"type": "object"}}}, edges=edges)
    assert found(CHECKED, new) == [
        "the edge from approve to publish reads node check, which has ended, and in the new version has another output"
    ]


def test_an_edge_that_was_taken_towards_what_waits_must_stay() -> None:
    old = {**OLD, "edges": [*OLD["edges"], {"from": "first", "to": "publish"}]}
    before = state({"first": ("ask", "publish")}, "ask")
    assert found(before, OLD, old) == ["the edge from first to publish was taken, and the new version has no such edge"]
    # one whose target has begun has done its work
    assert found(state({"first": ("ask", "publish")}, "ask", "publish"), OLD, old) == []


def test_a_node_that_nothing_will_start_is_an_obstacle() -> None:
    new = changed(nodes={"audit": TEMPLATE}, edges=[*OLD["edges"], {"from": "first", "to": "audit"}])
    assert found(CHECKED, new) == ["node audit would never run: what leads to it has ended already (first)"]
    alone = changed(nodes={"audit": TEMPLATE})
    assert found(CHECKED, alone) == ["node audit would have begun at the start of the run, which is over"]


def test_a_loop_under_way_must_stay() -> None:
    before = state({"first": ("ask",)}, "ask", loops={"check": run.Loop(round=1, total=1)})
    assert found(before, OLD) == []
    assert found(before, changed(edges=without(("check", "ask")))) == [
        "the loop that check ends is in round 2, and the new version has no such loop"
    ]
    over = state({"first": ("ask",), "ask": ("check",), "check": ("approve",)}, "approve", loops=before.head.loops)
    assert found(over, changed(edges=without(("check", "ask")))) == []
    elsewhere = {"from": "check", "to": "check", "when": "nodes.check.output.again", "max_iterations": 3}
    assert found(before, changed(edges=[*without(("check", "ask")), elsewhere])) == [
        "the loop that check ends leads back to ask, in the new version to check"
    ]


def test_a_map_under_way_must_stay() -> None:
    each = {**ASK, "map": {"over": "input.list"}}
    before = state({"first": ("ask",)}, "ask", "ask[2]", status="mapped", maps=["ask"])
    assert found(before, changed(nodes={"ask": each}), changed(nodes={"ask": each})) == []
    assert found(before, OLD, changed(nodes={"ask": each})) == [
        "node ask is under way once for each item of a list, and in the new version it runs once"
    ]


def test_what_has_not_ended_needs_what_the_run_is_pinned_to() -> None:
    other = {"type": "model_invoke", "config": {"prompt": "shorter", "model": "chat"}}
    assert found(ASKED, changed(nodes={"ask": other})) == [
        "node ask needs the prompt shorter, which the run is not pinned to"
    ]
    assert found(CHECKED, changed(nodes={"ask": other})) == []  # it has ended


def test_the_input_must_fit() -> None:
    assert found(ASKED, changed(input={"type": "object", "required": ["name"]})) == []
    (told,) = found(ASKED, changed(input={"type": "object", "required": ["question"]}))
    assert told.startswith("its input does not fit the new version: ")
    assert "question" in told


def test_a_run_is_read_from_its_entries() -> None:
    head, started = CHECKED.head, CHECKED.started
    result = run.NodeResult(status="succeeded", output=json.dumps({}))
    over = run.MapStarted(**PLACE, node="ask", items="[]", count=0)
    parts = {
        "": head,
        "@start": started,
        "first": result,
        "ask[0]": result,
        "@map/ask": over,
        "@previous/first": result,
    }
    assert in_flight(parts) == InFlight(started, head, {"first": result}, frozenset({"ask"}))
    assert in_flight({"": head}) is None
    assert in_flight({"@start": started}) is None
