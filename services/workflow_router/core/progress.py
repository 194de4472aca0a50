"""Outcomes and time move a run on: which nodes start, which are ruled out, and how the run ends."""

from collections import deque
from typing import Any

from headrace.event import Event
from headrace.events import node, run
from headrace.events.run import Attempt
from headrace.expression import ExpressionError
from headrace.machine import Context
from headrace.workflow import CompiledWorkflow, Node
from workflow_router.core.evolve import evolve
from workflow_router.core.outcome import nonsense
from workflow_router.core.values import Values
from workflow_router.model import ENDED, NO_USAGE, RunState, parse, shortened, too_large

MOST_INPUTS = 8_388_608
"""Bytes of all inputs that one decision may hand to workers: they travel in one transaction."""


class Progress:
    """The events of one decision, and the state as they change it. `events` is the result."""

    def __init__(self, state: RunState, context: Context, workflow: CompiledWorkflow) -> None:
        self._state = state
        self._values = Values(context.key)
        self._now = context.now
        self._workflow = workflow
        self._handed = 0
        self.events: list[Event] = []

    def start(self, started: run.RunStarted) -> None:
        """Begin with the nodes that wait for nobody."""
        self._emit(started)
        for name in self._workflow.starts:
            if self._state.status == ENDED:
                return
            self._schedule(self._workflow.nodes[name], attempt=1)

    def succeeded(self, outcome: node.NodeSucceeded) -> None:
        """A worker's good outcome, unless it is late or a repetition."""
        if self._expected(outcome) is None:
            return
        if reason := nonsense(outcome):
            self._failure(outcome.node, "outcome_invalid", f"the worker's outcome {reason}")
            return
        if reason := too_large(outcome.output):
            self._failure(outcome.node, "output_too_large", f"the output has {reason}", outcome.usage, outcome.calls)
            return
        here = self._workflow.nodes[outcome.node]
        try:
            taken = self._taken(here, parse(outcome.output))
        except ValueError as error:
            self._failure(outcome.node, "output_invalid", f"the output is {error}", outcome.usage, outcome.calls)
            return
        except ExpressionError as error:
            self._failure(outcome.node, "expression_failed", str(error), outcome.usage, outcome.calls)
            return
        self._emit(
            run.NodeSucceeded(
                **self._place(),
                node=outcome.node,
                iteration=outcome.iteration,
                attempt=outcome.attempt,
                output=outcome.output,
                usage=outcome.usage,
                calls=outcome.calls,
                taken=taken,
                started_at=outcome.started_at,
                finished_at=outcome.finished_at,
            )
        )
        self._follow(here)
        self._complete()

    def failed(self, outcome: node.NodeFailed) -> None:
        """A worker's bad outcome, unless it is late or a repetition."""
        if self._expected(outcome) is None:
            return
        if reason := nonsense(outcome):
            self._failure(outcome.node, "outcome_invalid", f"the worker's outcome {reason}")
            return
        self._failure(
            outcome.node,
            outcome.code,
            outcome.message,
            outcome.usage,
            outcome.calls,
            retryable=outcome.retryable,
        )

    def cancel(self, reason: str) -> None:
        """End the run because a caller says so; what is outstanding is ignored when it comes."""
        self._emit(run.RunCancelled(**self._end(), reason=shortened(reason)))

    def signal(self, signal: run.SignalRun) -> None:
        """Note a signal; one that is nonsense is passed over, for a run has no way to refuse it."""
        if too_large(signal.payload) or signal.signal != shortened(signal.signal):
            return
        try:
            parse(signal.payload)
        except ValueError:
            return
        self._emit(run.SignalReceived(**self._place(), signal=signal.signal, payload=signal.payload))

    def tick(self) -> None:
        """Do what is due: the run's deadline, time-outs of attempts, retries."""
        deadline = self._state.start.deadline
        if deadline is not None and deadline <= self._now:
            self._fail("deadline_exceeded", f"the run did not end within {deadline - self._state.start.at} ms")
            return
        for name, attempt in list(self._state.outstanding.items()):
            if self._state.status == ENDED:
                return
            if attempt.due is not None and attempt.due <= self._now:
                self._due(name, attempt)

    def _due(self, name: str, attempt: Attempt) -> None:
        here = self._workflow.nodes[name]
        if attempt.status == "retrying":
            self._schedule(here, attempt.attempt)
        else:
            message = f"no outcome within {here.spec.timeout_ms} ms; is a worker for {here.spec.type} running?"
            self._failure(name, "timeout", message, retryable=True)

    def _expected(self, outcome: node.NodeSucceeded | node.NodeFailed) -> Attempt | None:
        """The attempt that an outcome belongs to, if it is the one under way."""
        attempt = self._state.outstanding.get(outcome.node)
        if attempt is None or attempt.status != "scheduled":
            return None
        same = (attempt.attempt, attempt.iteration) == (outcome.attempt, outcome.iteration)
        return attempt if same else None

    def _failure(
        self,
        name: str,
        code: str,
        message: str,
        usage: run.Usage | None = None,
        calls: tuple[run.Call, ...] = (),
        *,
        retryable: bool = False,
    ) -> None:
        """An attempt failed: try again later, or end the run."""
        attempt = self._state.outstanding[name]
        retry = self._workflow.nodes[name].spec.retry
        again = retryable and attempt.attempt < retry.attempts
        self._emit(
            run.NodeFailed(
                **self._place(),
                node=name,
                iteration=attempt.iteration,
                attempt=attempt.attempt,
                code=code,
                message=shortened(message),
                retry_at=self._now + retry.wait_ms(attempt.attempt) if again else None,
                usage=usage,
                calls=calls,
            )
        )
        if not again:
            times = f"{attempt.attempt} attempt{'s' if attempt.attempt > 1 else ''}"
            self._fail("node_failed", f"node {name} failed after {times}: {code}: {message}", name)

    def _taken(self, here: Node, output: Any) -> tuple[str, ...]:
        """Targets of the edges that are taken after `here`, whose output is not in the state yet."""
        if not here.edges:
            return ()
        self._values.fresh(here.id, output)
        taken = {
            edge.target
            for edge in here.edges
            if not edge.otherwise and (edge.when is None or self._values.holds(self._state, edge.when))
        }
        conditional = {edge.target for edge in here.edges if edge.when is not None}
        if not taken & conditional:
            taken |= {edge.target for edge in here.edges if edge.otherwise}
        return tuple(edge.target for edge in here.edges if edge.target in taken)

    def _follow(self, here: Node) -> None:
        """Start or rule out what comes after a node that ended, and after those that are ruled out."""
        ended = deque([here])
        while ended:
            for edge in ended.popleft().edges:
                target = self._workflow.nodes[edge.target]
                if self._state.status != ENDED and self._settle(target):
                    ended.append(target)

    def _settle(self, target: Node) -> bool:
        """Start or rule out a node as soon as its incoming edges allow it (dead-path elimination); true: ruled out."""
        if target.id in self._state.results or target.id in self._state.outstanding:
            return False
        sources = [self._state.results.get(source) for source in target.sources]
        taken = any(result is not None and target.id in result.taken for result in sources)
        decided = all(result is not None for result in sources)
        if taken and (decided or target.spec.join == "any"):
            self._schedule(target, attempt=1)
        elif decided and not taken:
            reason = f"no edge from {', '.join(target.sources)} leads here"
            self._emit(run.NodeSkipped(**self._place(), node=target.id, reason=shortened(reason)))
            return True
        return False

    def _schedule(self, target: Node, attempt: int) -> None:
        try:
            bound = self._values.bound(self._state, target.input)
        except ExpressionError as error:
            self._fail("expression_failed", f"node {target.id}, input: {error}", target.id)
            return
        if reason := too_large(bound):
            self._fail("input_too_large", f"node {target.id}: the input has {reason}", target.id)
            return
        self._handed += len(bound)
        if self._handed > MOST_INPUTS:
            message = f"the inputs of the nodes that start with {target.id} have more than {MOST_INPUTS} bytes in all"
            self._fail("input_too_large", message, target.id)
            return
        self._emit(
            run.NodeScheduled(
                **self._place(),
                node=target.id,
                attempt=attempt,
                type=target.spec.type,
                input=bound,
                deadline=self._now + target.spec.timeout_ms,
            )
        )

    def _complete(self) -> None:
        """End the run when no node is left."""
        if self._state.status == ENDED or len(self._state.results) < len(self._workflow.nodes):
            return
        try:
            output = self._values.bound(self._state, self._workflow.output)
        except ExpressionError as error:
            self._fail("expression_failed", f"output: {error}")
            return
        if reason := too_large(output):
            self._fail("output_too_large", f"the run's output has {reason}")
            return
        self._emit(run.RunCompleted(**self._end(), output=output))

    def _fail(self, code: str, message: str, name: str | None = None) -> None:
        self._emit(run.RunFailed(**self._end(), code=code, message=shortened(message), node=name))

    def _emit(self, event: Event) -> None:
        self.events.append(event)
        self._state = evolve(self._state, event)

    def _place(self) -> dict[str, Any]:
        return {"seq": self._state.seq, "prev": b"", "at": self._now}

    def _end(self) -> dict[str, Any]:
        return end_of(self._state, self._now)


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
