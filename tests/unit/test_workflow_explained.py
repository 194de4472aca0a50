"""The path of a run: given its log and its workflow, then what it did and why each edge was or was not taken."""

import io
import json
from collections.abc import Mapping
from typing import Any

import pytest
from msgspec.structs import replace
from rich.console import Console

from headrace.cli.path import path_of, show_path
from headrace.event import Event
from headrace.events import run
from headrace.limits import GENESIS
from headrace.workflow.explained import Path, explain
from headrace.workflow.spec import WorkflowSpec

PLACE: Mapping[str, Any] = {"seq": 0, "prev": GENESIS, "at": 0}
USAGE = run.Usage(input_tokens=100, output_tokens=20, cost="0.0010", currency="USD")
END: Mapping[str, Any] = {
    "seq": 0,
    "prev": GENESIS,
    "workflow": "ask@1",
    "started_at": 0,
    "finished_at": 9,
    "usage": USAGE,
}
START = run.RunStarted(**PLACE, workflow="ask@1", input='{"urgent": true}', labels={"team": "docs"})


def spec(*edges: Mapping[str, Any], **nodes: Any) -> WorkflowSpec:
    names = dict.fromkeys(end for edge in edges for end in (edge["from"], edge["to"]))
    given = {**{name: {"type": "template"} for name in names}, **nodes}
    return WorkflowSpec.model_validate({"nodes": given, "edges": list(edges), "output": {"a": "1"}})


def edge(source: str, target: str, **more: Any) -> Mapping[str, Any]:
    return {"from": source, "to": target, **more}


def scheduled(node: str, **more: Any) -> run.NodeScheduled:
    return run.NodeScheduled(**{**PLACE, "node": node, "type": "template", "input": "{}", **more})


def succeeded(node: str, output: Any = None, *taken: str, **more: Any) -> run.NodeSucceeded:
    fields = {"node": node, "output": json.dumps(output or {}), "taken": taken, "started_at": 10, "finished_at": 15}
    return run.NodeSucceeded(**{**PLACE, **fields, **more})


def failed(node: str, *taken: str, **more: Any) -> run.NodeFailed:
    return run.NodeFailed(**{**PLACE, "node": node, "code": "timeout", "message": "no answer", "taken": taken, **more})


def skipped(node: str) -> run.NodeSkipped:
    return run.NodeSkipped(**PLACE, node=node, reason="no edge leads here")


def repeated(node: str, head: str, number: int, *body: str, **more: Any) -> run.LoopRepeated:
    return run.LoopRepeated(
        **{**PLACE, "node": node, "head": head, "round": number, "total": number, "body": body, **more}
    )


def path(workflow: WorkflowSpec, *events: Event) -> Path:
    return explain("r1", [START, *events], workflow)


def reasons(found: Path) -> list[tuple[str, str, bool, str]]:
    return [(one.source, one.target, one.taken, one.why) for visit in found.visits for one in visit.choices]


def test_a_condition_is_told_with_the_values_that_it_saw() -> None:
    workflow = spec(
        edge("ask", "mend", when="nodes.ask.output.score < 5"),
        edge("ask", "shout", when="input.urgent && run.labels.team == 'docs'"),
        edge("ask", "publish", **{"else": True}),
        edge("ask", "log"),
    )
    found = path(workflow, succeeded("ask", {"score": 7}, "shout", "log"))
    assert reasons(found) == [
        ("ask", "mend", False, "`nodes.ask.output.score < 5` is false: nodes.ask.output.score is 7"),
        (
            "ask",
            "shout",
            True,
            "`input.urgent && run.labels.team == 'docs'` is true: input.urgent is true; run.labels.team is \"docs\"",
        ),
        ("ask", "publish", False, "a condition beside it is true"),
        ("ask", "log", True, "it has no condition"),
    ]
    assert [found.taken(index) for index in range(4)] == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("condition", "why"),
    [
        (
            "has(nodes.b) && nodes.b.output.x == 1",
            "`has(nodes.b) && nodes.b.output.x == 1` is false: nodes.b is absent; nodes.b.output.x is absent",
        ),
        (
            "nodes.ask.output.list.exists(n, n > 1) && {'a': 1}.a == 1",
            "`nodes.ask.output.list.exists(n, n > 1) && {'a': 1}.a == 1` is true: nodes.ask.output.list is [1, 2]",
        ),
        (
            "nodes.ask.output.list[1] == 2 && 'nodes.ask.output' != ''",
            "`nodes.ask.output.list[1] == 2 && 'nodes.ask.output' != ''` is true: nodes.ask.output.list[1] is 2",
        ),
        (
            "nodes.ask.output.text.startsWith('x')",
            f"`nodes.ask.output.text.startsWith('x')` is true: nodes.ask.output.text is \"{'x' * 58}…",
        ),
        ("nodes.ask.output.list.exists(x, x > 1)", None),
    ],
)
def test_only_what_a_condition_refers_to_is_told(condition: str, why: str | None) -> None:
    workflow = spec(edge("ask", "b", when=condition))
    ((*_, told),) = reasons(path(workflow, succeeded("ask", {"list": [1, 2], "text": "x" * 900})))
    assert told == (why or f"`{condition}` is true: nodes.ask.output.list is [1, 2]")


