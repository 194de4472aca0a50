"""A workflow as the proofs look at it: in order, without what the compiler finds fault with. Pure."""

from collections.abc import Callable, Iterator
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

from headrace.expression import Expression, ExpressionError
from headrace.workflow.graph import reversed_graph
from headrace.workflow.loops import bodies
from headrace.workflow.proof.uses import Use, asked, uses
from headrace.workflow.spec import EdgeSpec, NodeSpec, Quorum, WorkflowSpec

Compile = Callable[[str], Expression]
Path = tuple[str | int, ...]


class Way(NamedTuple):
    """An edge and its number in the spec. when: its condition, if it has one that compiles.

    asks: whether that asks for nodes with has(). uses: what it reads of nodes.
    """

    number: int
    spec: EdgeSpec
    when: Expression | None
    asks: bool
    uses: tuple[Use, ...]


class Text(NamedTuple):
    """An expression and its place in the spec; of an edge's condition the edge's number."""

    path: Path
    expression: Expression
    number: int = -1


class Flow:
    """The graph of a spec without edges that dangle. back: its edges that lead back, which no other property holds."""

    def __init__(self, spec: WorkflowSpec, compiled: Compile) -> None:
        self.spec = spec
        self._compile = compiled
        self._known: dict[str, Expression | None] = {}
        there = [
            self._way(index, edge)
            for index, edge in enumerate(spec.edges)
            if edge.source in spec.nodes and edge.target in spec.nodes
        ]
        self.back = [way for way in there if way.spec.max_iterations is not None]
        self.ways: dict[str, list[Way]] = {name: [] for name in spec.nodes}
        for way in there:
            if way.spec.max_iterations is None:
                self.ways[way.spec.source].append(way)
        self.graph = {name: list(dict.fromkeys(way.spec.target for way in self.ways[name])) for name in spec.nodes}
        self.sources = reversed_graph(self.graph)
        self._needed = {name: _needed(node) for name, node in spec.nodes.items()}

    def _way(self, number: int, edge: EdgeSpec) -> Way:
        when = self._expression(edge.when)
        if when is None:
            return Way(number, edge, None, False, ())
        read = tuple(use for use in uses(when.tree) if use.reading.of == "nodes" and use.reading.node != edge.source)
        return Way(number, edge, when, any(asked(when.tree)), read)

    def _expression(self, text: str | None) -> Expression | None:
        if text is None:
            return None
        if text not in self._known:
            try:
                self._known[text] = self._compile(text)
            except ExpressionError:  # the compiler tells
                self._known[text] = None
        return self._known[text]

    @cached_property
    def order(self) -> list[str]:
        """The nodes, each after those that lead to it; none if there is a cycle."""
        try:
            return list(TopologicalSorter(self.sources).static_order())
        except CycleError:
            return []

    @cached_property
    def before(self) -> dict[str, frozenset[str]]:
        """All nodes from which a path leads to a node."""
        found: dict[str, frozenset[str]] = {}
        for name in self.order:
            sources = self.sources[name]
            found[name] = frozenset(sources).union(*(found[source] for source in sources))
        return found

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.order)}

    def between(self, name: str, other: str) -> list[str]:
        """The nodes on the paths from one node to another, which counts; in order."""
        later = self.order[self._places[name] + 1 : self._places[other] + 1]
        on_the_way = self.before[other] | {other}
        return [each for each in later if each in on_the_way and name in self.before[each]]

    @cached_property
    def loops(self) -> dict[int, tuple[str, ...]]:
        """The nodes that each edge that leads back repeats."""
        return bodies(self.graph, self.sources, [(way.number, way.spec) for way in self.back])

    def needed(self, name: str) -> int | None:
        """How many of a node's sources must lead to it; None: as many as can."""
        return self._needed[name]

    def texts(self, path: Path, bindings: dict[str, str]) -> Iterator[Text]:
        """Bindings that compile."""
        for name, text in bindings.items():
            if expression := self._expression(text):
                yield Text((*path, name), expression)

    def inputs(self, name: str) -> Iterator[Text]:
        """The expressions that a node begins with."""
        node: NodeSpec = self.spec.nodes[name]
        yield from self.texts(("nodes", name, "input"), node.input)
        if node.map is not None:
            yield from self.texts(("nodes", name, "map"), {"over": node.map.over})

    def output(self) -> Iterator[Text]:
        """The expressions of the run's output."""
        yield from self.texts(("output",), self.spec.output)


def _needed(node: NodeSpec) -> int | None:
    if isinstance(node.join, Quorum):
        return node.join.n_of
    return 1 if node.join == "any" else None
