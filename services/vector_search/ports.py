"""What the room needs from outside. Every fault is a NodeError, told apart where it is understood."""

from collections.abc import Sequence
from typing import Protocol

from vector_search.model import Document, Embedded, Found, Vector

EMBEDDING_REFUSED = "embedding_refused"
"""Code of the one fault that is the text's own; all others are faults of a service, and pass."""


class Embedder(Protocol):
    """Texts to vectors. Raises `embedder_unavailable` (retryable) and `embedding_refused`."""

    @property
    def model(self) -> str:
        """The name of the model: vectors of two models have nothing to do with each other."""

    async def passages(self, texts: Sequence[str]) -> Embedded:
        """Embed texts that are to be found."""

    async def query(self, text: str) -> Embedded:
        """Embed a text that is to find others; one vector."""


class VectorStore(Protocol):
    """Vectors and their passages, by collection.

    Raises `store_unavailable` (retryable), and `dimension_mismatch` when a collection holds vectors of another length.
    """

    async def search(self, collection: str, vector: Vector, top_k: int) -> list[Found]:
        """The nearest passages, best first. Raises `collection_not_found`."""

    async def version(self, collection: str, document: str) -> str | None:
        """The version of a document that is wholly there; None when there is none."""

    async def replace(self, document: Document, vectors: Sequence[Vector]) -> None:
        """Put a document in the place of its earlier version; makes its collection. Safe to repeat."""

    async def is_whole(self, model: str) -> bool:
        """Whether everything that was ever ingested is there as vectors of this model; false for a new store."""

    async def mark_whole(self, model: str) -> None:
        """Remember that it is, for as long as the vectors themselves are remembered."""
