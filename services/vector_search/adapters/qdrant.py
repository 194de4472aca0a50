"""Qdrant: a folder of its client's local storage, or a server."""

import asyncio
import sqlite3
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, Self, TypeVar

import msgspec
from pydantic import BaseModel

from headrace.errors import HeadraceError, NodeError
from vector_search.core.documents import COLLECTION
from vector_search.core.query import collection_not_found
from vector_search.model import Document, Found, Vector
from vector_search.settings import Settings


@contextmanager
def _models_built_when_used() -> Iterator[None]:
    """Keep qdrant-client from building the validators of its 344 models at its import.

    That is 14 MB and half a second for what is hardly used. Pydantic builds those that are, on first use.
    """
    rebuild = BaseModel.__dict__["model_rebuild"]
    BaseModel.model_rebuild = lambda *_, **__: None  # type: ignore[method-assign]
    try:
        yield
    finally:
        BaseModel.model_rebuild = rebuild  # type: ignore[method-assign]


with _models_built_when_used():
    from qdrant_client import QdrantClient, models
    from qdrant_client.common.client_exceptions import QdrantException
    from qdrant_client.http.exceptions import ApiException

T = TypeVar("T")

MARK = "_headrace"
"""A collection that no document can name: while it is there, everything is. Its one point says of which model."""
MARK_ID = 1
POINTS = uuid.UUID("6f5d5b1e-6d51-4a0f-9d3b-1a1c4c8f3f3e")
"""Namespace of the points' ids (RFC 9562, version 5): the same passage has the same id, however often it comes."""
BATCH = 32
"""Points in one call."""
TIMEOUT_S = 10
CALLS_AT_ONCE = 4
"""Calls of a server at once; a folder takes one at a time."""

_AWAY = (ApiException, QdrantException, sqlite3.Error, OSError)


class StorageLocked(HeadraceError):
    """Another process has the folder open."""


class _Payload(msgspec.Struct):
    """What a point carries beside its vector; the first of a document also what the whole of it is."""

    document: str
    title: str
    chunk: int
    text: str
    version: str | None = None
    chunks: int = 0


