"""Runs, and what happens around them: outcomes in any order, repetitions, time-outs, signals and failovers."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from headrace.event import Event
from headrace.events import node, resource
from headrace.events import run as events_of
from headrace.machine import Unreadable
from headrace.topics import RUN_RESULTS
from tests.unit.engine import Run, Shelf, a_run, at, failed, succeeded
from tests.unit.graphs import CHILD
from workflow_router.model import ENDED, base

OTHERS = ["repeat", "late", "time", "hours", "failover", "signal", "unreadable", "cancel", "pause"]
ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["outcome"] * 6 + OTHERS),
        st.integers(0, 20),
        st.integers(0, 9),
    ),
    max_size=25,
)
Work = node.ExecuteNode | events_of.StartChild
FROM_A_CHILD = "run.children-0-1"


@dataclass
class Story:
    """One run, and what happened around it. children: runs that it asked for, and that have not ended."""

    run: Run
    shelf: Shelf = field(default_factory=Shelf)
    waiting: list[Work] = field(default_factory=list)
    delivered: list[tuple[Event, str]] = field(default_factory=list)
    results: list[Event] = field(default_factory=list)
    signals: int = 0
    paused: bool = False
    children: dict[str, events_of.StartChild] = field(default_factory=dict)

    def begin(self, yes: bool) -> None:
        self.deliver(events_of.StartRun(workflow="w", input=f'{{"yes":{str(yes).lower()}}}'))

    def deliver(self, message: Event, place: str = "run.requests-0-7") -> list[Event]:
        """Hand a message over, and collect the work that it leads to."""
        events = self.run.receive(message, at(self.run.key.encode(), place))
        self.collect()
        self.delivered.append((message, place))
        return events

    def collect(self) -> None:
        self.waiting += [output.event for output in self.run.outputs if isinstance(output.event, Work)]
        self.results += [output.event for output in self.run.outputs if output.topic is RUN_RESULTS]
        for output in self.run.outputs:
            if isinstance(output.event, events_of.StartChild):
                self.children[(output.key or b"").decode()] = output.event
            elif isinstance(output.event, events_of.CancelRun):
                self.children.pop((output.key or b"").decode())
        self.run.outputs.clear()

    def play(self, action: tuple[str, int, int]) -> None:
        kind, which, how = action
        if kind == "outcome" and self.waiting:
            self.answer(which % len(self.waiting), how)
        elif kind == "repeat" and self.delivered:
            message, place = self.delivered[which % len(self.delivered)]
            assert self.run.receive(message, at(self.run.key.encode(), place)) == []
        elif kind == "late":
            assert self.run.receive(succeeded(f"n{which}", {"yes": True}, attempt=how + 4)) == []
        elif kind == "time":
            self.run.tick(how * 100)
            self.collect()
        elif kind == "hours":
            self.run.tick(how * 3_600_000)
            self.collect()
        elif kind == "pause":
            self.pause()
        elif kind == "failover" and self.run.state.status != ENDED:
            self.run.state = self.run.restored()
        elif kind == "signal":
            self.signal('{"yes":true}' if how else '"no"')
        elif kind == "unreadable":
            assert self.run.receive(Unreadable("poison")) == []
        elif kind == "cancel" and how == 0:
            self.deliver(events_of.CancelRun(reason="enough"))

    def pause(self) -> None:
        """Pause the workflow, or resume it."""
        self.shelf.change("w", resource.ResumeWorkflow() if self.paused else resource.PauseWorkflow())
        self.paused = not self.paused

    def signal(self, payload: str) -> None:
        """Each signal has a place of its own; one that fits nothing is refused each time."""
        self.signals += 1
        message = events_of.SignalRun(signal="s", payload=payload)
        place = f"run.requests-0-{100 + self.signals}"
        if payload == '"no"':
            self.run.receive(message, at(self.run.key.encode(), place))
            self.collect()
        else:
            self.deliver(message, place)

    def answer(self, which: int, how: int) -> None:
        """A worker, or a child, answers."""
        work = self.waiting.pop(which)
        child = isinstance(work, events_of.StartChild)
        self.children = {key: other for key, other in self.children.items() if other is not work}
        self.deliver(_outcome(work, how), FROM_A_CHILD if child else "node.outcomes-0-1")

    def let_time_run_out(self) -> None:
        """Nobody answers any more: time-outs and the deadline end the run."""
        if self.paused:
            self.pause()
        while (due := self.run.machine.due(self.run.state)) is not None and self.run.state.status != ENDED:
            assert self.run.tick(max(0, due - self.run.now)), "what is due leads to something"

    def answer_everything(self) -> None:
        """Every worker answers well, until there is no work; signals don't come any more."""
        if self.paused:
            self.pause()
        while self.run.state.status != ENDED:
            while self.waiting:
                self.answer(0, how=1)
            if self.run.state.status != ENDED:
                due = self.run.machine.due(self.run.state)
                assert due is not None
                self.run.tick(max(0, due - self.run.now))
                self.collect()


def _outcome(work: Work, how: int) -> Event:
    place = work.parent if isinstance(work, events_of.StartChild) else work
    usage = events_of.Usage(input_tokens=how, output_tokens=1, cost="0.1", currency="USD") if how % 3 == 0 else None
    more: dict[str, Any] = {"usage": usage, "iteration": place.iteration}
    if how < 7:
        return succeeded(place.node, {"yes": how % 2 == 1}, place.attempt, **more)
    return failed(place.node, place.attempt, retryable=how < 9, **more)


def a_story(spec: dict[str, Any], yes: bool, actions: list[tuple[str, int, int]]) -> Story:
    shelf = Shelf()
    shelf.put("Workflow", "child", CHILD)
    story = Story(a_run(spec, shelf=shelf), shelf)
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


def assert_within_bounds(spec: dict[str, Any], log: list[Event]) -> None:
    """No attempt is made twice, no node is tried, repeated or mapped more often than its workflow says."""
    scheduled = [event for event in log if isinstance(event, events_of.NodeScheduled)]
    assert not [place for place, times in Counter(map(_place, scheduled)).items() if times > 1]
    bounds = {edge["from"]: edge["max_iterations"] for edge in spec["edges"] if "max_iterations" in edge}
    for event in scheduled:
        retry = spec["nodes"][base(event.node)].get("retry", {"attempts": 1})
        assert event.attempt <= retry["attempts"]
    repeated = [event for event in log if isinstance(event, events_of.LoopRepeated)]
    assert all(event.round < bounds[event.node] for event in repeated)
    assert_maps_within_bounds(spec, log)


def _place(event: events_of.NodeScheduled) -> tuple[str, int, int]:
    return event.node, event.iteration, event.attempt


def assert_maps_within_bounds(spec: dict[str, Any], log: list[Event]) -> None:
    """Never do more instances run at once than the map's concurrency."""
    under_way: set[str] = set()
    for event in log:
        match event:
            case events_of.NodeScheduled() if "[" in event.node:
                under_way.add(event.node)
                of_map = {name for name in under_way if base(name) == base(event.node)}
                assert len(of_map) <= spec["nodes"][base(event.node)]["map"].get("concurrency", 10)
            case events_of.NodeSucceeded() | events_of.NodeFailed(retry_at=None):
                under_way -= {name for name in under_way if event.node in {name, base(name)}}
            case events_of.LoopRepeated():
                under_way -= {name for name in under_way if base(name) in event.body}
