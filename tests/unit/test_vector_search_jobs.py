"""Documents become searchable, searches are answered, and collections are made again from the log."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from headrace.cloudevents import Attributes
from headrace.errors import NodeError
from headrace.event import Event
from headrace.events.document import DocumentIngested, DocumentRefused, IngestDocument
from headrace.events.node import ExecuteNode, NodeSucceeded
from headrace.events.run import Call, Usage
from headrace.json_schema import compile_schema
from headrace.nodes import NODE_TYPES
from headrace.seen import Seen
from tests.providers.embeddings import EmbeddingServer, embedding_server
from tests.support.waiting import until
from vector_search.adapters.embedder import HttpEmbedder
from vector_search.adapters.qdrant import QdrantStore
from vector_search.core.documents import cut, digest
from vector_search.indexing import Indexer, Patience
from vector_search.ingest import IngestJob
from vector_search.rebuild import rebuild
from vector_search.search import SearchJob
from vector_search.settings import Settings

DEADLINE_S = 20.0
BATCH = 4


@dataclass
class Room:
    """The service's parts, without Kafka: a real store in a folder, and an embedding server on loopback."""

    server: EmbeddingServer
    embedder: HttpEmbedder
    store: QdrantStore
    patience: Patience
    stopping: asyncio.Event

    @property
    def indexer(self) -> Indexer:
        return Indexer(self.embedder, self.store, self.patience, BATCH)

    async def waits(self) -> bool:
        """Whether something waits for the embedding server."""
        return self.patience.away == "embedder_unavailable"

    async def texts(self, collection: str = "docs") -> set[str]:
        """What can be found."""
        vector = (await self.embedder.query("anything")).vectors[0]
        return {found.text for found in await self.store.search(collection, vector, 100)}


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with embedding_server() as server:
        settings = Settings(EMBEDDING_BASE_URL=server.url, EMBEDDING_MODEL="a-model", QDRANT_PATH=tmp_path / "qdrant")
        embedder, store, stopping = HttpEmbedder(settings), await QdrantStore.open(settings), asyncio.Event()
        yield Room(server, embedder, store, Patience(stopping), stopping)
        await embedder.close()
        await store.close()


def command(document: str = "a", text: str = "Headrace runs on Kafka.", **fields: Any) -> IngestDocument:
    return IngestDocument(collection="docs", document=document, title="A title", text=text, **fields)


def paragraphs(count: int, word: str = "word") -> str:
    return "\n\n".join(f"{word}{number} " * 12 for number in range(count))


class TestIndexing:
    async def test_a_document_becomes_searchable_a_batch_at_a_time(self, room: Room) -> None:
        # given
        document = cut(command(text=paragraphs(10), chunk_chars=120), "a-model")

        # when
        await room.indexer.index(document)

        # then
        assert [len(asked["input"]) for asked in room.server.asked] == [4, 4, 2]
        assert await room.texts() == set(document.passages)

    async def test_repeating_it_costs_nothing(self, room: Room) -> None:
        # given
        document = cut(command(), "a-model")
        await room.indexer.index(document)
        asked = len(room.server.asked)

        # when
        await room.indexer.index(document)

        # then
        assert len(room.server.asked) == asked

    async def test_what_is_away_is_waited_for(self, room: Room) -> None:
        # given
        room.server.away.set()
        indexing = asyncio.create_task(room.indexer.index(cut(command(), "a-model")))

        # when
        await until(room.waits)
        assert not indexing.done()
        room.server.away.clear()
        await asyncio.wait_for(indexing, DEADLINE_S)

        # then
        assert room.patience.away is None
        assert await room.texts() == {"A title\nHeadrace runs on Kafka."}

    async def test_batches_that_were_embedded_are_not_embedded_again(self, room: Room) -> None:
        # given
        room.server.faults = [(503, ""), (500, "")]

        # when
        await room.indexer.index(cut(command(text=paragraphs(10), chunk_chars=120), "a-model"))

        # then
        assert len(room.server.texts) == len(set(room.server.texts)) == 10

    async def test_waiting_ends_when_the_service_is_told_to_stop(self, room: Room) -> None:
        # given
        room.server.away.set()
        indexing = asyncio.create_task(room.indexer.index(cut(command(), "a-model")))
        await until(room.waits)

        # when
        room.stopping.set()

        # then
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(indexing, DEADLINE_S)

    async def test_a_text_that_the_embedder_refuses_is_not_repeated(self, room: Room) -> None:
        room.server.faults = [(400, "too long")]
        with pytest.raises(NodeError, match="too long") as raised:
            await room.indexer.index(cut(command(), "a-model"))
        assert raised.value.code == "embedding_refused"
        assert room.patience.away is None