def test_a_condition_that_fails_now_is_said_to() -> None:
    workflow = spec(edge("ask", "b", when="nodes.ask.output.score < 5"))
    ((_, _, taken, why),) = reasons(path(workflow, succeeded("ask", {}, "b")))
    assert taken
    assert why.startswith("it can't be told again: `nodes.ask.output.score < 5` fails: ")


def test_the_log_is_the_truth_about_what_was_taken() -> None:
    found = path(spec(edge("a", "b"), edge("a", "c", **{"else": True})), succeeded("a"))
    assert [(taken, why) for _, _, taken, why in reasons(found)] == [
        (False, "the log does not say that it was taken"),
        (False, "a condition beside it is true"),
    ]


def test_after_a_skipped_node_nothing_is_taken() -> None:
    found = path(spec(edge("a", "b", when="input.no"), edge("b", "c")), skipped("b"))
    (visit,) = found.visits
    assert (visit.node, visit.state, visit.why) == ("b", "skipped", "no edge leads here")
    assert reasons(found) == [("b", "c", False, "b was skipped")]


def test_a_failure_takes_the_edges_that_are_for_errors() -> None:
    workflow = spec(
        edge("a", "b"),
        edge("a", "mend", on_error=True, when="nodes.a.error.code == 'timeout'"),
        edge("a", "stop", on_error=True),
    )
    log = [scheduled("a"), failed("a", retry_at=9, usage=USAGE), scheduled("a", attempt=2)]
    found = path(workflow, *log, failed("a", "mend", "stop", attempt=2))
    (visit,) = found.visits
    assert (visit.state, visit.attempt, visit.why, visit.usages) == ("failed", 2, "timeout: no answer", (USAGE,))
    assert reasons(found) == [
        ("a", "b", False, "a failed: timeout"),
        ("a", "mend", True, "`nodes.a.error.code == 'timeout'` is true: nodes.a.error.code is \"timeout\""),
        ("a", "stop", True, "a failed: timeout"),
    ]
    (fine,) = path(spec(edge("a", "mend", on_error=True)), succeeded("a")).visits
    assert [one.why for one in fine.choices] == ["a did not fail"]


LOOP = spec(
    edge("draft", "judge"),
    edge("judge", "draft", when="nodes.judge.output.score < 5", max_iterations=3),
    edge("judge", "publish"),
)


def rounds(*scores: int) -> list[Event]:
    """A loop that goes round again as long as scores follow; the last one ends it."""
    events: list[Event] = []
    for number, score in enumerate(scores):
        events += [succeeded("draft", {}, "judge", iteration=number), scheduled("judge", iteration=number)]
        last = number == len(scores) - 1
        events.append(succeeded("judge", {"score": score}, *(["publish"] if last else []), iteration=number))
        if not last:
            events.append(repeated("judge", "draft", number + 1, "draft", "judge"))
    return events


def test_a_loop_is_told_round_by_round() -> None:
    found = path(LOOP, *rounds(1, 2, 9))
    stop = "`nodes.judge.output.score < 5` is false: nodes.judge.output.score is 9"
    assert [(visit.node, visit.round) for visit in found.visits] == [
        (name, number) for number in range(3) for name in ("draft", "judge")
    ]
    assert [(taken, why) for source, target, taken, why in reasons(found) if target == "draft"] == [
        (True, "`nodes.judge.output.score < 5` is true: nodes.judge.output.score is 1; round 2 of at most 3 begins"),
        (True, "`nodes.judge.output.score < 5` is true: nodes.judge.output.score is 2; round 3 of at most 3 begins"),
        (
            False,
            f"{stop}; max_iterations is reached: round 3 of at most 3 is over",
        ),
    ]
    assert [(taken, why) for _, target, taken, why in reasons(found) if target == "publish"] == [
        (False, "the loop goes round again, back to draft"),
        (False, "the loop goes round again, back to draft"),
        (True, "it has no condition"),
    ]
    assert (found.taken(1), found.states()["judge"]) == (2, "succeeded")