class QdrantStore:
    """A vector store. The client blocks, so it works in threads: in only one for a folder, which is not thread-safe."""

    def __init__(self, client: QdrantClient, threads: ThreadPoolExecutor, place: str) -> None:
        self._client = client
        self._threads = threads
        self._place = place

    @classmethod
    async def open(cls, settings: Settings) -> Self:
        """The store that the settings name. Raises StorageLocked when another process has the folder open."""
        local = settings.qdrant_url is None
        threads = ThreadPoolExecutor(1 if local else CALLS_AT_ONCE, thread_name_prefix="qdrant")
        open_client = partial(_folder if local else _server, settings)
        client = await asyncio.get_running_loop().run_in_executor(threads, open_client)
        return cls(client, threads, settings.qdrant_url or f"folder {settings.qdrant_path}")

    async def close(self) -> None:
        """Finish what was begun, and close."""
        await asyncio.get_running_loop().run_in_executor(self._threads, self._client.close)
        self._threads.shutdown()

    async def search(self, collection: str, vector: Vector, top_k: int) -> list[Found]:
        """The nearest passages, best first."""
        return await self._call(partial(self._search, collection, vector, top_k))

    async def version(self, collection: str, document: str) -> str | None:
        """The version of a document that is wholly there; its first point is written last, and says so."""
        head = await self._call(partial(self._head, collection, document))
        return head.version if head else None

    async def replace(self, document: Document, vectors: Sequence[Vector]) -> None:
        """Put a document in the place of its earlier version."""
        await self._call(partial(self._replace, document, vectors))

    async def is_whole(self, model: str) -> bool:
        """Whether everything is there as vectors of this model."""
        return await self._call(partial(self._is_whole, model))

    async def mark_whole(self, model: str) -> None:
        """Remember that it is."""
        await self._call(partial(self._mark_whole, model))

    async def _call(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except _AWAY as error:
            message = f"Qdrant ({self._place}) does not do its work: {str(error) or type(error).__name__}"
            raise NodeError("store_unavailable", message, retryable=True) from error

    def _search(self, collection: str, vector: Vector, top_k: int) -> list[Found]:
        if not COLLECTION.fullmatch(collection) or not self._client.collection_exists(collection):
            raise collection_not_found(collection, self._names())
        self._require(collection, len(vector))
        answer = self._client.query_points(collection, query=vector.tolist(), limit=top_k, with_payload=True)
        return [_found(collection, point.payload, point.score) for point in answer.points]

    def _names(self) -> list[str]:
        names = (found.name for found in self._client.get_collections().collections)
        return [name for name in names if COLLECTION.fullmatch(name)]

    def _require(self, collection: str, length: int) -> None:
        """Raise NodeError for a collection of vectors of another length."""
        kind = self._client.get_collection(collection).config.params.vectors
        held = kind.size if isinstance(kind, models.VectorParams) else 0
        if held != length:
            message = (
                f"collection {collection} ({self._place}) holds vectors of {held} dimensions, the embedding model "
                f"makes {length}: go back to the model that made it, or delete it, and it is made again at the start"
            )
            raise NodeError("dimension_mismatch", message)

    def _head(self, collection: str, document: str) -> _Payload | None:
        if not self._client.collection_exists(collection):
            return None
        found = self._client.retrieve(collection, [_point_id(collection, document, 0)], with_payload=True)
        return _payload(collection, found[0].payload) if found else None

    def _replace(self, document: Document, vectors: Sequence[Vector]) -> None:
        """One document for another.

        1. all passages but the first; 2. what an earlier, longer version had more; 3. the first, which says that the
        rest is there. Killed in between, it still says what the earlier version was, and all is done again.
        """
        if not self._client.collection_exists(document.collection):
            self._client.create_collection(document.collection, vectors_config=_vectors(len(vectors[0])))
        for length in {len(vector) for vector in vectors}:
            self._require(document.collection, length)
        before = self._head(document.collection, document.name)
        for start in range(1, len(vectors), BATCH):  # 1
            self._put(document, vectors, range(start, min(start + BATCH, len(vectors))))
        stale = range(len(vectors), before.chunks if before else 0)
        if stale:  # 2
            ids: list[Any] = [_point_id(document.collection, document.name, number) for number in stale]
            self._client.delete(document.collection, ids, wait=True)
        self._put(document, vectors, range(1))  # 3

    def _put(self, document: Document, vectors: Sequence[Vector], numbers: range) -> None:
        points = [_point(document, number, vectors[number]) for number in numbers]
        self._client.upsert(document.collection, points, wait=True)

    def _is_whole(self, model: str) -> bool:
        if not self._client.collection_exists(MARK):
            return False
        found = self._client.retrieve(MARK, [MARK_ID], with_payload=True)
        return bool(found) and found[0].payload == {"model": model}

    def _mark_whole(self, model: str) -> None:
        if not self._client.collection_exists(MARK):
            self._client.create_collection(MARK, vectors_config=_vectors(1))
        mark = models.PointStruct(id=MARK_ID, vector=[1.0], payload={"model": model})
        self._client.upsert(MARK, [mark], wait=True)


def _folder(settings: Settings) -> QdrantClient:
    try:
        return QdrantClient(path=str(settings.qdrant_path))
    except RuntimeError as error:  # what the client raises when the folder's lock is taken, and for nothing else
        raise StorageLocked(
            f"the Qdrant folder {settings.qdrant_path} is open in another process, and only one may have it open: "
            "stop that one, or give each a QDRANT_PATH of its own, or a server's QDRANT_URL to all"
        ) from error


def _server(settings: Settings) -> QdrantClient:
    key = settings.qdrant_api_key.get_secret_value() if settings.qdrant_api_key else None
    return QdrantClient(url=settings.qdrant_url, api_key=key, timeout=TIMEOUT_S, check_compatibility=False)


def _vectors(length: int) -> models.VectorParams:
    return models.VectorParams(size=length, distance=models.Distance.COSINE)


def _point_id(collection: str, document: str, chunk: int) -> str:
    return str(uuid.uuid5(POINTS, f"{collection}/{document}/{chunk}"))


def _point(document: Document, chunk: int, vector: Vector) -> models.PointStruct:
    payload = {
        "document": document.name,
        "title": document.title,
        "chunk": chunk,
        "text": document.passages[chunk],
    }
    if chunk == 0:
        payload |= {"version": document.version, "chunks": len(document.passages)}
    point_id = _point_id(document.collection, document.name, chunk)
    return models.PointStruct(id=point_id, vector=vector.tolist(), payload=payload)


def _payload(collection: str, payload: Any) -> _Payload:
    try:
        return msgspec.convert(payload, _Payload)
    except msgspec.ValidationError as error:
        message = f"collection {collection} holds a point that Headrace did not write: {error}"
        raise NodeError("collection_foreign", message) from error


def _found(collection: str, payload: Any, score: float) -> Found:
    read = _payload(collection, payload)
    return Found(read.document, read.title, read.chunk, read.text, round(float(score), 6))
