"""What a node asks, and how it is answered. Pure."""

from collections.abc import Iterable
from functools import lru_cache

import msgspec
from pydantic import ValidationError

from headrace.errors import NodeError
from headrace.fault import did_you_mean
from headrace.nodes import VectorSearchConfig
from vector_search.model import Query

LONGEST_QUERY = 4_000
"""Characters; embedding models read some hundred words and ignore the rest."""


class _Input(msgspec.Struct):
    query: str


def asked(config: str, node_input: str) -> Query:
    """The query in a node's configuration and input (JSON). Raises NodeError: `config_invalid`, `input_invalid`."""
    settings = _settings(config)
    try:
        text = msgspec.json.decode(node_input, type=_Input).query
    except msgspec.DecodeError as error:
        raise NodeError("input_invalid", f"the node's input must have a text `query`: {error}") from error
    if not text.strip():
        raise NodeError("input_invalid", "the node's input has a `query` without a word in it")
    if len(text) > LONGEST_QUERY:
        message = f"the node's input has a `query` of {len(text)} characters, at most {LONGEST_QUERY} are allowed"
        raise NodeError("input_invalid", message)
    return Query(settings.collection, settings.top_k, text)


def collection_not_found(name: str, known: Iterable[str]) -> NodeError:
    """The fault of a node that names a collection which is not there."""
    hint = did_you_mean(name[:100], known) or "no document has been ingested yet"
    return NodeError("collection_not_found", f"there is no collection {name!r:.100} ({hint})")


@lru_cache(maxsize=1_024)
def _settings(config: str) -> VectorSearchConfig:
    try:
        return VectorSearchConfig.model_validate_json(config)
    except ValidationError as error:
        raise NodeError("config_invalid", f"the node's configuration: {error}") from error
