"""A run as records on topics, one line for each, in the order of cause and effect."""

import asyncio
import json
import math
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple

from rich.console import Console
from rich.text import Text

from headrace.cli.text import print_value, printable
from headrace.client import Result
from headrace.errors import Unanswered
from headrace.event import Event
from headrace.events import node, run
from headrace.nodes import WAIT
from headrace.seen import Seen
from headrace.ticks import ticking
from headrace.topics import (
    NODE_OUTCOMES,
    NODE_REQUESTS,
    NODE_STOPS,
    RUN_CHILDREN,
    RUN_EVENTS,
    RUN_REQUESTS,
    RUN_RESULTS,
)
from headrace.workflow.explained import TimeSpent

TOPICS = (RUN_REQUESTS, RUN_CHILDREN, RUN_EVENTS, *NODE_REQUESTS.values(), NODE_OUTCOMES, NODE_STOPS, RUN_RESULTS)
"""Every topic that a run's records travel over, in the order in which a step uses them."""

ENDS = (RUN_EVENTS, RUN_RESULTS)
"""Where a run's terminal event stands."""
REST_S = 1.0
"""How long to wait, after the end of a run, for records that led to it; of an old run they may have expired."""
HOLD_S = 0.5
"""How long a record is held back for what led to it."""
TICK_S = 0.1
"""How often what is held back is looked at while nothing comes."""
ROUTED = frozenset(topic.name for topic in (*NODE_REQUESTS.values(), RUN_CHILDREN, NODE_STOPS, RUN_RESULTS))
"""Where the router writes what an entry of the log leads to, in one step with the entry."""
Queue = deque[tuple[float, Seen]]
"""Records of one partition, each with the time until which it may be held."""
WIDEST = 88
"""Characters of a shortened value."""


def line(seen: Seen, began: int, spent: TimeSpent | None = None) -> Text:
    """One record: milliseconds since `began` (epoch milliseconds) but never below 0, topic, what it says.

    spent: of the run's log so far.
    """
    name = seen.event.NAME.rpartition(".")[2] if seen.event else "unreadable"
    text = Text(f"{max(0, seen.at - began):>7} ms  ", style="dim")
    text.append(f"{seen.topic:<28} ", style="cyan")
    text.append(f"{name:<14} ", style=_style(seen.event))
    text.append(_told(seen, spent or TimeSpent()), style="default")
    return text


def _told(seen: Seen, spent: TimeSpent) -> str:
    """What a record says; what waited took as long as it did."""
    if isinstance(seen.event, run.NodeSucceeded):
        return short(_succeeded(seen.event, spent(seen.event)))
    return about(seen.event) if seen.event else short(seen.fault or "")


def _style(event: Event | None) -> str:
    if isinstance(event, run.RunCompleted):
        return "bold green"
    return "bold red" if isinstance(event, run.RunFailed | run.NodeFailed | node.NodeFailed) else "bold"


def about(event: Event) -> str:
    """What a run's event says, on one line."""
    return short(_SAID[type(event)](event)) if type(event) in _SAID else ""


def _started(event: run.RunStarted) -> str:
    pinned = ", ".join(f"{pin.name}@{pin.version}" for pin in event.pins[1:]) or "nothing"
    return f"{event.workflow}, pinned: {pinned}"


def _succeeded(event: run.NodeSucceeded | node.NodeSucceeded, ms: int) -> str:
    return f"{event.node}, {ms} ms{_tokens(event.usage)}"


def _failed(event: run.NodeFailed | node.NodeFailed) -> str:
    return f"{event.node}, attempt {event.attempt}: {event.code}: {event.message}"


def _scheduled(event: run.NodeScheduled | node.ExecuteNode) -> str:
    waits = ", waits for a signal: `headrace run show` says for which, until when and how it is sent"
    again = f", attempt {event.attempt}" if event.attempt > 1 else ""
    return f"{event.node}{again}{waits if event.type == WAIT else ''}"


