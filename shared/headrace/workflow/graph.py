"""Questions about a graph that is given as the successors of each node."""

from collections.abc import Mapping, Sequence

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
    """One cycle's nodes in order, or nothing. Kahn's algorithm removes what can't be on one (Kahn 1962)."""
    left = {node: len(before) for node, before in reversed_graph(graph).items()}
    free = [node for node, count in left.items() if count == 0]
    while free:
        node = free.pop()
        del left[node]
        for target in graph[node]:
            left[target] -= 1
            if left[target] == 0:
                free.append(target)
    return _walk_back(graph, set(left))


def _walk_back(graph: Graph, candidates: set[str]) -> list[str]:
    """Every candidate has a predecessor among the candidates: following them backwards must close a circle."""
    if not candidates:
        return []
    before = reversed_graph(graph)
    path = [min(candidates)]
    while True:
        previous = next(node for node in before[path[-1]] if node in candidates)
        if previous in path:
            return path[path.index(previous) :][::-1]
        path.append(previous)
