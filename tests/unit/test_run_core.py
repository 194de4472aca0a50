"""Which nodes of a run start, which are ruled out, how it ends: given a run, when outcomes come, then events."""

import json

import pytest

from headrace.nodes import NODE_TYPES
from headrace.topics import NODE_REQUESTS
from tests.unit.engine import Edge, Shelf, a_run, graph, message, said
from workflow_router.core.kinds import ROUTED

GREETING = {
    "input": {"type": "object", "properties": {"name": {"type": "string", "default": "world"}}},
    "nodes": {
        "first": {"type": "template", "input": {"who": "input.name"}},
        "second": {"type": "template", "input": {"text": "nodes.first.output.text", "run": "run.id"}},
    },
    "edges": [{"from": "first", "to": "second"}],
    "output": {"greeting": "nodes.second.output.text"},
}


def test_a_linear_run_hands_each_output_to_the_next_node() -> None:
    run = a_run(GREETING)
    assert said(run.start({"name": "Ada"})) == ["started", 'scheduled first#1 {"who":"Ada"}']
    assert said(run.succeed("first", {"text": "Hello Ada"})) == [
        "succeeded first#1 second",
        'scheduled second#1 {"run":"r1","text":"Hello Ada"}',
    ]
    assert said(run.succeed("second", {"text": "Hello Ada!"})) == [
        "succeeded second#1",
        'completed {"greeting":"Hello Ada!"}',
    ]


def test_nodes_without_incoming_edges_start_together() -> None:
    run = a_run(graph("a c", "b c"))
    assert said(run.start()) == ["started", "scheduled a#1 {}", "scheduled b#1 {}"]


def test_a_single_node_is_a_workflow() -> None:
    run = a_run(graph(only={}))
    run.start()
    assert said(run.succeed("only")) == ["succeeded only#1", 'completed {"done":true}']


BRANCHES: list[Edge] = [
    {"from": "ask", "to": "cheap", "when": "nodes.ask.output.score < 5"},
    {"from": "ask", "to": "dear", "when": "nodes.ask.output.score >= 5 && nodes.ask.output.score < 9"},
    {"from": "ask", "to": "human", "else": True},
    "cheap tell",
    "dear tell",
    "human tell",
]


@pytest.mark.parametrize(("score", "taken", "ruled_out"), [(1, "cheap", "dear human"), (5, "dear", "cheap human")])
def test_a_condition_decides_where_a_run_goes(score: int, taken: str, ruled_out: str) -> None:
    run = a_run(graph(*BRANCHES))
    run.start()
    skipped = [f"skipped {name}" for name in ruled_out.split()]
    events = said(run.succeed("ask", {"score": score}))
    assert events[0] == f"succeeded ask#1 {taken}"
    assert sorted(events[1:]) == sorted([f"scheduled {taken}#1 {{}}", *skipped])


def test_else_is_taken_when_no_condition_is_true() -> None:
    run = a_run(graph(*BRANCHES))
    run.start()
    events = said(run.succeed("ask", {"score": 9}))
    assert events == ["succeeded ask#1 human", "skipped cheap", "skipped dear", "scheduled human#1 {}"]


def test_an_edge_without_condition_is_taken_beside_else() -> None:
    edges: list[Edge] = ["a b", {"from": "a", "to": "c", "when": "false"}, {"from": "a", "to": "d", "else": True}]
    run = a_run(graph(*edges))
    run.start()
    assert said(run.succeed("a")) == [
        "succeeded a#1 b d",
        "scheduled b#1 {}",
        "skipped c",
        "scheduled d#1 {}",
    ]


def test_conditions_may_be_true_together() -> None:
    run = a_run(graph({"from": "a", "to": "b", "when": "true"}, {"from": "a", "to": "c", "when": "true"}))
    run.start()
    assert said(run.succeed("a")) == ["succeeded a#1 b c", "scheduled b#1 {}", "scheduled c#1 {}"]


def test_no_condition_true_and_no_else_rules_everything_behind_out_and_ends_the_run() -> None:
    run = a_run(graph({"from": "a", "to": "b", "when": "false"}, "b c"))
    run.start()
    assert said(run.succeed("a")) == ["succeeded a#1", "skipped b", "skipped c", 'completed {"done":true}']


def test_conditions_see_the_input_and_every_node_before() -> None:
    edges: list[Edge] = [
        "a b",
        {"from": "b", "to": "c", "when": "nodes.a.output.x == input.x && run.labels.team == 'blue'"},
    ]
    run = a_run(graph(*edges))
    run.start({"x": 1}, labels={"team": "blue"})
    run.succeed("a", {"x": 1})
    assert said(run.succeed("b"))[0] == "succeeded b#1 c"


def test_a_join_waits_for_all_its_branches() -> None:
    run = a_run(graph("a b", "a c", "b d", "c d"))
    run.start()
    run.succeed("a")
    assert said(run.succeed("c")) == ["succeeded c#1 d"]
    assert said(run.succeed("b")) == ["succeeded b#1 d", "scheduled d#1 {}"]


def test_a_join_does_not_wait_for_a_dead_path() -> None:
    run = a_run(graph("a b", {"from": "a", "to": "c", "when": "false"}, "c e", "b d", "e d"))
    run.start()
    assert said(run.succeed("a")) == ["succeeded a#1 b", "scheduled b#1 {}", "skipped c", "skipped e"]
    assert said(run.succeed("b")) == ["succeeded b#1 d", "scheduled d#1 {}"]


