"""The rules of a run as a machine: where its state, its work and its results go."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from rpds import HashTrieMap

from headrace.cloudevents import Attributes
from headrace.event import Event
from headrace.events import node, run
from headrace.limits import RUN_ID
from headrace.machine import Context, Machine, Output, Received, Tick, Unreadable
from headrace.topics import NODE_OUTCOMES, NODE_REQUESTS, RUN_EVENTS, RUN_REQUESTS, RUN_RESULTS, RUN_STATE
from workflow_router import core
from workflow_router.model import ENDED, RunState
from workflow_router.ports import Workflows

START_PART = "@start"
"""Part of a run's state that holds how it started; node ids have no @."""


class RunMachine(Machine[RunState]):
    """All runs."""

    name = "workflow_router.runs"
    inputs = (RUN_REQUESTS, NODE_OUTCOMES)
    commands = (RUN_REQUESTS,)
    log = RUN_EVENTS
    state = RUN_STATE

    def __init__(self, workflows: Workflows) -> None:
        self._workflows = workflows

    def key(self, received: Received) -> str:
        """The run id: the record's key if it is a valid one, else the record's place."""
        key = (received.key or b"").decode(errors="replace")
        return key if RUN_ID.fullmatch(key) else received.place

    def initial(self, key: str) -> RunState:
        """No such run yet."""
        return RunState()

    def restore(self, key: str, parts: Mapping[str, Event]) -> RunState:
        """From the head, the start, and one entry for each node that ended."""
        head, started = parts[""], parts.get(START_PART)
        assert isinstance(head, run.RunHead)
        results = {name: part for name, part in parts.items() if isinstance(part, run.NodeResult)}
        return RunState(
            status=head.status,
            seq=head.seq,
            prev=head.prev,
            started=started if isinstance(started, run.RunStarted) else None,
            results=HashTrieMap(results),
            outstanding=head.outstanding,
            usage=head.usage,
        )

    def decide(self, state: RunState, message: Event | Tick | Unreadable, context: Context) -> Sequence[Event]:
        """See core."""
        return core.decide(state, message, context, self._workflows)

    def evolve(self, state: RunState, event: Event) -> RunState:
        """See core."""
        return core.evolve(state, event)

    def seal(self, state: RunState, event: Event) -> Event:
        """Give an event its place in the run's log and the digest of the record before."""
        fields: dict[str, Any] = {"seq": state.seq, "prev": state.prev}
        return msgspec.structs.replace(event, **fields)

    def link(self, state: RunState, digest: bytes) -> RunState:
        """Remember the digest for the next event."""
        return core.linked(state, digest)

    def parts(self, state: RunState, event: Event) -> Iterable[tuple[str, Event | None]]:
        """The head, and what changed; of an ended run only the head is left, so that its id starts no second run."""
        match event:
            case run.RunStarted():
                yield START_PART, event
            case run.NodeSucceeded() | run.NodeFailed(retry_at=None) | run.NodeSkipped():
                yield event.node, state.results[event.node]
        if state.status == ENDED:
            yield from ((name, None) for name in state.results)
            if state.started:
                yield START_PART, None
            yield "", run.RunHead(seq=state.seq, prev=state.prev, status=ENDED)
        else:
            yield (
                "",
                run.RunHead(
                    seq=state.seq,
                    prev=state.prev,
                    status=state.status,
                    outstanding=state.outstanding,
                    usage=state.usage,
                ),
            )

    def outputs(self, state: RunState, event: Event, context: Context) -> Iterable[Output]:
        """Work for the workers, and the result."""
        match event:
            case run.NodeScheduled():
                yield Output(NODE_REQUESTS[event.type], self._work(state.start, event, context.key))
            case run.RunCompleted() | run.RunFailed() | run.RunCancelled():
                received = context.received
                refused = state.started is None and received is not None and received.key
                yield Output(RUN_RESULTS, event, refused or None)

    def origin(self, state: RunState) -> Attributes | None:
        """The request that started the run."""
        start = state.started
        if start is None:
            return None
        return Attributes("", correlation=start.correlation, actor=start.actor, traceparent=start.traceparent)

    def due(self, state: RunState) -> int | None:
        """The earliest of the run's deadline, its attempts' time-outs and its retries."""
        times = [attempt.due for attempt in state.outstanding.values() if attempt.due is not None]
        if state.started and state.started.deadline is not None:
            times.append(state.started.deadline)
        return min(times, default=None)

    def finished(self, state: RunState) -> bool:
        """Whether the run has ended."""
        return state.status == ENDED

    def _work(self, started: run.RunStarted, event: run.NodeScheduled, key: str) -> node.ExecuteNode:
        return node.ExecuteNode(
            run=key,
            workflow=started.workflow,
            node=event.node,
            iteration=event.iteration,
            attempt=event.attempt,
            type=event.type,
            config=self._workflows.config(started, event.node),
            input=event.input,
            deadline=event.deadline,
            tenant=started.tenant,
            session=started.session,
        )
