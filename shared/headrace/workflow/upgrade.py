"""Which runs in flight could go on with another version of their workflow, and what keeps the others. Pure."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from pydantic import ValidationError

from headrace.event import Event
from headrace.events.run import MapStarted, NodeResult, RunHead, RunStarted
from headrace.expression import ExpressionError, compile_expression
from headrace.json_schema import SchemaFault, compile_schema
from headrace.nodes import NODE_TYPES, WAIT, Reference
from headrace.workflow.spec import NodeSpec, WorkflowSpec

_INSTANCE = re.compile(r"\[\d+\]$")
_NODE = re.compile(r"[A-Za-z_]\w*")
"""Names of parts that are nodes': others begin with @, or are instances of a map."""


@dataclass(frozen=True, slots=True)
class InFlight:
    """A run as the table of runs has it.

    results: of the nodes that ended, instances of maps left out. maps: nodes that are being mapped, or were.
    """

    started: RunStarted
    head: RunHead
    results: Mapping[str, NodeResult]
    maps: frozenset[str] = frozenset()


def in_flight(parts: Mapping[str, Event]) -> InFlight | None:
    """A run from its entries by part, the head's is empty; None for one that has ended, or never was."""
    head = parts.get("")
    started = next((part for part in parts.values() if isinstance(part, RunStarted)), None)
    if not isinstance(head, RunHead) or started is None:
        return None
    results = {name: part for name, part in parts.items() if isinstance(part, NodeResult) and _NODE.fullmatch(name)}
    maps = frozenset(part.node for part in parts.values() if isinstance(part, MapStarted))
    return InFlight(started, head, results, maps | head.maps.keys())


def obstacles(state: InFlight, old: WorkflowSpec, new: WorkflowSpec) -> list[str]:
    """Why a run that follows `old` could not go on with `new`; nothing: it could. Both are sound."""
    return list(dict.fromkeys(_Comparison(state, old, new).obstacles()))


