"""Ingest over a real broker: nothing is lost, redelivery changes nothing, and the log makes collections again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from headrace.client import Client
from headrace.codec import Codec
from headrace.event import Event
from headrace.events.document import DocumentIngested, DocumentRefused, IngestDocument
from headrace.kafka import KafkaSettings
from headrace.service import Service
from headrace.settings import ServiceSettings
from headrace.topics import DOCUMENT_COMMANDS, DOCUMENT_EVENTS, Topic, dead_letters
from headrace.worker import Worker, run_worker
from tests.conftest import Stack
from tests.providers.embeddings import EmbeddingServer, embedding_server
from tests.support.names import suffix
from tests.support.running import running
from tests.support.topics import events, own, producer, read, renamed
from tests.support.waiting import until
from vector_search.adapters.embedder import HttpEmbedder
from vector_search.adapters.qdrant import QdrantStore
from vector_search.indexing import Indexer, Patience
from vector_search.ingest import IngestJob
from vector_search.rebuild import rebuild
from vector_search.settings import Settings


@dataclass
class World:
    """Topics of a test's own, and an embedding server."""

    kafka: KafkaSettings
    codec: Codec
    client: Client
    commands: Topic
    events: Topic
    server: EmbeddingServer

    async def said(self, key: str) -> list[Event]:
        """What became of a document."""
        return list((await events(self.kafka, self.codec, self.events)).get(key, ()))

    async def answered(self, key: str, count: int = 1) -> list[Event]:
        """What became of a document, once that is at least so much."""

        async def look() -> list[Event]:
            said = await self.said(key)
            return said if len(said) >= count else []

        return await until(look)

    async def ingest(self, document: str, text: str) -> None:
        command = IngestDocument(collection="docs", document=document, title="", text=text)
        await self.client.send(self.commands, f"docs/{document}", command)


@pytest.fixture
async def world(stack: Stack) -> AsyncIterator[World]:
    commands, answers = renamed(suffix(), DOCUMENT_COMMANDS, DOCUMENT_EVENTS)
    async with (
        own(stack, (commands, answers)) as codec,
        embedding_server() as server,
        Client(stack.kafka, codec) as client,
    ):
        yield World(stack.kafka, codec, client, commands, answers, server)


class Ingest:
    """A service that ingests, in this process."""

    def __init__(self, world: World, store: QdrantStore, embedder: HttpEmbedder) -> None:
        self.service = Service(f"ingest.{suffix()}", ServiceSettings())
        self.store = store
        self._embedder = embedder
        self._world = world
        self._patience = Patience(self.service.stopping)
        self.service.ready_when("embedding and storing", lambda: self._patience.away is None)
        self._indexer = Indexer(embedder, store, self._patience, batch=4)

    async def rebuild(self) -> None:
        log = partial(self._world.client.read, self._world.events)
        await rebuild(log, self.store, self._indexer, self._patience)

    async def work(self) -> None:
        world = self._world
        worker = Worker(self.service.name, world.commands, world.events, IngestJob(self._indexer), concurrency=1)
        await run_worker(worker, world.codec, world.kafka, self.service)

    async def texts(self) -> set[str]:
        """What can be found."""
        vector = (await self._embedder.query("anything")).vectors[0]
        return {found.text for found in await self.store.search("docs", vector, 100)}


@asynccontextmanager
async def idle(world: World, folder: Path) -> AsyncIterator[Ingest]:
    settings = Settings(EMBEDDING_BASE_URL=world.server.url, QDRANT_PATH=folder)
    embedder, store = HttpEmbedder(settings), await QdrantStore.open(settings)
    try:
        yield Ingest(world, store, embedder)
    finally:
        await embedder.close()
        await store.close()


@asynccontextmanager
async def working(world: World, folder: Path) -> AsyncIterator[Ingest]:
    async with idle(world, folder) as ingest, running(ingest.work(), ingest.service.stopping):
        yield ingest


