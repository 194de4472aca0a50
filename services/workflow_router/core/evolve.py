"""The state of a run after an event; folding a run's log gives its state."""

from msgspec.structs import replace

from headrace.event import Event
from headrace.events.run import (
    Attempt,
    NodeFailed,
    NodeResult,
    NodeScheduled,
    NodeSkipped,
    NodeSucceeded,
    RunCancelled,
    RunCompleted,
    RunFailed,
    RunStarted,
)
from workflow_router.model import ENDED, RUNNING, RunState, add_usage, without


def evolve(state: RunState, event: Event) -> RunState:
    """The state after an event, its place in the log included."""
    return _changed(replace(state, seq=state.seq + 1), event)


def _changed(state: RunState, event: Event) -> RunState:
    match event:
        case RunStarted():
            state = replace(state, status=RUNNING, started=event)
        case NodeScheduled():
            state = _outstanding(state, event, "scheduled", event.attempt, event.deadline)
        case NodeSucceeded():
            state = _result(state, event, "succeeded", event.output, event.taken)
        case NodeFailed(retry_at=None):
            state = _result(state, event, "failed")
        case NodeFailed():
            state = replace(state, usage=add_usage(state.usage, event.usage))
            state = _outstanding(state, event, "retrying", event.attempt + 1, event.retry_at)
        case NodeSkipped():
            state = replace(state, results=state.results.insert(event.node, NodeResult(status="skipped")))
        case RunCompleted() | RunFailed() | RunCancelled():
            state = replace(state, status=ENDED)
    return state


def _outstanding(
    state: RunState, event: NodeScheduled | NodeFailed, status: str, number: int, due: int | None
) -> RunState:
    attempt = Attempt(status=status, iteration=event.iteration, attempt=number, due=due)
    return replace(state, outstanding={**state.outstanding, event.node: attempt})


def _result(
    state: RunState,
    event: NodeSucceeded | NodeFailed,
    status: str,
    output: str | None = None,
    taken: tuple[str, ...] = (),
) -> RunState:
    result = NodeResult(status=status, iteration=event.iteration, attempt=event.attempt, output=output, taken=taken)
    return replace(
        state,
        outstanding=without(state.outstanding, event.node),
        results=state.results.insert(event.node, result),
        usage=add_usage(state.usage, event.usage),
    )


def linked(state: RunState, digest: bytes) -> RunState:
    """The state once the last event's record is known by its SHA-256."""
    return replace(state, prev=digest)
