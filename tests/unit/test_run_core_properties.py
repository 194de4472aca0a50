"""What holds for every workflow and every order of outcomes, repetitions, time-outs and failovers."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from headrace import audit
from headrace.cloudevents import Attributes
from headrace.event import Event
from headrace.events import run as events_of
from headrace.machine import Tick, Unreadable
from headrace.seen import Seen
from headrace.topics import NODE_OUTCOMES, NODE_REQUESTS, RUN_EVENTS, RUN_RESULTS, TERMINAL
from tests.unit.engine import CODEC, Run, Shelf, a_run, at, failed, succeeded
from tests.unit.graphs import workflows
from tests.unit.stories import ACTIONS, Story, a_story, assert_within_bounds
from workflow_router.model import ENDED


@given(workflows(), st.booleans(), ACTIONS)
def test_folding_the_log_restoring_the_parts_and_deciding_agree_after_every_step(
    spec: dict[str, Any], yes: bool, actions: list[tuple[str, int, int]]
) -> None:
    a_story(spec, yes, actions)


@given(workflows(), st.booleans(), ACTIONS)
def test_every_run_ends_once_even_if_nobody_answers(
    spec: dict[str, Any], yes: bool, actions: list[tuple[str, int, int]]
) -> None:
    story = a_story(spec, yes, actions)
    story.let_time_run_out()
    assert_it_ended_once(story)
    assert_within_bounds(spec, story.run.log)


@given(workflows(), st.booleans(), ACTIONS)
def test_every_run_ends_once_when_all_answer(
    spec: dict[str, Any], yes: bool, actions: list[tuple[str, int, int]]
) -> None:
    story = a_story(spec, yes, actions)
    story.answer_everything()
    assert_it_ended_once(story)
    assert_within_bounds(spec, story.run.log)


def assert_it_ended_once(story: Story) -> None:
    story.collect()
    ends = [event for event in story.run.log if isinstance(event, TERMINAL)]
    assert ends == story.run.log[-1:]
    assert story.results == ends
    assert story.run.state.status == ENDED
    left = {key: child for key, child in story.children.items() if (child.deadline or 0) > story.run.now}
    assert not left, "runs that nobody waits for are cancelled"


@given(workflows(), st.booleans(), ACTIONS)
def test_a_run_that_ended_absorbs_everything(
    spec: dict[str, Any], yes: bool, actions: list[tuple[str, int, int]]
) -> None:
    story = a_story(spec, yes, actions)
    story.answer_everything()
    run = story.run
    others: tuple[Event | Tick | Unreadable, ...] = (
        events_of.CancelRun(reason="late"),
        events_of.SignalRun(signal="s", payload="1"),
        Tick(run.now + 10**9),
        Unreadable("poison"),
        succeeded("n0"),
    )
    before = len(run.log)
    for message in others:
        assert run.receive(message) == []
    for message, place in story.delivered:
        assert run.receive(message, at(b"r1", place)) == []
    assert len(run.log) == before


@given(workflows(), st.booleans(), ACTIONS)
def test_the_log_proves_its_own_order_and_completeness(
    spec: dict[str, Any], yes: bool, actions: list[tuple[str, int, int]]
) -> None:
    story = a_story(spec, yes, actions)
    story.answer_everything()
    assert audit.faults(seen(story.run)) == []


def seen(run: Run) -> list[Seen]:
    """A run's log as a reader of the topic has it."""
    attributes = Attributes("x")
    return [
        Seen(RUN_EVENTS.name, 0, offset, run.now, run.key, attributes, value, CODEC.decode(RUN_EVENTS, value))
        for offset, value in enumerate(run.values)
    ]


@given(
    workflows(plain=True), st.booleans(), st.lists(st.tuples(st.just("outcome"), st.integers(0, 20), st.integers(0, 6)))
)
def test_a_node_runs_exactly_when_a_path_leads_to_it(
    spec: dict[str, Any], yes: bool, actions: list[tuple[str, int, int]]
) -> None:
    story = Story(a_run({**spec, "timeout_ms": 10**9}))
    story.begin(yes)
    for action in actions:
        story.play(action)
    story.answer_everything()
    log = story.run.log
    taken = {event.node: set(event.taken) for event in log if isinstance(event, events_of.NodeSucceeded)}
    skipped = {event.node for event in log if isinstance(event, events_of.NodeSkipped)}
    entered = {edge["to"] for edge in spec["edges"]}
    reached = {target for targets in taken.values() for target in targets}
    assert isinstance(log[-1], events_of.RunCompleted)
    assert taken.keys() | skipped == spec["nodes"].keys()
    assert taken.keys() == (spec["nodes"].keys() - entered) | reached


def test_what_is_sent_to_workers_and_callers_can_be_written() -> None:
    """The other properties look at events; this one at the bytes of everything beside them."""
    shelf = Shelf()
    run = a_run({"nodes": {"a": {"type": "template"}}, "output": {"x": "nodes.a.output"}}, shelf=shelf)
    run.start()
    run.succeed("a", {"π": None})
    topics = {NODE_REQUESTS["template"].name, RUN_RESULTS.name}
    assert {output.topic.name for output in run.outputs} == topics
    for output in run.outputs:
        assert CODEC.decode(output.topic, CODEC.encode(output.topic, output.event)) == output.event
    assert CODEC.decode(NODE_OUTCOMES, CODEC.encode(NODE_OUTCOMES, failed("a"))) == failed("a")
