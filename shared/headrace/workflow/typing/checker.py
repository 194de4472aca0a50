"""All expressions of a workflow against the types of what they see and of what they are for."""

from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from headrace.expression import ExpressionError
from headrace.fault import Fault, Path
from headrace.json_schema import SchemaFault, compile_schema
from headrace.nodes import NODE_TYPES, WAIT
from headrace.workflow.model import schema_faults
from headrace.workflow.spec import NodeSpec, WorkflowSpec
from headrace.workflow.typing.fits import misfits
from headrace.workflow.typing.inference import Scope, infer
from headrace.workflow.typing.outputs import (
    RUN,
    collected,
    input_type,
    node_type,
    template_output,
    texts_of,
    usual_output,
)
from headrace.workflow.typing.schemas import type_of
from headrace.workflow.typing.trees import constant, tree_of
from headrace.workflow.typing.types import ANY, PLAIN, Type, meet, only, record

_NOTHING: Mapping[str, Mapping[str, Any]] = {}
_OF_NAMES = frozenset({"$schema", "$defs", "definitions", "properties"})
"""Keywords of a schema that say what its properties hold, whichever others there are."""
_OTHERWISE = "write what can have a value, or remove it"
_SHOWN = 200
"""Characters of an expression that a message repeats."""


def type_faults(spec: WorkflowSpec, described: Mapping[str, Mapping[str, Any]] = _NOTHING) -> list[Fault]:
    """What can't go well in a workflow because of the types of its values.

    described: by a node's id, the JSON Schema of its output that is known from elsewhere, such as a sub-workflow's
    `output_schema`; of a model_invoke node, the response schema of its prompt.
    """
    return TypedWorkflow(spec, described).faults


class TypedWorkflow:
    """The types of a workflow's expressions, and its faults.

    What others tell, such as an expression that does not compile or a node that is not there, is not told here again.
    """

    def __init__(self, spec: WorkflowSpec, described: Mapping[str, Mapping[str, Any]] = _NOTHING) -> None:
        self._spec = spec
        self.faults = [*_input_defaults(spec.input)]
        self._usual = {name: usual_output(node, described.get(name)) for name, node in spec.nodes.items()}
        self._seen = {name: self._in_all(name) for name in spec.nodes}
        self._bound: dict[str, Type] = {}
        nodes = Type(frozenset({"map"}), self._seen, silent=False)  # in it, templates become known one by one
        self._scope: Scope = {"input": input_type(spec), "run": RUN, "nodes": nodes, "previous": nodes}
        for name in _in_order(spec):
            self._node(name, spec.nodes[name])
        for index, edge in enumerate(spec.edges):
            if edge.when is not None:
                self._expression(("edges", index, "when"), edge.when, self._scope, only("bool"))
        output = self._bindings(("output",), spec.output, self._scope)
        unfit = [*misfits(output, type_of(spec.output_schema))]
        self.faults += _placed(("output",), unfit)
        if not unfit:
            self.faults += _value_faults(("output",), spec.output, spec.output_schema)

    def binding_faults(self, node: str, expected: Mapping[str, Any]) -> list[Fault]:
        """Why what a node's input binds can't fit a schema. Whether all names are bound is for others to tell."""
        path, wanted, bound = ("nodes", node, "input"), type_of(expected), self._bound[node].fields
        faults = [fault.below(name) for name in bound for fault in misfits(bound[name], wanted.at(name))]
        told = {fault.path[0] for fault in faults}
        others = {name: text for name, text in self._spec.nodes[node].input.items() if name not in told}
        return [*_placed(path, faults), *_value_faults(path, others, expected)]

    def _in_all(self, name: str) -> Type:
        """What `nodes` and `previous` hold for a node."""
        spec = self._spec.nodes[name]
        return node_type(collected(spec, meet(self._usual[name], type_of(spec.output))))

    def _node(self, name: str, spec: NodeSpec) -> None:
        path = ("nodes", name)
        scope = self._scope
        if spec.map is not None:
            over = self._expression((*path, "map", "over"), spec.map.over, scope, only("list"))
            scope = {**scope, "item": over.items, "index": only("int")}
        self._bound[name] = self._bindings((*path, "input"), spec.input, scope)
        if spec.type == "template":
            texts = texts_of(spec, "expressions")
            made = self._bindings((*path, "config", "expressions"), texts, {"input": self._bound[name]})
            self._usual[name] = template_output(spec, made.fields)
            self._seen[name] = self._in_all(name)
        if spec.type in NODE_TYPES:
            self.faults += self.binding_faults(name, NODE_TYPES[spec.type].input)
        if spec.type == WAIT and "default" in spec.config:
            self.faults += _default_faults(name, spec)
        self.faults += _output_faults(name, misfits(self._usual[name], type_of(spec.output)))

    def _bindings(self, path: Path, bindings: Mapping[str, str], scope: Scope) -> Type:
        wanted = only(*PLAIN)
        return record({name: self._expression((*path, name), text, scope, wanted) for name, text in bindings.items()})

    def _expression(self, path: Path, text: str, scope: Scope, wanted: Type) -> Type:
        """The type of an expression, which is ANY once it is known not to be the one that is wanted."""
        tree = tree_of(text)
        if tree is None:
            return ANY
        found, faults = infer(tree, scope)
        unfit = list(misfits(found, wanted))
        self.faults += [
            Fault(fault.code, path, f"`{text:.{_SHOWN}}`: {fault.message}", fault.hint) for fault in (*faults, *unfit)
        ]
        if faults or unfit:
            return ANY if unfit else found
        try:
            constant(text)
        except ExpressionError as error:
            self.faults.append(Fault("expression_fails", path, f"{error}, whatever there is to see", _OTHERWISE))
            return ANY
        return found


