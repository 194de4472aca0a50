"""How a run is shown: causes before effects, nothing dropped, nothing cut off."""

import asyncio
from collections.abc import AsyncIterator, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.console import Console

from headrace.cli import hops, summary
from headrace.cli.hops import HOLD_S, CausalOrder
from headrace.cloudevents import Attributes
from headrace.errors import Unanswered
from headrace.event import Event
from headrace.events import run
from headrace.events.resource import Paused, ResourceHead
from headrace.seen import Seen
from headrace.workflow.spec import WorkflowSpec
from tests.unit.engine import a_run, graph


def record(topic: str, offset: int, own: str, cause: str | None = None, event: Event | None = None) -> Seen:
    return Seen(topic, 0, offset, 1_000 + offset, "r1", Attributes(own, causation=cause), b"", event)


START = record("run.requests", 7, "s")
STARTED = record("run.events", 0, "p/0/run.events", "s")
SCHEDULED = record("run.events", 1, "p/1/run.events", "s")
EXECUTE = record("node.template.requests", 0, "p/1/node.template.requests", "s")
OUTCOME = record("node.outcomes", 0, "p/1/node.template.requests/outcome", "p/1/node.template.requests")
SUCCEEDED = record("run.events", 2, "q/0/run.events", OUTCOME.attributes.id)
COMPLETED = record("run.events", 3, "q/1/run.events", OUTCOME.attributes.id)
RESULT = record("run.results", 0, "q/1/run.results", OUTCOME.attributes.id)
RUN = [START, STARTED, SCHEDULED, EXECUTE, OUTCOME, SUCCEEDED, COMPLETED, RESULT]


def pushed(order: CausalOrder, records: Iterable[Seen], now: float = 0) -> list[Seen]:
    return [seen for one in records for seen in order.push(one, now)]


@given(st.permutations(RUN))
def test_topics_may_be_read_in_any_order(mixed: list[Seen]) -> None:
    log = iter(seen for seen in RUN if seen.topic == "run.events")
    read = [next(log) if seen.topic == "run.events" else seen for seen in mixed]
    assert pushed(CausalOrder(), read) == RUN


@given(st.permutations(RUN), st.sets(st.sampled_from(RUN)))
def test_what_does_not_come_is_not_waited_for_for_long_and_nothing_is_dropped(
    mixed: list[Seen], missing: set[Seen]
) -> None:
    order = CausalOrder()
    came = [seen for seen in mixed if seen not in missing]
    shown = pushed(order, came)
    assert sorted([*shown, *order.due(HOLD_S)]) == sorted(came)


def test_a_record_is_held_until_its_time_is_over() -> None:
    order = CausalOrder()
    assert order.push(OUTCOME, 1) == []
    assert order.due(1 + HOLD_S - 0.01) == []
    assert order.due(1 + HOLD_S) == [OUTCOME]
    assert order.push(SUCCEEDED, 2) == [SUCCEEDED], "its cause was shown"


def test_what_is_late_comes_after_its_own_causes_that_are_held() -> None:
    order = CausalOrder()
    assert order.push(SUCCEEDED, 0) == []
    assert order.push(OUTCOME, 0.1) == []
    assert order.push(EXECUTE, 0.2) == []
    assert order.due(HOLD_S) == [EXECUTE, OUTCOME, SUCCEEDED]


def test_records_that_name_each_other_as_cause_are_shown() -> None:
    order = CausalOrder()
    ring = [
        record("node.outcomes", 0, "a", "b"),
        record("run.requests", 0, "b", "a"),
        record("run.events", 0, "c", "c"),
    ]
    assert pushed(order, ring) == []
    assert sorted(order.due(HOLD_S)) == sorted(ring)


def test_the_same_record_twice_is_shown_twice() -> None:
    order = CausalOrder()
    again = OUTCOME._replace(offset=1)
    assert pushed(order, [OUTCOME, again, SCHEDULED, EXECUTE, START]) == [START, SCHEDULED, EXECUTE, OUTCOME, again]


