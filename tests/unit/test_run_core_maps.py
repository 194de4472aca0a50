"""A node that is mapped over a list: how many instances run at once, what becomes of failures, and of the order."""

import json
from typing import Any

import pytest

from headrace.events import run as events_of
from tests.unit.engine import Run, a_run, a_running, graph, message, said
from workflow_router.core.progress import MOST_EVENTS

EACH: dict[str, Any] = {"input": {"x": "item", "i": "index"}, "map": {"over": "input.list", "concurrency": 2}}


def mapped(**more: Any) -> dict[str, Any]:
    spec = graph("each after", each={**EACH, "map": {**EACH["map"], **more}})
    return {**spec, "output": {"all": "nodes.each.output.items", "failed": "nodes.each.output.failed"}}


def started(over: Any, **more: Any) -> Run:
    run = a_run(mapped(**more))
    run.start({"list": over})
    return run


def test_so_many_instances_run_at_once_and_the_next_starts_when_one_has_ended() -> None:
    run = a_run(mapped())
    assert said(run.start({"list": ["a", "b", "c"]})) == [
        "started",
        'map each ["a","b","c"]',
        'scheduled each[0]#1 {"i":0,"x":"a"}',
        'scheduled each[1]#1 {"i":1,"x":"b"}',
    ]
    assert said(run.succeed("each[1]", "B")) == ["succeeded each[1]#1", 'scheduled each[2]#1 {"i":2,"x":"c"}']


def test_results_are_in_the_order_of_the_items_whatever_the_order_in_which_they_come() -> None:
    run = started([1, 2, 3])
    for index in (1, 2, 0):
        events = run.succeed(f"each[{index}]", index * 10)
    ended = events[1]
    assert isinstance(ended, events_of.NodeSucceeded)
    assert json.loads(ended.output) == {"items": [0, 10, 20], "failed": []}
    assert said(run.succeed("after"))[-1] == 'completed {"all":[0,10,20],"failed":[]}'


def test_an_empty_list_is_done_at_once() -> None:
    run = a_run(mapped())
    assert said(run.start({"list": []})) == ["started", "map each []", "succeeded each#1 after", "scheduled after#1 {}"]


def test_a_failure_too_many_fails_the_node_and_says_which() -> None:
    run = started([1, 2, 3])
    events = run.fail("each[0]")
    assert said(events) == ["failed each[0]#1 broken", "failed each#1 map_failed", "run failed node_failed each"]
    assert "each[0]: broken: it broke" in events[1].message  # type: ignore[attr-defined]


def test_failures_that_are_borne_leave_a_gap() -> None:
    run = started([1, 2], max_failures=1)
    run.fail("each[0]")
    run.succeed("each[1]", "two")
    (*_, end) = run.succeed("after")
    assert isinstance(end, events_of.RunCompleted)
    assert json.loads(end.output) == {
        "all": [None, "two"],
        "failed": [{"index": 0, "code": "broken", "message": "it broke"}],
    }


def test_an_instance_is_tried_again_as_the_node_says() -> None:
    spec = mapped()
    spec["nodes"]["each"]["retry"] = {"attempts": 2, "backoff_ms": 100}
    run = a_run(spec)
    run.start({"list": [1]})
    assert said(run.fail("each[0]")) == ["failed each[0]#1 broken, again after 100 ms"]
    assert said(run.tick(100)) == ['scheduled each[0]#2 {"i":0,"x":1}']


def test_a_map_is_never_tried_again_as_a_whole() -> None:
    spec = mapped()
    spec["nodes"]["each"]["retry"] = {"attempts": 3, "codes": ["map_failed"]}
    run = a_run(spec)
    run.start({"list": ["a", "b"]})
    assert said(run.fail("each[0]")) == [
        "failed each[0]#1 broken",
        "failed each#1 map_failed",
        "run failed node_failed each",
    ]


@pytest.mark.parametrize("over", [3, {"a": 1}, None, list(range(101))])
def test_what_is_no_list_or_too_long_fails_the_node(over: Any) -> None:
    run = a_run(mapped())
    assert said(run.start({"list": over})) == ["started", "run failed map_invalid each"]


def test_what_maps_led_to_is_the_same_in_memory_on_the_state_topic_and_in_the_log() -> None:
    run = started([1, 2, 3], max_failures=1)
    for index in (1, 0, 2):
        assert run.restored() == run.state == run.folded()
        assert run.succeed(f"each[{index}]", index) if index else run.fail("each[0]")
    assert run.restored() == run.state == run.folded()
    assert not [name for name in run.parts if "[" in name or "@map" in name]


def test_a_failed_map_can_be_rescued() -> None:
    spec = graph("each after", {"from": "each", "to": "rescue", "on_error": True}, "after end", "rescue end", each=EACH)
    run = a_running(spec, value={"list": [1]})
    assert said(run.fail("each[0]"))[1:] == ["failed each#1 map_failed", "skipped after", "scheduled rescue#1 {}"]


COSTLY = "input.list.map(x, x + 1).size()"
"""Of 1,000 numbers it handles some 4 MB."""


def test_what_evaluates_much_leaves_the_rest_to_the_next_decision() -> None:
    names = [f"n{number}" for number in range(40)]
    spec = graph(**{name: {"input": {"size": COSTLY}} for name in names})
    run = a_run(spec)
    began = said(run.start({"list": list(range(1_000))}))
    held = [event for event in began if event.startswith("held")]
    assert began[1] == 'scheduled n0#1 {"size":1000}'
    assert 10 < len(held) < 30
    while any(attempt.status == "held" for attempt in run.state.outstanding.values()):
        assert len(run.tick(1)) < 30
    assert {attempt.status for attempt in run.state.outstanding.values()} == {"scheduled"}
    assert run.state.outstanding.keys() == {*names}


def test_instances_that_evaluate_much_wait_too() -> None:
    each = {"input": {"size": COSTLY}, "map": {"over": "input.list", "concurrency": 60, "max_items": 1_000}}
    run = a_run({**graph(each=each), "output": {"sizes": "nodes.each.output.items.size()"}})
    decisions = [said(run.start({"list": list(range(1_000))}))]
    while decisions[-1][-1].startswith("held"):
        decisions.append(said(run.tick(1)))
    begun = [sum(event.startswith("scheduled") for event in events) for events in decisions]
    assert sum(begun) == 60
    assert max(begun) < 30
    assert run.restored() == run.state == run.folded()


def test_many_maps_begin_in_as_many_decisions_as_it_takes() -> None:
    each = {"map": {"over": "input.list", "concurrency": 100}}
    run = a_run(graph(**{f"n{number}": each for number in range(12)}))
    decisions = [run.start({"list": list(range(100))})]
    while decisions[-1]:
        decisions.append(run.tick(1))
    assert max(map(len, decisions)) < MOST_EVENTS + 100
    assert sum(attempt.status == "scheduled" for attempt in run.state.outstanding.values()) == 1_200


def test_a_node_that_evaluates_too_much_fails() -> None:
    run = a_run(graph(a={"input": {f"i{number}": COSTLY for number in range(20)}}))
    events = run.start({"list": list(range(1_000))})
    assert said(events)[-1] == "run failed expression_failed a"
    assert "those before it left" in message(events)
