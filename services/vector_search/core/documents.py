"""What may be ingested, and what becomes of it. Pure."""

import re
from hashlib import sha256

from headrace.errors import NodeError
from headrace.events.document import DocumentIngested, IngestDocument
from headrace.limits import LARGEST_DOCUMENT
from vector_search.core import passages
from vector_search.model import Document

LONGEST_NAME = 500
LONGEST_TITLE = 1_000
LARGEST_PASSAGE = 20_000
MOST_PASSAGES = 4_000
"""The vectors of a document are in memory together, so that no search finds it half replaced for long."""

COLLECTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def check(command: IngestDocument) -> None:
    """Raise NodeError, with the first thing that is wrong, for a document that can never be ingested."""
    size = len(command.text.encode())
    if not COLLECTION.fullmatch(command.collection):
        raise _refused("collection_invalid", f"{command.collection!r:.80} is no name for a collection", _NAMES)
    if not 0 < len(command.document) <= LONGEST_NAME or not _plain(command.document):
        message = f"{command.document!r:.80} is no id for a document"
        raise _refused("document_invalid", message, f"1-{LONGEST_NAME} printable characters, no space at either end")
    if len(command.title) > LONGEST_TITLE:
        raise _refused("title_too_long", f"{len(command.title)} characters of title", f"at most {LONGEST_TITLE}")
    if not passages.SMALLEST <= command.chunk_chars <= LARGEST_PASSAGE:
        message = f"chunk_chars is {command.chunk_chars}"
        raise _refused("chunk_chars_invalid", message, f"from {passages.SMALLEST} to {LARGEST_PASSAGE}")
    if size > LARGEST_DOCUMENT:
        raise _refused("document_too_large", f"{size} bytes of text", f"at most {LARGEST_DOCUMENT}; split it")
    if not command.text.strip():
        raise _refused("document_empty", "no text in this document", "leave it out")


def cut(source: IngestDocument | DocumentIngested, model: str) -> Document:
    """A document in passages; `model` is the name of what will embed them. Raises NodeError for too many."""
    pieces = tuple(passage.text for passage in passages.split(source.text, source.chunk_chars, source.title))
    if len(pieces) > MOST_PASSAGES:
        message = f"{len(pieces)} passages of {source.chunk_chars} characters"
        raise _refused("document_too_large", message, f"at most {MOST_PASSAGES}; split it, or raise chunk_chars")
    version = digest("\0".join((model, source.title, *pieces)))
    return Document(source.collection, source.document, source.title, pieces, version)


def digest(text: str) -> str:
    """SHA-256 of a text in UTF-8, hexadecimal."""
    return sha256(text.encode()).hexdigest()


def _plain(name: str) -> bool:
    return name.isprintable() and name == name.strip()


def _refused(code: str, message: str, hint: str) -> NodeError:
    return NodeError(code, f"{message} ({hint})")


_NAMES = "1-100 of A-Z a-z 0-9 . _ -, the first a letter or digit"
