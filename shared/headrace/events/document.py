"""Events of the domain `document`.

Generated from `schemas/document/` by `python -m headrace.schema_models`; do not edit.
Times are epoch milliseconds (UTC).
"""

# ruff: noqa: E501
from collections.abc import Mapping
from typing import ClassVar

from headrace.event import Event


class DocumentIngested(Event, frozen=True, gc=False, kw_only=True):
    """A document is searchable.

    at: When the service decided it.
    collection: Where it belongs.
    document: Its id.
    title: For people.
    text: The whole text: a collection can be made again from these events.
    chunk_chars: Largest chunk, characters.
    digest: SHA-256 of the text.
    chunks: How many vectors it became.
    actor: Who asks, as the caller states it.
    """

    NAME: ClassVar[str] = "headrace.document.DocumentIngested"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "DocumentIngested", "namespace": "headrace.document", "doc": "A document is searchable.", "fields": [{"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the service decided it."}, {"name": "collection", "type": "string", "doc": "Where it belongs."}, {"name": "document", "type": "string", "doc": "Its id."}, {"name": "title", "type": "string", "doc": "For people.", "default": ""}, {"name": "text", "type": "string", "doc": "The whole text: a collection can be made again from these events."}, {"name": "chunk_chars", "type": "int", "doc": "Largest chunk, characters."}, {"name": "digest", "type": "string", "doc": "SHA-256 of the text."}, {"name": "chunks", "type": "int", "doc": "How many vectors it became."}, {"name": "actor", "type": ["null", "string"], "doc": "Who asks, as the caller states it.", "default": null}]}'

    at: int
    collection: str
    document: str
    title: str = ''
    text: str
    chunk_chars: int
    digest: str
    chunks: int
    actor: str | None = None


class DocumentRefused(Event, frozen=True, gc=False, kw_only=True):
    """A document was not ingested.

    at: When the service decided it.
    collection: Where it should go.
    document: Its id.
    code: Stable error code.
    message: What was wrong, what to do.
    actor: Who asks, as the caller states it.
    """

    NAME: ClassVar[str] = "headrace.document.DocumentRefused"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "DocumentRefused", "namespace": "headrace.document", "doc": "A document was not ingested.", "fields": [{"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}, "doc": "When the service decided it."}, {"name": "collection", "type": "string", "doc": "Where it should go."}, {"name": "document", "type": "string", "doc": "Its id."}, {"name": "code", "type": "string", "doc": "Stable error code."}, {"name": "message", "type": "string", "doc": "What was wrong, what to do."}, {"name": "actor", "type": ["null", "string"], "doc": "Who asks, as the caller states it.", "default": null}]}'

    at: int
    collection: str
    document: str
    code: str
    message: str
    actor: str | None = None


class IngestDocument(Event, frozen=True, gc=False, kw_only=True):
    """Make a document searchable. Key: collection/document.

    collection: Where it belongs.
    document: Its id; the same id replaces it.
    title: For people.
    text: The whole text.
    chunk_chars: Largest chunk, characters.
    actor: Who asks, as the caller states it.
    """

    NAME: ClassVar[str] = "headrace.document.IngestDocument"
    SCHEMA: ClassVar[str] = '{"type": "record", "name": "IngestDocument", "namespace": "headrace.document", "doc": "Make a document searchable. Key: collection/document.", "fields": [{"name": "collection", "type": "string", "doc": "Where it belongs."}, {"name": "document", "type": "string", "doc": "Its id; the same id replaces it."}, {"name": "title", "type": "string", "doc": "For people.", "default": ""}, {"name": "text", "type": "string", "doc": "The whole text."}, {"name": "chunk_chars", "type": "int", "doc": "Largest chunk, characters.", "default": 1200}, {"name": "actor", "type": ["null", "string"], "doc": "Who asks, as the caller states it.", "default": null}]}'

    collection: str
    document: str
    title: str = ''
    text: str
    chunk_chars: int = 1200
    actor: str | None = None
