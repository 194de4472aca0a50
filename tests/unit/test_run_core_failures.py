"""What goes wrong in a run: retries, time-outs, cancels, and outcomes that come late or twice."""

import pytest

from headrace.event import Event
from headrace.events import run as events_of
from headrace.limits import LARGEST_PAYLOAD
from headrace.machine import Unreadable
from tests.unit.engine import (
    RETRY,
    TEN_MINUTES,
    USAGE,
    Shelf,
    a_run,
    a_running,
    at,
    graph,
    message,
    said,
    succeeded,
    usage,
)
from workflow_router.model import RunState


def test_a_failure_that_may_pass_is_tried_again_with_a_growing_wait() -> None:
    run = a_running()
    assert said(run.fail("a")) == ["failed a#1 broken, again after 100 ms"]
    assert said(run.tick(99)) == []
    assert said(run.tick(1)) == ["scheduled a#2 {}"]
    assert said(run.fail("a", 2)) == ["failed a#2 broken, again after 300 ms"]
    assert said(run.tick(300)) == ["scheduled a#3 {}"]
    events = run.fail("a", 3)
    assert said(events) == ["failed a#3 broken", "run failed node_failed a"]
    assert message(events) == "node a failed after 3 attempts: broken: it broke"


def test_a_retry_that_succeeds_goes_on() -> None:
    run = a_running()
    run.fail("a")
    run.tick(100)
    assert said(run.succeed("a", attempt=2)) == ["succeeded a#2 b", "scheduled b#1 {}"]


def test_a_failure_that_will_not_pass_is_not_tried_again() -> None:
    events = a_running().fail("a", retryable=False)
    assert said(events) == ["failed a#1 broken", "run failed node_failed a"]
    assert message(events) == "node a failed after 1 attempt: broken: it broke"


def test_a_node_has_one_attempt_unless_it_says_more() -> None:
    assert said(a_running(graph(a={})).fail("a")) == ["failed a#1 broken", "run failed node_failed a"]


def test_an_attempt_without_an_outcome_times_out_and_is_tried_again() -> None:
    run = a_running()
    assert said(run.tick(999)) == []
    events = run.tick(1)
    assert said(events) == ["failed a#1 timeout, again after 100 ms"]
    assert message(events) == "no outcome within 1000 ms; is a worker for template running?"
    assert said(run.tick(100)) == ["scheduled a#2 {}"]


def test_the_last_time_out_fails_the_run() -> None:
    run = a_running(graph(a={"timeout_ms": 1_000}))
    assert said(run.tick(1_000)) == ["failed a#1 timeout", "run failed node_failed a"]


def test_an_outcome_after_the_time_out_is_late() -> None:
    run = a_running()
    run.tick(1_000)
    assert said(run.succeed("a")) == []
    run.tick(100)
    assert said(run.succeed("a")) == []
    assert said(run.succeed("a", attempt=2)) == ["succeeded a#2 b", "scheduled b#1 {}"]


def test_all_that_is_due_is_done_in_one_tick() -> None:
    run = a_running(graph("a c", "b c", a=RETRY, b={**RETRY, "timeout_ms": 900}))
    assert said(run.tick(1_000)) == ["failed a#1 timeout, again after 100 ms", "failed b#1 timeout, again after 100 ms"]
    assert run.machine.due(run.state) == run.now + 100


def test_a_tick_stops_with_the_end_of_the_run() -> None:
    run = a_running(graph("a c", "b c", a={"timeout_ms": 1_000}, b={"timeout_ms": 1_000}))
    assert said(run.tick(1_000)) == ["failed a#1 timeout", "run failed node_failed a"]


def test_the_deadline_of_the_workflow_ends_the_run() -> None:
    run = a_running({**graph("a b", a={"timeout_ms": 9_000}), "timeout_ms": 5_000})
    assert said(run.tick(4_999)) == []
    events = run.tick(1)
    assert said(events) == ["run failed deadline_exceeded"]
    assert message(events) == "the run did not end within 5000 ms"


def test_a_caller_may_want_the_answer_sooner_but_not_later() -> None:
    sooner = a_running(graph("a b"), deadline_ms=10)
    assert sooner.machine.due(sooner.state) == sooner.now + 10
    later = a_running({**graph(a={"timeout_ms": TEN_MINUTES * 2}), "timeout_ms": TEN_MINUTES}, deadline_ms=10**15)
    assert later.machine.due(later.state) == later.now + TEN_MINUTES


@pytest.mark.parametrize("deadline_ms", [0, -1, -(2**63)])
def test_no_time_at_all_ends_the_run_at_once(deadline_ms: int) -> None:
    run = a_running(graph("a b"), deadline_ms=deadline_ms)
    assert said(run.tick(0)) == ["run failed deadline_exceeded"]


def test_cancel_ends_the_run_and_says_why() -> None:
    run = a_running()
    assert said(run.receive(events_of.CancelRun(reason="changed my mind"))) == ["cancelled: changed my mind"]
    assert said(run.succeed("a")) == []


def test_a_reason_of_any_length_fits_into_the_log() -> None:
    (cancelled,) = a_running().receive(events_of.CancelRun(reason="x\0" * 500_000))
    assert isinstance(cancelled, events_of.RunCancelled)
    assert len(cancelled.reason) == 2_000
    assert "\0" not in cancelled.reason


@pytest.mark.parametrize(
    ("signal", "payload"),
    [("s", "{"), ("s", '"\\u0000"'), ("s", f'"{"x" * LARGEST_PAYLOAD}"'), ("s" * 2_001, "1"), ("s\0", "1")],
)
def test_a_signal_that_is_nonsense_is_refused(signal: str, payload: str) -> None:
    (refused,) = a_running().receive(events_of.SignalRun(signal=signal, payload=payload))
    assert isinstance(refused, events_of.SignalRefused)
    assert len(refused.signal) <= 200
    assert refused.reason


