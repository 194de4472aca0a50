"""From a workflow's spec to a graph that the engine can run, or to all its faults at once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jsonschema_rs
from pydantic import ValidationError

from headrace.errors import HeadraceError
from headrace.expression import Expression, ExpressionError, compile_expression
from headrace.fault import Fault, did_you_mean
from headrace.json_schema import SchemaFault, compile_schema
from headrace.nodes import NODE_TYPES, Reference
from headrace.shape import from_pydantic
from headrace.workflow.graph import cycle, reachable, reversed_graph
from headrace.workflow.spec import EdgeSpec, NodeSpec, WorkflowSpec

LONGEST_EXPRESSIONS = 65_536
"""Characters of all expressions of a workflow: compiling them takes the router up to 1.5 s."""

Bindings = tuple[tuple[str, Expression], ...]


class InvalidWorkflow(HeadraceError):
    """A workflow can't run; `faults` has every reason."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(str(fault) for fault in faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge to `target`; without a condition it is always taken, `otherwise` when no condition beside it is true."""

    target: str
    when: Expression | None = None
    otherwise: bool = False


@dataclass(frozen=True, slots=True)
class Node:
    """A node, ready to run. `sources`: where its incoming edges come from."""

    id: str
    spec: NodeSpec
    input: Bindings
    edges: tuple[Edge, ...]
    sources: tuple[str, ...]
    references: tuple[Reference, ...]


@dataclass(frozen=True, slots=True)
class CompiledWorkflow:
    """A workflow without faults; `starts` are the nodes without incoming edges."""

    spec: WorkflowSpec
    nodes: Mapping[str, Node]
    starts: tuple[str, ...]
    output: Bindings
    _input: Any = field(repr=False)

    def input_faults(self, value: Any, *, first_only: bool = False) -> list[str]:
        """What is wrong with an input, each as `place: reason`.

        first_only: stop at the first; to collect 100,000 takes a second.
        """
        try:
            errors = _first_error(self._input, value) if first_only else self._input.iter_errors(value)
            return [
                f"input{''.join(f'.{step}' for step in error.instance_path):.100}: {error.message:.300}"
                for error in errors
            ]
        except ValueError as error:  # it is nested deeper than the validator goes
            return [f"input: {error}"]

    def with_defaults(self, value: dict[str, Any]) -> dict[str, Any]:
        """An input with the defaults of the schema's own properties filled in."""
        properties = self.spec.input.get("properties", {})
        defaults = {
            name: schema["default"]
            for name, schema in properties.items()
            if isinstance(schema, dict) and "default" in schema  # a schema may also be true or false
        }
        return {**defaults, **value}


