"""Generate the typed event models from the Avro schemas: `python -m headrace.schema_models`.

`schemas/**/v<N>.avsc` is the truth. For every domain the newest version of each record becomes one frozen
`msgspec.Struct` in `headrace/events/<domain>.py`, beside the schema itself, so that nothing reads files at run time.
A contract test fails when the committed modules are stale.
"""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Schema = dict[str, Any]

PRIMITIVES = {
    "string": "str",
    "bytes": "bytes",
    "boolean": "bool",
    "int": "int",
    "long": "int",
    "float": "float",
    "double": "float",
    "null": "None",
}
HEADER = '''"""{doc}

Generated from `schemas/{domain}/` by `python -m headrace.schema_models`; do not edit.
Times are epoch milliseconds (UTC).
"""

# ruff: noqa: E501
from collections.abc import Mapping
from typing import ClassVar

from headrace.event import Event
{imports}'''


@dataclass
class Domain:
    """The records of one namespace, in an order in which each is defined before it is used."""

    name: str
    records: dict[str, Schema] = field(default_factory=dict)
    nested: dict[str, Schema] = field(default_factory=dict)


def newest(schemas: Path) -> Iterator[Schema]:
    """Yield the newest version of every record below a folder of `<domain>/<Name>/v<N>.avsc`."""
    for folder in sorted({path.parent for path in schemas.glob("*/*/v*.avsc")}):
        version = max(folder.glob("v*.avsc"), key=lambda path: int(path.stem[1:]))
        yield json.loads(version.read_text(encoding="utf-8"))


def domains(schemas: Path) -> dict[str, Domain]:
    """Group all records by domain; records nested in others belong to the domain of their own namespace."""
    found: dict[str, Domain] = {}
    for schema in newest(schemas):
        home = schema["namespace"].removeprefix("headrace.")
        found.setdefault(home, Domain(home)).records[schema["name"]] = schema
        for inner in nested(schema["fields"]):
            domain = inner["namespace"].removeprefix("headrace.")
            found.setdefault(domain, Domain(domain)).nested[inner["name"]] = inner
    return found


def nested(node: Any) -> Iterator[Schema]:
    """Yield the named records inside a schema's fields, innermost first."""
    if isinstance(node, list):
        for item in node:
            yield from nested(item)
    elif isinstance(node, dict):
        for value in node.values():
            yield from nested(value)
        if node.get("type") == "record":
            yield node


def annotation(schema: Any, domain: str) -> str:
    """Python's annotation for an Avro type, as seen from a domain's module."""
    match schema:
        case str():
            return PRIMITIVES.get(schema) or reference(schema, domain)
        case list():
            return " | ".join(sorted((annotation(item, domain) for item in schema), key=lambda name: name == "None"))
        case {"type": "array", "items": items}:
            return f"tuple[{annotation(items, domain)}, ...]"
        case {"type": "map", "values": values}:
            return f"Mapping[str, {annotation(values, domain)}]"
        case {"type": "record", "namespace": namespace, "name": name}:
            return reference(f"{namespace}.{name}", domain)
    return annotation(schema["type"], domain)


def reference(full_name: str, domain: str) -> str:
    """A record's name as another module writes it."""
    home, name = full_name.removeprefix("headrace.").rsplit(".", 1)
    return name if home == domain else f"{home}.{name}"


def default(fld: Schema) -> str:
    """The default of a field as source text, empty when it has none."""
    if "default" not in fld:
        return ""
    value = fld["default"]
    return " = ()" if value == [] else f" = {value!r}"


def render_class(schema: Schema, domain: str, *, top: bool) -> str:
    """Source text of one record's class."""
    fields = schema["fields"]
    lines = [f"class {schema['name']}(Event, frozen=True, gc=False, kw_only=True):", f'    """{schema["doc"]}', ""]
    lines += [f"    {fld['name']}: {fld['doc']}" for fld in fields]
    lines += ['    """', ""]
    if top:
        lines += [f'    NAME: ClassVar[str] = "{schema["namespace"]}.{schema["name"]}"']
        lines += [f"    SCHEMA: ClassVar[str] = {json.dumps(schema, ensure_ascii=False)!r}", ""]
    lines += [f"    {fld['name']}: {annotation(fld['type'], domain)}{default(fld)}" for fld in fields]
    return "\n".join(lines)


def render(domain: Domain) -> str:
    """Source text of one domain's module."""
    nested_only = {name: schema for name, schema in domain.nested.items() if name not in domain.records}
    classes = [render_class(schema, domain.name, top=False) for schema in nested_only.values()]
    classes += [render_class(schema, domain.name, top=True) for schema in domain.records.values()]
    body = "\n\n\n".join(classes)
    used = sorted({home for home in ("run", "node") if home != domain.name and re.search(rf"\b{home}\.[A-Z]", body)})
    imports = "".join(f"from headrace.events import {home}\n" for home in used)
    header = HEADER.format(doc=f"Events of the domain `{domain.name}`.", domain=domain.name, imports=imports)
    return f"{header}\n\n{body}\n"


def main(schemas: Path, target: Path) -> None:
    """Write one module a domain into `target`."""
    for name, domain in domains(schemas).items():
        (target / f"{name}.py").write_text(render(domain), encoding="utf-8")


if __name__ == "__main__":
    top_level = Path(__file__).resolve().parents[2]
    main(top_level / "schemas", Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "events")
