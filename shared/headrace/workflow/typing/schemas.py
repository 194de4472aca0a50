"""From a JSON Schema to a type. A schema that is none, or says what is not understood here, says nothing.

An `integer` is taken for an int of CEL, though JSON Schema lets it be written 3.0, which CEL sees as a double.
"""

from collections.abc import Mapping
from functools import reduce
from typing import Any

from headrace.json_schema import MOST_WORK
from headrace.workflow.typing.types import ANY, KINDS, PLAIN, Type, meet, union

_TYPES = {"boolean": "bool", "integer": "int", "object": "map", "array": "list"}
"""Names of JSON Schema for kinds, where they differ."""


def type_of(schema: Any) -> Type:
    """The type of the values that fit a schema."""
    return _Reader(schema).read(schema, frozenset())


class _Reader:
    """Reads one schema; a `$ref` inside what it leads to is anything: there would be no end to it."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._left = MOST_WORK
        dialect = root.get("$schema", "") if isinstance(root, dict) else ""
        self._ref_alone = isinstance(dialect, str) and "draft-0" in dialect

    def read(self, schema: Any, within: frozenset[str]) -> Type:
        """The type of a schema inside these references."""
        self._left -= 1
        if not isinstance(schema, dict) or self._left < 0:
            return ANY
        reference = schema.get("$ref")
        parts = [] if isinstance(reference, str) and self._ref_alone else [self._own(schema, within)]
        if isinstance(reference, str) and reference not in within:
            parts.append(self.read(_at(self._root, reference), within | {reference}))
        parts += [self.read(each, within) for each in _list(schema.get("allOf"))]
        for branches in (_list(schema.get("anyOf")), _list(schema.get("oneOf"))):
            parts += [union(self.read(each, within) for each in branches)] if branches else []
        return reduce(meet, parts, ANY)

    def _own(self, schema: Mapping[str, Any], within: frozenset[str]) -> Type:
        """What a schema's own keywords say."""
        properties, others = schema.get("properties"), schema.get("additionalProperties")
        patterned = "patternProperties" in schema
        named = properties if isinstance(properties, dict) else {}
        listed = "prefixItems" not in schema and isinstance(schema.get("items"), dict)
        closed = others is False and not patterned
        kinds = _kinds(schema)
        if kinds == KINDS and not named and not listed and not closed and others is None:
            return ANY
        return Type(
            kinds,
            {name: self.read(each, within) for name, each in named.items()},
            frozenset(each for each in _list(schema.get("required")) if isinstance(each, str)),
            closed,
            others is None and not patterned,
            self.read(others, within) if isinstance(others, dict) and not patterned else None,
            self.read(schema["items"], within) if listed else None,
        )


def _kinds(schema: Mapping[str, Any]) -> frozenset[str]:
    named = schema.get("type", ())
    names = {named} if isinstance(named, str) else {name for name in _list(named) if isinstance(name, str)}
    kinds = frozenset(_TYPES.get(name, name) for name in names) & PLAIN
    if schema.get("format") == "double":  # of OpenAPI: written with a point even when it is whole
        kinds = frozenset("double" if kind == "number" else kind for kind in kinds)
    values = [schema["const"]] if "const" in schema else _list(schema.get("enum"))
    valued = frozenset(map(_kind_of, values))
    return kinds & valued or kinds or valued or KINDS


def _kind_of(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "bool"
        case int():
            return "int"
        case float():
            return "number" if value.is_integer() else "double"
    return "string" if isinstance(value, str) else "list" if isinstance(value, list) else "map"


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _at(root: Any, reference: str) -> Any:
    """What a reference leads to: `#`, or a pointer (RFC 6901) such as #/$defs/name; else nothing."""
    here = root
    for step in reference[2:].split("/") if reference.startswith("#/") else () if reference == "#" else ("",):
        name = step.replace("~1", "/").replace("~0", "~")
        here = here.get(name) if isinstance(here, dict) else None
    return here
