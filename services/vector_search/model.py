"""What the room talks about, frozen."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

Vector: TypeAlias = "array[float]"
"""One embedding, 32-bit floats: a list of Python's floats takes eight times as much."""


@dataclass(frozen=True, slots=True)
class Document:
    """A document, cut into the texts of its passages.

    version: digest of all that its vectors are made from: two documents of one version have the same vectors.
    """

    collection: str
    name: str
    title: str
    passages: tuple[str, ...]
    version: str


@dataclass(frozen=True, slots=True)
class Query:
    """What a node asks: the `top_k` passages of a collection that are nearest to a text."""

    collection: str
    top_k: int
    text: str


@dataclass(frozen=True, slots=True)
class Embedded:
    """Embeddings, in the order of their texts. tokens: what the server counted, None if it does not say."""

    vectors: Sequence[Vector]
    tokens: int | None


@dataclass(frozen=True, slots=True)
class Found:
    """A passage that a search found. chunk: its number in the document, from 0. score: cosine similarity, -1 to 1."""

    document: str
    title: str
    chunk: int
    text: str
    score: float