class TestIngestJob:
    async def test_what_was_ingested_is_told_with_its_text(self, room: Room) -> None:
        # given
        job = IngestJob(room.indexer)
        request = command(text=paragraphs(3), chunk_chars=120, actor="ada")

        # when
        document = job.plan(request)
        await job.perform(document)

        # then
        assert job.succeeded(request, document, None, 1, 2) == DocumentIngested(
            at=2,
            collection="docs",
            document="a",
            title="A title",
            text=request.text,
            chunk_chars=120,
            digest=digest(request.text),
            chunks=3,
            actor="ada",
        )

    async def test_what_can_never_be_ingested_is_refused_in_words(self, room: Room) -> None:
        # given
        job = IngestJob(room.indexer)
        request = command(document="n" * 9_999, text="x")

        # when
        with pytest.raises(NodeError) as raised:
            job.plan(request)
        refused = job.failed(request, raised.value, 1, 2)

        # then
        assert isinstance(refused, DocumentRefused)
        assert (refused.at, refused.code) == (2, "document_invalid")
        assert refused.document == "n" * 500

    @pytest.mark.parametrize(
        ("key", "named"), [("docs/guide/a.md", ("docs", "guide/a.md")), ("docs", None), ("", None), ("/a", None)]
    )
    async def test_what_cannot_be_read_is_refused_if_its_key_names_it(
        self, room: Room, key: str, named: tuple[str, str] | None
    ) -> None:
        refused = IngestJob(room.indexer).unreadable(key, "no Avro", 7)
        expected = named and DocumentRefused(
            at=7, collection=named[0], document=named[1], code="unreadable", message="no Avro"
        )
        assert refused == expected


class TestSearchJob:
    async def test_answers_with_passages_tokens_and_the_call(self, room: Room) -> None:
        # given
        await room.indexer.index(cut(command("kafka", "Headrace runs on Kafka."), "a-model"))
        await room.indexer.index(cut(command("bread", "Bread is baked from flour."), "a-model"))

        # when
        outcome = await searched(room, "docs", "what runs on Kafka?")

        # then
        compile_schema(NODE_TYPES["vector_search"].output).validate(json.loads(outcome.output))
        first, second = json.loads(outcome.output)["passages"]
        assert (first["document"], first["text"]) == ("kafka", "A title\nHeadrace runs on Kafka.")
        assert first["score"] > second["score"]
        usage = Usage(input_tokens=4, output_tokens=0, cost="0", currency="USD")
        assert outcome.usage == usage
        (call,) = outcome.calls
        assert call == Call(provider="a-model", outcome="ok", latency_ms=call.latency_ms, usage=usage)

    async def test_a_collection_that_is_not_there_still_cost_its_embedding(self, room: Room) -> None:
        with pytest.raises(NodeError) as raised:
            await searched(room, "docs", "anything")
        assert raised.value.code == "collection_not_found"
        assert raised.value.usage == Usage(input_tokens=1, output_tokens=0, cost="0", currency="USD")
        assert [call.outcome for call in raised.value.calls] == ["ok"]

    async def test_an_embedder_that_is_away_is_told_apart(self, room: Room) -> None:
        room.server.away.set()
        with pytest.raises(NodeError) as raised:
            await searched(room, "docs", "anything")
        assert (raised.value.code, raised.value.retryable) == ("embedder_unavailable", True)
        assert raised.value.usage is None
        assert [call.outcome for call in raised.value.calls] == ["embedder_unavailable"]


async def searched(room: Room, collection: str, query: str) -> NodeSucceeded:
    job = SearchJob(room.embedder, room.store)
    request = ExecuteNode(
        run="r",
        workflow="w@1",
        node="search",
        type="vector_search",
        config=json.dumps({"collection": collection, "top_k": 2}),
        input=json.dumps({"query": query}),
    )
    call = job.plan(request)
    outcome = job.succeeded(request, call, await job.perform(call), 1, 2)
    assert isinstance(outcome, NodeSucceeded)
    return outcome


