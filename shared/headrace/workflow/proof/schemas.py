"""What schemas say of the values that conditions look at. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from headrace.json_schema import SchemaFault, compile_schema
from headrace.nodes import NODE_TYPES
from headrace.workflow.spec import NodeSpec, WorkflowSpec

Steps = Sequence[str | int]
MOST_NAMED = 50
"""Values of a schema that are looked at."""
_SHARED = ("$schema", "$defs", "definitions")
_HARD = {"pattern", "multipleOf", "not", "if", "contains", "uniqueItems", "patternProperties", "propertyNames"}
DEEPEST_MADE = 6
"""Levels of objects and lists that are made to fit a schema."""
_PLAIN = frozenset({"type", "properties", "required", "additionalProperties", "title", "description", *_SHARED})


@dataclass(frozen=True)
class Schema:
    """The schema of a value, with what it refers to. required: whether the value is always there."""

    schema: Any = True
    required: bool = False

    @cached_property
    def _validator(self) -> Any:
        try:
            return compile_schema(self.schema)
        except SchemaFault:
            return None

    def allows(self, value: Any) -> bool:
        """Whether a value fits."""
        if self.schema is True or self._validator is None:
            return True
        return bool(self._validator.is_valid(value))

    @cached_property
    def hard(self) -> bool:
        """Whether values that fit are not found by trying: it asks for more than kinds, bounds and names."""
        return any(
            keyword in _HARD or (keyword == "minLength" and value > 1) for keyword, value in _keywords(self.schema)
        )

    def list_of(self, size: int) -> Sequence[Any]:
        """A list of so many elements, each as much like what fits as can be told."""
        items = self.schema.get("items") if isinstance(self.schema, Mapping) else None
        return [_like(self.schema, items) for _ in range(size)]

    def named(self) -> Iterator[Any]:
        """Values that it names, or that its bounds do, wherever in it."""
        left, seen = [self.schema], 0
        while left and seen < MOST_NAMED:
            here, seen = left.pop(), seen + 1
            if isinstance(here, Mapping):
                yield from (here[key] for key in ("const", "default") if key in here)
                yield from here["enum"][:MOST_NAMED] if isinstance(here.get("enum"), list) else ()
                yield from _at_bounds(here)
                left += [part for part in here.values() if isinstance(part, Mapping | list)]
            elif isinstance(here, list):
                left += here


def left_out(schema: Mapping[str, Any]) -> frozenset[str]:
    """Properties of an input that it may lack, as far as nothing but `required` and defaults can say so."""
    properties = schema.get("properties")
    if not isinstance(properties, Mapping) or schema.keys() - _PLAIN:
        return frozenset()
    given = {name for name, inside in properties.items() if isinstance(inside, Mapping) and "default" in inside}
    return frozenset(properties) - given - {*(schema.get("required") or ())}


def schema_of(spec: WorkflowSpec, steps: Steps) -> Schema:
    """What is known of a value, by its path."""
    match [*steps]:
        case ["input", *rest]:
            return _inside(spec.input, rest, filled=True)
        case ["nodes" | "previous", str() as name, "output", *rest] if name in spec.nodes:
            node = spec.nodes[name]
            return _inside(_output(node), rest) if node.map is None else Schema()
    return Schema()


def _keywords(schema: Any) -> Iterator[tuple[str, Any]]:
    left = [schema]
    while left:
        here = left.pop()
        if isinstance(here, Mapping):
            yield from here.items()
            left += [part for part in here.values() if isinstance(part, Mapping | list)]
        elif isinstance(here, list):
            left += here


def _like(root: Any, schema: Any, depth: int = 0) -> Any:
    """A value that a schema takes, if nothing in it is hard."""
    here = _followed(root, schema)
    if not isinstance(here, Mapping) or depth == DEEPEST_MADE:
        return "x"
    named = [*here.get("enum", ()), *(here[key] for key in ("const", "default") if key in here)]
    if named:
        return named[0]
    branches = here.get("anyOf") or here.get("oneOf")
    if branches:
        return _like(root, branches[0], depth + 1)
    kinds = here.get("type", "object" if "properties" in here else "string")
    return _of_kind(kinds if isinstance(kinds, str) else kinds[0], root, here, depth + 1)


def _of_kind(kind: str, root: Any, here: Mapping[str, Any], depth: int) -> Any:
    if kind == "object":
        properties = here.get("properties") or {}
        return {name: _like(root, properties.get(name), depth) for name in here.get("required") or ()}
    if kind == "array":
        return [_like(root, here.get("items"), depth) for _ in range(here.get("minItems", 0))]
    if kind in {"integer", "number"}:
        return next((value for value in (*_at_bounds(here), 0) if Schema(here).allows(value)), 0)
    return {"boolean": True, "null": None}.get(kind, "x" * max(1, here.get("minLength", 0)))


def _output(node: NodeSpec) -> Any:
    """The schema of what a node puts out: its own, or that of its type."""
    if node.output or node.type not in NODE_TYPES:
        return node.output
    templates = node.config.get("templates") if node.type == "template" else None
    texts = {name: {"type": "string"} for name in templates} if isinstance(templates, Mapping) else {}
    return {"properties": texts} if texts else NODE_TYPES[node.type].output


def _inside(root: Any, steps: Steps, *, filled: bool = False) -> Schema:
    """The schema of a part of a value; anything where that hangs on more than its path.

    filled: defaults of its own properties are filled in.
    """
    here, required = root, True
    for step in steps:
        here = _followed(root, here)
        if not isinstance(here, Mapping):
            return Schema()
        inside = here.get("items") if isinstance(step, int) else (here.get("properties") or {}).get(step)
        if inside is None:
            return Schema()
        given = filled and here is root and isinstance(inside, Mapping) and "default" in inside
        required, here = given or step in (here.get("required") or ()), inside
    here = _followed(root, here)
    if not isinstance(here, Mapping):
        return Schema(here, required)
    return Schema({**{key: root[key] for key in _SHARED if key in root}, **here}, required)


def _followed(root: Any, schema: Any) -> Any:
    """What a `$ref` leads to, if a schema is nothing but one."""
    for _ in range(MOST_NAMED):
        if not isinstance(schema, Mapping) or schema.keys() - {"$ref", "title", "description"} or "$ref" not in schema:
            return schema
        schema = _at(root, str(schema["$ref"]))
    return True


def _at(root: Any, reference: str) -> Any:
    here = root
    for step in reference.removeprefix("#").split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        here = here.get(name) if isinstance(here, Mapping) else None
    return True if here is None else here


def _at_bounds(schema: Mapping[str, Any]) -> Iterator[Any]:
    for key in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"):
        bound = schema.get(key)
        if isinstance(bound, int | float) and not isinstance(bound, bool):
            yield from (bound, bound + 1, bound - 1)
    for key in ("minLength", "minItems"):
        size = schema.get(key)
        if isinstance(size, int) and 0 < size <= MOST_NAMED:
            yield from ("x" * size, ["x"] * size)
