"""What every vector store behind the port of vector search does."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from headrace.errors import NodeError
from tests.contract.vector_stores import EAST, NORTH, NORTH_EAST, WEST, document, folder, opened, server, vector
from tests.providers.qdrant import qdrant_server
from vector_search.adapters.qdrant import BATCH
from vector_search.model import Vector
from vector_search.ports import VectorStore


@pytest.fixture(params=["folder", "server"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[VectorStore]:
    if request.param == "folder":
        async with opened(folder(tmp_path / "qdrant")) as store:
            yield store
    else:
        async with qdrant_server() as qdrant, opened(server(qdrant.url)) as store:
            yield store


class TestEveryVectorStore:
    async def test_finds_the_nearest_first_and_no_more_than_asked_for(self, store: VectorStore) -> None:
        # given
        await store.replace(document("compass", "west", "north", "east"), [WEST, NORTH, EAST])

        # when
        found = await store.search("docs", vector(2, 0.1), 2)

        # then
        assert [(one.document, one.title, one.chunk, one.text) for one in found] == [
            ("compass", "Title of compass", 2, "east"),
            ("compass", "Title of compass", 1, "north"),
        ]
        assert [one.score for one in found] == pytest.approx([0.998752, 0.049938], abs=1e-5)

    async def test_a_collection_that_is_not_there_is_told_apart_with_a_hint(self, store: VectorStore) -> None:
        # given
        await store.replace(document("a", "x", collection="handbook"), [EAST])
        await store.mark_whole("a-model")

        # when
        with pytest.raises(NodeError) as misspelt:
            await store.search("handbok", EAST, 1)
        with pytest.raises(NodeError) as hidden:
            await store.search("_headrace", EAST, 1)

        # then
        assert (misspelt.value.code, misspelt.value.retryable) == ("collection_not_found", False)
        assert "did you mean handbook?" in str(misspelt.value)
        assert hidden.value.code == "collection_not_found"
        assert "known: handbook" in str(hidden.value)

    async def test_an_empty_store_says_that_it_is_empty(self, store: VectorStore) -> None:
        with pytest.raises(NodeError, match="no document has been ingested yet"):
            await store.search("docs", EAST, 1)

    async def test_a_version_replaces_the_one_before_to_the_last_passage(self, store: VectorStore) -> None:
        # given
        await store.replace(document("a", "one", "two", "three", "four"), [EAST, EAST, EAST, EAST])
        await store.replace(document("b", "other"), [EAST])

        # when
        await store.replace(document("a", "uno", "due", version="v2"), [NORTH, NORTH])

        # then
        found = {(one.document, one.chunk, one.text) for one in await store.search("docs", NORTH_EAST, 10)}
        assert found == {("a", 0, "uno"), ("a", 1, "due"), ("b", 0, "other")}
        assert await store.version("docs", "a") == "v2"
        assert await store.version("docs", "b") == "v1"

    async def test_repeating_a_document_changes_nothing(self, store: VectorStore) -> None:
        # given
        vectors = [EAST, NORTH, WEST]
        await store.replace(document("a", "one", "two", "three"), vectors)
        before = await store.search("docs", NORTH_EAST, 10)

        # when
        await store.replace(document("a", "one", "two", "three"), vectors)

        # then
        assert await store.search("docs", NORTH_EAST, 10) == before

    async def test_a_long_document_is_whole(self, store: VectorStore) -> None:
        # given
        texts = [f"passage {number}" for number in range(2 * BATCH + 5)]

        # when
        await store.replace(document("long", *texts), [EAST] * len(texts))

        # then
        assert {one.text for one in await store.search("docs", EAST, 100)} == set(texts)

    async def test_a_document_that_is_half_there_is_not_there(self, store: VectorStore) -> None:
        # given
        texts = [f"passage {number}" for number in range(2 * BATCH)]
        await store.replace(document("a", "old", "older", version="v1"), [NORTH, NORTH])

        # when
        with pytest.raises(Broken):
            await store.replace(document("a", *texts, version="v2"), Breaking([EAST] * len(texts), BATCH + 1))

        # then
        assert await store.version("docs", "a") == "v1"
        await store.replace(document("a", *texts, version="v2"), [EAST] * len(texts))
        assert await store.version("docs", "a") == "v2"
        assert {one.text for one in await store.search("docs", EAST, 100)} == set(texts)

    async def test_a_document_that_never_came_has_no_version(self, store: VectorStore) -> None:
        assert await store.version("docs", "a") is None
        await store.replace(document("b", "x"), [EAST])
        assert await store.version("docs", "a") is None

    async def test_collections_have_nothing_to_do_with_each_other(self, store: VectorStore) -> None:
        # given
        await store.replace(document("a", "blue", collection="one"), [EAST])

        # when
        await store.replace(document("a", "red", collection="other", version="v2"), [NORTH])

        # then
        assert [one.text for one in await store.search("one", NORTH_EAST, 10)] == ["blue"]
        assert [one.text for one in await store.search("other", NORTH_EAST, 10)] == ["red"]
        assert await store.version("one", "a") == "v1"

    async def test_vectors_of_another_length_are_refused_in_words(self, store: VectorStore) -> None:
        # given
        await store.replace(document("a", "x"), [EAST])

        # when
        with pytest.raises(NodeError) as asked:
            await store.search("docs", vector(1, 0, 0), 1)
        with pytest.raises(NodeError) as given:
            await store.replace(document("a", "y", version="v2"), [vector(1, 0, 0)])

        # then
        assert asked.value.code == given.value.code == "dimension_mismatch"
        assert "2 dimensions" in str(asked.value)
        assert "makes 3" in str(asked.value)
        assert await store.version("docs", "a") == "v1"

    async def test_is_whole_once_somebody_has_said_so_and_for_that_model_only(self, store: VectorStore) -> None:
        assert not await store.is_whole("a-model")
        await store.mark_whole("a-model")
        assert await store.is_whole("a-model")
        assert not await store.is_whole("another-model")
        await store.mark_whole("another-model")
        assert await store.is_whole("another-model")
        assert not await store.is_whole("a-model")


class Broken(Exception):
    """The process would have died here."""


class Breaking(list[Vector]):
    """Vectors that can be counted, but not read to the end."""

    def __init__(self, vectors: list[Vector], end: int) -> None:
        super().__init__(vectors)
        self._end = end

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, int) and key >= self._end:
            raise Broken
        return super().__getitem__(key)
