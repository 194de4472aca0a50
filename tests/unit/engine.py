"""The rules of runs over a catalog in memory, driven as the machine loop drives them, without Kafka."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from headrace.cloudevents import Attributes
from headrace.codec import Codec
from headrace.event import Event
from headrace.events import node, resource, run
from headrace.fault import Fault
from headrace.machine import Context, Output, Received, Tick, Unreadable
from headrace.resource import specs
from headrace.resource.catalog import Catalog
from headrace.resource.machine import ResourceMachine
from headrace.resource.state import State
from headrace.testing import MemoryRegistry
from headrace.topics import (
    MODEL_COMMANDS,
    MODEL_EVENTS,
    MODEL_STATE,
    NODE_OUTCOMES,
    NODE_REQUESTS,
    NODE_STOPS,
    RUN_CHILDREN,
    RUN_EVENTS,
    RUN_REQUESTS,
    RUN_RESULTS,
    RUN_STATE,
)
from headrace.workflow import InvalidWorkflow, compile_workflow
from workflow_router.adapters import CatalogWorkflows
from workflow_router.machine import RunMachine
from workflow_router.model import RunState

NOW = 1_800_000_000_000
TEN_MINUTES = 600_000

Edge = Mapping[str, Any] | str


def new_codec() -> Codec:
    codec = Codec(MemoryRegistry())
    topics = (
        *(RUN_REQUESTS, RUN_EVENTS, RUN_RESULTS, RUN_STATE, RUN_CHILDREN),
        *(NODE_OUTCOMES, NODE_STOPS, *NODE_REQUESTS.values()),
    )
    asyncio.run(codec.register(topics))
    return codec


CODEC = new_codec()


def check(kind: str, spec: Mapping[str, Any]) -> list[Fault]:
    """As services check, but that a workflow needs no more than to compile: what can go wrong in it is to be seen."""
    if kind != "Workflow":
        return specs.check(kind, spec)
    try:
        compile_workflow(spec)
    except InvalidWorkflow as error:
        return list(error.faults)
    return []


class Shelf:
    """Prompts, models and workflows, made by the rules that the services use; a `Catalog` over them."""

    def __init__(self) -> None:
        self._entries: dict[str, Event] = {}
        self._states: dict[str, State] = {}
        self._machine = ResourceMachine("shelf", (MODEL_COMMANDS, MODEL_EVENTS, MODEL_STATE), check)
        self.catalog = Catalog(dict.fromkeys(("Prompt", "Model", "ModelAlias", "Workflow"), self._entries))

    def put(self, kind: str, name: str, spec: Mapping[str, Any], pointer: str | None = "production") -> None:
        """Create a version and move a pointer to it."""
        self.change(name, resource.CreateVersion(kind=kind, spec=json.dumps(spec), pointer=pointer))

    def change(self, name: str, command: Event) -> None:
        """Carry out a command, which must not be refused."""
        state = self.state(name)
        for event in self._machine.decide(state, command, context(name)):
            assert not isinstance(event, resource.ChangeRefused), event.message
            before, state = state, self._machine.evolve(state, event)
            for part, entry in self._machine.parts(before, state, event):
                assert entry
                self._entries[f"{name}/{part}" if part else name] = entry
        self._states[name] = state

    def state(self, name: str) -> State:
        """What the rules see of a resource."""
        return self._states.get(name) or self._machine.initial(name)

    def restored(self, name: str) -> State:
        """What another owner of its partition would see."""
        entries = {
            key.partition("/")[2]: entry for key, entry in self._entries.items() if key.partition("/")[0] == name
        }
        return self._machine.restore(name, entries)

    def put_unchecked(self, name: str, spec: Mapping[str, Any]) -> None:
        """A workflow as an older Headrace, which checked less, may have left it."""
        text = json.dumps(spec)
        self._entries[name] = resource.ResourceHead(kind="Workflow", latest=1, pointers={"production": 1})
        self._entries[f"{name}/1"] = resource.ResourceVersion(
            kind="Workflow", version=1, digest=hashlib.sha256(text.encode()).hexdigest(), spec=text, at=NOW
        )


def context(key: str, now: int = NOW, received: Received | None = None) -> Context:
    return Context(now, key, received)


def at(key: bytes | None, place: str = "run.requests-0-7") -> Received:
    return Received(place, key, Attributes(place), place.rpartition("-")[0].rpartition("-")[0])


@dataclass
class Run:
    """One run: what the loop would have in memory, on the log, on the state topic, and beside them."""

    machine: RunMachine
    key: str = "r1"
    now: int = NOW
    state: RunState = field(default_factory=RunState)
    log: list[Event] = field(default_factory=list)
    values: list[bytes] = field(default_factory=list)
    parts: dict[str, Event] = field(default_factory=dict)
    outputs: list[Output] = field(default_factory=list)

    def receive(self, message: Event | Tick | Unreadable, received: Received | None = None) -> list[Event]:
        """What a message leads to, as `machine.batch` makes it of decisions."""
        key = context(self.key, self.now, received or at(self.key.encode()))
        before = len(self.log)
        for event in self.machine.decide(self.state, message, key):
            self._apply(event, key)
        return self.log[before:]

    def _apply(self, event: Event, key: Context) -> None:
        event = self.machine.seal(self.state, event)
        value = CODEC.encode(RUN_EVENTS, event)
        before = self.state
        self.state = self.machine.link(self.machine.evolve(before, event), hashlib.sha256(value).digest())
        self.log.append(event)
        self.values.append(value)
        for part, entry in self.machine.parts(before, self.state, event):
            if entry is None:
                self.parts.pop(part, None)
            else:
                self.parts[part] = self._through_kafka(entry)
        self.outputs += self.machine.outputs(before, self.state, event, key)

    def _through_kafka(self, entry: Event) -> Event:
        return CODEC.decode(RUN_STATE, CODEC.encode(RUN_STATE, entry))

    def start(self, value: Any = None, **fields: Any) -> list[Event]:
        fields = {"workflow": "w", "input": json.dumps({} if value is None else value), **fields}
        return self.receive(run.StartRun(**fields))

    def succeed(self, name: str, value: Any = None, attempt: int = 1, **fields: Any) -> list[Event]:
        return self.receive(succeeded(name, value, attempt, **fields))

    def fail(self, name: str, attempt: int = 1, **fields: Any) -> list[Event]:
        return self.receive(failed(name, attempt, **fields))

    def tick(self, after_ms: int) -> list[Event]:
        """Let time go by; the loop would tick only when something is due."""
        self.now += after_ms
        due = self.machine.due(self.state)
        return self.receive(Tick(self.now)) if due is not None and due <= self.now else []

    def restored(self) -> RunState:
        """What another owner of the partition would go on with."""
        return self.machine.restore(self.key, self.parts)

    def folded(self) -> RunState:
        """What the log says."""
        state = reduce(self.machine.evolve, self.log, self.machine.initial(self.key))
        return self.machine.link(state, hashlib.sha256(self.values[-1]).digest()) if self.values else state


def succeeded(name: str, value: Any = None, attempt: int = 1, **fields: Any) -> node.NodeSucceeded:
    given: dict[str, Any] = {"output": json.dumps({} if value is None else value), "started_at": 1, "finished_at": 2}
    return node.NodeSucceeded(node=name, attempt=attempt, **{**given, **fields})


def failed(name: str, attempt: int = 1, **fields: Any) -> node.NodeFailed:
    given: dict[str, Any] = {"code": "broken", "message": "it broke", "retryable": True}
    return node.NodeFailed(node=name, attempt=attempt, **{**given, "started_at": 1, "finished_at": 2, **fields})


def a_run(spec: Mapping[str, Any] | None = None, *, shelf: Shelf | None = None, key: str = "r1") -> Run:
    """A run that can start, of the workflow `w`."""
    shelf = shelf or Shelf()
    if spec is not None:
        shelf.put("Workflow", "w", spec)
    return Run(RunMachine(CatalogWorkflows(shelf.catalog)), key)


def graph(*edges: Edge, **nodes: Mapping[str, Any]) -> dict[str, Any]:
    """A workflow of template nodes; an edge is "a b" or a mapping. Its output is "done" unless `spec` says more."""
    drawn = [dict(zip(("from", "to"), edge.split(), strict=True)) if isinstance(edge, str) else edge for edge in edges]
    names = dict.fromkeys(name for edge in drawn for name in (edge["from"], edge["to"]))
    return {
        "nodes": {name: {"type": "template", **nodes.get(name, {})} for name in [*names, *(nodes.keys() - names)]},
        "edges": drawn,
        "output": {"done": "true"},
    }


RETRY: dict[str, Any] = {"retry": {"attempts": 3, "backoff_ms": 100, "factor": 3.0}, "timeout_ms": 1_000}
USAGE = run.Usage(input_tokens=10, output_tokens=5, cost="0.10", currency="USD")


def a_running(spec: Mapping[str, Any] | None = None, **fields: Any) -> Run:
    """A run that has started: unless a spec says otherwise, of `a`, which may be tried three times, then `b`."""
    started = a_run(spec or graph("a b", a=RETRY))
    started.start(**fields)
    return started


def usage(**fields: Any) -> run.Usage:
    return run.Usage(**{"input_tokens": 1, "output_tokens": 1, "cost": "1", "currency": "USD", **fields})


def call(**fields: Any) -> run.Call:
    return run.Call(**{"provider": "m@1", "outcome": "ok", "latency_ms": 1, **fields})


def said(events: Iterable[Event]) -> list[str]:
    """Events in short: name, node, and what matters of the rest."""
    return [_SAID[type(event)](event).strip() for event in events]


def _node_failed(event: run.NodeFailed) -> str:
    again = "" if event.retry_at is None else f", again after {event.retry_at - event.at} ms"
    return f"failed {event.node}#{event.attempt} {event.code}{again}"


_SAID: Mapping[type[Event], Callable[[Any], str]] = {
    run.RunStarted: lambda _: "started",
    run.NodeScheduled: lambda event: f"scheduled {event.node}#{event.attempt} {event.input}",
    run.NodeSucceeded: lambda event: f"succeeded {event.node}#{event.attempt} {' '.join(event.taken)}",
    run.NodeFailed: _node_failed,
    run.NodeSkipped: lambda event: f"skipped {event.node}",
    run.SignalReceived: lambda event: f"signal {event.signal} {event.payload}",
    run.SignalRefused: lambda event: f"signal {event.signal} refused: {event.reason}",
    run.NodeHeld: lambda event: f"held {event.node}#{event.attempt}",
    run.LoopRepeated: lambda event: f"again {event.head}, round {event.round}",
    run.MapStarted: lambda event: f"map {event.node} {event.items}",
    run.RunCompleted: lambda event: f"completed {event.output}",
    run.RunFailed: lambda event: f"run failed {event.code} {event.node or ''}",
    run.RunCancelled: lambda event: f"cancelled: {event.reason}",
}


def message(events: Sequence[Event]) -> str:
    """What the last event tells people."""
    return str(getattr(events[-1], "message"))  # noqa: B009  # the type is not known here
