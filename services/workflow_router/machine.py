"""The rules of a run as a machine: where its state, its work and its results go."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from rpds import HashTrieMap

from headrace.cloudevents import Attributes
from headrace.errors import RecordTooLarge, mistake
from headrace.event import Event
from headrace.events import run
from headrace.limits import RUN_ID, START_PART
from headrace.machine import Context, Machine, Output, Received, Tick, Unreadable
from headrace.topics import NODE_OUTCOMES, RUN_CHILDREN, RUN_EVENTS, RUN_REQUESTS, RUN_STATE, Topic
from workflow_router import core, outputs
from workflow_router.core.evolve import instances_of
from workflow_router.model import ENDED, Round, RunState
from workflow_router.ports import Workflows

MAP_PART, PREVIOUS_PART, SIGNAL_PART = "@map.", "@previous.", "@signal."
"""What parts begin with that hold a map's list, what a node led to in the round before, and a signal."""

HELD_AGAIN_MS, HELD_AT_MOST_MS = 1_000, 30_000
"""How long after the last look a run is looked at that waits for its workflow to be resumed: a tenth of the wait."""


class RunMachine(Machine[RunState]):
    """All runs."""

    name = "workflow_router.runs"
    inputs: tuple[Topic, ...] = (RUN_REQUESTS, RUN_CHILDREN, NODE_OUTCOMES)
    commands: tuple[Topic, ...] = (RUN_REQUESTS, RUN_CHILDREN)
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
        """From the head, the start, and what else there is an entry for."""
        head, started = parts[""], parts.get(START_PART)
        assert isinstance(head, run.RunHead)
        results = {name: part for name, part in parts.items() if isinstance(part, run.NodeResult)}
        previous = {_round(name): part for name, part in results.items() if name.startswith(PREVIOUS_PART)}
        return RunState(
            status=head.status,
            seq=head.seq,
            prev=head.prev,
            started=started if isinstance(started, run.RunStarted) else None,
            results=HashTrieMap({name: part for name, part in results.items() if not _OTHER & {*name}}),
            outstanding=head.outstanding,
            instances=HashTrieMap({name: part for name, part in results.items() if "[" in name}),
            maps=head.maps,
            lists={part.node: part for part in parts.values() if isinstance(part, run.MapStarted)},
            loops=head.loops,
            previous=HashTrieMap(previous),
            signals={part.seq: part for part in parts.values() if isinstance(part, run.SignalReceived)},
            seen=head.seen,
            usage=head.usage,
        )

    def decide(self, state: RunState, message: Event | Tick | Unreadable, context: Context) -> Sequence[Event]:
        """See core."""
        return core.decide(state, message, context, self._workflows)

    def broken(
        self, state: RunState, message: Event | Tick | Unreadable, context: Context, error: Exception
    ) -> Sequence[Event]:
        """The run ends, or its request is refused."""
        if isinstance(error, RecordTooLarge):
            return core.broken(state, message, context, "run_too_large", str(error))
        return core.broken(state, message, context, "internal_error", mistake(error))

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

    def parts(self, before: RunState, state: RunState, event: Event) -> Iterable[tuple[str, Event | None]]:
        """The head, and what changed; of an ended run only the head is left, so that its id starts no second run."""
        if state.status == ENDED:
            yield from ((name, None) for name in _names(before))
            yield "", run.RunHead(seq=state.seq, prev=state.prev, status=ENDED)
            return
        if isinstance(event, run.NodeSucceeded | run.NodeFailed) and event.signal is not None:
            yield f"{SIGNAL_PART}{event.signal}", None
        match event:
            case run.RunStarted():
                yield START_PART, event
            case run.NodeSucceeded() | run.NodeFailed(retry_at=None) | run.NodeSkipped():
                yield event.node, state.results.get(event.node) or state.instances[event.node]
                yield from _left(before, state, event)
            case run.MapStarted():
                yield f"{MAP_PART}{event.node}", event
            case run.SignalReceived():
                yield f"{SIGNAL_PART}{event.seq}", event
            case run.LoopRepeated():
                yield from ((name, None) for name in {*_names(before)} - {*_names(state)})
                kept = (((event.node, name), state.previous.get((event.node, name))) for name in event.kept)
                yield from ((_previous_part(place), result) for place, result in kept if result)
        yield (
            "",
            run.RunHead(
                seq=state.seq,
                prev=state.prev,
                status=state.status,
                outstanding=state.outstanding,
                usage=state.usage,
                loops=state.loops,
                maps=state.maps,
                seen=state.seen,
            ),
        )

    def outputs(self, before: RunState, state: RunState, event: Event, context: Context) -> Iterable[Output]:
        """Work for workers and other runs, stops of what is of no use any more, and the result."""
        return outputs.of(before, state, event, context, self._workflows)

    def origin(self, state: RunState) -> Attributes | None:
        """The request that started the run."""
        start = state.started
        if start is None:
            return None
        return Attributes("", correlation=start.correlation, actor=start.actor, traceparent=start.traceparent)

    def due(self, state: RunState) -> int | None:
        """The earliest of the run's deadline, its attempts' time-outs, its retries, and what is held."""
        times = [attempt.due for attempt in state.outstanding.values() if attempt.due is not None]
        if state.started and state.started.deadline is not None:
            times.append(state.started.deadline)
        return min(times, default=None)

    def again(self, state: RunState, now: int) -> int | None:
        """When to look again at what is held: the later, the longer it has been."""
        held = [attempt.due or now for attempt in state.outstanding.values() if attempt.status == "held"]
        if not held:
            return None
        later = [attempt.due for attempt in state.outstanding.values() if attempt.due and attempt.due > now]
        pause = max(HELD_AGAIN_MS, min((now - min(held)) // 10, HELD_AT_MOST_MS))
        deadline = state.start.deadline
        return min([now + pause, *later, *([deadline] if deadline else [])])

    def finished(self, state: RunState) -> bool:
        """Whether the run has ended."""
        return state.status == ENDED


_OTHER = {"@", "["}
"""Characters that names of parts have, and ids of nodes have not."""


def _previous_part(place: Round) -> str:
    return f"{PREVIOUS_PART}{'.'.join(place)}"


def _round(part: str) -> Round:
    tail, _, name = part.removeprefix(PREVIOUS_PART).partition(".")
    return tail, name


def _names(state: RunState) -> Iterator[str]:
    """The parts of a run beside its head."""
    if state.started:
        yield START_PART
    yield from state.results
    yield from state.instances
    yield from (f"{MAP_PART}{name}" for name in state.lists)
    yield from map(_previous_part, state.previous)
    yield from (f"{SIGNAL_PART}{place}" for place in state.signals)


def _left(
    before: RunState, state: RunState, event: run.NodeSucceeded | run.NodeFailed | run.NodeSkipped
) -> Iterator[tuple[str, None]]:
    """Parts that are of no use any more once a node has ended."""
    if event.node in before.maps and event.node not in state.maps:
        yield from ((name, None) for name in instances_of(before, event.node))
        yield f"{MAP_PART}{event.node}", None
