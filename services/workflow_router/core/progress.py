"""One decision about a run: its events, and the state as they change it."""

import hashlib
from collections import deque
from collections.abc import Collection
from enum import Enum
from typing import Any, NamedTuple

from headrace.event import Event
from headrace.events import run
from headrace.expression import ExpressionError
from headrace.machine import Context
from headrace.workflow import CompiledWorkflow, Node
from workflow_router.core.evolve import evolve
from workflow_router.core.values import Values
from workflow_router.model import ENDED, NO_USAGE, RunState, base, parse, shortened, too_large


class Step(Enum):
    """What is to be done next about a node."""

    START = "start it"
    FILL = "go on with the instances of its map"
    FOLLOW = "look where its edges lead, now that it has ended"


class Open(NamedTuple):
    """A step that is still to be done."""

    step: Step
    node: Node


MOST_EVENTS = 1_000
"""Events of one decision before nodes wait for the next: a loop over what ends at once would have no end else."""

MOST_IN_A_RUN = 100_000
"""Events of a run, about: bounds let loops in loops go on for as long as nobody could pay for or read."""


class Progress:
    """What one message leads to. `events` is the result; `open` holds what is still to be done before it is complete.

    paused: nothing new is handed out.
    """

    def __init__(self, state: RunState, context: Context, workflow: CompiledWorkflow, *, paused: bool = False) -> None:
        self.state = state
        self.run = context.key
        self.received = context.received
        self.now = context.now
        self.workflow = workflow
        self.paused = paused
        self.values = Values(context.key)
        self.handed = 0
        self.open: deque[Open] = deque()
        self.events: list[Event] = []

    @property
    def ended(self) -> bool:
        """Whether the run has ended."""
        return self.state.status == ENDED

    @property
    def full(self) -> bool:
        """Whether it leads to so much, or evaluated so much, that the rest should wait for the next decision."""
        return len(self.events) >= MOST_EVENTS or self.values.spent

    @property
    def holds(self) -> bool:
        """Whether what could start has to wait."""
        return self.paused or self.full

    def node(self, name: str) -> Node:
        """A node by its name, or by that of one of its instances."""
        return self.workflow.nodes[base(name)]

    def iteration(self, node: Node) -> int:
        """How often loops have repeated a node."""
        loops = self.state.loops
        return sum(loops[tail].total for tail in node.around if tail in loops) if loops else 0

    def luck(self, name: str, attempt: int) -> float:
        """A number from 0 up to 1 that looks like chance and is the same whenever it is asked for."""
        text = f"{self.run}/{name}/{self.iteration(self.node(name))}/{attempt}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) / 2**32

    def then(self, step: Step, node: Node) -> None:
        """Do this as well before the decision is complete."""
        self.open.append(Open(step, node))

    def forget(self, nodes: Collection[str]) -> None:
        """Do nothing more about nodes that begin anew."""
        self.open = deque(step for step in self.open if step.node.id not in nodes)

    def emit(self, event: Event) -> None:
        """Let something happen."""
        self.events.append(event)
        self.state = evolve(self.state, event)

    def place(self) -> dict[str, Any]:
        """What every event of a run that goes on says."""
        return {"seq": self.state.seq, "prev": b"", "at": self.now}

    def fail(self, code: str, message: str, name: str | None = None) -> None:
        """End the run badly."""
        self.emit(run.RunFailed(**end_of(self.state, self.now), code=code, message=shortened(message), node=name))

    def cancel(self, reason: str) -> None:
        """End the run because a caller says so; what is outstanding is ignored when it comes."""
        self.emit(run.RunCancelled(**end_of(self.state, self.now), reason=shortened(reason)))

    def complete(self) -> None:
        """End the run well if no node is left."""
        if self.ended or len(self.state.results) < len(self.workflow.nodes):
            return
        try:
            output = self.values.output(self.state, self.workflow.output)
        except ExpressionError as error:
            self.fail("expression_failed", f"output: {error}")
            return
        if reason := too_large(output):
            self.fail("output_too_large", f"the run's output has {reason}")
        elif reason := self._output_fault(output):
            self.fail("output_invalid", f"the run's output does not fit its output_schema: {reason}")
        else:
            self.emit(run.RunCompleted(**end_of(self.state, self.now), output=output))

    def _output_fault(self, output: str) -> str:
        """Why an output is not what the workflow promises, or nothing; it is only decoded where something is."""
        if not self.workflow.spec.output_schema:
            return ""
        try:
            return self.workflow.output_fault(parse(output))
        except ValueError as error:
            return str(error)


def end_of(state: RunState, now: int) -> dict[str, Any]:
    """What every event that ends a run says."""
    return {
        "seq": state.seq,
        "prev": b"",
        "workflow": state.start.workflow,
        "started_at": state.start.at,
        "finished_at": now,
        "usage": state.usage or NO_USAGE,
    }
