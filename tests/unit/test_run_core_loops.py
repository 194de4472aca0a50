"""Loops of a run: what is repeated, how often, and what a round sees of the one before."""

from typing import Any

from msgspec.structs import replace

from headrace.events import run as events_of
from tests.unit.engine import Edge, a_run, a_running, at, graph, said
from workflow_router.core.progress import MOST_EVENTS, MOST_IN_A_RUN
from workflow_router.model import RUNNING

BACK: Edge = {"from": "check", "to": "draft", "when": "!nodes.check.output.good", "max_iterations": 3}
DRAFT: dict[str, Any] = {"input": {"advice": "has(previous.check) ? previous.check.output.advice : ''"}}


def review(**more: Any) -> dict[str, Any]:
    return {**graph("draft check", BACK, "check publish", draft=DRAFT), **more}


def test_a_loop_goes_round_until_its_condition_is_false() -> None:
    run = a_run(review())
    assert said(run.start())[-1] == 'scheduled draft#1 {"advice":""}'
    run.succeed("draft")
    assert said(run.succeed("check", {"good": False, "advice": "shorter"})) == [
        "succeeded check#1 draft",
        "again draft, round 1",
        'scheduled draft#1 {"advice":"shorter"}',
    ]
    run.succeed("draft", iteration=1)
    assert said(run.succeed("check", {"good": True}, iteration=1)) == [
        "succeeded check#1 publish",
        "scheduled publish#1 {}",
    ]
    assert said(run.succeed("publish"))[-1] == 'completed {"done":true}'


def test_at_its_bound_a_loop_ends_whatever_its_condition_says() -> None:
    run = a_running(review())
    for round_ in range(2):
        run.succeed("draft", iteration=round_)
        assert said(run.succeed("check", {"good": False, "advice": ""}, iteration=round_))[1].startswith("again")
    run.succeed("draft", iteration=2)
    assert said(run.succeed("check", {"good": False}, iteration=2))[0] == "succeeded check#1 publish"


def test_an_outcome_of_another_round_is_late() -> None:
    run = a_running(review())
    run.succeed("draft")
    run.succeed("check", {"good": False, "advice": ""})
    assert said(run.succeed("draft")) == []
    assert said(run.succeed("check", {"good": True})) == []
    assert said(run.succeed("draft", iteration=1))[0] == "succeeded draft#1 check"


def test_a_node_may_repeat_itself() -> None:
    run = a_running(graph({"from": "a", "to": "a", "when": "nodes.a.output.more", "max_iterations": 9}, "a b"))
    assert said(run.succeed("a", {"more": True})) == ["succeeded a#1 a", "again a, round 1", "scheduled a#1 {}"]
    assert said(run.succeed("a", {"more": False}, iteration=1)) == ["succeeded a#1 b", "scheduled b#1 {}"]


def test_a_loop_in_a_loop_begins_to_count_anew() -> None:
    inner: Edge = {"from": "b", "to": "b", "max_iterations": 2}
    outer: Edge = {"from": "c", "to": "a", "max_iterations": 2}
    run = a_running(graph("a b", inner, "b c", outer, "c d"))
    said_all = []
    for name, iteration in [("a", 0), ("b", 0), ("b", 1), ("c", 0), ("a", 1), ("b", 2), ("b", 3), ("c", 1), ("d", 0)]:
        said_all += said(run.succeed(name, iteration=iteration))
    assert [line for line in said_all if line.startswith("again")] == [
        "again b, round 1",
        "again a, round 1",
        "again b, round 1",
    ]
    assert said_all[-1] == 'completed {"done":true}'


def test_branches_inside_a_loop_are_decided_anew_in_each_round() -> None:
    edges: list[Edge] = [
        {"from": "a", "to": "left", "when": "nodes.a.output.left"},
        {"from": "a", "to": "right", "else": True},
        "left join",
        "right join",
        {"from": "join", "to": "a", "when": "nodes.a.output.left", "max_iterations": 5},
        "join after",
    ]
    run = a_running(graph(*edges))
    assert "skipped right" in said(run.succeed("a", {"left": True}))
    run.succeed("left")
    assert said(run.succeed("join"))[1:] == ["again a, round 1", "scheduled a#1 {}"]
    assert "skipped left" in said(run.succeed("a", {"left": False}, iteration=1))
    run.succeed("right", iteration=1)
    assert said(run.succeed("join", iteration=1)) == ["succeeded join#1 after", "scheduled after#1 {}"]


def test_what_a_loop_led_to_is_the_same_in_memory_on_the_state_topic_and_in_the_log() -> None:
    run = a_running(review())
    run.succeed("draft")
    run.succeed("check", {"good": False, "advice": "x"})
    assert run.restored() == run.state == run.folded()
    assert run.state.previous["check", "check"].output is not None
    run.succeed("draft", iteration=1)
    run.succeed("check", {"good": False, "advice": "y"}, iteration=1)
    assert run.restored() == run.state == run.folded()