_SAID: Mapping[type[Event], Callable[[Any], str]] = {
    run.StartRun: lambda event: f"{event.workflow} {event.input}",
    run.StartChild: lambda event: f"{event.workflow} for node {event.parent.node} of {event.parent.run}",
    run.RunStarted: _started,
    run.NodeScheduled: _scheduled,
    node.ExecuteNode: _scheduled,
    run.NodeHeld: lambda event: f"{event.node}, until the workflow is resumed",
    run.MapStarted: lambda event: f"{event.node}, {event.count} items",
    node.NodeSucceeded: lambda event: _succeeded(event, event.finished_at - event.started_at),
    run.NodeFailed: _failed,
    node.NodeFailed: _failed,
    run.NodeSkipped: lambda event: f"{event.node}: {event.reason}",
    run.LoopRepeated: lambda event: f"{event.node} → {event.head}, round {event.round + 1}",
    run.SignalRun: lambda event: event.signal,
    run.SignalReceived: lambda event: event.signal,
    run.SignalRefused: lambda event: f"{event.signal}: {event.reason}",
    run.CancelRun: lambda event: event.reason,
    run.RunCancelled: lambda event: event.reason,
    run.RunFailed: lambda event: f"{event.code}: {event.message}",
    run.RunCompleted: lambda event: event.output,
}


def _tokens(usage: run.Usage | None) -> str:
    if usage is None:
        return ""
    return f", {usage.input_tokens} + {usage.output_tokens} tokens, {money(usage)}"


def money(usage: run.Usage) -> str:
    """A cost as people write it."""
    return f"{usage.cost} {usage.currency}"


def short(text: str) -> str:
    """At most WIDEST characters, on one line."""
    flat = printable(" ".join(text.split()))
    return flat if len(flat) <= WIDEST else f"{flat[: WIDEST - 1]}…"


class CausalOrder:
    """Puts a run's records, which come from several topics in any order, in the order of cause and effect.

    A record waits for the one before it in its partition and for what led to it, but no longer than HOLD_S: that may
    have expired, or stand where nobody looks. Each record is given once. Times are seconds of one clock.
    gone: ids of records that are not waited for at all.
    """

    def __init__(self, gone: Iterable[str] = ()) -> None:
        self._queues: defaultdict[tuple[str, int], Queue] = defaultdict(deque)
        self._held: dict[str, Queue] = {}
        self._given = set(gone)

    def push(self, seen: Seen, now: float) -> list[Seen]:
        """Take a record; all that may be shown now."""
        queue = self._queues[seen.topic, seen.partition]
        queue.append((now + HOLD_S, seen))
        self._held[seen.attributes.id] = queue
        return self.due(now)

    def due(self, now: float) -> list[Seen]:
        """All that may be shown now; infinity gives everything."""
        given = []
        while queue := self._next(now):
            _, seen = queue.popleft()
            self._held.pop(seen.attributes.id, None)
            self._given.add(seen.attributes.id)
            given.append(seen)
        return given

    def _next(self, now: float) -> Queue | None:
        """The queue whose first record waits for nothing, or else has waited too long."""
        queues = [queue for queue in self._queues.values() if queue]
        if ready := next((queue for queue in queues if not self._awaited(queue)), None):
            return ready
        late = next((queue for queue in queues if queue[0][0] <= now), None)
        return late and self._origin(late)

    def _origin(self, queue: Queue) -> Queue:
        """Where the causes of a queue's first record begin; they may form a ring."""
        for _ in self._queues:
            queue = next((self._held[cause] for cause in self._awaited(queue) if cause in self._held), queue)
        return queue

    def _awaited(self, queue: Queue) -> list[str]:
        """Ids of what a queue's first record waits for."""
        return [cause for cause in _causes(queue[0][1]) if cause not in self._given]


def _causes(seen: Seen) -> list[str]:
    """Ids of what led to a record: what was received, and the entry of the log, whose id differs in the topic."""
    causes = [seen.attributes.causation] if seen.attributes.causation else []
    if seen.topic in ROUTED:
        causes.append(f"{seen.attributes.id.rpartition('/')[0]}/{RUN_EVENTS.name}")
    return causes


class Replayed(NamedTuple):
    """What was written of a run so far, in the order of time, causes first; and ids of causes that are not there."""

    records: Sequence[Seen]
    gone: Collection[str]


