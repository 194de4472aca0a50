"""Where the parts meet."""

import asyncio
from functools import partial

from headrace.claims import Claims
from headrace.client import Client
from headrace.object_store.settings import StoreSettings
from headrace.service import Service, open_codec
from headrace.topics import DOCUMENT_COMMANDS, DOCUMENT_EVENTS, NODE_OUTCOMES, NODE_REQUESTS, NODE_STOPS
from headrace.worker import Stops, Worker, run_worker
from vector_search.adapters.embedder import HttpEmbedder
from vector_search.adapters.qdrant import QdrantStore
from vector_search.indexing import Indexer, Patience
from vector_search.ingest import IngestJob
from vector_search.rebuild import rebuild
from vector_search.search import SearchJob
from vector_search.settings import Settings

REQUESTS = NODE_REQUESTS["vector_search"]
TOPICS = (REQUESTS, NODE_OUTCOMES, NODE_STOPS, DOCUMENT_COMMANDS, DOCUMENT_EVENTS)


async def start(service: Service, settings: Settings) -> None:
    """Two workers, over one store and one embedder, once the store is whole.

    A folder is this process's alone. Several processes may share a server; let the first make it whole alone.
    """
    codec = await open_codec(service, settings, TOPICS)
    embedder = HttpEmbedder(settings)
    service.on_stop(embedder.close)
    store = await QdrantStore.open(settings)
    service.on_stop(store.close)
    patience = Patience(service.stopping)
    service.ready_when("embedding and storing", lambda: patience.away is None)
    indexer = Indexer(embedder, store, patience, settings.embedding_batch)
    log = partial(Client(settings.kafka, codec).read, DOCUMENT_EVENTS)
    job, stops, claims = SearchJob(embedder, store), Stops(NODE_STOPS), Claims(StoreSettings())
    search = Worker("vector_search", REQUESTS, NODE_OUTCOMES, job, stops=stops, claims=claims)
    ingest = Worker("vector_search.ingest", DOCUMENT_COMMANDS, DOCUMENT_EVENTS, IngestJob(indexer), concurrency=1)
    whole = asyncio.Event()
    service.ready_when("collections", whole.is_set)

    async def work() -> None:
        await rebuild(log, store, indexer, patience)
        whole.set()
        async with asyncio.TaskGroup() as workers:
            workers.create_task(run_worker(search, codec, settings.kafka, service))
            workers.create_task(run_worker(ingest, codec, settings.kafka, service))

    service.spawn(work())
