"""What may be said of a fault in a sensitive prompt: its place and kind, and no word that its author wrote. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from headrace.fault import Fault, Path, nearest
from headrace.resource.prompt import Message, Parameters, PromptSpec, StoredBody, Tool, Variable
from headrace.wording import EXAMPLES

_SHAPES = (PromptSpec, Message, Variable, Tool, Parameters, StoredBody)
_KEYS = {field.alias or name for shape in _SHAPES for name, field in shape.model_fields.items()}
_KNOWN = _KEYS | {"apiVersion", "kind", "metadata", "name", "spec"}
_NAMED = {"variables", "uses"}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_MENTIONED = re.compile(rb"sensitive(?!['\"]?\s*:\s*(false|False|FALSE)\s)")

_SAYS_NO_VALUE = {"missing_key", "not_utf8", "yaml_tab", "yaml_too_deep", "yaml_too_large", "merge_key", "key_invalid"}
_HINTS_NO_VALUE = {*_SAYS_NO_VALUE, "unknown_key", "yaml_invalid", "reference_invalid"}
_SAID: Mapping[str, str] = {
    "unknown_key": "a key that is not known here",
    "template_invalid": "the template is not valid",
    "undeclared_variable": "a variable is not declared",
    "reference_invalid": "this is no reference",
    "duplicate_name": "this is the name of a variable, too",
    "duplicate_key": "a second key of the same name",
    "default_invalid": "the default does not meet the schema",
    "schema_invalid": "this is no JSON Schema",
    "number_too_large": "is too large a number",
    "yaml_tag": "the tag is not supported, or does not fit its value",
}


def is_sensitive(spec: Mapping[str, Any]) -> bool:
    """Whether a prompt is, or may be meant to be, sensitive: what is misspelt, or is no truth, counts."""
    return any(value is not False for key, value in spec.items() if nearest(str(key), ("sensitive",)))


def mentions_sensitive(data: bytes) -> bool:
    """Whether a file that may not be YAML seems to hold a sensitive prompt."""
    return bool(_MENTIONED.search(data + b"\n"))


def veiled(fault: Fault) -> Fault:
    """The fault without a value or a key that its author made up; the path ends before such a key."""
    examples = EXAMPLES.values()
    hint = fault.hint if fault.code in _HINTS_NO_VALUE or fault.hint in examples else ""
    return Fault(fault.code, _known(fault.path), _said(fault), hint)


def _said(fault: Fault) -> str:
    if fault.code in _SAYS_NO_VALUE or fault.path[-1:] == ("sensitive",):
        return fault.message
    if fault.code == "invalid_value":  # what must hold is said first
        return fault.message.partition(", not ")[0]
    if fault.code == "yaml_invalid":
        return re.split("['\"]", fault.message)[0].rstrip()
    return _SAID.get(fault.code, "is not valid here")


def _known(path: Path) -> Path:
    for index, step in enumerate(path):
        is_name = index > 0 and path[index - 1] in _NAMED and _NAME.fullmatch(str(step))
        if not (isinstance(step, int) or step in _KNOWN or is_name):
            return path[:index]
    return path
