"""What a run did and why, told from its events and its workflow: the path that it took, edge by edge. Pure.

The log is the truth about which edges were taken; conditions are evaluated again over what it holds to say why.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from headrace.children import child_id
from headrace.event import Event
from headrace.events import run
from headrace.nodes import DELAY, WAIT, WORKFLOW
from headrace.workflow.reasons import Choice, Reasons
from headrace.workflow.spec import WorkflowSpec

SUCCEEDED, FAILED, SKIPPED, RUNNING, HELD, CUT_OFF = "succeeded", "failed", "skipped", "running", "held", "cut off"
_PAUSED = "until its workflow is resumed"
_BUSY = "after very many steps at once, until the router has looked after others"
_HELD = {True: _PAUSED, False: _BUSY, None: f"{_PAUSED}, or, {_BUSY}"}
_INSTANCE = re.compile(r"(\w+)\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Visit:
    """One time that the run came to a node, or to one instance of a map.

    instance: the item's index; None for the node as a whole. round: how often loops had repeated the node, from 0.
    state: SUCCEEDED, FAILED, SKIPPED, RUNNING, HELD, or CUT_OFF: the run ended first. input, output: JSON text. why: of
    what failed its error, of what was skipped its reason. ms: of the last attempt. until: when that is over at the
    latest, epoch milliseconds. child: the run of another workflow that does its work. items: of a map, how many. calls,
    usages: of all attempts, in order.
    """

    node: str
    instance: int | None = None
    round: int = 0
    state: str = RUNNING
    attempt: int = 1
    input: str | None = None
    output: str | None = None
    why: str = ""
    ms: int | None = None
    until: int | None = None
    child: str | None = None
    items: int | None = None
    calls: tuple[run.Call, ...] = ()
    usages: tuple[run.Usage, ...] = ()
    choices: tuple[Choice, ...] = ()


@dataclass(frozen=True, slots=True)
class Path:
    """A run's way: its visits in the order in which they began."""

    visits: tuple[Visit, ...]

    def states(self) -> Mapping[str, str]:
        """What became of each node in the end, in its last round."""
        return {visit.node: visit.state for visit in self.visits if visit.instance is None}

    def taken(self, edge: int) -> int:
        """How often an edge was taken, by its place among the workflow's edges."""
        return sum(choice.taken for visit in self.visits for choice in visit.choices if choice.edge == edge)


def explain(run_id: str, events: Sequence[Event], spec: WorkflowSpec | None, *, paused: bool | None = None) -> Path:
    """The path of a run, from its log. Without its workflow's spec no edge is told of.

    paused: whether its workflow is paused now, which its log does not know; None when nobody does.
    """
    teller = _Teller(run_id, spec, TimeSpent(events), _HELD[paused])
    for index, event in enumerate(events):
        teller.tell(event, events[index + 1 :])
    return Path(tuple(teller.visits.values()))


class TimeSpent:
    """How many milliseconds successes in a log took; of what waits, from when it began to."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self._waits: dict[tuple[str, int], int] = {}
        for event in events:
            self.note(event)

    def note(self, event: Event | None) -> None:
        """Take the log's next event in."""
        if isinstance(event, run.NodeScheduled) and event.type in {WAIT, DELAY}:
            self._waits[event.node, event.iteration] = event.at

    def __call__(self, event: run.NodeSucceeded) -> int:
        """Of a success."""
        return event.finished_at - self._waits.get((event.node, event.iteration), event.started_at)


_Key = tuple[str, int | None, int]


