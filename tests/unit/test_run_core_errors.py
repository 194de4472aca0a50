"""Failures that a workflow itself takes care of, joins that count, and what a node promises to put out."""

from typing import Any

import pytest

from headrace.resource.content import DEEPEST
from tests.unit.engine import Edge, a_run, a_running, graph, said

RESCUE: list[Edge] = ["try good", {"from": "try", "to": "rescue", "on_error": True}, "good end", "rescue end"]
REASON: dict[str, Any] = {"input": {"why": "nodes.try.error.code + ': ' + nodes.try.error.message"}}


def test_an_edge_for_errors_is_taken_when_a_node_has_failed_for_good() -> None:
    run = a_running(graph(*RESCUE, rescue=REASON))
    assert said(run.fail("try")) == [
        "failed try#1 broken",
        "skipped good",
        'scheduled rescue#1 {"why":"broken: it broke"}',
    ]
    run.succeed("rescue")
    assert said(run.succeed("end"))[-1] == 'completed {"done":true}'
    assert run.state.results["try"].status == "failed"


def test_an_edge_for_errors_is_not_taken_when_all_is_well() -> None:
    run = a_running(graph(*RESCUE))
    assert said(run.succeed("try")) == ["succeeded try#1 good", "scheduled good#1 {}", "skipped rescue"]


def test_before_an_edge_for_errors_is_taken_all_attempts_are_made() -> None:
    run = a_running(graph(*RESCUE, **{"try": {"retry": {"attempts": 2, "backoff_ms": 10}}}))
    assert said(run.fail("try")) == ["failed try#1 broken, again after 10 ms"]
    run.tick(10)
    assert "scheduled rescue#1 {}" in said(run.fail("try", attempt=2))


def test_an_edge_for_errors_may_look_at_the_error() -> None:
    edges: list[Edge] = ["a b", {"from": "a", "to": "c", "on_error": True, "when": "nodes.a.error.code == 'late'"}]
    assert "scheduled c#1 {}" in said(a_running(graph(*edges)).fail("a", code="late"))
    assert said(a_running(graph(*edges)).fail("a"))[-1] == "run failed node_failed a"


def test_an_edge_for_errors_whose_condition_fails_leads_nowhere() -> None:
    edges: list[Edge] = ["a b", {"from": "a", "to": "c", "on_error": True, "when": "nodes.a.error.gone == 1"}]
    assert said(a_running(graph(*edges)).fail("a")) == ["failed a#1 broken", "run failed node_failed a"]


def test_what_can_not_even_be_started_is_rescued_too() -> None:
    run = a_running(graph("first try", *RESCUE, **{"try": {"input": {"x": "nodes.first.output.gone"}}}))
    assert said(run.succeed("first"))[1:] == ["failed try#1 expression_failed", "skipped good", "scheduled rescue#1 {}"]


def test_codes_say_what_is_worth_another_attempt() -> None:
    retry = {"attempts": 2, "backoff_ms": 10, "codes": ["worth_it"]}
    spec = graph(a={"retry": retry})
    assert said(a_running(spec).fail("a", code="worth_it", retryable=False)) == [
        "failed a#1 worth_it, again after 10 ms"
    ]
    assert said(a_running(spec).fail("a", retryable=True))[-1] == "run failed node_failed a"


def test_jitter_shortens_a_wait_by_a_share_that_differs_between_runs() -> None:
    spec = graph(a={"retry": {"attempts": 2, "backoff_ms": 1_000, "jitter": 0.5}})
    waits = set()
    for number in range(20):
        run = a_run(spec, key=f"r{number}")
        run.start()
        (failed,) = run.fail("a")
        waits.add(failed.retry_at - failed.at)  # type: ignore[attr-defined]
    assert len(waits) > 10
    assert all(500 <= wait <= 1_000 for wait in waits)


def test_jitter_of_one_node_differs_between_rounds() -> None:
    retry = {"retry": {"attempts": 2, "backoff_ms": 10_000, "jitter": 0.5}}
    run = a_running(graph({"from": "a", "to": "a", "max_iterations": 5}, a=retry))
    waits = set()
    for iteration in range(5):
        (failed,) = run.fail("a", iteration=iteration)
        waits.add(failed.retry_at - failed.at)  # type: ignore[attr-defined]
        run.tick(10_000)
        run.succeed("a", attempt=2, iteration=iteration)
    assert len(waits) == 5


def quorum(count: int) -> dict[str, Any]:
    return graph(
        "a join", "b join", {"from": "c", "to": "join", "when": "nodes.c.output.x"}, join={"join": {"n_of": count}}
    )


def test_a_join_of_some_starts_with_as_many_as_it_needs_and_once() -> None:
    run = a_running(quorum(2))
    assert said(run.succeed("a")) == ["succeeded a#1 join"]
    assert said(run.succeed("b")) == ["succeeded b#1 join", "scheduled join#1 {}"]
    assert said(run.succeed("c", {"x": True})) == ["succeeded c#1 join"]


def test_a_join_of_some_that_can_not_get_so_many_is_ruled_out() -> None:
    run = a_running(quorum(3))
    run.succeed("a")
    assert said(run.succeed("c", {"x": False})) == ["succeeded c#1", "skipped join"]


def test_an_output_must_fit_what_the_node_promises() -> None:
    schema = {"type": "object", "required": ["n"]}
    run = a_running(graph(a={"output": schema, "retry": {"attempts": 2, "codes": ["output_invalid"]}}))
    assert said(run.succeed("a", {})) == ["failed a#1 output_invalid, again after 200 ms"]
    run.tick(200)
    assert said(run.succeed("a", {"n": 1}, attempt=2))[-1] == 'completed {"done":true}'


@pytest.mark.parametrize(("value", "end"), [("x", 'completed {"text":"x"}'), (1, "run failed output_invalid")])
def test_the_output_of_a_run_must_fit_what_the_workflow_promises(value: Any, end: str) -> None:
    schema = {"type": "object", "properties": {"text": {"type": "string"}}}
    run = a_running({**graph(a={}), "output": {"text": "nodes.a.output"}, "output_schema": schema})
    assert said(run.succeed("a", value))[-1].strip() == end


def test_an_edge_for_errors_sees_the_error_of_a_condition_that_failed_on_the_output() -> None:
    edges: list[Edge] = [
        {"from": "a", "to": "b", "when": "nodes.a.output.x > 1"},
        {"from": "a", "to": "c", "on_error": True, "when": "nodes.a.error.code == 'expression_failed'"},
    ]
    assert "scheduled c#1 {}" in said(a_running(graph(*edges)).succeed("a", {"x": "text"}))


@pytest.mark.parametrize("schema", [{}, {"type": "object"}])
def test_an_output_that_is_nested_too_deep_once_it_has_a_name_ends_the_run_all_the_same(schema: dict[str, Any]) -> None:
    deep: Any = 1
    for _ in range(DEEPEST):
        deep = [deep]
    run = a_running({**graph(a={}), "output": {"deep": "nodes.a.output"}, "output_schema": schema})
    assert said(run.succeed("a", deep))[-1].startswith("run failed output_invalid" if schema else "completed")
