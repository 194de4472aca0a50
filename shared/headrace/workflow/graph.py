"""Questions about a graph that is given as the successors of each node."""

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

Graph = Mapping[str, Sequence[str]]


def reversed_graph(graph: Graph) -> dict[str, list[str]]:
    """The predecessors of each node."""
    before: dict[str, list[str]] = {node: [] for node in graph}
    for node, targets in graph.items():
        for target in targets:
            before[target].append(node)
    return before


def reachable(graph: Graph, start: str) -> set[str]:
    """Nodes that a path leads to from `start`, which itself counts only on a cycle."""
    seen: set[str] = set()
    open_ends = list(graph[start])
    while open_ends:
        node = open_ends.pop()
        if node not in seen:
            seen.add(node)
            open_ends.extend(graph[node])
    return seen


def cycle(graph: Graph) -> list[str]:
    """One cycle's nodes in order, or nothing; it begins where it is entered, or with the first of its nodes."""
    try:
        TopologicalSorter(reversed_graph(graph)).prepare()
    except CycleError as error:
        return _turned(graph, error.args[1][:-1])
    return []


def _turned(graph: Graph, circle: Sequence[str]) -> list[str]:
    entered = {target for node, targets in graph.items() if node not in circle for target in targets}
    begins = min(circle, key=lambda node: (node not in entered, [*graph].index(node)))
    place = circle.index(begins)
    return [*circle[place:], *circle[:place]]
