"""A run as records on topics: one line for each, and the whole as a table."""

import asyncio
import json
import math
from collections import Counter, defaultdict, deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing, suppress
from datetime import UTC, datetime
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from headrace.cli.text import print_value, printable, quoted
from headrace.client import Result, Seen
from headrace.errors import Unanswered
from headrace.event import Event
from headrace.events import node, run
from headrace.topics import NODE_OUTCOMES, NODE_REQUESTS, RUN_EVENTS, RUN_REQUESTS, RUN_RESULTS, TERMINAL

TOPICS = (RUN_REQUESTS, RUN_EVENTS, *NODE_REQUESTS.values(), NODE_OUTCOMES, RUN_RESULTS)
"""Every topic that a run's records travel over, in the order in which a step uses them."""

ENDS = (RUN_EVENTS, RUN_RESULTS)
"""Where a run's terminal event stands."""
REST_S = 1.0
"""How long to wait, after the end of a run, for records that led to it; of an old run they may have expired."""
HOLD_S = 0.5
"""How long a record is held back for what led to it."""
TICK_S = 0.1
"""How often what is held back is looked at while nothing comes."""
ROUTED = frozenset(topic.name for topic in (*NODE_REQUESTS.values(), RUN_RESULTS))
"""Where the router writes what an entry of the log leads to, in one step with the entry."""
Queue = deque[tuple[float, Seen]]
"""Records of one partition, each with the time until which it may be held."""
WIDEST = 88
"""Characters of a shortened value."""


def line(seen: Seen, began: int) -> Text:
    """One record: milliseconds since `began` (epoch milliseconds) but never below 0, topic, what it says."""
    name = seen.event.NAME.rpartition(".")[2] if seen.event else "unreadable"
    text = Text(f"{max(0, seen.at - began):>7} ms  ", style="dim")
    text.append(f"{seen.topic:<28} ", style="cyan")
    text.append(f"{name:<14} ", style=_style(seen.event))
    text.append(about(seen.event) if seen.event else short(seen.fault or ""), style="default")
    return text


def _style(event: Event | None) -> str:
    if isinstance(event, run.RunCompleted):
        return "bold green"
    return "bold red" if isinstance(event, run.RunFailed | run.NodeFailed | node.NodeFailed) else "bold"


def about(event: Event) -> str:
    """What a run's event says, on one line."""
    said = ""
    match event:
        case run.StartRun(workflow=workflow, input=given):
            said = f"{workflow} {given}"
        case run.RunStarted(workflow=workflow, pins=pins):
            said = f"{workflow}, pinned: {', '.join(f'{pin.name}@{pin.version}' for pin in pins[1:]) or 'nothing'}"
        case run.NodeSucceeded() | node.NodeSucceeded():
            said = f"{event.node}, {event.finished_at - event.started_at} ms{_tokens(event.usage)}"
        case run.NodeFailed() | node.NodeFailed():
            said = f"{event.node}, attempt {event.attempt}: {event.code}: {event.message}"
        case run.NodeScheduled() | node.ExecuteNode():
            said = f"{event.node}{f', attempt {event.attempt}' if event.attempt > 1 else ''}"
        case run.NodeSkipped(node=name, reason=reason):
            said = f"{name}: {reason}"
        case run.RunFailed(code=code, message=message):
            said = f"{code}: {message}"
        case run.RunCancelled(reason=reason) | run.CancelRun(reason=reason):
            said = reason
        case run.SignalReceived(signal=signal) | run.SignalRun(signal=signal):
            said = signal
        case run.RunCompleted(output=output):
            said = output
    return short(said)


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


def summary(log: Sequence[Seen]) -> dict[str, Any]:
    """What a run's log says of it: state, times (epoch milliseconds), nodes, usage, output or reason."""
    events = [seen.event for seen in log if seen.event]
    started = next((event for event in events if isinstance(event, run.RunStarted)), None)
    end = next((event for event in events if isinstance(event, TERMINAL)), None)
    found: dict[str, Any] = {
        "run": log[0].key,
        "status": _status(end),
        "workflow": started.workflow if started else getattr(end, "workflow", None),
        "started_at": started.at if started else getattr(end, "started_at", None),
        "pins": [f"{pin.kind} {pin.name}@{pin.version}" for pin in started.pins] if started else [],
        "actor": started.actor if started else None,
        "input": json.loads(started.input) if started else None,
        "nodes": [_node(event) for event in events if isinstance(event, run.NodeSucceeded | run.NodeFailed)],
    }
    if isinstance(end, TERMINAL):
        found |= _end(end)
    return found


def _status(end: Event | None) -> str:
    names = {run.RunCompleted: "completed", run.RunFailed: "failed", run.RunCancelled: "cancelled"}
    return names[type(end)] if end else "running"


def _node(event: run.NodeSucceeded | run.NodeFailed) -> dict[str, Any]:
    usage = event.usage
    found: dict[str, Any] = {
        "node": event.node,
        "attempt": event.attempt,
        "status": "failed",
        "ms": None,
        "input_tokens": usage.input_tokens if usage else 0,
        "output_tokens": usage.output_tokens if usage else 0,
        "cost": money(usage) if usage else "",
        "calls": [_call(call) for call in event.calls],
    }
    if isinstance(event, run.NodeFailed):
        return {**found, "detail": f"{event.code}: {event.message}"}
    return {
        **found,
        "status": "succeeded",
        "ms": event.finished_at - event.started_at,
        "detail": ", ".join(map(_called, event.calls)),
    }


def _called(call: run.Call) -> str:
    """Who was called, and what became of it when it was not good."""
    return call.provider if call.outcome == "ok" else f"{call.provider} ({call.outcome})"


