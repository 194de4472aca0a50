"""JSON Schemas that users write: compiled, and cut off from files and networks."""

from typing import Any

import jsonschema_rs

from headrace.errors import HeadraceError

_PATTERNS = jsonschema_rs.RegexOptions(size_limit=65_536)
"""Linear matching without look-around and back-references, which can take minutes for one text; bytes of a program."""


class SchemaFault(HeadraceError):
    """Not a JSON Schema that can be used here."""


def compile_schema(schema: Any) -> Any:
    """A validator (`jsonschema_rs.Validator`) of a schema, draft 2020-12 unless `$schema` says otherwise.

    A `$ref` must stay inside the schema: fetching it would let whoever deploys a workflow read the service's files and
    call its neighbours. Raises SchemaFault.
    """
    try:
        return jsonschema_rs.validator_for(schema, retriever=_refuse, pattern_options=_PATTERNS)
    except (jsonschema_rs.ValidationError, ValueError, TypeError) as error:
        raise SchemaFault(f"not a JSON Schema: {str(error).splitlines()[0]}") from error


def _refuse(uri: str) -> Any:
    raise ValueError(f"{uri} is not in this schema")
