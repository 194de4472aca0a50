"""The job of a node: a query to the passages that are nearest to it."""

import time
from dataclasses import asdict, dataclass
from typing import Any

from headrace.errors import NodeError
from headrace.events.node import ExecuteNode
from headrace.events.run import Call, Usage
from headrace.worker import Done, NodeJob
from vector_search.core.query import asked
from vector_search.model import Embedded, Found, Query
from vector_search.ports import Embedder, VectorStore


@dataclass(frozen=True, slots=True)
class Answer:
    """What a search found, and the call of the embedding server that it took."""

    passages: list[Found]
    call: Call


class SearchJob(NodeJob[Query]):
    """A Job for vector_search nodes.

    Its usage counts the tokens that the embedding server reports, at a cost of 0: the local embedder is free, and the
    model registry has no prices of embedding models yet. One that is paid is under-reported until it has.
    """

    def __init__(self, embedder: Embedder, store: VectorStore) -> None:
        self._embedder = embedder
        self._store = store

    def plan(self, request: ExecuteNode) -> Query:
        """The query. Raises NodeError for a configuration or input that makes no sense."""
        return asked(request.config, request.input)

    async def perform(self, call: Query) -> Answer:
        """Embed, then search. Raises NodeError, which tells what was called all the same."""
        began = time.monotonic()
        try:
            embedded = await self._embedder.query(call.text)
        except NodeError as error:
            raise _telling(error, self._called(began, error.code)) from error
        made = self._called(began, "ok", _usage(embedded))
        try:
            return Answer(await self._store.search(call.collection, embedded.vectors[0], call.top_k), made)
        except NodeError as error:
            raise _telling(error, made) from error

    def interpret(self, call: Query, answer: Answer) -> Done:
        """The passages, best first."""
        passages: list[Any] = [asdict(found) for found in answer.passages]
        return Done({"passages": passages}, answer.call.usage, (answer.call,))

    def _called(self, began: float, outcome: str, usage: Usage | None = None) -> Call:
        latency_ms = round((time.monotonic() - began) * 1_000)
        return Call(provider=self._embedder.model, outcome=outcome, latency_ms=latency_ms, usage=usage)


def _usage(embedded: Embedded) -> Usage | None:
    if embedded.tokens is None:
        return None
    return Usage(input_tokens=embedded.tokens, output_tokens=0, cost="0", currency="USD")


def _telling(error: NodeError, call: Call) -> NodeError:
    """The same fault, with what was called before it."""
    return NodeError(error.code, str(error), retryable=error.retryable, usage=call.usage, calls=(call,))