def test_a_loop_that_ends_early_says_which_round_was_the_last() -> None:
    (*_, back, _) = reasons(path(LOOP, *rounds(1, 9)))
    assert back[2:] == (
        False,
        "`nodes.judge.output.score < 5` is false: nodes.judge.output.score is 9; round 2 of at most 3 was the last",
    )


def test_a_loop_inside_of_a_loop_begins_anew_with_it() -> None:
    workflow = spec(
        edge("in", "out"),
        edge("in", "in", when="nodes.in.output.again", max_iterations=2),
        edge("out", "in", when="nodes.out.output.again", max_iterations=2),
    )
    again, enough = {"again": True}, {"again": False}
    found = path(
        workflow,
        succeeded("in", again, iteration=0),
        repeated("in", "in", 1, "in"),
        succeeded("in", enough, "out", iteration=1),
        succeeded("out", again),
        repeated("out", "in", 1, "in", "out"),
        succeeded("in", enough, "out", iteration=2),
    )
    told = [why.partition("; ")[2] for source, target, _, why in reasons(found) if (source, target) == ("in", "in")]
    assert told == [
        "round 2 of at most 2 begins",
        "max_iterations is reached: round 2 of at most 2 is over",
        "round 1 of at most 2 was the last",
    ]


def mapped() -> Path:
    return path(
        spec(edge("each", "b"), each={"type": "template", "map": {"over": "input.list"}}),
        run.MapStarted(**PLACE, node="each", items="[1, 2, 3, 4, 5, 6, 7, 8]", count=8),
        *(scheduled(f"each[{index}]", input=f'{{"n": {index}}}') for index in range(8)),
        *(succeeded(f"each[{index}]", {"n": index}) for index in range(7)),
        failed("each[7]"),
        succeeded("each", {"items": [], "failed": []}, "b"),
    )


def test_instances_of_a_map_are_told_beside_their_node() -> None:
    found = mapped()
    assert [(visit.node, visit.instance) for visit in found.visits] == [
        ("each", None),
        *(("each", n) for n in range(8)),
    ]
    assert (found.states(), found.visits[0].items, len(found.visits[0].choices)) == ({"each": "succeeded"}, 8, 1)
    assert [visit.choices for visit in found.visits[1:]] == [()] * 8


def test_what_has_not_ended_is_under_way() -> None:
    held = run.NodeHeld(**PLACE, node="b")
    found = path(spec(edge("a", "b")), scheduled("a"), held)
    assert found.states() == {"a": "running", "b": "held"}
    assert "until its workflow is resumed" in found.visits[1].why
    known = [explain("r1", [START, held], None, paused=paused).visits[0].why for paused in (True, False)]
    assert known == [
        "until its workflow is resumed",
        "after very many steps at once, until the router has looked after others",
    ]
    found = path(spec(edge("a", "b")), scheduled("a"), held, scheduled("b"))
    assert (found.visits[1].state, found.visits[1].why) == ("running", "")
    assert reasons(found) == []


def test_what_had_not_ended_with_the_run_was_cut_off() -> None:
    end = run.RunCancelled(**END, reason="no need")
    found = path(spec(edge("a", "b")), succeeded("a", {}, "b"), scheduled("b"), end)
    assert [(visit.state, visit.why) for visit in found.visits] == [
        ("succeeded", ""),
        ("cut off", "the run ended first"),
    ]


def test_a_node_that_could_not_even_begin_has_failed() -> None:
    end = run.RunFailed(**END, code="expression_failed", message="node b, input: no such key", node="b")
    found = path(spec(edge("a", "b")), succeeded("a", {}, "b"), end)
    assert [(visit.node, visit.state, visit.why) for visit in found.visits][1:] == [
        ("b", "failed", "expression_failed: node b, input: no such key")
    ]
    known = path(spec(edge("a", "b")), failed("a"), run.RunFailed(**END, code="node_failed", message="m", node="a"))
    assert [(visit.state, visit.why) for visit in known.visits] == [("failed", "timeout: no answer")]


def test_without_its_workflow_a_path_has_no_edges() -> None:
    found = explain("r1", [START, succeeded("a", {}, "b")], None)
    assert [(visit.node, visit.state, visit.choices) for visit in found.visits] == [("a", "succeeded", ())]


def printed(found: Path, workflow: WorkflowSpec | None = None, *pins: run.Pin) -> list[str]:
    out = io.StringIO()
    show_path(Console(file=out, width=80), path_of(found, workflow, pins))
    return out.getvalue().splitlines()