class _Teller:
    """Goes through a log, and remembers what conditions would have seen at each moment."""

    def __init__(self, run_id: str, spec: WorkflowSpec | None, spent: TimeSpent, held: str) -> None:
        self._run_id = run_id
        self._reasons = Reasons(run_id, spec)
        self._spent = spent
        self._held = held
        self.visits: dict[_Key, Visit] = {}

    def tell(self, event: Event, later: Sequence[Event]) -> None:
        match event:
            case run.RunStarted():
                self._reasons.start(event)
            case run.NodeScheduled():
                self._scheduled(event)
            case run.MapStarted():
                self._put(event, state=RUNNING, why="", input=event.items, items=event.count)
            case run.NodeHeld():
                self._put(event, state=HELD, attempt=event.attempt, why=self._held)
            case run.NodeSkipped():
                self._reasons.skipped(event.node)
                self._put(event, state=SKIPPED, why=event.reason, choices=self._reasons.after_skip(event))
            case run.NodeSucceeded():
                self._succeeded(event, _repeats(event.node, later))
            case run.NodeFailed():
                self._failed(event)
            case run.LoopRepeated():
                self._reasons.repeat(event)
            case run.RunCompleted() | run.RunFailed() | run.RunCancelled():
                self._end(event)

    def _scheduled(self, event: run.NodeScheduled) -> None:
        told: dict[str, Any] = {"attempt": event.attempt, "input": event.input, "until": event.deadline}
        if event.type == WORKFLOW:
            told["child"] = child_id(self._run_id, event.node, event.iteration, event.attempt)
        self._put(event, state=RUNNING, why="", **told)

    def _succeeded(self, event: run.NodeSucceeded, repeated: run.LoopRepeated | None) -> None:
        choices: tuple[Choice, ...] = ()
        if _instance(event.node)[1] is None:
            self._reasons.succeeded(event)
            choices = self._reasons.after_success(event, repeated)
        told = {"attempt": event.attempt, "output": event.output, "ms": self._spent(event), "choices": choices}
        self._put(event, state=SUCCEEDED, why="", **told)
        self._count(event)

    def _failed(self, event: run.NodeFailed) -> None:
        fault = f"{event.code}: {event.message}"
        if event.retry_at is not None:
            self._put(event, why=f"attempt {event.attempt} failed, {fault}")
        elif _instance(event.node)[1] is not None:
            self._put(event, state=FAILED, why=fault)
        else:
            self._reasons.failed(event)
            self._put(event, state=FAILED, why=fault, choices=self._reasons.after_failure(event))
        self._count(event)

    def _end(self, event: run.RunCompleted | run.RunFailed | run.RunCancelled) -> None:
        if isinstance(event, run.RunFailed) and event.node and FAILED not in self._states(event.node):
            lost = (event.node, None, len(self._states(event.node)))
            self.visits[lost] = Visit(*lost, state=FAILED, why=f"{event.code}: {event.message}")
        for key, visit in self.visits.items():
            if visit.state in {RUNNING, HELD}:
                self.visits[key] = replace(visit, state=CUT_OFF, why=visit.why or "the run ended first")

    def _states(self, node: str) -> list[str]:
        """What became of a node, round by round."""
        return [visit.state for visit in self.visits.values() if visit.node == node and visit.instance is None]

    def _count(self, event: run.NodeSucceeded | run.NodeFailed) -> None:
        visit = self.visits[_key(event)]
        usages = (*visit.usages, event.usage) if event.usage else visit.usages
        self.visits[_key(event)] = replace(visit, calls=(*visit.calls, *event.calls), usages=usages)

    def _put(self, event: Any, **told: Any) -> None:
        node, instance, round_ = key = _key(event)
        self.visits[key] = replace(self.visits.get(key) or Visit(node, instance, round_), **told)


def _key(event: Any) -> _Key:
    node, instance = _instance(event.node)
    return node, instance, event.iteration


def _instance(name: str) -> tuple[str, int | None]:
    """`node[3]` is the instance 3 of a mapped node."""
    found = _INSTANCE.fullmatch(name)
    return (found[1], int(found[2])) if found else (name, None)


def _repeats(node: str, later: Iterable[Event]) -> run.LoopRepeated | None:
    """The next round that a node's success led to: what the log says next of the node."""
    found = next((event for event in later if getattr(event, "node", None) == node), None)
    return found if isinstance(found, run.LoopRepeated) else None
