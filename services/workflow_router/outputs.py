"""What a run's events lead to beside its log: work for workers, runs of other workflows, stops, and results."""

from collections.abc import Iterable, Iterator
from typing import Any

from headrace.children import child_id
from headrace.event import Event
from headrace.events import node, run
from headrace.machine import Context, Output
from headrace.nodes import NODE_TYPES, WORKFLOW
from headrace.topics import NODE_REQUESTS, NODE_STOPS, RUN_CHILDREN, RUN_RESULTS
from workflow_router.model import RunState, base, shortened
from workflow_router.ports import Workflows

_FAILURES = {run.RunFailed: "failed", run.RunCancelled: "was cancelled"}


def of(before: RunState, state: RunState, event: Event, context: Context, workflows: Workflows) -> Iterator[Output]:
    """The records. The states: before and after the event."""
    match event:
        case run.NodeScheduled():
            yield from _work(state, event, context.key, workflows)
        case run.LoopRepeated() | run.NodeFailed(retry_at=None):
            given_up = (name for name in before.outstanding if name not in state.outstanding and name != event.node)
            reason = f"run {context.key} needs it no more: {event.NAME.rpartition('.')[2]} of {event.node}"
            yield from _cancelled(before, given_up, context.key, reason)
        case run.RunCompleted() | run.RunFailed() | run.RunCancelled():
            yield from _end(state, event, context)
            yield from _stops(state, event, context.key)


def _work(state: RunState, event: run.NodeScheduled, key: str, workflows: Workflows) -> Iterator[Output]:
    if event.type == WORKFLOW:
        child = child_id(key, event.node, event.iteration, event.attempt)
        yield Output(RUN_CHILDREN, _child(state.start, event, key, workflows), child.encode())
    elif not NODE_TYPES[event.type].routed:
        yield Output(NODE_REQUESTS[event.type], _request(state.start, event, key, workflows))


def _request(started: run.RunStarted, event: run.NodeScheduled, key: str, workflows: Workflows) -> node.ExecuteNode:
    return node.ExecuteNode(
        run=key,
        workflow=started.workflow,
        node=event.node,
        iteration=event.iteration,
        attempt=event.attempt,
        type=event.type,
        config=workflows.config(started, base(event.node)),
        input=event.input,
        deadline=event.deadline,
        tenant=started.tenant,
        session=started.session,
    )


def _child(started: run.RunStarted, event: run.NodeScheduled, key: str, workflows: Workflows) -> run.StartChild:
    here = workflows.compiled(started.workflow).nodes[base(event.node)]
    pin = next(pin for pin in started.pins if (pin.kind, pin.ref) == ("Workflow", here.config.workflow))
    depth = started.parent.depth + 1 if started.parent else 1
    return run.StartChild(
        workflow=f"{pin.name}@{pin.version}",
        input=event.input,
        parent=run.Parent(run=key, node=event.node, iteration=event.iteration, attempt=event.attempt, depth=depth),
        session=started.session,
        tenant=started.tenant,
        actor=started.actor,
        labels=started.labels,
        sticky=started.sticky,
        deadline=event.deadline,
        pins=started.pins,
    )


def _end(
    state: RunState, event: run.RunCompleted | run.RunFailed | run.RunCancelled, context: Context
) -> Iterator[Output]:
    """The result: for the callers, or for the run that asked."""
    parent = state.started.parent if state.started else getattr(event, "parent", None)
    if parent is not None:
        yield Output(RUN_CHILDREN, _outcome(parent, event, context.key), parent.run.encode())
        return
    received = context.received
    refused = state.started is None and received is not None and received.key
    yield Output(RUN_RESULTS, event, refused or None)


def _outcome(
    parent: run.Parent, event: run.RunCompleted | run.RunFailed | run.RunCancelled, key: str
) -> node.NodeSucceeded | node.NodeFailed:
    place: dict[str, Any] = {"node": parent.node, "iteration": parent.iteration, "attempt": parent.attempt}
    times: dict[str, Any] = {"started_at": event.started_at, "finished_at": event.finished_at, "usage": event.usage}
    if isinstance(event, run.RunCompleted):
        return node.NodeSucceeded(**place, **times, output=event.output)
    code, reason = (event.code, event.message) if isinstance(event, run.RunFailed) else ("cancelled", event.reason)
    message = shortened(f"run {key} {_FAILURES[type(event)]}: {reason}")
    return node.NodeFailed(**place, **times, code=code, message=message, retryable=False)


def _stops(state: RunState, event: run.RunCompleted | run.RunFailed | run.RunCancelled, key: str) -> Iterator[Output]:
    """Workers and other runs are told that what they do is of no use any more."""
    reason = f"run {key} has ended: {event.NAME.rpartition('.')[2]}"
    yield from _cancelled(state, state.outstanding, key, reason)
    if any(attempt.type and not NODE_TYPES[attempt.type].routed for attempt in state.outstanding.values()):
        yield Output(NODE_STOPS, node.StopRun(reason=reason))


def _cancelled(state: RunState, names: Iterable[str], key: str, reason: str) -> Iterator[Output]:
    """Those of these nodes' attempts that are runs of their own end."""
    for name in names:
        attempt = state.outstanding[name]
        if attempt.type == WORKFLOW:
            child = child_id(key, name, attempt.iteration, attempt.attempt)
            yield Output(RUN_CHILDREN, run.CancelRun(reason=reason), child.encode())