def _first_error(validator: Any, value: Any) -> list[Any]:
    try:
        validator.validate(value)
    except jsonschema_rs.ValidationError as error:
        return [error]
    return []


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
        self._length = 0

    def compile(self) -> CompiledWorkflow:
        validator = self._input_schema()
        edges = self._edges()
        self._check_cycle()
        self._before = reversed_graph(self._graph)
        nodes = {name: self._node(name, spec, edges[name]) for name, spec in self._spec.nodes.items()}
        output = self._bindings(("output",), self._spec.output, set(nodes))
        if self._length > LONGEST_EXPRESSIONS:
            message = (
                f"the expressions have {self._length} characters in all, at most {LONGEST_EXPRESSIONS} are allowed"
            )
            self._fault("expressions_too_long", (), message, "move what they compute into template nodes")
        if self._faults:
            raise InvalidWorkflow(self._faults)
        starts = tuple(name for name, node in nodes.items() if not node.sources)
        return CompiledWorkflow(self._spec, nodes, starts, output, validator)

    def _fault(self, code: str, path: tuple[str | int, ...], message: str, hint: str = "") -> None:
        self._faults.append(Fault(code, path, message, hint))

    def _input_schema(self) -> Any:
        try:
            return compile_schema(self._spec.input)
        except SchemaFault as error:
            self._fault("input_schema_invalid", ("input",), str(error))
            return None

    def _edges(self) -> dict[str, list[tuple[int, EdgeSpec]]]:
        """Edges by their source; those to or from nowhere are faults."""
        found: dict[str, list[tuple[int, EdgeSpec]]] = {name: [] for name in self._spec.nodes}
        for index, edge in enumerate(self._spec.edges):
            dangling = [(key, name) for key, name in (("from", edge.source), ("to", edge.target)) if name not in found]
            for key, name in dangling:
                self._fault("dangling_edge", ("edges", index, key), f"no node {name}", did_you_mean(name, found))
            if edge.when is not None and edge.otherwise:
                self._fault("edge_condition", ("edges", index), "an edge has `when` or `else`, not both")
            if edge.target in self._graph.get(edge.source, ()):
                self._fault("duplicate_edge", ("edges", index), f"a second edge from {edge.source} to {edge.target}")
            elif not dangling:
                found[edge.source].append((index, edge))
                self._graph[edge.source].append(edge.target)
                continue
            if edge.when is not None:  # where it leads is unclear, but it may be wrong in itself
                self._expression(("edges", index, "when"), edge.when, set(found))
        return found

    def _check_cycle(self) -> None:
        if circle := cycle(self._graph):
            path = " → ".join([*circle, circle[0]])
            self._fault("cycle", ("edges",), f"the edges go in a circle: {path}", "remove one of them")

    def _node(self, name: str, spec: NodeSpec, edges: list[tuple[int, EdgeSpec]]) -> Node:
        upstream = reachable(self._before, name)
        conditions = any(edge.when for _, edge in edges)
        for index, edge in edges:
            if edge.otherwise and not conditions:
                hint = f"give another edge from {name} a `when`, or remove `else`"
                self._fault("else_without_when", ("edges", index), "`else` needs a condition beside it", hint)
        return Node(
            name,
            spec,
            self._bindings(("nodes", name, "input"), spec.input, upstream),
            tuple(self._edge(index, edge, {name, *upstream}) for index, edge in edges),
            tuple(self._before[name]),
            self._references(name, spec),
        )

    def _edge(self, index: int, edge: EdgeSpec, visible: set[str]) -> Edge:
        when = self._expression(("edges", index, "when"), edge.when, visible) if edge.when else None
        return Edge(edge.target, when, edge.otherwise)

    def _references(self, name: str, spec: NodeSpec) -> tuple[Reference, ...]:
        """What a node's configuration refers to; on the way, all that is wrong with it."""
        node_type = NODE_TYPES.get(spec.type)
        if node_type is None:
            hint = did_you_mean(spec.type, NODE_TYPES)
            self._fault("unknown_node_type", ("nodes", name, "type"), f"no node type {spec.type:.80}", hint)
            return ()
        for missing in [need for need in node_type.needs if need not in spec.input]:
            message = f"a {spec.type} node needs the input {missing}"
            self._fault("missing_input", ("nodes", name, "input"), message, f"add {missing} under input")
        try:
            config = node_type.config.model_validate(spec.config)
        except ValidationError as error:
            faults = from_pydantic(error, node_type.config)
            self._faults += [fault.below("nodes", name, "config") for fault in faults]
            return ()
        self._faults += [fault.below("nodes", name, "config") for fault in node_type.faults(config, spec.input)]
        return node_type.references(config)

    def _bindings(self, path: tuple[str | int, ...], bindings: Mapping[str, str], visible: set[str]) -> Bindings:
        compiled = ((name, self._expression((*path, name), text, visible)) for name, text in bindings.items())
        return tuple((name, expression) for name, expression in compiled if expression)

    def _expression(self, path: tuple[str | int, ...], text: str, visible: set[str]) -> Expression | None:
        self._length += len(text)
        if self._length > LONGEST_EXPRESSIONS:
            return None
        try:
            expression = compile_expression(text)
        except ExpressionError as error:
            self._fault("expression_invalid", path, str(error))
            return None
        self._faults += self._unseen(path, expression, visible)
        return expression

    def _unseen(self, path: tuple[str | int, ...], expression: Expression, visible: set[str]) -> Iterator[Fault]:
        for name in sorted(expression.nodes - visible):
            if name in self._spec.nodes:
                hint = f"add an edge that leads from {name} to here"
                yield Fault("node_not_upstream", path, f"node {name} does not come before this place", hint)
            else:
                yield Fault("unknown_node", path, f"no node {name}", did_you_mean(name, self._spec.nodes))
