"""Loops of a workflow: what an edge that leads back repeats, and whether that is a loop at all. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from headrace.fault import Fault
from headrace.workflow.graph import Graph, reachable, reversed_graph
from headrace.workflow.spec import EdgeSpec, WorkflowSpec

Indexed = tuple[int, EdgeSpec]


def loops_in(spec: WorkflowSpec) -> dict[int, tuple[str, ...]]:
    """The nodes that each edge that leads back repeats, by the edge's index; of a spec without dangling edges."""
    forward: dict[str, list[str]] = {name: [] for name in spec.nodes}
    for edge in spec.edges:
        if edge.max_iterations is None:
            forward[edge.source].append(edge.target)
    back = [(index, edge) for index, edge in enumerate(spec.edges) if edge.max_iterations is not None]
    return bodies(forward, reversed_graph(forward), back)


def bodies(forward: Graph, backward: Graph, back: Sequence[Indexed]) -> dict[int, tuple[str, ...]]:
    """The nodes that each edge that leads back repeats, by the edge's index: none where it does not lead back."""
    return {index: _body(forward, backward, edge) for index, edge in back}


def _body(forward: Graph, backward: Graph, edge: EdgeSpec) -> tuple[str, ...]:
    head, tail = edge.target, edge.source
    if head == tail:
        return (head,)
    between = reachable(forward, head) & reachable(backward, tail)
    return tuple(name for name in forward if name in between | {head, tail}) if tail in reachable(forward, head) else ()


def loop_faults(
    forward: Graph, backward: Graph, back: Sequence[Indexed], found: Mapping[int, Sequence[str]]
) -> Iterator[Fault]:
    """What keeps edges that lead back from being loops with one way in and one way out, one inside another."""
    for index, edge in back:
        path = ("edges", index)
        if edge.otherwise or edge.on_error:
            message = "an edge that leads back has a `when` or nothing: it is asked before all others of its node"
            yield Fault("edge_condition", path, message, "move `else` or `on_error` to another edge")
        if not found[index]:
            message = f"no path leads from {edge.target} to {edge.source}, so this edge does not lead back"
            yield Fault("no_loop", path, message, "remove max_iterations")
        yield from _ways(path, edge, forward, backward, {*found[index]})
    yield from _overlaps(back, found)


def _ways(
    path: tuple[str | int, ...], edge: EdgeSpec, forward: Graph, backward: Graph, body: set[str]
) -> Iterator[Fault]:
    head, tail = edge.target, edge.source
    for name in (name for name in forward if name in body):
        outside = [source for source in backward[name] if source not in body and name != head]
        for source in outside:
            message = (
                f"{name} is repeated with the loop from {head} to {tail}, and {source} leads into the middle of it"
            )
            yield Fault("loop_entry", path, message, f"lead {source} to {head}, where the loop begins")
        for target in (target for target in forward[name] if target not in body and name != tail):
            message = f"{name} is repeated with the loop from {head} to {tail}, and leads out of the middle of it"
            hint = f"lead {name} to {tail}, which decides whether the loop goes round again, and from there to {target}"
            yield Fault("loop_exit", path, message, hint)


def _overlaps(back: Sequence[Indexed], found: Mapping[int, Sequence[str]]) -> Iterator[Fault]:
    for place, (index, edge) in enumerate(back):
        for other, before in back[:place]:
            one, two = {*found[index]}, {*found[other]}
            same = edge.source == before.source or edge.target == before.target
            if same or (one & two and not (one < two or two < one)):
                message = f"this loop and the one of edge {other} begin or end with the same node, or overlap"
                hint = "let one loop lie inside the other, with a node of its own to begin and to end with"
                yield Fault("loop_shape", ("edges", index), message, hint)