def _in_order(spec: WorkflowSpec) -> list[str]:
    """Nodes after those that come before them; as they are written when edges without a bound go in a circle."""
    order: TopologicalSorter[str] = TopologicalSorter(dict.fromkeys(spec.nodes, ()))
    for edge in spec.edges:
        if edge.max_iterations is None and {edge.source, edge.target} <= spec.nodes.keys():
            order.add(edge.target, edge.source)
    try:
        return list(order.static_order())
    except CycleError:
        return list(spec.nodes)


def _placed(path: Path, faults: Iterable[Fault]) -> Iterator[Fault]:
    """Faults inside bound values: the path leads to the binding, the message goes on from there."""
    for fault in faults:
        inside = _inside(fault.path[1:])
        yield Fault(fault.code, (*path, *fault.path[:1]), f"{inside}{fault.message}", fault.hint)


def _value_faults(path: Path, bindings: Mapping[str, str], expected: Mapping[str, Any]) -> Iterator[Fault]:
    """Values that are always the same and never fit what a schema says of their names."""
    values = {name: value for name, text in bindings.items() for value in _known(text)}
    for name, message in _unfit(values, expected):
        yield Fault("value_invalid", (*path, name), message, "write a value that fits")


def _input_defaults(schema: Mapping[str, Any]) -> Iterator[Fault]:
    """Defaults of the input that it does not take."""
    properties = schema.get("properties")
    named = properties.items() if isinstance(properties, Mapping) else ()
    defaults = {name: each["default"] for name, each in named if isinstance(each, Mapping) and "default" in each}
    for name, reason in _unfit(defaults, schema):
        message = f"{reason}; so each run is refused that leaves {name} out"
        yield Fault("default_invalid", ("input", "properties", name, "default"), message, "give a default that fits")


def _unfit(values: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Names of values that don't fit what a schema says of them, and why."""
    if not values:
        return
    try:
        validator = compile_schema({key: schema[key] for key in _OF_NAMES & schema.keys()})
    except SchemaFault:
        return
    for name, value in values.items():
        for error in validator.iter_errors({name: value}):
            yield name, f"{_inside(error.instance_path[1:])}{error.message:.{_SHOWN}}"


def _known(text: str) -> tuple[Any, ...]:
    """The value of an expression, if it is always the same."""
    try:
        return constant(text)
    except ExpressionError:
        return ()


def _output_faults(name: str, faults: Iterable[Fault]) -> Iterator[Fault]:
    """Why what a node puts out can never fit the schema that it is given."""
    for fault in faults:
        message = f"what the node puts out never fits: {_inside(fault.path)}{fault.message}"
        yield Fault(fault.code, ("nodes", name, "output"), message, fault.hint or "mend the schema, or leave it out")


def _inside(path: Path) -> str:
    """Where inside a value, such as `in its docs[].text: `."""
    return f"in its {''.join(f'.{step}' for step in path).replace('.[]', '[]').lstrip('.')}: " if path else ""


def _default_faults(name: str, spec: NodeSpec) -> Iterator[Fault]:
    """Why the default of a signal's payload is not one that the node may put out."""
    try:
        validator = compile_schema(spec.output)
    except SchemaFault:
        return
    for reason in schema_faults(validator, spec.config["default"], "default"):
        message = f"{reason}; so no run could go on with it when the signal does not come"
        hint = "give a default that fits the node's `output` schema"
        yield Fault("default_invalid", ("nodes", name, "config", "default"), message, hint)