def replayed(past: Iterable[Seen]) -> Replayed:
    """Records of several topics, read one after the other, as what happened."""
    records = [seen for _, seen in sorted(_timed(past), key=lambda timed: timed[0])]
    gone = {cause for seen in records for cause in _causes(seen)} - {seen.attributes.id for seen in records}
    order = CausalOrder(gone)
    given = [one for seen in records for one in order.push(seen, 0)]
    return Replayed([*given, *order.due(math.inf)], gone)


def _timed(past: Iterable[Seen]) -> Iterator[tuple[int, Seen]]:
    """Records with their times, which never go back within a partition, whoever's clocks do."""
    latest: defaultdict[tuple[str, int], int] = defaultdict(int)
    for seen in sorted(past, key=lambda seen: seen.offset):
        place = seen.topic, seen.partition
        latest[place] = max(latest[place], seen.at)
        yield latest[place], seen


async def unseen(records: AsyncIterator[Seen], past: Iterable[Seen]) -> AsyncIterator[Seen]:
    """Records as they come, without those that were read already."""
    places = {seen.place for seen in past}
    async for seen in records:
        if seen.place not in places:
            yield seen


async def to_end(
    run_id: str,
    records: AsyncIterator[Seen],
    timeout_s: float,
    show: Callable[[Seen], None],
    gone: Iterable[str] = (),
) -> Result:
    """Show a run's records, causes first, until its log and its result have ended and nothing is missing; its end.

    Topics are read side by side, so the end may come before what led to it. Of an old run the log alone may be left.
    gone: ids of causes that nobody need wait for. Raises Unanswered after `timeout_s`.
    """
    ends: dict[str, Result] = {}
    kinds: Counter[type[Event] | None] = Counter()
    order = CausalOrder(gone)
    now = asyncio.get_running_loop().time

    def give(ready: Iterable[Seen]) -> None:
        for seen in ready:
            show(seen)
            kinds[type(seen.event) if seen.event else None] += 1
            if isinstance(seen.event, Result):
                ends[seen.topic] = seen.event

    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s) as limit, aclosing(ticking(records, TICK_S)) as coming:
            async for one in coming:
                ready = order.push(one, now()) if one else order.due(now())
                give(ready)
                if len(ends) == len(ENDS) and _complete(kinds):
                    break
                if RUN_EVENTS.name in ends and ready:
                    limit.reschedule(now() + REST_S)
    give(order.due(math.inf))
    if not ends:
        raise Unanswered(
            f"run {run_id} has no result after {timeout_s:g} s; `headrace run show {run_id}` says what it is at, "
            f"`headrace run watch {run_id}` waits on"
        )
    return next(iter(ends.values()))


def _complete(kinds: Mapping[type[Event] | None, int]) -> bool:
    """Whether everything that was handed to a worker has its outcome."""
    return kinds[node.NodeSucceeded] + kinds[node.NodeFailed] >= kinds[node.ExecuteNode]


def printer(console: Console) -> Callable[[Seen], None]:
    """Prints each record as a line; times count from the first one."""
    began: int | None = None
    spent = TimeSpent()

    def show_line(seen: Seen) -> None:
        nonlocal began
        began = seen.at if began is None else began
        spent.note(seen.event)
        console.print(line(seen, began, spent), soft_wrap=True)

    return show_line


def tell(console: Console, run_id: str, end: Result) -> None:
    """How a run ended, in full, and where to look further."""
    if isinstance(end, run.RunCompleted):
        print_value(console, json.loads(end.output))
    elif isinstance(end, run.RunFailed):
        console.print(f"failed: {end.code}: {printable(end.message)}", style="red", markup=False, highlight=False)
    console.print(f"`headrace run show {run_id}` shows what it did", highlight=False)


def clock(at: int) -> str:
    """Epoch milliseconds as people write them, in UTC; as they are when they are no time."""
    try:
        return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return f"{at} ms"


def trace(console: Console, log: Iterable[Seen]) -> None:
    """A run's log, in its order."""
    show_line = printer(console)
    for seen in log:
        show_line(seen)


def whole(log: Sequence[Seen]) -> str:
    """What is said of a log without faults."""
    events = "event" if len(log) == 1 else "events"
    return f"[green]✓[/] {len(log)} {events}: no gap in the sequence, each record holds the digest of the one before"
