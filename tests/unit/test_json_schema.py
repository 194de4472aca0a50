"""Schemas that users write: what they may refer to, and what they may cost."""

import time
from typing import Any

import pytest

from headrace.json_schema import SchemaFault, compile_schema


def doubling(depth: int, last: Any) -> dict[str, Any]:
    """Each definition refers twice to the next."""
    names = [f"#/$defs/d{number}" for number in range(depth + 1)]
    definitions = {
        f"d{number}": {"anyOf": [{"$ref": names[number + 1]}, {"$ref": names[number + 1]}]} for number in range(depth)
    }
    return {"properties": {"a": {"$ref": names[0]}}, "$defs": {**definitions, f"d{depth}": last}}


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        (doubling(30, {"type": "string"}), "stands for more than"),
        (doubling(3, {"properties": {"a": {"$ref": "#"}}}), "refers to itself from more than one place"),
        ({"properties": {"a": {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}}}, "refers to itself from more than one place"),
        ({"$ref": "#name", "$defs": {"a": {"$anchor": "name"}}}, "neither # nor a pointer"),
        ({"properties": {"a": {"$dynamicRef": "#x"}}, "$defs": {"a": {"$dynamicAnchor": "x"}}}, "not supported"),
        (
            {"properties": {"a": {"$id": "other", "$ref": "#/$defs/a", "$defs": {"a": True}}}, "$defs": {"a": True}},
            "not ",
        ),
        ({"$ref": "#/$defs/none"}, "not a JSON Schema"),
    ],
)
def test_what_could_stall_a_router_is_refused_at_once(schema: dict[str, Any], reason: str) -> None:
    began = time.process_time()
    with pytest.raises(SchemaFault, match=reason):
        compile_schema(schema)
    assert time.process_time() - began < 1.0


def test_a_list_may_refer_to_itself_once() -> None:
    schema = compile_schema({"$defs": {"n": {"properties": {"next": {"$ref": "#/$defs/n"}}}}, "$ref": "#/$defs/n"})
    assert schema.is_valid({"next": {"next": {}}})


def test_properties_may_have_the_names_of_keywords() -> None:
    schema = compile_schema({"properties": {"$ref": {"type": "string"}, "$id": {"type": "string"}, "const": {}}})
    assert schema.is_valid({"$ref": "x", "$id": "y", "const": 1})
