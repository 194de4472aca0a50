"""Documents to vectors. What is away is waited for: nothing may be lost."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import structlog

from headrace.errors import NodeError
from headrace.waiting import stopped_within
from vector_search.model import Document, Vector
from vector_search.ports import EMBEDDING_REFUSED, Embedder, VectorStore

FIRST_DELAY_S = 0.25
LONGEST_DELAY_S = 5.0

T = TypeVar("T")

_log = structlog.get_logger(__name__)


class Patience:
    """Repeats what a service's fault made fail, with longer and longer pauses, until it is done or `stopping` is set.

    away: the code of the fault that it waits for; None while there is none.
    """

    def __init__(self, stopping: asyncio.Event) -> None:
        self.away: str | None = None
        self._stopping = stopping

    async def until_done(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """The attempt's result. Raises NodeError when the text is at fault, CancelledError when told to stop."""
        delay_s = FIRST_DELAY_S
        try:
            while not self._stopping.is_set():
                try:
                    return await attempt()
                except NodeError as error:
                    if error.code == EMBEDDING_REFUSED:
                        raise
                    self.away = error.code
                    _log.warning("waiting", what=error.code, error=str(error))
                await stopped_within(self._stopping, delay_s)
                delay_s = min(2 * delay_s, LONGEST_DELAY_S)
        finally:
            self.away = None
        raise asyncio.CancelledError


class Indexer:
    """Makes documents searchable."""

    def __init__(self, embedder: Embedder, store: VectorStore, patience: Patience, batch: int) -> None:
        self._embedder = embedder
        self._store = store
        self._patience = patience
        self._batch = batch

    @property
    def model(self) -> str:
        """The name of the embedding model."""
        return self._embedder.model

    async def index(self, document: Document) -> None:
        """Make a document searchable; nothing is done when this version of it is. Raises as Patience does."""
        held = partial(self._store.version, document.collection, document.name)
        if await self._patience.until_done(held) == document.version:
            return
        vectors: list[Vector] = []
        for start in range(0, len(document.passages), self._batch):
            texts = document.passages[start : start + self._batch]
            embedded = await self._patience.until_done(partial(self._embedder.passages, texts))
            vectors += embedded.vectors
        await self._patience.until_done(partial(self._store.replace, document, vectors))