async def test_a_command_that_comes_again_changes_nothing(world: World, tmp_path: Path) -> None:
    async with working(world, tmp_path) as ingest:
        # given
        await world.ingest("a", "Headrace runs on Kafka.")
        (first,) = await world.answered("docs/a")
        embedded = len(world.server.texts)

        # when
        await world.ingest("a", "Headrace runs on Kafka.")
        _, second = await world.answered("docs/a", 2)

        # then
        assert isinstance(first, DocumentIngested)
        assert isinstance(second, DocumentIngested)
        assert (first.digest, first.chunks) == (second.digest, second.chunks)
        assert len(world.server.texts) == embedded
        assert await ingest.texts() == {"Headrace runs on Kafka."}


async def test_the_last_of_many_versions_wins(world: World, tmp_path: Path) -> None:
    async with working(world, tmp_path) as ingest:
        # when
        for number in range(10):
            await world.ingest("a", f"Version {number}.")
        said = await world.answered("docs/a", 10)

        # then
        texts = [event.text for event in said if isinstance(event, DocumentIngested)]
        assert texts == [f"Version {number}." for number in range(10)]
        assert await ingest.texts() == {"Version 9."}


async def test_poison_is_refused_and_buried_and_the_next_document_is_unharmed(world: World, tmp_path: Path) -> None:
    async with working(world, tmp_path) as ingest:
        # given
        poison = b"\x00\x00\x00\x00\x01 no Avro"

        # when
        async with producer(world.kafka) as raw:
            await raw.send_and_wait(world.commands.name, poison, key=b"docs/poison")
        await world.ingest("empty", " ")
        await world.ingest("good", "Good.")

        # then
        (good,) = await world.answered("docs/good")
        (unreadable,) = await world.answered("docs/poison")
        (empty,) = await world.answered("docs/empty")
        assert isinstance(good, DocumentIngested)
        assert isinstance(unreadable, DocumentRefused)
        assert (unreadable.collection, unreadable.document, unreadable.code) == ("docs", "poison", "unreadable")
        assert isinstance(empty, DocumentRefused)
        assert empty.code == "document_empty"
        assert [letter.value for letter in await read(world.kafka, dead_letters(world.commands))] == [poison]
        assert await ingest.texts() == {"Good."}


async def test_while_the_embedder_is_away_a_document_waits_and_the_service_is_not_ready(
    world: World, tmp_path: Path
) -> None:
    async with working(world, tmp_path) as ingest:
        # given
        world.server.away.set()
        await world.ingest("a", "Headrace runs on Kafka.")

        async def waits() -> bool:
            return "embedding and storing" in ingest.service.not_ready()

        # when
        await until(waits)
        assert await world.said("docs/a") == []
        world.server.away.clear()

        # then
        (event,) = await world.answered("docs/a")
        assert isinstance(event, DocumentIngested)
        assert not await waits()


async def test_a_document_under_way_when_the_service_stops_is_not_lost(world: World, tmp_path: Path) -> None:
    # given
    async with working(world, tmp_path) as ingest:
        world.server.away.set()
        await world.ingest("a", "Headrace runs on Kafka.")

        async def waits() -> bool:
            return "embedding and storing" in ingest.service.not_ready()

        await until(waits)

    # when
    world.server.away.clear()
    async with working(world, tmp_path) as ingest:
        (event,) = await world.answered("docs/a")

        # then
        assert isinstance(event, DocumentIngested)
        assert await ingest.texts() == {"Headrace runs on Kafka."}


async def test_a_lost_folder_is_made_again_from_the_log(world: World, tmp_path: Path) -> None:
    # given
    async with working(world, tmp_path / "lost") as ingest:
        for number in range(5):
            await world.ingest(f"d{number}", f"Document {number}.")
        await world.ingest("d0", "Document 0, mended.")
        await world.answered("docs/d0", 2)
        for number in range(5):
            await world.answered(f"docs/d{number}")
        before = await ingest.texts()

    # when
    async with idle(world, tmp_path / "fresh") as ingest:
        await ingest.rebuild()

        # then
        assert await ingest.texts() == before
        assert "Document 0, mended." in before
