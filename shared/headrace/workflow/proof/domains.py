"""What schemas say of the values that conditions look at. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headrace.expression.tree import Call, Member, Name, Tree
from headrace.workflow.spec import WorkflowSpec

Value = tuple[type, object]
"""A constant, after what it can be put in order with."""
MOST_NAMED = 20
"""Values that a schema may name for all of them to be told apart."""


@dataclass(frozen=True, slots=True)
class Domain:
    """The values that something may have. values: all of them, if not empty. whole: numbers without fractions."""

    values: tuple[bool | float | str, ...] = ()
    whole: bool = False
    least: float | None = None
    most: float | None = None


ANYTHING = Domain()


def domain_in(spec: WorkflowSpec, tree: Tree) -> Domain:
    """What is known of a value: by the schemas of the input and of nodes' outputs, or because it is a size."""
    match tree:
        case Call("size"):
            return Domain(whole=True, least=0)
    path = _path(tree)
    match path:
        case ("input", *rest):
            return _of_schema(_inside(spec.input, rest))
        case ("nodes", name, "output", *rest) if name in spec.nodes and spec.nodes[name].map is None:
            return _of_schema(_inside(spec.nodes[name].output, rest))
    return ANYTHING


def _path(tree: Tree) -> tuple[str, ...]:
    match tree:
        case Name(name):
            return (name,)
        case Member(of, field, test=False):
            return (*before, field) if (before := _path(of)) else ()
    return ()


def _inside(schema: Any, path: list[str]) -> Any:
    for step in path:
        properties = schema.get("properties") if isinstance(schema, Mapping) else None
        schema = properties.get(step) if isinstance(properties, Mapping) else None
    return schema


def _of_schema(schema: Any) -> Domain:
    if not isinstance(schema, Mapping) or "$ref" in schema:
        return ANYTHING
    if "const" in schema:
        return _of_schema(
            {**{key: value for key, value in schema.items() if key != "const"}, "enum": [schema["const"]]}
        )
    named = schema.get("enum")
    if isinstance(named, list) and named and len(named) <= MOST_NAMED and all(_plain(each) for each in named):
        return Domain(values=tuple({(isinstance(each, bool), each): each for each in named}.values()))
    kind = schema.get("type")
    if kind == "boolean":
        return Domain(values=(True, False))
    if kind in ("integer", "number"):
        return Domain(
            whole=kind == "integer", least=_number(schema.get("minimum")), most=_number(schema.get("maximum"))
        )
    return ANYTHING


def _plain(value: object) -> bool:
    return isinstance(value, bool | int | float | str)


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