def test_a_branch_that_is_ruled_out_last_starts_the_join() -> None:
    run = a_run(graph("a d", {"from": "b", "to": "c", "when": "false"}, "c d"))
    run.start()
    run.succeed("a")
    assert said(run.succeed("b")) == ["succeeded b#1", "skipped c", "scheduled d#1 {}"]


def test_a_join_none_of_whose_branches_is_taken_is_ruled_out() -> None:
    run = a_run(graph({"from": "a", "to": "d", "when": "false"}, {"from": "b", "to": "d", "when": "false"}, "d e"))
    run.start()
    run.succeed("a")
    assert said(run.succeed("b")) == ["succeeded b#1", "skipped d", "skipped e", 'completed {"done":true}']


def test_join_any_starts_with_the_first_branch_and_once() -> None:
    run = a_run(graph("a c", "b c", c={"join": "any"}))
    run.start()
    assert said(run.succeed("b")) == ["succeeded b#1 c", "scheduled c#1 {}"]
    assert said(run.succeed("a")) == ["succeeded a#1 c"]
    assert said(run.succeed("c")) == ["succeeded c#1", 'completed {"done":true}']


def test_join_any_waits_until_a_branch_is_taken() -> None:
    run = a_run(graph({"from": "a", "to": "c", "when": "false"}, "b c", c={"join": "any"}))
    run.start()
    assert said(run.succeed("a")) == ["succeeded a#1"]
    assert said(run.succeed("b")) == ["succeeded b#1 c", "scheduled c#1 {}"]


def test_the_run_ends_only_when_a_node_that_nobody_waits_for_has_ended() -> None:
    run = a_run(graph("a c", "b c", c={"join": "any"}))
    run.start()
    run.succeed("a")
    assert said(run.succeed("c")) == ["succeeded c#1"]
    assert said(run.succeed("b"))[-1] == 'completed {"done":true}'


def test_a_long_dead_path_is_ruled_out_in_one_go() -> None:
    edges: list[Edge] = [
        {"from": "n0", "to": "n1", "when": "false"},
        *(f"n{number} n{number + 1}" for number in range(1, 400)),
    ]
    run = a_run(graph(*edges))
    run.start()
    assert said(run.succeed("n0"))[-2:] == ["skipped n400", 'completed {"done":true}']


def test_the_output_may_ask_whether_a_node_was_ruled_out() -> None:
    spec = graph({"from": "a", "to": "b", "when": "false"})
    run = a_run({**spec, "output": {"b": "has(nodes.b) ? nodes.b.output : 'none'"}})
    run.start()
    assert said(run.succeed("a"))[-1] == 'completed {"b":"none"}'


def test_an_output_that_fails_fails_the_run_and_says_why() -> None:
    run = a_run({**graph({"from": "a", "to": "b", "when": "false"}), "output": {"b": "nodes.b.output"}})
    run.start()
    events = run.succeed("a")
    assert said(events)[-1] == "run failed expression_failed"
    assert message(events).startswith('output: `nodes.b.output` fails: Key not found in map : "b"')


def test_an_input_that_fails_fails_the_run_at_its_node() -> None:
    run = a_run(graph("a b", b={"input": {"x": "nodes.a.output.missing"}}))
    run.start()
    events = run.succeed("a", {"there": 1})
    assert said(events)[-1] == "run failed expression_failed b"
    assert message(events).startswith("node b, input: `nodes.a.output.missing` fails: ")


def test_nothing_starts_after_the_run_has_failed_in_the_same_step() -> None:
    run = a_run(graph("a b", "a c", b={"input": {"x": "1 / 0"}}))
    run.start()
    assert said(run.succeed("a")) == ["succeeded a#1 b c", "run failed expression_failed b"]


def test_a_condition_that_is_not_true_or_false_fails_its_node() -> None:
    run = a_run(graph({"from": "a", "to": "b", "when": "nodes.a.output.x"}))
    run.start()
    events = run.succeed("a", {"x": "yes"})
    assert said(events) == ["failed a#1 expression_failed", "run failed node_failed a"]
    assert "is 'yes'; a condition must be true or false" in message(events)


def test_a_worker_is_handed_what_its_run_is_about() -> None:
    run = a_run(graph(a={"timeout_ms": 5_000, "config": {"templates": {"t": "x"}}}))
    run.start(session="s", tenant="t")
    (work,) = (output.event for output in run.outputs)
    assert work == type(work)(
        run="r1",
        workflow="w@1",
        node="a",
        type="template",
        config='{"templates":{"t":"x"}}',
        input="{}",
        deadline=run.now + 5_000,
        tenant="t",
        session="s",
    )


def test_a_run_with_unlike_numbers_and_texts_keeps_them() -> None:
    run = a_run(graph("a b", b={"input": {"x": "nodes.a.output"}}))
    run.start()
    value = {"π": [1, 2.5, -3, 1e300, None, True, "😀\n\"'"], "big": 2**53}
    (_, scheduled) = run.succeed("a", value)
    assert json.loads(getattr(scheduled, "input")) == {"x": value}  # noqa: B009


def test_a_workflow_of_an_older_headrace_that_can_not_run_any_more_ends_its_runs() -> None:
    shelf = Shelf()
    shelf.put_unchecked("w", {**graph("a b"), "edges": [{"from": "a", "to": "nowhere"}]})
    events = a_run(shelf=shelf).start()
    assert said(events) == ["run failed workflow_invalid"]
    assert "no node nowhere" in message(events)


def test_every_type_of_node_is_carried_out_by_workers_or_by_the_router() -> None:
    routed = {name for name, node_type in NODE_TYPES.items() if node_type.routed}
    assert routed == ROUTED.keys()
    assert NODE_TYPES.keys() - routed == NODE_REQUESTS.keys()
