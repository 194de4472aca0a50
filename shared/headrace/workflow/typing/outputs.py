"""What expressions see before anything has run: the input, the run, and what nodes put out."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from headrace.nodes import NODE_TYPES
from headrace.workflow.spec import NodeSpec, WorkflowSpec
from headrace.workflow.typing.schemas import type_of
from headrace.workflow.typing.types import ANY, Type, list_of, meet, only, record, union

_TEXT, _INDEX = only("string"), only("int")
_ERROR = record({"code": _TEXT, "message": _TEXT})
_MAYBE_TEXT = only("string", "null")
RUN = record(
    {
        "id": _TEXT,
        "workflow": _TEXT,
        "session": _MAYBE_TEXT,
        "tenant": _MAYBE_TEXT,
        "labels": Type(frozenset({"map"}), silent=False, rest=_TEXT),
    }
)
"""What `run` holds."""
_OF_TYPES = {name: type_of(each.output) for name, each in NODE_TYPES.items()}


def input_type(spec: WorkflowSpec) -> Type:
    """What `input` holds: an object, in which the defaults of its own properties have been filled in."""
    return meet(type_of(spec.input), Type(frozenset({"map"}), required=filled_in(spec.input)))


def filled_in(schema: Mapping[str, Any]) -> frozenset[str]:
    """Names of a schema's own properties that have a default."""
    properties = schema.get("properties")
    named = properties.items() if isinstance(properties, dict) else ()
    return frozenset(name for name, each in named if isinstance(each, dict) and "default" in each)


def usual_output(spec: NodeSpec, described: Mapping[str, Any] | None) -> Type:
    """What one execution of a node puts out, whatever its own schema says.

    A schema that is known from elsewhere counts before that of its type; of a model_invoke node it is the schema of the
    answer's `json`, which is its prompt's to say.
    """
    if spec.type == "template":
        names = texts_of(spec, "expressions")
        return template_output(spec, dict.fromkeys(names, ANY))
    usual = _OF_TYPES.get(spec.type, ANY)
    if described is None:
        return usual
    if "json" in usual.fields:
        return replace(usual, fields={**usual.fields, "json": type_of(described)})
    return type_of(described)


def template_output(spec: NodeSpec, expressions: Mapping[str, Type]) -> Type:
    """What a template node puts out, with these types of its expressions."""
    return record({**expressions, **dict.fromkeys(texts_of(spec, "templates"), _TEXT)})


def texts_of(spec: NodeSpec, key: str) -> dict[str, str]:
    """The texts by name in a node's configuration, which may be any."""
    found = spec.config.get(key)
    named = found.items() if isinstance(found, dict) else ()
    return {name: text for name, text in named if isinstance(name, str) and isinstance(text, str)}


def collected(spec: NodeSpec, output: Type) -> Type:
    """What a node puts out in all: when it is mapped, that of every instance."""
    if spec.map is None:
        return output
    item = union((output, only("null"))) if spec.map.max_failures else output
    failed = record({"index": _INDEX, **_ERROR.fields})
    return record({"items": list_of(item), "failed": list_of(failed)})


def node_type(output: Type) -> Type:
    """What `nodes.<id>` and `previous.<id>` hold."""
    return record({"output": output, "error": _ERROR})
