"""The JSON Schema of resource files, for editors: `python -m headrace.resource.published` writes docs/schema/.

It is made from the same models that `headrace apply` checks with, so it can't say anything else.
"""

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from headrace.nodes import NODE_TYPES
from headrace.resource.files import Envelope
from headrace.resource.specs import KINDS

FILE = Path(__file__).resolve().parents[3] / "docs" / "schema" / "headrace.v1.json"


def json_schema() -> str:
    """The schema as JSON text."""
    models: list[type[BaseModel]] = [
        Envelope,
        *(kind.spec for kind in KINDS.values()),
        *(node.config for node in NODE_TYPES.values()),
    ]
    _, schema = models_json_schema([(model, "validation") for model in models], ref_template="#/$defs/{model}")
    definitions = schema["$defs"]
    envelope = definitions.pop("Envelope")
    envelope["properties"]["kind"]["enum"] = list(KINDS)
    envelope["allOf"] = [_when("kind", name, "spec", definitions, kind.spec.__name__) for name, kind in KINDS.items()]
    node = definitions["NodeSpec"]
    node["properties"]["type"]["enum"] = list(NODE_TYPES)
    node["allOf"] = [
        _when("type", name, "config", definitions, node_type.config.__name__) for name, node_type in NODE_TYPES.items()
    ]
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **envelope,
        "title": "Headrace resource",
        "description": "A prompt, model, alias, workflow or document set.",
    }
    return json.dumps({**head, "$defs": definitions}, indent=2, ensure_ascii=False) + "\n"


def _when(key: str, value: str, part: str, definitions: dict[str, Any], name: str) -> dict[str, Any]:
    """If `key` has this value, then `part` is what this definition says."""
    assert name in definitions
    return {
        "if": {"properties": {key: {"const": value}}, "required": [key]},
        "then": {"properties": {part: {"$ref": f"#/$defs/{name}"}}},
    }


def main() -> None:
    """Write the file of this checkout."""
    FILE.write_text(json_schema(), encoding="utf-8")
    sys.stdout.write(f"{FILE}\n")


if __name__ == "__main__":
    main()
