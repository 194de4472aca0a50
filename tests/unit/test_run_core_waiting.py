"""What waits: for a signal, for time to go by, for a workflow to be resumed."""

from itertools import pairwise
from typing import Any

import pytest

from headrace.cloudevents import Attributes
from headrace.events import resource
from headrace.events import run as events_of
from headrace.machine import Received, Tick
from tests.unit.engine import RETRY, Edge, Run, Shelf, a_run, a_running, graph, said
from workflow_router.core.evolve import MOST_SEEN

SCHEMA = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
APPROVAL: dict[str, Any] = {"type": "wait", "config": {"signal": "approval"}, "output": SCHEMA, "timeout_ms": 5_000}


def approval(**more: Any) -> dict[str, Any]:
    config = {"signal": "approval", **more}
    return {**graph("ask act", ask={**APPROVAL, "config": config}), "output": {"ok": "nodes.ask.output.ok"}}


def signal(run: Run, payload: str, name: str = "approval", mark: str = "s1") -> list[str]:
    received = Received("run.requests-0-9", run.key.encode(), Attributes(mark), "run.requests")
    return said(run.receive(events_of.SignalRun(signal=name, payload=payload), received))


def test_a_signal_ends_what_waits_for_it() -> None:
    run = a_run(approval())
    assert said(run.start()) == ["started", "scheduled ask#1 {}"]
    assert not run.outputs
    assert signal(run, '{"ok":true}') == [
        'signal approval {"ok":true}',
        "succeeded ask#1 act",
        "scheduled act#1 {}",
    ]


def test_a_signal_that_does_not_fit_is_refused_and_the_node_goes_on_waiting() -> None:
    run = a_running(approval())
    assert signal(run, '{"ok":"yes"}') == ['signal approval refused: payload.ok: "yes" is not of type "boolean"']
    assert signal(run, '{"ok":"yes"}') == []
    assert "succeeded ask#1 act" in signal(run, '{"ok":false}', mark="s2")


def test_a_signal_that_comes_early_is_kept() -> None:
    run = a_running(graph("first ask", "ask act", ask=APPROVAL))
    assert signal(run, '{"ok":true}') == ['signal approval {"ok":true}']
    assert run.restored() == run.state == run.folded()
    assert said(run.succeed("first")) == [
        "succeeded first#1 ask",
        "scheduled ask#1 {}",
        "succeeded ask#1 act",
        "scheduled act#1 {}",
    ]
    assert not run.state.signals
    assert run.restored() == run.state == run.folded()


def test_the_same_signal_twice_counts_once() -> None:
    run = a_running(graph("one two", one=APPROVAL, two=APPROVAL))
    assert "scheduled two#1 {}" in signal(run, '{"ok":true}')
    assert signal(run, '{"ok":true}') == []
    assert signal(run, '{"ok":true}', mark="s2")[-1] == 'completed {"done":true}'


def test_a_signal_that_no_node_of_the_workflow_waits_for_is_refused() -> None:
    run = a_running(approval())
    reason = "no node of its workflow waits for aproval (did you mean approval?)"
    assert signal(run, "1", name="aproval") == [f"signal aproval refused: {reason}"]
    assert "succeeded ask#1 act" in signal(run, '{"ok":false}', mark="s2")


def test_of_two_nodes_that_wait_for_a_signal_the_first_that_it_fits_takes_it() -> None:
    other = {**APPROVAL, "output": {"required": ["no"]}}
    run = a_running(graph("start one", "start two", "start three", one=APPROVAL, two=other, three=other))
    run.succeed("start")
    assert signal(run, '{"no":1}')[1] == "succeeded two#1"
    assert signal(run, '{"no":2}', mark="s2")[1] == "succeeded three#1"
    assert signal(run, '{"no":3}', mark="s3") == [
        'signal approval refused: payload: "ok" is a required property',
    ]


def test_a_signal_after_which_a_condition_fails_is_used_up() -> None:
    ask = {**APPROVAL, "output": {}}
    edges: list[Edge] = [
        {"from": "ask", "to": "act", "when": "nodes.ask.output.ok"},
        {"from": "ask", "to": "again", "on_error": True},
    ]
    run = a_running(graph(*edges, ask=ask, again=ask))
    assert signal(run, "{}")[1:] == ["failed ask#1 expression_failed", "skipped act", "scheduled again#1 {}"]
    assert not run.state.signals
    assert run.restored() == run.state == run.folded()


def test_without_a_signal_in_time_the_default_is_taken() -> None:
    run = a_running(approval(default={"ok": False}))
    assert said(run.tick(5_000)) == ["succeeded ask#1 act", "scheduled act#1 {}"]


