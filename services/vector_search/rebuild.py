"""Collections from the log: the vectors are made from `document.events`, and can be made again."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial

import structlog

from headrace.errors import NodeError
from headrace.events.document import DocumentIngested
from headrace.seen import Seen
from vector_search.core.documents import cut
from vector_search.indexing import Indexer, Patience
from vector_search.ports import VectorStore

Log = Callable[[], AsyncGenerator[Seen, None]]
"""Reads `document.events` from its beginning to its end as it is now."""

Place = tuple[int, int, int]
"""Time, partition and offset of a version: callers of one document may have different partitioners, so time says most.
"""
FIRST: Place = (0, 0, 0)

_log = structlog.get_logger(__name__)


async def rebuild(log: Log, store: VectorStore, indexer: Indexer, patience: Patience) -> None:
    """Make everything searchable that was ever ingested, unless it is: the last version of each document counts.

    1. Read the log for where each document's last version stands; of the texts none is kept. 2. Read it again, and make
    those searchable. 3. Remember that all are there. Killed before that, it begins again, and is quick about what is
    there already. Raises CancelledError when told to stop.
    """
    if await patience.until_done(partial(store.is_whole, indexer.model)):
        return
    last: dict[tuple[str, str], Place] = {}
    async with aclosing(log()) as records:  # 1
        async for seen in records:
            if isinstance(event := seen.event, DocumentIngested):
                last[_name(event)] = max(_place(event, seen), last.get(_name(event), FIRST))
    _log.info("rebuilding", documents=len(last), model=indexer.model)
    async with aclosing(log()) as records:  # 2
        async for seen in records:
            event = seen.event
            if isinstance(event, DocumentIngested) and last.get(_name(event)) == _place(event, seen):
                await _index(event, indexer)
    await patience.until_done(partial(store.mark_whole, indexer.model))  # 3
    _log.info("rebuilt", documents=len(last))


def _name(event: DocumentIngested) -> tuple[str, str]:
    return event.collection, event.document


def _place(event: DocumentIngested, seen: Seen) -> Place:
    return event.at, seen.partition, seen.offset


async def _index(event: DocumentIngested, indexer: Indexer) -> None:
    try:
        await indexer.index(cut(event, indexer.model))
    except NodeError as error:  # it was accepted once, by another model
        _log.error("left out", collection=event.collection, document=event.document, code=error.code, error=str(error))