class Log:
    """`document.events`, as it is read; from the `breaks`th record that it ever gives on it fails."""

    def __init__(self, *records: tuple[int, Event], breaks: int = sys.maxsize) -> None:
        self._records = records
        self._left = breaks

    async def __call__(self) -> AsyncGenerator[Seen, None]:
        for offset, (partition, event) in enumerate(self._records):
            if not (left := self._left):
                raise Broken
            self._left = left - 1
            place = ("document.events", partition, offset)
            yield Seen(*place, at=0, key="", attributes=Attributes("id"), value=b"", event=event)


class Broken(Exception):
    """The process would have died here."""


def ingested(document: str, text: str, at: int, collection: str = "docs") -> DocumentIngested:
    return DocumentIngested(
        at=at, collection=collection, document=document, title="", text=text, chunk_chars=300, digest="", chunks=1
    )


def refused(document: str, at: int) -> DocumentRefused:
    return DocumentRefused(at=at, collection="docs", document=document, code="document_empty", message="")


async def rebuilt(room: Room, log: Log) -> None:
    await rebuild(log, room.store, room.indexer, room.patience)


class TestRebuild:
    async def test_the_last_accepted_version_of_each_document_counts(self, room: Room) -> None:
        # given
        log = Log(
            (0, ingested("a", "First a.", 1)),
            (0, ingested("b", "The only b.", 2)),
            (0, ingested("a", "Second a.", 3)),
            (0, refused("a", 4)),
            (1, ingested("c", "Another collection.", 5, "other")),
        )

        # when
        await rebuilt(room, log)

        # then
        assert sorted(room.server.texts) == ["Another collection.", "Second a.", "The only b."]
        assert await room.texts() == {"Second a.", "The only b."}
        assert await room.texts("other") == {"Another collection."}

    async def test_of_two_partitions_time_says_which_is_the_last(self, room: Room) -> None:
        await rebuilt(room, Log((0, ingested("a", "Later.", 9)), (1, ingested("a", "Earlier.", 8))))
        assert await room.texts() == {"Later."}

    async def test_a_whole_store_is_left_alone(self, room: Room) -> None:
        await rebuilt(room, Log())
        await rebuilt(room, Log((0, ingested("a", "The a.", 1)), breaks=0))

    @pytest.mark.parametrize("breaks", [1, 3, 4])
    async def test_one_that_was_cut_short_goes_on(self, room: Room, breaks: int) -> None:
        # given
        records = [(0, ingested("a", "The a.", 1)), (0, ingested("b", "The b.", 2)), (0, ingested("c", "The c.", 3))]
        with pytest.raises(Broken):
            await rebuilt(room, Log(*records, breaks=breaks))

        # when
        await rebuilt(room, Log(*records))

        # then
        assert sorted(room.server.texts) == ["The a.", "The b.", "The c."]
        assert await room.texts() == {"The a.", "The b.", "The c."}

    async def test_another_model_makes_all_vectors_again(self, room: Room) -> None:
        # given
        log = Log((0, ingested("a", "The a.", 1)))
        await rebuilt(room, log)
        room.embedder.model = "another-model"

        # when
        await rebuilt(room, log)

        # then
        assert room.server.texts == ["The a.", "The a."]
        assert [asked["model"] for asked in room.server.asked] == ["a-model", "another-model"]

    async def test_a_document_that_the_embedder_refuses_now_is_left_out(self, room: Room) -> None:
        # given
        room.server.faults = [(413, "too long")]

        # when
        await rebuilt(room, Log((0, ingested("a", "The a.", 1)), (0, ingested("b", "The b.", 2))))

        # then
        assert await room.texts() == {"The b."}

    async def test_waits_for_an_embedder_that_is_away(self, room: Room) -> None:
        # given
        room.server.away.set()
        rebuilding = asyncio.create_task(rebuilt(room, Log((0, ingested("a", "The a.", 1)))))

        # when
        await until(room.waits)
        room.server.away.clear()
        await asyncio.wait_for(rebuilding, DEADLINE_S)

        # then
        assert await room.texts() == {"The a."}
