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
"""Values that a schema may name for all of them to be tried."""
MOST_PARTS = 200
"""Schemas in a schema that are looked at."""
MOST_MADE = 5
"""Elements that a schema may demand of a list for one to be made."""
DEEPEST_MADE = 6
"""Levels of objects and lists that are made to fit a schema."""
_SHARED = ("$schema", "$defs", "definitions")
_HARD = {
    *("pattern", "multipleOf", "not", "if", "contains", "uniqueItems", "patternProperties", "propertyNames"),
    *("minProperties", "dependentRequired", "prefixItems"),
}
_BY_NAME = {"properties", "dependentSchemas"}
_NO_SCHEMAS = {"$defs", "definitions", "const", "enum", "default", "examples", "required", "type"}
_DEMANDING = {"$ref", "allOf", "anyOf", "oneOf", "not", "if", "minProperties", "dependentRequired", "dependentSchemas"}
"""Keywords by which a property may have to be there though it is not under `required`."""


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
        return self._validator is None or bool(self._validator.is_valid(value))

    @cached_property
    def hard(self) -> bool:
        """Whether values that fit are not found by trying: it asks for more than kinds, bounds and a few names."""
        parts = [*_parts(self.schema)]
        if self._validator is None or len(parts) == MOST_PARTS or any(map(_is_hard, parts)):
            return True
        return (
            isinstance(self.schema, Mapping)
            and "items" in self.schema
            and not any(self.allows(self.list_of(size)) for size in range(1, MOST_MADE + 1))
        )

    def list_of(self, size: int) -> Sequence[Any]:
        """A list of so many elements, each the same, and as much like what fits as can be told."""
        items = self.schema.get("items") if isinstance(self.schema, Mapping) else None
        return [_like(self.schema, items)] * size if size else []

    @property
    def sizes(self) -> Iterator[int]:
        """Sizes at the bounds of a list."""
        bounds = (self.schema.get(key) for key in ("minItems", "maxItems")) if isinstance(self.schema, Mapping) else ()
        for bound in bounds:
            size = int(_number(bound))
            yield from (size + more for more in (-1, 0, 1) if 0 <= size + more <= MOST_NAMED)

    def named(self) -> Iterator[Any]:
        """Values that it names, or that its bounds do, wherever in it."""
        for part in _parts(self.schema):
            yield from (part[key] for key in ("const", "default") if key in part)
            yield from _names(part)
            yield from _at_bounds(part)


def left_out(schema: Mapping[str, Any]) -> frozenset[str]:
    """Properties of an input that it may lack, as far as nothing but `required` and defaults can say so."""
    if schema.keys() & _DEMANDING:
        return frozenset()
    properties = _properties(schema)
    given = {name for name, inside in properties.items() if isinstance(inside, Mapping) and "default" in inside}
    return frozenset(properties) - given - {*_required(schema)}


def schema_of(spec: WorkflowSpec, steps: Steps) -> Schema:
    """What is known of a value, by its path."""
    match [*steps]:
        case ["input", *rest]:
            return _inside(spec.input, rest, filled=True)
        case ["nodes" | "previous", str() as name, "output", *rest] if name in spec.nodes:
            node = spec.nodes[name]
            return _inside(_output(node), rest) if node.map is None else Schema()
    return Schema()


def _parts(root: Any) -> Iterator[Mapping[str, Any]]:
    """A schema and all in it that a value is held to, what it refers to included."""
    left, referred, count = [root], set[str](), 0
    while left and count < MOST_PARTS:
        here = left.pop()
        if not isinstance(here, Mapping):
            continue
        count += 1
        yield here
        for keyword, value in here.items():
            if keyword == "$ref" and isinstance(value, str) and value not in referred:
                referred.add(value)
                left.append(_at(root, value))
            elif keyword in _BY_NAME and isinstance(value, Mapping):
                left += value.values()
            elif keyword not in _NO_SCHEMAS:
                left += value if isinstance(value, list) else [value]


def _is_hard(part: Mapping[str, Any]) -> bool:
    long = _number(part.get("minLength")) > 1 or _number(part.get("minItems")) > MOST_MADE
    return long or not _HARD.isdisjoint(part) or len([*_names(part)]) > MOST_NAMED


def _names(part: Mapping[str, Any]) -> Sequence[Any]:
    named = part.get("enum")
    return named if isinstance(named, list) else ()


def _properties(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = schema.get("properties")
    return properties if isinstance(properties, Mapping) else {}


def _required(schema: Mapping[str, Any]) -> Sequence[str]:
    required = schema.get("required")
    return [name for name in required if isinstance(name, str)] if isinstance(required, list) else ()


def _number(value: Any) -> float:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else 0


def _like(root: Any, schema: Any, depth: int = 0) -> Any:
    """A value that a schema takes, if nothing in it is hard."""
    here = _followed(root, schema)
    if not isinstance(here, Mapping) or depth == DEEPEST_MADE:
        return "x"
    named = [*_names(here), *(here[key] for key in ("const", "default") if key in here)]
    if named:
        return named[0]
    branches = here.get("anyOf") or here.get("oneOf")
    if isinstance(branches, list):
        return _like(root, branches[0], depth + 1)
    kinds = here.get("type") or ("object" if "properties" in here else "string")
    return _of_kind(kinds if isinstance(kinds, str) else kinds[0], root, here, depth + 1)


def _of_kind(kind: str, root: Any, here: Mapping[str, Any], depth: int) -> Any:
    if kind == "object":
        return {name: _like(root, _properties(here).get(name), depth) for name in _required(here)}
    if kind == "array":
        return [
            _like(root, here.get("items"), depth) for _ in range(min(int(_number(here.get("minItems"))), MOST_MADE))
        ]
    if kind in {"integer", "number"}:
        return next((value for value in (*_at_bounds(here), 0) if Schema(here).allows(value)), 0)
    return {"boolean": True, "null": None}.get(kind, "x")


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
        inside = here.get("items") if isinstance(step, int) else _properties(here).get(step)
        if inside is None:
            return Schema()
        given = filled and here is root and isinstance(inside, Mapping) and "default" in inside
        required, here = given or step in _required(here), inside
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