def _call(call: run.Call) -> dict[str, Any]:
    """A call for programs."""
    usage = None if call.usage is None else msgspec.to_builtins(call.usage)
    charges = msgspec.to_builtins(call.charges)
    told = {"provider": call.provider, "outcome": call.outcome, "reason": call.reason, "ms": call.latency_ms}
    return {**told, "usage": usage, "charges": charges}


def _end(end: Any) -> dict[str, Any]:
    usage = {"input_tokens": end.usage.input_tokens, "output_tokens": end.usage.output_tokens}
    found: dict[str, Any] = {
        "finished_at": end.finished_at,
        "ms": end.finished_at - end.started_at,
        "usage": {**usage, "cost": end.usage.cost, "currency": end.usage.currency},
    }
    if isinstance(end, run.RunCompleted):
        return {**found, "output": json.loads(end.output)}
    if isinstance(end, run.RunFailed):
        return {**found, "code": end.code, "message": end.message, "node": end.node}
    return {**found, "reason": end.reason}


def show(console: Console, found: dict[str, Any]) -> None:
    """A summary for people."""
    console.print(
        f"run {quoted(found['run'])}  [bold]{found['status']}[/]  {quoted(str(found['workflow']))}", highlight=False
    )
    if found["started_at"]:
        by = f" by {printable(found['actor'])}" if found["actor"] else ""
        console.print(f"started {clock(found['started_at'])}{by}", highlight=False, markup=False)
    if found["input"] is not None:
        console.print(short(f"input  {json.dumps(found['input'], ensure_ascii=False)}"), highlight=False, markup=False)
    if found["pins"]:
        console.print(f"pinned  {', '.join(found['pins'])}", highlight=False)
    if found["nodes"]:
        console.print(_table(found["nodes"]))
    for name in ("code", "message", "node", "reason"):
        if found.get(name):
            console.print(f"{name}  {printable(found[name])}", highlight=False, markup=False)
    if "output" in found:
        print_value(console, found["output"])
    if "usage" in found:
        usage = found["usage"]
        console.print(
            f"{found['ms']} ms, {usage['input_tokens']} tokens in, {usage['output_tokens']} out, "
            f"{usage['cost']} {usage['currency']}",
            highlight=False,
        )


def _table(nodes: Iterable[dict[str, Any]]) -> Table:
    """What each attempt did, `#2` the second of its node; in few columns words are folded, and no cost is cut."""
    wide = [Column(name, no_wrap=True) for name in ("status", "ms", "tokens", "cost")]
    table = Table(Column("node", overflow="fold"), *wide, Column("called", overflow="fold"), box=None, pad_edge=False)
    for row in nodes:
        name = row["node"] if row["attempt"] == 1 else f"{row['node']} #{row['attempt']}"
        spent = "" if row["ms"] is None else str(row["ms"])
        tokens = f"{row['input_tokens']} + {row['output_tokens']}"
        cells = (name, row["status"], spent, tokens, row["cost"], row["detail"])
        table.add_row(*(Text(printable(cell)) for cell in cells))
    return table


class CausalOrder:
    """Puts a run's records, which come from several topics in any order, in the order of cause and effect.

    A record waits for the one before it in its partition and for what led to it, but no longer than HOLD_S: that may
    have expired, or stand where nobody looks. Each record is given once. Times are seconds of one clock.
    """

    def __init__(self) -> None:
        self._queues: defaultdict[tuple[str, int], Queue] = defaultdict(deque)
        self._held: dict[str, Queue] = {}
        self._given: set[str] = set()

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


async def to_end(run_id: str, records: AsyncIterator[Seen], timeout_s: float, show: Callable[[Seen], None]) -> Result:
    """Show a run's records, causes first, until its log and its result have ended and nothing is missing; its end.

    Topics are read side by side, so the end may come before what led to it. Raises Unanswered after `timeout_s`.
    """
    ends: dict[str, Result] = {}
    kinds: Counter[type[Event] | None] = Counter()
    order = CausalOrder()
    now = asyncio.get_running_loop().time

    def give(ready: Iterable[Seen]) -> None:
        for seen in ready:
            show(seen)
            kinds[type(seen.event) if seen.event else None] += 1
            if isinstance(seen.event, Result):
                ends[seen.topic] = seen.event

    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s) as limit, aclosing(_ticking(records)) as coming:
            async for one in coming:
                ready = order.push(one, now()) if one else order.due(now())
                give(ready)
                if len(ends) == len(ENDS) and _complete(kinds):
                    break
                if len(ends) == len(ENDS) and ready:
                    limit.reschedule(now() + REST_S)
    give(order.due(math.inf))
    if len(ends) < len(ENDS):
        message = f"run {run_id} has no result after {timeout_s:g} s; `headrace run watch {run_id}` waits on"
        raise Unanswered(message)
    return ends[RUN_RESULTS.name]


def _complete(kinds: Mapping[type[Event] | None, int]) -> bool:
    """Whether every step in the log has its request and its outcome."""
    asked = kinds[node.ExecuteNode] >= kinds[run.NodeScheduled]
    return asked and kinds[node.NodeSucceeded] >= kinds[run.NodeSucceeded]


async def _ticking(records: AsyncIterator[Seen]) -> AsyncGenerator[Seen | None, None]:
    """Records as they come, for ever, and None whenever none has come for TICK_S."""
    while True:
        coming = asyncio.ensure_future(anext(records))
        try:
            while not (await asyncio.wait({coming}, timeout=TICK_S))[0]:
                yield None
            yield await coming
        finally:
            coming.cancel()


def printer(console: Console) -> Callable[[Seen], None]:
    """Prints each record as a line; times count from the first one."""
    began: int | None = None

    def show_line(seen: Seen) -> None:
        nonlocal began
        began = seen.at if began is None else began
        console.print(line(seen, began), soft_wrap=True)

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