class _Comparison:
    """A run between two versions. waiting: nodes of the new one that have not begun."""

    def __init__(self, state: InFlight, old: WorkflowSpec, new: WorkflowSpec) -> None:
        self._state, self._old, self._new = state, old, new
        self._under_way = {_INSTANCE.sub("", name) for name in state.head.outstanding}
        begun = self._under_way | state.results.keys()
        self._waiting = {name: node for name, node in new.nodes.items() if name not in begun}

    def obstacles(self) -> Iterator[str]:
        yield from self._input()
        for name in sorted(self._under_way):
            yield from self._changed(name)
        yield from self._unread()
        yield from self._lost_edges()
        yield from self._never_started()
        yield from self._lost_loops()
        yield from self._unpinned()

    def _input(self) -> Iterator[str]:
        try:
            compile_schema(self._new.input).validate(msgspec.json.decode(self._state.started.input))
        except (SchemaFault, ValueError) as error:
            reason = str(error).partition("\n")[0]
            yield f"its input does not fit the new version: {reason:.200}"

    def _changed(self, name: str) -> Iterator[str]:
        """What is different about a node that is under way."""
        before, after = self._old.nodes.get(name), self._new.nodes.get(name)
        if before is None:
            return
        if after is None:
            yield f"node {name} is under way, and the new version has no such node"
        elif after.type != before.type:
            yield f"node {name} is under way as a {before.type}, and in the new version it is a {after.type}"
        elif before.type == WAIT and after.config.get("signal") != before.config.get("signal"):
            signals = f"{before.config.get('signal')}, in the new version for {after.config.get('signal')}"
            yield f"node {name} waits for the signal {signals}"
        elif (after.map is None) != (before.map is None) or (name in self._state.maps and after.map is None):
            yield f"node {name} is under way {_mapped(before)}, and in the new version it runs {_mapped(after)}"

    def _unread(self) -> Iterator[str]:
        """Outputs that are there, but not as the new version's readers expect them."""
        ended = {name for name, result in self._state.results.items() if result.output is not None}
        for reader, node in self._readers():
            for name in sorted(_read(node) & ended):
                before, after = self._old.nodes.get(name), self._new.nodes.get(name)
                if after is None:
                    yield f"{reader} reads node {name}, which has ended, and the new version has no such node"
                elif before and _shape(before) != _shape(after):
                    yield f"{reader} reads node {name}, which has ended, and in the new version has another output"

    def _readers(self) -> Iterator[tuple[str, Collection[str]]]:
        """What has yet to look at outputs, each with its expressions."""
        for name, node in self._waiting.items():
            over = [node.map.over] if node.map else []
            yield f"node {name}", [*node.input.values(), *over]
        for edge in self._new.edges:
            if edge.when and edge.source in self._waiting.keys() | self._under_way:
                yield f"the edge from {edge.source} to {edge.target}", [edge.when]
        yield "the output", list(self._new.output.values())

    def _lost_edges(self) -> Iterator[str]:
        """Edges that were taken towards a node that has not begun, and are no longer there."""
        kept = {(edge.source, edge.target) for edge in self._new.edges}
        begun = self._under_way | self._state.results.keys()
        for source, result in self._state.results.items():
            for target in result.taken:
                if target not in begun and (source, target) not in kept:
                    yield f"the edge from {source} to {target} was taken, and the new version has no such edge"

    def _never_started(self) -> Iterator[str]:
        """Nodes that nothing will start: a node is looked at when one that leads to it ends, or at the run's start."""
        for name in self._waiting:
            sources = {edge.source for edge in self._new.edges if edge.target == name and edge.max_iterations is None}
            if not sources:
                yield f"node {name} would have begun at the start of the run, which is over"
            elif sources <= self._state.results.keys():
                listed = ", ".join(sorted(sources))
                yield f"node {name} would never run: what leads to it has ended already ({listed})"

    def _lost_loops(self) -> Iterator[str]:
        back = {edge.source: edge.target for edge in self._new.edges if edge.max_iterations is not None}
        heads = {edge.source: edge.target for edge in self._old.edges if edge.max_iterations is not None}
        under_way = {tail: one for tail, one in self._state.head.loops.items() if tail not in self._state.results}
        for tail, loop in under_way.items():
            if tail not in back:
                yield f"the loop that {tail} ends is in round {loop.round + 1}, and the new version has no such loop"
            elif back[tail] != heads.get(tail):
                yield f"the loop that {tail} ends leads back to {heads.get(tail)}, in the new version to {back[tail]}"

    def _unpinned(self) -> Iterator[str]:
        """What nodes that have not ended refer to and the run is not bound to: pins are made when a run starts."""
        pinned = {pin.ref for pin in self._state.started.pins}
        for name, node in self._new.nodes.items():
            if name in self._state.results:
                continue
            for reference in _references(node):
                if reference.ref not in pinned:
                    yield f"node {name} needs the {reference.field} {reference.ref}, which the run is not pinned to"


def _mapped(node: NodeSpec) -> str:
    return "once for each item of a list" if node.map else "once"


def _shape(node: NodeSpec) -> Any:
    """What decides the shape of a node's output."""
    declared = (node.type, node.output, node.map is None)
    made = {name: sorted(node.config.get(name, ())) for name in ("expressions", "templates")}
    return (*declared, made if node.type == "template" else {})


def _read(texts: Collection[str]) -> frozenset[str]:
    """Ids of the nodes that expressions read."""
    found: frozenset[str] = frozenset()
    for text in texts:
        try:
            found |= compile_expression(text).nodes
        except ExpressionError:  # an older Headrace took it: nobody knows what it reads
            continue
    return found


def _references(node: NodeSpec) -> tuple[Reference, ...]:
    node_type = NODE_TYPES.get(node.type)
    if node_type is None:
        return ()
    try:
        return node_type.references(node_type.config.model_validate(node.config))
    except ValidationError:
        return ()