def test_the_same_outcome_twice_counts_once() -> None:
    run = a_running()
    run.succeed("a")
    assert said(run.succeed("a")) == []
    assert said(run.fail("a")) == []


@pytest.mark.parametrize(
    "late",
    [
        succeeded("a", attempt=2),
        succeeded("a", attempt=0),
        succeeded("a", attempt=-1),
        succeeded("a", iteration=1),
        succeeded("b"),
        succeeded("nobody"),
        succeeded(""),
    ],
)
def test_an_outcome_of_something_else_changes_nothing(late: Event) -> None:
    assert said(a_running().receive(late)) == []


def test_an_outcome_between_failure_and_retry_is_late() -> None:
    run = a_running()
    run.fail("a")
    assert said(run.succeed("a")) == []
    assert said(run.succeed("a", attempt=2)) == []


def test_usage_adds_up_over_attempts_and_nodes_to_the_end() -> None:
    run = a_running()
    run.fail("a", usage=USAGE)
    run.tick(100)
    run.succeed("a", attempt=2, usage=USAGE)
    (*_, completed) = run.succeed("b", usage=USAGE)
    assert isinstance(completed, events_of.RunCompleted)
    assert completed.usage == events_of.Usage(input_tokens=30, output_tokens=15, cost="0.30", currency="USD")


def test_a_run_that_failed_says_what_it_consumed() -> None:
    (*_, end) = a_running().fail("a", retryable=False, usage=USAGE)
    assert isinstance(end, events_of.RunFailed)
    assert end.usage == USAGE


def test_a_run_that_called_nobody_consumed_nothing() -> None:
    (end,) = a_running().receive(events_of.CancelRun(reason=""))
    assert isinstance(end, events_of.RunCancelled)
    assert end.usage == events_of.Usage(input_tokens=0, output_tokens=0, cost="0", currency="USD")


def test_costs_in_another_currency_do_not_add_up() -> None:
    run = a_running(graph("a b"))
    run.succeed("a", usage=USAGE)
    (*_, end) = run.succeed("b", usage=events_of.Usage(input_tokens=1, output_tokens=1, cost="9", currency="EUR"))
    assert isinstance(end, events_of.RunCompleted)
    assert end.usage == events_of.Usage(input_tokens=11, output_tokens=6, cost="0.10", currency="USD")


def test_what_cost_nothing_cost_it_in_any_currency() -> None:
    run = a_running(graph("a b"))
    run.succeed("a", usage=usage(cost="0", currency="USD"))
    (*_, end) = run.succeed("b", usage=usage(cost="0.3", currency="EUR"))
    assert isinstance(end, events_of.RunCompleted)
    assert end.usage == events_of.Usage(input_tokens=2, output_tokens=2, cost="0.3", currency="EUR")


@pytest.mark.parametrize("cost", ["0.0000001", "0.000000000000000000000000000001", "12345678901234567890"])
def test_sums_of_costs_are_exact_and_have_no_exponent(cost: str) -> None:
    run = a_running(graph("a b"))
    run.succeed("a", usage=events_of.Usage(input_tokens=0, output_tokens=0, cost=cost, currency="USD"))
    (*_, end) = run.succeed("b", usage=events_of.Usage(input_tokens=0, output_tokens=0, cost="0", currency="USD"))
    assert isinstance(end, events_of.RunCompleted)
    assert end.usage.cost == cost


def test_an_input_that_outgrows_what_may_travel_fails_the_run() -> None:
    run = a_running(graph("a b", b={"input": {"x": "nodes.a.output", "y": "nodes.a.output"}}))
    assert said(run.succeed("a", "x" * (LARGEST_PAYLOAD - 100)))[-1] == "run failed input_too_large b"


def test_an_output_of_a_run_that_outgrows_what_may_travel_fails_it() -> None:
    run = a_running({**graph(a={}), "output": {"x": "nodes.a.output", "y": "nodes.a.output"}})
    assert said(run.succeed("a", "x" * (LARGEST_PAYLOAD - 100)))[-1] == "run failed output_too_large"


def test_nodes_that_start_together_may_not_be_handed_more_than_a_transaction_holds() -> None:
    spec = graph(**{f"n{number}": {"input": {"x": "input.x"}} for number in range(30)})
    events = a_run(spec).start({"x": "x" * 380_000})
    assert said(events)[-1].startswith("run failed input_too_large n")
    assert len(events) < 25


def test_a_record_that_can_not_be_read_does_not_harm_a_run() -> None:
    run = a_running()
    assert said(run.receive(Unreadable("poison"))) == []
    assert said(run.receive(Unreadable("poison"), at(b"r1", "node.outcomes-0-1"))) == []


def test_what_has_no_run_yet_leads_to_nothing() -> None:
    run = a_run(graph("a b"))
    for message_ in (succeeded("a"), events_of.CancelRun(reason=""), events_of.SignalRun(signal="s", payload="1")):
        assert said(run.receive(message_)) == []
    assert said(run.receive(Unreadable("poison"), at(b"r1", "node.outcomes-0-1"))) == []
    assert run.state == RunState()


def test_a_run_whose_workflow_is_no_longer_valid_ends_with_the_next_message() -> None:
    run = a_running(graph("a b"))
    newer = Shelf()
    newer.put_unchecked("w", {**graph("a b"), "nodes": {}})
    run.machine = a_run(shelf=newer).machine
    events = run.succeed("a")
    assert said(events) == ["run failed workflow_invalid"]
    assert "nodes" in message(events)
