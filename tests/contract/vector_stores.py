"""Vector stores that tests open, and what they keep in them."""

from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from vector_search.adapters.qdrant import QdrantStore
from vector_search.model import Document, Vector
from vector_search.settings import Settings


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[QdrantStore]:
    store = await QdrantStore.open(settings)
    try:
        yield store
    finally:
        await store.close()


def folder(path: Path) -> Settings:
    return Settings(QDRANT_PATH=path)


def server(url: str, **more: str) -> Settings:
    return Settings(QDRANT_URL=url, **more)  # type: ignore[arg-type]


def document(name: str, *passages: str, collection: str = "docs", version: str = "v1") -> Document:
    return Document(collection, name, f"Title of {name}", passages, version)


def vector(*values: float) -> Vector:
    return array("f", values)


EAST, NORTH, WEST = vector(1, 0), vector(0, 1), vector(-1, 0)
NORTH_EAST = vector(1, 1)