def test_a_timer_of_a_round_that_is_over_does_nothing_more() -> None:
    def rest(ms: int) -> dict[str, Any]:
        return {"type": "delay", "input": {"ms": str(ms)}}

    edges: list[Edge] = ["h d1", "d1 t", "h a", "a d2", "d2 t", {"from": "t", "to": "h", "max_iterations": 2}]
    run = a_running(graph(*edges, d1=rest(1), a=rest(2), d2=rest(50), t={**rest(50), "join": "any"}))
    run.succeed("h")
    run.tick(1)
    run.tick(1)
    assert said(run.tick(100)) == ["succeeded t#1 h", "again h, round 1", "scheduled h#1 {}"]


def test_a_head_that_joins_any_starts_once_in_a_round() -> None:
    rest = {"type": "delay", "input": {"ms": "10"}}
    edges: list[Edge] = ["a h", "b h", "h t", {"from": "t", "to": "h", "max_iterations": 2}]
    run = a_running(graph(*edges, b=rest, t={"type": "delay", "input": {"ms": "5"}}, h={"join": "any"}))
    run.succeed("a")
    run.succeed("h")
    assert said(run.tick(10)).count("scheduled h#1 {}") == 1


def test_a_loop_in_a_loop_has_a_round_before_of_its_own() -> None:
    def before(name: str) -> dict[str, Any]:
        return {"input": {"before": f"has(previous.{name}) ? previous.{name}.output.n : 0"}}

    edges: list[Edge] = [
        "a b",
        {"from": "b", "to": "b", "max_iterations": 2},
        "b c",
        {"from": "c", "to": "a", "max_iterations": 2},
    ]
    run = a_running(graph(*edges, a=before("b"), b=before("b")))
    run.succeed("a")
    assert said(run.succeed("b", {"n": 1}))[-1] == 'scheduled b#1 {"before":1}'
    run.succeed("b", {"n": 2}, iteration=1)
    assert said(run.succeed("c"))[-1] == 'scheduled a#1 {"before":2}', "what b led to in the round before of a's loop"
    assert said(run.succeed("a", iteration=1))[-1] == 'scheduled b#1 {"before":0}', "b's own loop begins anew"
    assert said(run.succeed("b", {"n": 3}, iteration=2))[-1] == 'scheduled b#1 {"before":3}'
    assert run.restored() == run.state == run.folded()


def test_a_run_that_would_go_on_for_ever_in_its_bounds_is_ended() -> None:
    empty = {"map": {"over": "[]"}}
    again = {"max_iterations": 1_000}
    edges: list[Edge] = ["a b", {"from": "b", "to": "b", **again}, "b c", {"from": "c", "to": "a", **again}]
    run = a_run(graph(*edges, a=empty, b=empty, c=empty))
    run.start()
    run.state = replace(run.state, seq=MOST_IN_A_RUN - MOST_EVENTS // 2)
    run.tick(1)
    assert said(run.log[-1:]) == ["run failed too_many_steps"]
    assert MOST_IN_A_RUN <= run.state.seq < MOST_IN_A_RUN + 10


def test_loops_over_what_ends_at_once_go_on_in_the_next_decision() -> None:
    empty = {"map": {"over": "[]"}}
    edges: list[Edge] = [
        "a b",
        {"from": "b", "to": "b", "max_iterations": 100},
        "b c",
        {"from": "c", "to": "a", "max_iterations": 20},
    ]
    run = a_run(graph(*edges, a=empty, b=empty, c=empty))
    decisions = [run.start()]
    while run.state.status == RUNNING:
        assert run.restored() == run.state == run.folded()
        assert run.tick(0) == [], "others of the same batch come first"
        decisions.append(run.tick(1))
        assert decisions[-1], "what is held goes on at once"
    assert max(map(len, decisions)) < MOST_EVENTS + 10
    assert said(decisions[-1])[-1] == 'completed {"done":true}'
    again = [event for event in run.log if isinstance(event, events_of.LoopRepeated)]
    assert len(again) == 20 * 99 + 19


def test_each_round_of_a_wait_sees_what_the_round_before_was_told() -> None:
    wait = {"type": "wait", "config": {"signal": "s"}, "input": {"n": "has(previous.w) ? previous.w.output.n : 0"}}
    again: Edge = {"from": "w", "to": "w", "max_iterations": 5, "when": "nodes.w.output.n < 3"}
    run = a_running(graph("a w", again, w=wait))
    for number in (1, 2, 3):
        run.receive(events_of.SignalRun(signal="s", payload=f'{{"n":{number}}}'), at(b"r1", f"run.requests-0-{number}"))
    scheduled = [line for line in said(run.succeed("a")) if line.startswith("scheduled")]
    assert scheduled == [f'scheduled w#1 {{"n":{number}}}' for number in (0, 1, 2)]


def test_a_timer_of_a_new_round_does_not_go_off_with_one_of_the_round_before() -> None:
    def rest(ms: int) -> dict[str, Any]:
        return {"type": "delay", "input": {"ms": str(ms)}}

    empty = {"map": {"over": "[]"}}
    edges: list[Edge] = ["h t", "h d", "d e", "t e2", "e e2", {"from": "e2", "to": "h", "max_iterations": 2}]
    run = a_running(graph(*edges, h=empty, t=rest(10), d=rest(1_000), e=rest(1), e2={**empty, "join": "any"}))
    told = said(run.tick(2_000))
    assert "again h, round 1" in told
    assert not any(line.startswith("succeeded d#1") for line in told[told.index("again h, round 1") :])
