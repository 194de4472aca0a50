"""What holds for every workflow and every order of outcomes, repetitions, time-outs and failovers."""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from headrace import audit
from headrace.cloudevents import Attributes
from headrace.event import Event
from headrace.events import node
from headrace.events import run as events_of
from headrace.machine import Tick, Unreadable
from headrace.seen import Seen
from headrace.topics import NODE_OUTCOMES, NODE_REQUESTS, RUN_EVENTS, RUN_RESULTS, TERMINAL
from tests.unit.engine import CODEC, Run, Shelf, a_run, failed, succeeded
from workflow_router.model import ENDED

MOST_NODES = 6
CONDITIONS = ("true", "false", "nodes.{0}.output.yes", "!nodes.{0}.output.yes", "input.yes")


@st.composite
def workflows(draw: st.DrawFn) -> dict[str, Any]:
    """Graphs of up to six nodes that compile: edges lead forwards, `else` stands beside a condition."""
    count = draw(st.integers(1, MOST_NODES))
    names = [f"n{number}" for number in range(count)]
    edges = [edge for source in range(count) for edge in draw(_edges_from(source, count))]
    nodes = {name: draw(NODES) for name in names}
    output = {name: f"has(nodes.{name}) ? nodes.{name}.output.yes : false" for name in names}
    return {"nodes": nodes, "edges": edges, "output": output, "timeout_ms": draw(st.sampled_from([2_000, 600_000]))}


NODES = st.fixed_dictionaries(
    {
        "type": st.just("template"),
        "join": st.sampled_from(["all", "any"]),
        "timeout_ms": st.sampled_from([500, 60_000]),
        "retry": st.fixed_dictionaries({"attempts": st.integers(1, 3), "backoff_ms": st.just(100)}),
    }
)


@st.composite
def _edges_from(draw: st.DrawFn, source: int, count: int) -> list[dict[str, Any]]:
    later = range(source + 1, count)
    targets = draw(st.lists(st.sampled_from(later), unique=True, max_size=3)) if later else []
    conditions: list[str | None] = draw(
        st.lists(st.sampled_from([None, *CONDITIONS]), min_size=len(targets), max_size=len(targets))
    )
    edges: list[dict[str, Any]] = [{"from": f"n{source}", "to": f"n{target}"} for target in targets]
    for edge, condition in zip(edges, conditions, strict=True):
        if condition:
            edge["when"] = condition.format(f"n{source}")
    if any(conditions) and None in conditions and draw(st.booleans()):
        edges[conditions.index(None)]["else"] = True
    return edges


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["outcome"] * 6 + ["repeat", "late", "time", "failover", "signal", "unreadable", "cancel"]),
        st.integers(0, 20),
        st.integers(0, 9),
    ),
    max_size=25,
)


@dataclass
class Story:
    """One run, and what happened around it."""

    run: Run
    waiting: list[node.ExecuteNode] = field(default_factory=list)
    delivered: list[Event] = field(default_factory=list)
    results: list[Event] = field(default_factory=list)

    def begin(self, yes: bool) -> None:
        self.deliver(events_of.StartRun(workflow="w", input=f'{{"yes":{str(yes).lower()}}}'))

    def deliver(self, message: Event) -> list[Event]:
        """Hand a message over, and collect the work that it leads to."""
        events = self.run.receive(message)
        self.collect()
        self.delivered.append(message)
        return events

    def collect(self) -> None:
        self.waiting += [output.event for output in self.run.outputs if isinstance(output.event, node.ExecuteNode)]
        self.results += [output.event for output in self.run.outputs if output.topic is RUN_RESULTS]
        self.run.outputs.clear()

    def play(self, action: tuple[str, int, int]) -> None:
        kind, which, how = action
        if kind == "outcome" and self.waiting:
            self.deliver(_outcome(self.waiting.pop(which % len(self.waiting)), how))
        elif kind == "repeat" and self.delivered:
            assert self.run.receive(self.delivered[which % len(self.delivered)]) == []
        elif kind == "late":
            assert self.run.receive(succeeded(f"n{which}", {"yes": True}, attempt=how + 4)) == []
        elif kind == "time":
            self.run.tick(how * 100)
            self.collect()
        elif kind == "failover" and self.run.state.status != ENDED:
            self.run.state = self.run.restored()
        elif kind == "signal":
            self.run.receive(events_of.SignalRun(signal="s", payload="1"))
        elif kind == "unreadable":
            assert self.run.receive(Unreadable("poison")) == []
        elif kind == "cancel" and how == 0:
            self.deliver(events_of.CancelRun(reason="enough"))

    def let_time_run_out(self) -> None:
        """Nobody answers any more: time-outs and the deadline end the run."""
        while (due := self.run.machine.due(self.run.state)) is not None and self.run.state.status != ENDED:
            assert self.run.tick(max(0, due - self.run.now)), "what is due leads to something"

    def answer_everything(self) -> None:
        """Every worker answers well, until there is no work."""
        while self.waiting:
            self.deliver(_outcome(self.waiting.pop(0), how=1))
        while self.run.state.outstanding and self.run.state.status != ENDED:
            due = self.run.machine.due(self.run.state)
            assert due is not None
            self.run.tick(max(0, due - self.run.now))
            self.collect()
            while self.waiting:
                self.deliver(_outcome(self.waiting.pop(0), how=1))


def _outcome(work: node.ExecuteNode, how: int) -> Event:
    usage = events_of.Usage(input_tokens=how, output_tokens=1, cost="0.1", currency="USD") if how % 3 == 0 else None
    if how < 7:
        return succeeded(work.node, {"yes": how % 2 == 1}, work.attempt, usage=usage)
    return failed(work.node, work.attempt, retryable=how < 9, usage=usage)


def a_story(spec: dict[str, Any], yes: bool, actions: list[tuple[str, int, int]]) -> Story:
    story = Story(a_run(spec))
    story.begin(yes)
    for action in actions:
        story.play(action)
        assert_log_and_state_say_the_same(story.run)
    return story


def assert_log_and_state_say_the_same(run: Run) -> None:
    assert run.folded() == run.state
    restored = run.restored()
    if run.state.status == ENDED:
        assert (restored.status, restored.seq, restored.prev) == (ENDED, run.state.seq, run.state.prev)
        assert set(run.parts) == {""}, "of an ended run only the head is left"
    else:
        assert restored == run.state


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


@given(workflows(), st.booleans(), ACTIONS)
def test_every_run_ends_once_when_all_answer(
    spec: dict[str, Any], yes: bool, actions: list[tuple[str, int, int]]
) -> None:
    story = a_story(spec, yes, actions)
    story.answer_everything()
    assert_it_ended_once(story)


def assert_it_ended_once(story: Story) -> None:
    story.collect()
    ends = [event for event in story.run.log if isinstance(event, TERMINAL)]
    assert ends == story.run.log[-1:]
    assert story.results == ends
    assert story.run.state.status == ENDED


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
    for message in (*story.delivered, *others):
        assert run.receive(message) == []
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


@given(workflows(), st.booleans(), st.lists(st.tuples(st.just("outcome"), st.integers(0, 20), st.integers(0, 6))))
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
