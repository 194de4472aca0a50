"""One request: plan, perform through the journal, answer."""

import asyncio
import time
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from headrace.claims import Claims
from headrace.errors import DatabaseUnavailable, NodeError
from headrace.event import Event
from headrace.events.node import ExecuteNode, NodeSucceeded
from headrace.worker.job import Job

if TYPE_CHECKING:  # a worker without a journal is 3 MB smaller without asyncpg
    from headrace.journal import Entry, Journal

RUN_STOPPED = NodeError("run_stopped", "the run ended before this attempt; what it called is told of, and counted")

_log = structlog.get_logger(__name__)


class Attempt:
    """Turns requests into outcomes."""

    def __init__(self, job: Job[Any, Any], journal: "Journal | None", claims: Claims) -> None:
        self._job = job
        self._journal = journal
        self._claims = claims

    async def outcome(self, request: Event) -> Event:
        """The outcome, good or bad. Raises only what must be repeated, such as a journal that is away."""
        began = _now()
        try:
            call = self._job.plan(await self._whole(request))
            answer = await self._answer(request, call)
            return await self._short(self._job.succeeded(request, call, answer, began, _now()))
        except DatabaseUnavailable:
            raise
        except Exception as error:
            return self._job.failed(request, _fault(error), began, _now())

    async def _whole(self, request: Event) -> Event:
        """The request with all of its input, of which the large values came by reference."""
        if not isinstance(request, ExecuteNode):
            return request
        return msgspec.structs.replace(request, input=await self._claims.whole(request.input))

    async def _short(self, outcome: Event) -> Event:
        """The outcome as it travels. Raises NodeError, which tells what it cost all the same."""
        if not isinstance(outcome, NodeSucceeded):
            return outcome
        try:
            return msgspec.structs.replace(outcome, output=await self._claims.short(outcome.output))
        except NodeError as error:
            usage, calls = outcome.usage, outcome.calls
            raise NodeError(error.code, str(error), retryable=error.retryable, usage=usage, calls=calls) from error

    async def give_up(self, request: Event) -> None:
        """Note that a request's run has ended: a call that the journal has as under way came to no answer."""
        if self._journal is not None:
            await self._journal.failed(self._job.journal_key(request), RUN_STOPPED)

    async def _answer(self, request: Event, call: Any) -> Any:
        deadline = self._job.deadline(request)
        if deadline is not None and deadline <= _now():
            return await self._made_in_time(request)
        if self._journal is None:
            return await self._job.perform(call)
        key = self._job.journal_key(request)
        entry = await self._noted(self._journal, key, deadline)
        if entry.done:
            return entry.answer()
        try:
            answer = await self._call(entry, call)
            await self._journal.done(key, answer)
        except Exception as error:
            fault = _fault(error)
            await self._journal.failed(key, fault)
            raise fault from error
        return answer

    async def _made_in_time(self, request: Event) -> Any:
        """The answer to a request that comes too late to call for it; one that the journal has is paid, and counts."""
        if self._journal is not None:
            entry = await self._journal.find(self._job.journal_key(request))
            if entry.done:
                return entry.answer()
        raise NodeError("timeout", "the request came after its deadline; it led to no call", retryable=True)

    async def _noted(self, journal: "Journal", key: str, deadline: int | None) -> "Entry":
        """The journal's entry; a call that another worker is making is waited for until the deadline."""
        try:
            async with asyncio.timeout(None if deadline is None else (deadline - _now()) / 1000):
                return await journal.begin(key)
        except TimeoutError:
            message = "another worker was still in the middle of this call at the deadline; it was not repeated"
            raise NodeError("timeout", message, retryable=True) from None

    async def _call(self, entry: "Entry", call: Any) -> Any:
        if entry.ambiguous and not self._job.repeat_ambiguous(call):
            raise NodeError(
                "call_ambiguous",
                "a worker died in the middle of this call; it may have been made, and is not repeated",
            )
        return await self._job.perform(call)


def _fault(error: Exception) -> NodeError:
    """The error as its request's outcome. What is no NodeError is a bug in the job: it fails one request, not all."""
    if isinstance(error, NodeError):
        return error
    _log.error("a bug in this worker", exc_info=error)
    return NodeError("internal_error", f"a bug in the worker: {type(error).__name__}; its log tells more")


def _now() -> int:
    return time.time_ns() // 1_000_000
