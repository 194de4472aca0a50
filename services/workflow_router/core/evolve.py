"""The state of a run after an event; folding a run's log gives its state. Pure."""

from collections.abc import Collection, Iterable, Mapping
from typing import TypeVar

from msgspec.structs import replace
from rpds import HashTrieMap

from headrace.event import Event
from headrace.events.run import (
    Attempt,
    Loop,
    LoopRepeated,
    MapProgress,
    MapStarted,
    NodeError,
    NodeFailed,
    NodeHeld,
    NodeResult,
    NodeScheduled,
    NodeSkipped,
    NodeSucceeded,
    RunCancelled,
    RunCompleted,
    RunFailed,
    RunStarted,
    SignalReceived,
    SignalRefused,
)
from workflow_router.model import ENDED, RUNNING, RunState, add_usage, base, index_of, instance

MOST_SEEN = 100
"""Signals whose ids are remembered, so that the same one again is passed over."""

K = TypeVar("K")
V = TypeVar("V")


def evolve(state: RunState, event: Event) -> RunState:
    """The state after an event, its place in the log included."""
    state = replace(state, seq=state.seq + 1)
    if isinstance(event, NodeSucceeded | NodeFailed) and event.signal is not None:
        state = replace(state, signals=_less(state.signals, (event.signal,)))
    return _changed(state, event)


def _changed(state: RunState, event: Event) -> RunState:
    match event:
        case RunStarted():
            state = replace(state, status=RUNNING, started=event)
        case NodeScheduled():
            state = _under_way(state, event, "scheduled", event.attempt, event.deadline)
        case NodeHeld():
            state = _under_way(state, event, "held", event.attempt, event.at + 1)  # not in the same batch
        case NodeSucceeded() | NodeFailed(retry_at=None):
            state = _ended(state, event)
        case NodeFailed():
            state = replace(state, usage=add_usage(state.usage, event.usage))
            state = _under_way(state, event, "retrying", event.attempt + 1, event.retry_at)
        case NodeSkipped():
            state = replace(state, results=state.results.insert(event.node, NodeResult(status="skipped")))
        case RunCompleted() | RunFailed() | RunCancelled():
            state = replace(state, status=ENDED)
        case MapStarted() | LoopRepeated() | SignalReceived() | SignalRefused():
            state = _special(state, event)
    return state


def _special(state: RunState, event: MapStarted | LoopRepeated | SignalReceived | SignalRefused) -> RunState:
    match event:
        case MapStarted():
            attempt = Attempt(status="mapped", iteration=event.iteration)
            progress = MapProgress(iteration=event.iteration, count=event.count, started=0, ended=0, failed=0)
            return replace(
                state,
                outstanding={**state.outstanding, event.node: attempt},
                maps={**state.maps, event.node: progress},
                lists={**state.lists, event.node: event},
            )
        case LoopRepeated():
            return _repeated(state, event)
        case SignalReceived():
            return replace(_seen(state, event), signals={**state.signals, event.seq: event})
        case SignalRefused():
            return _seen(state, event)


def _seen(state: RunState, event: SignalReceived | SignalRefused) -> RunState:
    return replace(state, seen=(*state.seen, event.id)[-MOST_SEEN:])


def _under_way(
    state: RunState, event: NodeScheduled | NodeHeld | NodeFailed, status: str, number: int, due: int | None
) -> RunState:
    kind = event.type if isinstance(event, NodeScheduled) else ""
    attempt = Attempt(status=status, iteration=event.iteration, attempt=number, due=due, type=kind)
    state = replace(state, outstanding={**state.outstanding, event.node: attempt})
    if (index := index_of(event.node)) is not None:
        progress = state.maps[base(event.node)]
        begun = replace(progress, started=max(progress.started, index + 1))
        state = replace(state, maps={**state.maps, base(event.node): begun})
    return state


def _ended(state: RunState, event: NodeSucceeded | NodeFailed) -> RunState:
    result = _result(event)
    left = _less(state.outstanding, (event.node,))
    usage = add_usage(state.usage, event.usage)
    if index_of(event.node) is None:
        state = replace(state, outstanding=left, usage=usage, results=state.results.insert(event.node, result))
        return _without_maps(state, {event.node}) if event.node in state.maps else state
    progress = state.maps[base(event.node)]
    failed = progress.failed + (result.status == "failed")
    return replace(
        state,
        outstanding=left,
        usage=usage,
        instances=state.instances.insert(event.node, result),
        maps={**state.maps, base(event.node): replace(progress, ended=progress.ended + 1, failed=failed)},
    )


def _result(event: NodeSucceeded | NodeFailed) -> NodeResult:
    if isinstance(event, NodeSucceeded):
        return NodeResult(
            status="succeeded",
            iteration=event.iteration,
            attempt=event.attempt,
            output=event.output,
            taken=event.taken,
        )
    error = NodeError(code=event.code, message=event.message)
    return NodeResult(status="failed", iteration=event.iteration, attempt=event.attempt, taken=event.taken, error=error)


def _repeated(state: RunState, event: LoopRepeated) -> RunState:
    body = {*event.body}
    over = [(tail, name) for tail, name in state.previous if tail in body]
    kept = {(event.node, name): state.results[name] for name in event.kept if name in state.results}
    inner = {tail: replace(loop, round=0) for tail, loop in state.loops.items() if tail in body}
    state = _without_maps(state, body)
    return replace(
        state,
        results=_removed(state.results, body),
        previous=_removed(state.previous, over).update(kept),
        outstanding={name: attempt for name, attempt in state.outstanding.items() if base(name) not in body},
        loops={**state.loops, **inner, event.node: Loop(round=event.round, total=event.total)},
    )


def _without_maps(state: RunState, nodes: Collection[str]) -> RunState:
    """A state in which these nodes are not being mapped."""
    ended = {name for node in nodes for name in instances_of(state, node)}
    return replace(
        state,
        maps=_less(state.maps, nodes),
        lists=_less(state.lists, nodes),
        instances=_removed(state.instances, ended),
        outstanding=_less(state.outstanding, ended),
    )


def instances_of(state: RunState, node: str) -> list[str]:
    """The instances of a node that have started."""
    progress = state.maps.get(node)
    return [instance(node, index) for index in range(progress.started)] if progress else []


def _removed(mapping: "HashTrieMap[K, V]", keys: Iterable[K]) -> "HashTrieMap[K, V]":
    for key in keys:
        mapping = mapping.discard(key)
    return mapping


def _less(mapping: Mapping[K, V], keys: Iterable[K]) -> dict[K, V]:
    left = dict(mapping)
    for key in keys:
        left.pop(key, None)
    return left


def linked(state: RunState, digest: bytes) -> RunState:
    """The state once the last event's record is known by its SHA-256."""
    return replace(state, prev=digest)