def test_a_visit_is_shown_with_what_it_took_and_whom_it_asked() -> None:
    ask = {"type": "model_invoke", "config": {"prompt": "ask@production", "model": "chat"}}
    workflow = spec(edge("ask", "b"), ask=ask)
    pin = run.Pin(kind="Prompt", ref="ask@production", name="ask", version=3, digest="d")
    calls = (
        run.Call(provider="large@1", outcome="provider_timeout", latency_ms=9),
        run.Call(provider="small@2", outcome="ok", latency_ms=5, usage=USAGE),
    )
    found = path(
        workflow,
        scheduled("ask", input='{"question": "Why?"}'),
        succeeded("ask", {"text": "x" * 200}, "b", usage=USAGE, calls=calls, iteration=0),
    )
    head, given, came, choice = printed(found, workflow, pin)
    assert head == "ask  succeeded  model_invoke, prompt ask@3, model small@2, 100 + 20 tokens, 0.0010 USD, 5 ms"
    assert given == '    input   {"question": "Why?"}'
    assert came.startswith('    output  {"text": "xxx')
    assert came.endswith("…")
    assert choice == "    → b taken: it has no condition"


def test_of_a_map_some_instances_are_shown_and_all_that_failed() -> None:
    lines = printed(mapped())
    assert "    8 instances: 7 succeeded, 1 failed" in lines
    assert [line.split()[0] for line in lines if line.startswith("    [")] == ["[0]", "[1]", "[2]", "[3]", "[4]", "[7]"]
    assert "        why     timeout: no answer" in lines
    assert "    and 2 more; --json has them all" in lines


def test_rounds_and_attempts_are_shown_where_there_is_more_than_one() -> None:
    lines = printed(path(LOOP, *rounds(1, 9)))
    assert [line.partition("  ")[0] for line in lines if line[0] != " "] == [
        "draft",
        "judge",
        "draft, round 2",
        "judge, round 2",
    ]


def test_hostile_words_are_shown_as_words() -> None:
    workflow = spec(edge("a", "b", when="input.x == '\x1b[31m[bold]'"))
    lines = printed(path(workflow, succeeded("a", {"x": "\x1b]0;pwned\x07"}), failed("b", message="\x1b[2J[/nope]")))
    assert not {"\x1b", "\x07"} & {*"".join(lines)}
    assert any("[/nope]" in line for line in lines)


def test_what_waits_took_as_long_as_it_waited() -> None:
    wait = run.NodeScheduled(**{**PLACE, "at": 100}, node="a", type="wait", input="{}")
    found = path(spec(edge("a", "b")), wait, replace(succeeded("a", {}, "b"), started_at=5_100, finished_at=5_100))
    assert found.visits[0].ms == 5_000


WAITING = spec(
    edge("approve", "pause"),
    edge("approve", "each"),
    approve={"type": "wait", "config": {"signal": "approval"}},
    pause={"type": "delay", "input": {"ms": "9"}},
    each={"type": "wait", "config": {"signal": "one"}, "map": {"over": "[1]"}},
)
UNTIL = 1_795_821_585_000


def test_what_waits_is_told_with_its_signal_and_until_when() -> None:
    waits = scheduled("approve", type="wait", deadline=UNTIL)
    assert printed(path(WAITING, waits), WAITING) == [
        "approve  running  wait",
        "    input   {}",
        "    waits   for the signal approval until 2026-11-27 23:19:45 UTC",
    ]
    done = printed(path(WAITING, waits, succeeded("approve", {})), WAITING)
    assert not [line for line in done if "waits" in line]


def test_a_delay_is_told_with_until_when_and_instances_by_themselves() -> None:
    found = path(
        WAITING,
        scheduled("pause", type="delay", deadline=UNTIL),
        run.MapStarted(**PLACE, node="each", items="[1]", count=1),
        scheduled("each[0]", type="wait", deadline=UNTIL),
    )
    assert [line.strip() for line in printed(found, WAITING) if "waits" in line] == [
        "waits   until 2026-11-27 23:19:45 UTC",
        "waits   for the signal one",
        "waits   for the signal one until 2026-11-27 23:19:45 UTC",
    ]


def test_a_run_of_another_workflow_is_named_beside_its_node() -> None:
    workflow = spec(edge("tidy", "b"), tidy={"type": "workflow", "config": {"workflow": "tidy@1"}})
    begun = scheduled("tidy", type="workflow")
    assert printed(path(workflow, begun), workflow)[0] == "tidy  running  workflow, run r1:tidy"
    head, *_ = printed(path(workflow, begun, failed("tidy", retry_at=9), replace(begun, attempt=2)), workflow)
    assert head == "tidy, attempt 2  running  workflow, run r1:tidy:0.2"
    items = path(workflow, scheduled("tidy[3]", type="workflow"))
    assert items.visits[0].child == "r1:tidy.3"
