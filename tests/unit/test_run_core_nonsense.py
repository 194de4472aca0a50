"""What a worker can't do to a run, whoever wrote it: outcomes that can't be right, and outputs that are none."""

from typing import Any

import pytest

from headrace.events import run as events_of
from headrace.limits import LARGEST_PAYLOAD
from tests.unit.engine import USAGE, a_running, call, graph, message, said, usage

NONSENSE: list[dict[str, Any]] = [
    {"usage": usage(cost="much")},
    {"usage": usage(cost="NaN")},
    {"usage": usage(cost="1e999999999")},
    {"usage": usage(cost="-1")},
    {"usage": usage(cost="")},
    {"usage": usage(cost="٣")},
    {"usage": usage(currency="dollars")},
    {"usage": usage(input_tokens=2**63 - 1)},
    {"usage": usage(output_tokens=-1)},
    {"calls": (call(usage=usage(cost="x")),)},
    {"calls": (call(latency_ms=-1),)},
    {"calls": (call(provider="x" * 201),)},
    {"calls": (call(provider="a\0"),)},
    {"calls": (call(outcome="not ok"),)},
    {"calls": (call(),) * 101},
    {"started_at": -1},
    {"finished_at": 2**63 - 1},
]


@pytest.mark.parametrize("fields", NONSENSE)
def test_an_outcome_that_can_not_be_right_fails_its_node(fields: dict[str, Any]) -> None:
    events = a_running(graph(a={"retry": {"attempts": 3}})).succeed("a", **fields)
    assert said(events) == ["failed a#1 outcome_invalid", "run failed node_failed a"]
    assert "the worker's outcome" in message(events)


@pytest.mark.parametrize("fields", [*NONSENSE, {"code": ""}, {"code": "x" * 101}, {"code": "a b"}])
def test_a_failure_that_can_not_be_right_is_not_tried_again(fields: dict[str, Any]) -> None:
    assert said(a_running().fail("a", **fields)) == ["failed a#1 outcome_invalid", "run failed node_failed a"]


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("NaN", "not JSON"),
        ("1e999", "not JSON"),
        ('"\\ud800"', "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[" * 65 + "1" + "]" * 65, "nested more than 64 deep"),
        ('{"a":"\\u0000"}', "U+0000"),
        ("9" * 20, "must fit into 64 bits"),
    ],
)
def test_an_output_that_is_no_value_fails_its_node(output: str, reason: str) -> None:
    events = a_running().succeed("a", output=output)
    assert said(events) == ["failed a#1 output_invalid", "run failed node_failed a"]
    assert reason in message(events)


def test_an_output_may_write_about_characters_that_it_must_not_have() -> None:
    run = a_running(graph("a b", b={"input": {"x": "nodes.a.output"}}))
    assert said(run.succeed("a", "\\u0000"))[0] == "succeeded a#1 b"


def test_an_output_that_is_too_large_fails_its_node_and_is_paid_for() -> None:
    (failure, end) = a_running().succeed("a", "x" * LARGEST_PAYLOAD, usage=USAGE)
    assert said([failure, end]) == ["failed a#1 output_too_large", "run failed node_failed a"]
    assert isinstance(end, events_of.RunFailed)
    assert end.usage == USAGE


def test_a_message_of_any_length_fits_into_the_log() -> None:
    events = a_running().fail("a", retryable=False, message="x" * 1_000_000)
    assert [len(getattr(event, "message")) for event in events] == [2_000, 2_000]  # noqa: B009