SIGNAL = record("run.requests", 8, "signal")._replace(at=9_000)
RECEIVED = record("run.events", 4, "s/0/run.events", "signal")._replace(at=9_001)


@given(st.permutations([*RUN, SIGNAL, RECEIVED]), st.sets(st.sampled_from(RUN)))
def test_what_is_replayed_is_in_the_order_of_time_and_waits_for_nothing_that_is_gone(
    mixed: list[Seen], gone: set[Seen]
) -> None:
    at = {seen: place for place, seen in enumerate([*RUN, SIGNAL, RECEIVED])}
    past = [seen._replace(at=1_000 + at[seen]) for seen in mixed if seen not in gone]
    replayed = hops.replayed(past)
    assert replayed.records == sorted(past, key=lambda seen: seen.at)
    assert pushed(CausalOrder(replayed.gone), replayed.records) == replayed.records


def test_what_is_replayed_has_causes_first_though_clocks_differ() -> None:
    for wrong in RUN:
        one_off = [seen._replace(at=5) if seen is wrong else seen for seen in RUN]
        assert hops.replayed(reversed(one_off)).records == one_off


async def test_what_was_replayed_does_not_come_once_more() -> None:
    came = [seen async for seen in hops.unseen(such([START, STARTED, SCHEDULED]), [START, STARTED])]
    assert came == [SCHEDULED]


async def such(records: Iterable[Seen]) -> AsyncIterator[Seen]:
    for seen in records:
        yield seen


async def for_ever(records: Iterable[Seen]) -> AsyncIterator[Seen]:
    for seen in records:
        yield seen
    await asyncio.Event().wait()


def ended() -> list[Seen]:
    """A run's log and result, as read without what led to them."""
    going = a_run(graph("a b"))
    events = [*going.start(), *going.succeed("a"), *going.succeed("b")]
    log = [record("run.events", n, f"p/{n}/run.events", "gone", event) for n, event in enumerate(events)]
    return [log[-1]._replace(topic="run.results", attributes=Attributes("p/x/run.results")), *log]


async def test_the_end_is_given_after_all_that_was_held_even_when_the_causes_are_gone() -> None:
    shown: list[Seen] = []
    result, *log = ended()
    end = await hops.to_end("r1", for_ever([result, *log]), 30, shown.append)
    assert isinstance(end, run.RunCompleted)
    assert sorted(shown) == sorted([result, *log])
    assert [seen for seen in shown if seen in log] == log


async def test_an_old_run_of_which_the_log_alone_is_left_has_its_end() -> None:
    shown: list[Seen] = []
    _, *log = ended()
    end = await hops.to_end("r1", for_ever(log), 30, shown.append)
    assert end == log[-1].event
    assert shown == log


async def test_what_is_held_is_shown_while_nothing_else_comes() -> None:
    shown = asyncio.Event()

    async def records() -> AsyncIterator[Seen]:
        yield OUTCOME
        await shown.wait()
        async for seen in for_ever(ended()):
            yield seen

    await hops.to_end("r1", records(), 30, lambda _: shown.set())


async def test_a_run_without_an_end_shows_what_was_held_and_says_so() -> None:
    shown: list[Seen] = []
    with pytest.raises(Unanswered, match=r"run r1 has no result after 0\.2 s"):
        await hops.to_end("r1", for_ever([SCHEDULED, OUTCOME]), 0.2, shown.append)
    assert shown == [SCHEDULED, OUTCOME]


def test_times_count_from_the_first_record_and_are_never_below_0() -> None:
    assert hops.line(START, START.at + 5).plain.startswith("      0 ms  run.requests")
    assert hops.line(START, START.at - 5).plain.startswith("      5 ms  run.requests")


