"""JSON Schemas that users write: compiled, cut off from files and networks, and bounded in what they may cost."""

from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema_rs

from headrace.errors import HeadraceError

MOST_WORK = 2_000
"""Schemas that may be evaluated for one value at one level, `$ref`s followed."""
_NO_SCHEMAS = {"$defs", "definitions", "const", "enum", "default", "examples"}
"""Keywords that hold no schema, or only one that a `$ref` leads to."""
_BY_NAME = {"properties", "patternProperties", "dependentSchemas"}
"""Keywords that hold schemas by names of the user's own."""
_PATTERNS = jsonschema_rs.RegexOptions(size_limit=65_536)
"""Linear matching without look-around and back-references, which can take minutes for one text; bytes of a program."""


class SchemaFault(HeadraceError):
    """Not a JSON Schema that can be used here."""


def compile_schema(schema: Any) -> Any:
    """A validator (`jsonschema_rs.Validator`) of a schema, draft 2020-12 unless `$schema` says otherwise.

    A `$ref` must stay inside the schema: fetching it would let whoever deploys a workflow read the service's files and
    call its neighbours. It may lead back to where it stands once, as in a list or a chain: from two places it would
    double the work with each level of a value. Raises SchemaFault.
    """
    try:
        validator = jsonschema_rs.validator_for(schema, retriever=_refuse, pattern_options=_PATTERNS)
        _Work(schema).check()
    except (jsonschema_rs.ValidationError, ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise SchemaFault(f"not a JSON Schema: {str(error).splitlines()[0]}") from error
    return validator


def _refuse(uri: str) -> Any:
    raise ValueError(f"{uri} is not in this schema")


class _Work:
    """How many schemas are evaluated at the most, and how often one leads back to itself."""

    def __init__(self, schema: Any) -> None:
        self._schema = schema
        self._known: dict[str, tuple[int, int]] = {"#": (1, 1)}

    def check(self) -> None:
        """Raise ValueError if it is too many."""
        count, back = self._of(self._schema)
        if back > 1:
            raise ValueError("it refers to itself from more than one place")
        if count > MOST_WORK:
            raise ValueError(f"it stands for more than {MOST_WORK} schemas")

    def _of(self, node: Any) -> tuple[int, int]:
        if not isinstance(node, dict):
            return 1, 0
        found = [self._of(part) for part in _parts(node)]
        if isinstance(reference := node.get("$ref"), str):
            found.append(self._referred(reference))
        for keyword in ("$dynamicRef", "$recursiveRef", *(("$id", "id") if node is not self._schema else ())):
            if isinstance(node.get(keyword), str):
                raise ValueError(f"{keyword} is not supported here")  # noqa: TRY004  # bad data, not our mistake
        return 1 + sum(count for count, _ in found), sum(back for _, back in found)

    def _referred(self, reference: str) -> tuple[int, int]:
        if reference not in self._known:
            self._known[reference] = (1, 1)  # until it is known, it leads back to itself
            self._known[reference] = self._of(self._at(reference))
        return self._known[reference]

    def _at(self, reference: str) -> Any:
        if not reference.startswith("#/") or "%" in reference:
            raise ValueError(f"$ref {reference:.80} is neither # nor a pointer such as #/$defs/name")
        here = self._schema
        for step in reference[2:].split("/"):
            name = step.replace("~1", "/").replace("~0", "~")
            here = here[int(name)] if isinstance(here, list) else here.get(name, True)
        return here


def _parts(node: Mapping[str, Any]) -> Iterator[Any]:
    """The schemas inside a schema that are evaluated with it."""
    for keyword, value in node.items():
        if keyword in _BY_NAME and isinstance(value, dict):
            yield from value.values()
        elif keyword not in _NO_SCHEMAS:
            yield from value if isinstance(value, list) else (value,)