def test_without_a_signal_and_without_a_default_the_node_fails() -> None:
    run = a_running(approval())
    assert said(run.tick(4_999)) == []
    assert said(run.tick(1)) == ["failed ask#1 signal_timeout", "run failed node_failed ask"]


def test_nobody_but_a_signal_speaks_for_a_node_that_waits() -> None:
    run = a_running(approval())
    assert said(run.succeed("ask", {"ok": True})) == []


def test_more_signals_than_are_kept_are_refused() -> None:
    veto = {**APPROVAL, "config": {"signal": "veto"}}
    run = a_running(graph("a approval", "a veto", approval=APPROVAL, veto=veto))
    lines = [signal(run, "1", mark=f"s{number}")[0] for number in range(51)]
    assert lines[-1] == "signal approval refused: 50 signals approval that nothing has waited for are kept already"
    assert signal(run, "1", name="veto", mark="v1") == ["signal veto 1"], "each name has a share of its own"


def test_a_delay_ends_when_it_is_over() -> None:
    run = a_running(graph("a b", a={"type": "delay", "input": {"ms": "input.ms"}}), value={"ms": 1_500})
    assert said(run.tick(1_499)) == []
    assert said(run.tick(1)) == ["succeeded a#1 b", "scheduled b#1 {}"]


@pytest.mark.parametrize("ms", [-1, "1", None, True, 31 * 86_400_000])
def test_a_delay_that_is_none_fails_the_run(ms: Any) -> None:
    run = a_run(graph(a={"type": "delay", "input": {"ms": "input.ms"}}))
    assert said(run.start({"ms": ms})) == ["started", "run failed input_invalid a"]


def test_a_chain_of_a_hundred_signals_that_are_there_already_is_gone_through_in_one_go() -> None:
    names = ["first", *(f"w{number}" for number in range(100))]
    waits = dict.fromkeys(names[1:], APPROVAL)
    run = a_running(graph(*(f"{one} {two}" for one, two in pairwise(names)), **waits))
    for number in range(100):
        signal(run, '{"ok":true}', mark=f"s{number}")
    assert said(run.succeed("first"))[-1] == 'completed {"done":true}'


def test_null_is_a_default_like_any_other() -> None:
    ask = {"type": "wait", "config": {"signal": "approval", "default": None}, "timeout_ms": 5_000}
    run = a_running({**graph("ask act", ask=ask), "output": {"none": "nodes.ask.output == null"}})
    assert said(run.tick(5_000)) == ["succeeded ask#1 act", "scheduled act#1 {}"]
    assert said(run.succeed("act"))[-1] == 'completed {"none":true}'


def test_the_last_signals_are_known_when_they_come_again_and_the_first_no_more() -> None:
    run = a_running(approval())
    for number in range(MOST_SEEN + 1):
        assert signal(run, "1", mark=f"s{number}") != []
    assert signal(run, "1", mark=f"s{MOST_SEEN}") == []
    assert signal(run, "1", mark="s1") == []
    assert signal(run, "1", mark="s0") != []


def test_what_is_not_due_yet_waits_whatever_else_is() -> None:
    delays = {name: {"type": "delay", "input": {"ms": ms}} for name, ms in (("soon", "100"), ("late", "101"))}
    run = a_running(graph("soon a", "late b", **delays))
    run.now += 100
    assert said(run.receive(Tick(run.now))) == ["succeeded soon#1 a", "scheduled a#1 {}"]
    run.now += 1
    assert said(run.receive(Tick(run.now))) == ["succeeded late#1 b", "scheduled b#1 {}"]


def a_shelf(spec: dict[str, Any]) -> Shelf:
    shelf = Shelf()
    shelf.put("Workflow", "w", spec)
    return shelf


def test_of_a_paused_workflow_nothing_is_tried_again() -> None:
    shelf = a_shelf(graph("a b", a=RETRY))
    run = a_run(shelf=shelf)
    run.start()
    run.fail("a")
    shelf.change("w", resource.PauseWorkflow())
    assert said(run.tick(100)) == ["held a#2"]
    shelf.change("w", resource.ResumeWorkflow())
    assert said(run.tick(1)) == ["scheduled a#2 {}"]


def test_a_signal_for_a_wait_that_is_held_is_kept_until_it_waits() -> None:
    shelf = a_shelf(graph("first ask", "ask act", ask=APPROVAL))
    run = a_run(shelf=shelf)
    run.start()
    shelf.change("w", resource.PauseWorkflow())
    assert said(run.succeed("first")) == ["succeeded first#1 ask", "held ask#1"]
    assert signal(run, '{"ok":true}') == ['signal approval {"ok":true}']
    shelf.change("w", resource.ResumeWorkflow())
    assert said(run.tick(1)) == ["scheduled ask#1 {}", "succeeded ask#1 act", "scheduled act#1 {}"]