def test_in_80_columns_no_cost_is_cut_and_no_name_is_broken(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    found = summary.summarize(ended())
    done = {"status": "succeeded", "ms": 4_666, "input_tokens": 427, "output_tokens": 108, "cost": "0.00001090 USD"}
    found["nodes"] = [
        {"node": "search", "round": 1, "attempt": 1, **done, "detail": "multilingual-e5-small-q4"},
        {"node": "answer", "round": 1, "attempt": 2, **done, "ms": None, "detail": f"broken: [/] {'why ' * 40}"},
    ]
    summary.show(Console(), found)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert sum("427 + 108" in line and "0.00001090 USD" in line for line in lines) == 2
    assert any("search" in line and "multilingual-e5-small-q4" in line for line in lines)
    assert any("answer #2" in line and "broken: [/]" in line for line in lines)


def test_what_is_under_way_and_who_waits_for_it_is_said_first(capsys: pytest.CaptureFixture[str]) -> None:
    running = a_run(graph("a b", "a c", b={"type": "wait", "config": {"signal": "s"}}))
    running.start()
    (started, *_) = running.log
    assert isinstance(started, run.RunStarted)
    parent = replace(started, parent=run.Parent(run="r0", node="call"))
    log = [parent, *running.succeed("a"), run.NodeHeld(seq=5, prev=b"", at=1, node="c")]
    seen = [record("run.events", offset, str(offset), event=event) for offset, event in enumerate(log)]
    summary.show(Console(width=200), summary.summarize(seen, WorkflowSpec.model_validate(graph("a b", "a c"))))
    lines = capsys.readouterr().out.splitlines()
    assert lines[2:4] == ["for node call of run r0", "under way: b (template, running), c (template, held)"]


def test_what_waits_is_said_with_how_it_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    workflow = graph("a b", "a c", b={"type": "wait", "config": {"signal": "it's fine"}})
    running = a_run(workflow)
    running.start()
    running.succeed("a")
    seen = [record("run.events", offset, str(offset), event=event) for offset, event in enumerate(running.log)]
    summary.show(Console(width=80), summary.summarize(seen, WorkflowSpec.model_validate(workflow)))
    assert r"""until 2027-01-15 08:10:00 UTC: `headrace run signal r1 'it'"'"'s fine' --payload JSON` sends it""" in (
        capsys.readouterr().out
    )


@pytest.mark.parametrize("ended", [False, True])
def test_a_paused_workflow_is_said_to_be_with_who_and_why(capsys: pytest.CaptureFixture[str], ended: bool) -> None:
    running = a_run(graph("a b"))
    running.start()
    held = run.NodeHeld(seq=5, prev=b"", at=1, node="b")
    log = [*running.log, *running.succeed("a"), *running.succeed("b")] if ended else [*running.log, held]
    seen = [record("run.events", offset, str(offset), event=event) for offset, event in enumerate(log)]
    paused = Paused(at=1_795_821_585_000, actor="root", reason="lunch[/]")
    head = ResourceHead(kind="Workflow", latest=1, paused=paused)
    summary.show(Console(width=80), summary.summarize(seen, None, head))
    out = capsys.readouterr().out
    told = "w is paused since 2026-11-27 23:19:45 UTC by root: lunch[/]; `headrace workflow resume w` lets it go on\n"
    assert (told in out, "until its workflow is resumed\n" in out) == (not ended, not ended)


def test_what_waited_took_as_long_as_run_show_says(capsys: pytest.CaptureFixture[str]) -> None:
    waits = run.NodeScheduled(seq=1, prev=b"", at=100, node="approve", type="wait", input="{}")
    end = 14_673
    done = run.NodeSucceeded(seq=2, prev=b"", at=end, node="approve", output="{}", started_at=end, finished_at=end)
    show = hops.printer(Console(width=200))
    for offset, event in enumerate((waits, done)):
        show(record("run.events", offset, str(offset), event=event))
    assert "approve, 14573 ms" in capsys.readouterr().out
