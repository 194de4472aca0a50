"""The job of a document: refuse it, or make it searchable."""

from headrace.errors import NodeError
from headrace.event import Event
from headrace.events.document import DocumentIngested, DocumentRefused, IngestDocument
from vector_search.core.documents import LONGEST_NAME, check, cut, digest
from vector_search.indexing import Indexer
from vector_search.model import Document


class IngestJob:
    """A Job for `document.commands`. Repeating a document changes nothing, so nothing is journaled.

    Run it one at a time: the same id replaces a document, and the last command must win. That holds for one process;
    among several, which share a Qdrant server, a rebalance can leave an old owner at work on a document for a moment
    longer.
    """

    inline = False

    def __init__(self, indexer: Indexer) -> None:
        self._indexer = indexer

    def plan(self, request: IngestDocument) -> Document:
        """The document in passages. Raises NodeError for one that can never be ingested."""
        check(request)
        return cut(request, self._indexer.model)

    async def perform(self, call: Document) -> None:
        """Make it searchable, however long that takes."""
        await self._indexer.index(call)

    def succeeded(self, request: IngestDocument, call: Document, answer: None, began: int, ended: int) -> Event:
        """DocumentIngested, with the text: collections are made again from these."""
        return DocumentIngested(
            at=ended,
            collection=request.collection,
            document=request.document,
            title=request.title,
            text=request.text,
            chunk_chars=request.chunk_chars,
            digest=digest(request.text),
            chunks=len(call.passages),
            actor=request.actor,
        )

    def failed(self, request: IngestDocument, error: NodeError, began: int, ended: int) -> Event:
        """DocumentRefused; of a name that is too long, its beginning."""
        return DocumentRefused(
            at=ended,
            collection=request.collection[:LONGEST_NAME],
            document=request.document[:LONGEST_NAME],
            code=error.code,
            message=str(error),
            actor=request.actor,
        )

    def unreadable(self, key: str, reason: str, now: int) -> Event | None:
        """DocumentRefused, if the key names a document."""
        collection, _, document = key.partition("/")
        if not collection or not document:
            return None
        return DocumentRefused(at=now, collection=collection, document=document, code="unreadable", message=reason)

    def deadline(self, request: IngestDocument) -> int | None:
        """None: it is never too late."""
        return None

    def journal_key(self, request: IngestDocument) -> str:
        """The document; there is no journal."""
        return f"{request.collection}/{request.document}"

    def repeat_ambiguous(self, call: Document) -> bool:
        """Repeat."""
        return True
