"""From a workflow's spec to a graph that the engine can run, or to all its faults at once.

These are the faults without which nothing can run; what a run could run into is proven elsewhere, before a deployment.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from headrace.errors import HeadraceError
from headrace.expression import Expression, ExpressionError, compile_expression
from headrace.fault import Fault, did_you_mean
from headrace.json_schema import SchemaFault, compile_schema
from headrace.nodes import DELAY, NODE_TYPES, WAIT, Config, Reference
from headrace.shape import from_pydantic
from headrace.workflow.graph import cycle, reachable, reversed_graph
from headrace.workflow.loops import Indexed, bodies, loop_faults
from headrace.workflow.model import Bindings, CompiledWorkflow, Edge, Loop, Node
from headrace.workflow.spec import MINUTE_MS, EdgeSpec, NodeSpec, Quorum, WorkflowSpec

LONGEST_EXPRESSIONS = 65_536
"""Characters of all expressions of a workflow: compiling them takes the router up to 1.5 s."""
IN_MAPS = {"item", "index"}
"""Names that only a mapped node's bindings see."""

Path = tuple[str | int, ...]


class InvalidWorkflow(HeadraceError):
    """A workflow can't run; `faults` has every reason."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(str(fault) for fault in faults))
        self.faults = tuple(faults)


def compile_workflow(spec: Mapping[str, Any]) -> CompiledWorkflow:
    """Compile a spec. Raises InvalidWorkflow with every fault that can be told without running it."""
    try:
        parsed = WorkflowSpec.model_validate(spec)
    except ValidationError as error:
        raise InvalidWorkflow(from_pydantic(error, WorkflowSpec)) from error
    return _Compiler(parsed).compile()


class _Compiler:
    """Collects faults while it builds; a fault in one place does not hide those in another."""

    def __init__(self, spec: WorkflowSpec) -> None:
        self._spec = spec
        self._faults: list[Fault] = []
        self._graph: dict[str, list[str]] = {name: [] for name in spec.nodes}
        self._before: dict[str, list[str]] = {}
        self._back: list[Indexed] = []
        self._bodies: dict[int, tuple[str, ...]] = {}
        self._again: dict[str, Expression | None] = {}
        self._circular = False
        self._length = 0

    def compile(self) -> CompiledWorkflow:
        validator = self._schema(("input",), self._spec.input)
        edges = self._edges()
        self._circular = self._circle()
        self._before = reversed_graph(self._graph)
        self._bodies = bodies(self._graph, self._before, self._back)
        self._faults += loop_faults(self._graph, self._before, self._back, self._bodies)
        self._again = {edge.source: self._back_condition(index, edge) for index, edge in self._back}
        nodes = {name: self._node(name, spec, edges[name]) for name, spec in self._spec.nodes.items()}
        output = self._bindings(("output",), self._spec.output, set(nodes))
        promised = self._schema(("output_schema",), self._spec.output_schema) if self._spec.output_schema else None
        if self._length > LONGEST_EXPRESSIONS:
            message = (
                f"the expressions have {self._length} characters in all, at most {LONGEST_EXPRESSIONS} are allowed"
            )
            self._fault("expressions_too_long", (), message, "move some of them into workflows of their own")
        if self._faults:
            raise InvalidWorkflow(self._faults)
        starts = tuple(name for name, node in nodes.items() if not node.sources)
        loops = {edge.source: self._loop(index, edge, nodes) for index, edge in self._back}
        return CompiledWorkflow(self._spec, nodes, loops, starts, output, validator, promised)

    def _fault(self, code: str, path: Path, message: str, hint: str = "") -> None:
        self._faults.append(Fault(code, path, message, hint))

    def _schema(self, path: Path, schema: Mapping[str, Any]) -> Any:
        try:
            return compile_schema(schema)
        except SchemaFault as error:
            self._fault("input_schema_invalid" if path == ("input",) else "output_schema_invalid", path, str(error))
            return None

    def _edges(self) -> dict[str, list[Indexed]]:
        """Edges by their source, but for those that lead back; those to or from nowhere are faults."""
        found: dict[str, list[Indexed]] = {name: [] for name in self._spec.nodes}
        seen: set[tuple[str, str, bool]] = set()
        for index, edge in enumerate(self._spec.edges):
            dangling = [(key, name) for key, name in (("from", edge.source), ("to", edge.target)) if name not in found]
            for key, name in dangling:
                self._fault("dangling_edge", ("edges", index, key), f"no node {name}", did_you_mean(name, found))
            if edge.when is not None and edge.otherwise:
                self._fault("edge_condition", ("edges", index), "an edge has `when` or `else`, not both")
            if (place := (edge.source, edge.target, edge.on_error)) in seen:
                self._fault("duplicate_edge", ("edges", index), f"a second edge from {edge.source} to {edge.target}")
            elif not dangling:
                seen.add(place)
                self._add(found, index, edge)
                continue
            if edge.when is not None:  # where it leads is unclear, but it may be wrong in itself
                self._expression(("edges", index, "when"), edge.when, set(found))
        return found

    def _add(self, found: Mapping[str, list[Indexed]], index: int, edge: EdgeSpec) -> None:
        if edge.max_iterations is not None:
            self._back.append((index, edge))
            return
        found[edge.source].append((index, edge))
        if edge.target not in self._graph[edge.source]:
            self._graph[edge.source].append(edge.target)

    def _circle(self) -> bool:
        """Whether forward edges go in a circle: then nothing is said of rounds, which there might be."""
        circle = cycle(self._graph)
        if circle:
            path = " → ".join([*circle, circle[0]])
            message = f"the edges go in a circle without a bound: {path}; a run would never end"
            hint = f"give this edge, which leads back to {circle[0]}, max_iterations, or remove one of them"
            self._fault("cycle", ("edges", self._forward(circle[-1], circle[0])), message, hint)
        return bool(circle)

    def _forward(self, source: str, target: str) -> int:
        """The index of the first edge without a bound between two nodes."""
        edges = enumerate(self._spec.edges)
        ends = ((index, edge) for index, edge in edges if (edge.source, edge.target) == (source, target))
        return next(index for index, edge in ends if edge.max_iterations is None)

    def _node(self, name: str, spec: NodeSpec, edges: list[Indexed]) -> Node:
        upstream = reachable(self._before, name)
        around = self._around(name)
        back = self._again.get(name)
        for index, edge in edges:
            beside = [other for _, other in edges if other.on_error == edge.on_error and other.when]
            if edge.otherwise and not beside:
                hint = f"give another edge from {name} a `when`, or remove `else`"
                self._fault("else_without_when", ("edges", index), "`else` needs a condition beside it", hint)
        bindings = self._bindings(("nodes", name, "input"), spec.input, upstream, around, mapped=spec.map is not None)
        ways = tuple(self._edge(index, edge, {name, *upstream}, around) for index, edge in edges)
        over = self._over(name, spec, upstream, around)
        config = self._config(name, spec)
        expressions = (*(each for _, each in bindings), *(edge.when for edge in ways), over, back)
        return Node(
            id=name,
            spec=spec,
            input=bindings,
            edges=ways,
            sources=tuple(self._before[name]),
            needed=self._needed(name, spec),
            config=config,
            references=self._references(spec.type, config),
            timeout_ms=spec.timeout_ms or self._patience(spec),
            over=over,
            around=tuple(self._tail(loop) for loop in around),
            previous=self._rounds_before(around, expressions),
            validator=self._schema(("nodes", name, "output"), spec.output) if spec.output else None,
        )

    def _tail(self, loop: int) -> str:
        return self._spec.edges[loop].source

    def _rounds_before(self, around: Sequence[int], expressions: Iterable[Expression | None]) -> dict[str, str]:
        """Nodes whose round before these look at, each with the tail of the smallest loop that repeats it and them."""
        names = sorted({name for each in expressions if each for name in each.previous})
        found = ((name, self._repeating(name, around)) for name in names)
        return {name: self._tail(loop) for name, loop in found if loop is not None}

    def _repeating(self, name: str, around: Sequence[int]) -> int | None:
        """The smallest of these loops that repeats a node."""
        return next((loop for loop in around if name in self._bodies[loop]), None)

    def _patience(self, spec: NodeSpec) -> int:
        node_type = NODE_TYPES.get(spec.type)
        return self._spec.timeout_ms if node_type and node_type.routed else MINUTE_MS

    def _needed(self, name: str, spec: NodeSpec) -> int | None:
        if not isinstance(spec.join, Quorum):
            return 1 if spec.join == "any" else None
        if spec.join.n_of > len(self._before[name]):
            message = (
                f"{name} waits for {spec.join.n_of} edges, and {len(self._before[name])} lead to it: it never runs"
            )
            self._fault("join_never_completes", ("nodes", name, "join", "n_of"), message, "ask for fewer")
        return spec.join.n_of

    def _over(self, name: str, spec: NodeSpec, upstream: set[str], around: Sequence[int]) -> Expression | None:
        if spec.map is None:
            return None
        if spec.type in {WAIT, DELAY}:
            hint = "map a workflow that has this node"
            self._fault("map_impossible", ("nodes", name, "map"), f"a {spec.type} node can't be mapped", hint)
        return self._expression(("nodes", name, "map", "over"), spec.map.over, upstream, around)

    def _around(self, name: str) -> list[int]:
        """Indexes of the edges whose loops a node is in, the smallest loop first."""
        found = [index for index, _ in self._back if name in self._bodies[index]]
        return sorted(found, key=lambda index: len(self._bodies[index]))

    def _edge(self, index: int, edge: EdgeSpec, visible: set[str], around: Sequence[int]) -> Edge:
        when = self._expression(("edges", index, "when"), edge.when, visible, around) if edge.when else None
        return Edge(edge.target, when, edge.otherwise, edge.on_error)

    def _back_condition(self, index: int, edge: EdgeSpec) -> Expression | None:
        visible = {edge.source, *reachable(self._before, edge.source)}
        around = self._around(edge.source)
        return self._expression(("edges", index, "when"), edge.when, visible, around) if edge.when else None

    def _loop(self, index: int, edge: EdgeSpec, nodes: Mapping[str, Node]) -> Loop:
        tail, body = edge.source, self._bodies[index]
        looked_at = {name for each in body for name, loop in nodes[each].previous.items() if loop == tail}
        kept = tuple(name for name in body if name in looked_at)
        return Loop(edge.target, tail, self._again[tail], edge.max_iterations or 1, body, kept)

    def _references(self, kind: str, config: Config | None) -> tuple[Reference, ...]:
        return NODE_TYPES[kind].references(config) if config else ()

    def _config(self, name: str, spec: NodeSpec) -> Config | None:
        """A node's configuration; on the way, all that is wrong with it."""
        node_type = NODE_TYPES.get(spec.type)
        if node_type is None:
            hint = did_you_mean(spec.type, NODE_TYPES)
            self._fault("unknown_node_type", ("nodes", name, "type"), f"no node type {spec.type:.80}", hint)
            return None
        for missing in [need for need in node_type.input.get("required", ()) if need not in spec.input]:
            message = f"a {spec.type} node needs the input {missing}"
            self._fault("missing_input", ("nodes", name, "input"), message, f"add {missing} under input")
        try:
            config = node_type.config.model_validate(spec.config)
        except ValidationError as error:
            faults = from_pydantic(error, node_type.config)
            self._faults += [fault.below("nodes", name, "config") for fault in faults]
            return None
        self._length += sum(map(len, node_type.expressions(config)))
        if self._length <= LONGEST_EXPRESSIONS:
            self._faults += [fault.below("nodes", name, "config") for fault in node_type.faults(config, spec.input)]
        return config

    def _bindings(
        self,
        path: Path,
        bindings: Mapping[str, str],
        visible: set[str],
        around: Sequence[int] = (),
        *,
        mapped: bool = False,
    ) -> Bindings:
        compiled = (
            (name, self._expression((*path, name), text, visible, around, mapped=mapped))
            for name, text in bindings.items()
        )
        return tuple((name, expression) for name, expression in compiled if expression)

    def _expression(
        self, path: Path, text: str, visible: set[str], around: Sequence[int] = (), *, mapped: bool = False
    ) -> Expression | None:
        """An expression that sees these nodes, and the round before of the loops around it."""
        self._length += len(text)
        if self._length > LONGEST_EXPRESSIONS:
            return None
        try:
            expression = compile_expression(text)
        except ExpressionError as error:
            self._fault("expression_invalid", path, str(error))
            return None
        self._faults += self._unseen(path, expression, visible)
        self._faults += self._unkept(path, expression, around)
        for name in sorted(expression.names & IN_MAPS if not mapped else ()):
            hint = "give the node a `map`, and use it in the node's input"
            self._fault("name_not_visible", path, f"{name} is only there where a node is mapped over a list", hint)
        return expression

    def _unseen(self, path: Path, expression: Expression, visible: set[str]) -> Iterator[Fault]:
        for name in sorted(expression.nodes - visible):
            if name in self._spec.nodes:
                hint = f"add an edge that leads from {name} to here"
                yield Fault("node_not_upstream", path, f"node {name} does not come before this place", hint)
            else:
                yield Fault("unknown_node", path, f"no node {name}", did_you_mean(name, self._spec.nodes))

    def _unkept(self, path: Path, expression: Expression, around: Sequence[int]) -> Iterator[Fault]:
        for name in sorted(expression.previous):
            if self._repeating(name, around) is not None or self._circular:
                continue
            if name in self._spec.nodes:
                hint = f"write nodes.{name}, or give the edge that leads back here max_iterations"
                yield Fault(
                    "no_loop", path, f"no loop repeats both {name} and this place: it has no round before", hint
                )
            else:
                yield Fault("unknown_node", path, f"no node {name}", did_you_mean(name, self._spec.nodes))
