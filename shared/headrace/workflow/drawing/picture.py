"""What is drawn of a workflow: boxes and lines, with the words on them. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from headrace.workflow.spec import EdgeSpec, NodeSpec, Quorum, WorkflowSpec

MISSING = "missing"
"""The type of a box that no node stands behind: only an edge names it."""
ALWAYS, WHEN, ELSE, ERROR, BACK = "always", "when", "else", "on_error", "back"
NAMED = ("prompt", "model", "collection", "workflow", "signal")
"""Settings that say what a node works with."""


@dataclass(frozen=True, slots=True)
class Box:
    """A node. type: its node type, or MISSING. notes: further lines, such as what it is mapped over.

    state: how far a run came with it; empty when no run is drawn, or when it did not come there.
    """

    id: str
    type: str
    notes: tuple[str, ...] = ()
    state: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """An edge. kind: ALWAYS, WHEN, ELSE, ERROR or BACK. taken: how often a run took it; None when no run is drawn."""

    source: str
    target: str
    kind: str
    label: str = ""
    taken: int | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """A workflow as it is drawn; lines are in the order of its edges."""

    title: str
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]

    @property
    def of_run(self) -> bool:
        """Whether a run's path is drawn on it."""
        return any(box.state for box in self.boxes)


def picture_of(title: str, spec: WorkflowSpec) -> Picture:
    """The picture of a workflow, sound or not: what an edge names and nobody knows is a box, too."""
    incoming = Counter(edge.target for edge in spec.edges if edge.max_iterations is None)
    boxes = [Box(name, node.type, tuple(_notes(node, incoming[name]))) for name, node in spec.nodes.items()]
    ends = dict.fromkeys(end for edge in spec.edges for end in (edge.source, edge.target))
    missing = [Box(name, MISSING) for name in ends if name not in spec.nodes]
    return Picture(title, (*boxes, *missing), tuple(map(_line, spec.edges)))


def _notes(node: NodeSpec, incoming: int) -> Iterator[str]:
    yield from (f"{name} {value}" for name, value in _named(node))
    if node.map:
        yield f"for each of {node.map.over}, {node.map.concurrency} at once"
    if incoming > 1:
        yield f"joins {_join(node)} of {incoming}"


def _named(node: NodeSpec) -> Iterable[tuple[str, str]]:
    return ((name, node.config[name]) for name in NAMED if isinstance(node.config.get(name), str))


def _join(node: NodeSpec) -> str:
    return str(node.join.n_of) if isinstance(node.join, Quorum) else node.join


def _line(edge: EdgeSpec) -> Line:
    kind = _kind(edge)
    words = {
        ELSE: "else",
        ERROR: f"on error, if {edge.when}" if edge.when else "on error",
        BACK: f"again if {edge.when}, {edge.max_iterations} rounds at most"
        if edge.when
        else f"again, {edge.max_iterations} rounds at most",
    }
    return Line(edge.source, edge.target, kind, words.get(kind, edge.when or ""))


def _kind(edge: EdgeSpec) -> str:
    if edge.max_iterations is not None:
        return BACK
    if edge.on_error:
        return ERROR
    if edge.otherwise:
        return ELSE
    return WHEN if edge.when else ALWAYS
