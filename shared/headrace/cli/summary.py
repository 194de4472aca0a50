"""A run as its log tells it: what each node did, whom it asked, what it cost."""

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from headrace.cli.hops import clock, money, short
from headrace.cli.path import path_of, show_path, waiting
from headrace.cli.pausing import paused_since
from headrace.cli.pinned import pins_of, pins_table
from headrace.cli.text import print_value, printable, quoted
from headrace.event import Event
from headrace.events import run
from headrace.events.resource import Paused, ResourceHead
from headrace.seen import Seen
from headrace.topics import TERMINAL
from headrace.workflow.explained import HELD, RUNNING, TimeSpent, explain
from headrace.workflow.spec import WorkflowSpec


def summarize(
    log: Sequence[Seen], spec: WorkflowSpec | None = None, head: ResourceHead | None = None
) -> dict[str, Any]:
    """What a run's log says of it: state, times (epoch milliseconds), nodes, its path, usage, output or reason.

    spec: of its workflow's version; without it nothing is said of edges. head: of its workflow as it is deployed now;
    without it nobody knows whether that is paused.
    """
    events = [seen.event for seen in log if seen.event]
    started = next((event for event in events if isinstance(event, run.RunStarted)), None)
    end = next((event for event in events if isinstance(event, TERMINAL)), None)
    spent = TimeSpent(events)
    path = explain(log[0].key, events, spec, paused=None if head is None else head.paused is not None)
    found: dict[str, Any] = {
        "run": log[0].key,
        "status": _status(end),
        "workflow": started.workflow if started else getattr(end, "workflow", None),
        "started_at": started.at if started else getattr(end, "started_at", None),
        "pins": pins_of(log[0].key, started) if started else [],
        "actor": started.actor if started else None,
        "input": json.loads(started.input) if started else None,
        "nodes": [_node(event, spent) for event in events if isinstance(event, run.NodeSucceeded | run.NodeFailed)],
        "paused": msgspec.to_builtins(head.paused) if head and not end else None,
        "path": path_of(path, spec, started.pins if started else ()),
        "parent": msgspec.to_builtins(started.parent) if started and started.parent else None,
    }
    found["under_way"] = [
        {name: visit[name] for name in ("node", "type", "status", "waits", "child")}
        for visit in found["path"]
        if visit["status"] in {RUNNING, HELD}
    ]
    if isinstance(end, TERMINAL):
        found |= _end(end)
    return found


def _status(end: Event | None) -> str:
    names = {run.RunCompleted: "completed", run.RunFailed: "failed", run.RunCancelled: "cancelled"}
    return names[type(end)] if end else "running"


def _node(event: run.NodeSucceeded | run.NodeFailed, spent: TimeSpent) -> dict[str, Any]:
    usage = event.usage
    found: dict[str, Any] = {
        "node": event.node,
        "round": event.iteration + 1,
        "attempt": event.attempt,
        "status": "failed",
        "ms": None,
        "input_tokens": usage.input_tokens if usage else 0,
        "output_tokens": usage.output_tokens if usage else 0,
        "cost": money(usage) if usage else "",
        "calls": [_call(call) for call in event.calls],
    }
    called = ", ".join(map(_called, event.calls))
    if isinstance(event, run.NodeFailed):
        fault = f"{event.code}: {event.message}"
        return {**found, "detail": f"{called}; {fault}" if called else fault}
    return {
        **found,
        "status": "succeeded",
        "ms": spent(event),
        "detail": called,
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
    for told in _standing(found):
        console.print(printable(told), highlight=False, markup=False, soft_wrap=True)
    if found["input"] is not None:
        console.print(short(f"input  {json.dumps(found['input'], ensure_ascii=False)}"), highlight=False, markup=False)
    if found["pins"]:
        console.print(pins_table(found["pins"]))
    if found["nodes"]:
        console.print(_table(found["nodes"]))
    show_path(console, found["path"])
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


def _standing(found: dict[str, Any]) -> Iterator[str]:
    """Who started a run, for whom, what is under way, and what that waits for."""
    if found["started_at"]:
        by = f" by {found['actor']}" if found["actor"] else ""
        yield f"started {clock(found['started_at'])}{by}"
    if found["paused"]:
        name = found["workflow"].partition("@")[0]
        since = paused_since(msgspec.convert(found["paused"], Paused))
        yield f"{name} is {since}; `headrace workflow resume {name}` lets it go on"
    if found["parent"]:
        yield "for node {node} of run {run}".format(**found["parent"])
    if found["under_way"]:
        yield f"under way: {', '.join('{node} ({type}, {status})'.format(**one) for one in found['under_way'])}"
    for one in found["under_way"]:
        if one["waits"]:
            yield f"{one['node']} waits {waiting(one['waits'])}{_sent(found['run'], one['waits'])}"
        elif one["child"]:
            yield f"{one['node']} is run {one['child']}: `headrace run show {one['child']}` says what it is at"


def _sent(run_id: str, waits: dict[str, Any]) -> str:
    """How a signal that is waited for is sent."""
    if waits["signal"] is None:
        return ""
    words = (run_id, waits["signal"], "--payload", _like(waits["output"]))
    return f": `headrace run signal {' '.join(map(shlex.quote, words))}` sends it"


def _like(schema: Mapping[str, Any]) -> str:
    """The shape of a payload that fits, as far as the schema says it."""
    required = schema.get("required")
    names = required if isinstance(required, list) else []
    return "{" + ", ".join(f"{json.dumps(name)}: …" for name in names) + "}" if names else "JSON"


def _table(nodes: Iterable[dict[str, Any]]) -> Table:
    """What each attempt did, `#2` the second of its node; in few columns words are folded, and no cost is cut."""
    wide = [Column(name, no_wrap=True) for name in ("status", "ms", "tokens", "cost")]
    table = Table(Column("node", overflow="fold"), *wide, Column("called", overflow="fold"), box=None, pad_edge=False)
    for row in nodes:
        name = row["node"] if row["attempt"] == 1 else f"{row['node']} #{row['attempt']}"
        name = name if row["round"] == 1 else f"{name}, round {row['round']}"
        spent = "" if row["ms"] is None else str(row["ms"])
        tokens = f"{row['input_tokens']} + {row['output_tokens']}"
        cells = (name, row["status"], spent, tokens, row["cost"], row["detail"])
        table.add_row(*(Text(printable(cell)) for cell in cells))
    return table
