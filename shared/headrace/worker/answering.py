"""From request records to outcome records."""

import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import NamedTuple

import structlog
from aiokafka import ConsumerRecord

from headrace import cloudevents
from headrace.codec import Codec
from headrace.errors import DatabaseUnavailable, NodeError, Undecodable
from headrace.event import Event
from headrace.kafka import dead_letter, place_of
from headrace.outbox import Outbox
from headrace.worker import metrics
from headrace.worker.attempt import Attempt
from headrace.worker.job import Worker

UNENCODABLE = "a bug in the worker: its outcome can't be written; its log tells more"

_log = structlog.get_logger(__name__)


class Answer(NamedTuple):
    """A request's record, the attributes it came with, and its outcome, also as it will travel."""

    record: ConsumerRecord
    cause: cloudevents.Attributes
    outcome: Event
    value: bytes


class Answering:
    """Answers for one worker.

    journal_away: awaited when the journal does not answer, before it is asked again.
    """

    def __init__(
        self, worker: Worker, codec: Codec, journal_away: Callable[[DatabaseUnavailable], Awaitable[None]]
    ) -> None:
        self._worker = worker
        self._codec = codec
        self._attempt = Attempt(worker.job, worker.journal, worker.claims)
        self._journal_away = journal_away
        self._source = f"/headrace/{worker.name}".encode()
        self._known = ("run_id" if worker.requests.key == "run id" else "key", "event_id", "trace_id")

    async def answer(self, record: ConsumerRecord, outbox: Outbox) -> Answer | None:
        """What answers a request. One that can't be read goes to the dead letters, and may have no answer.

        One whose run has ended, or ends meanwhile, has none.

        What is logged from here on names the request, until the task ends, another is bound, or `forget` is called.
        """
        cause = cloudevents.attributes(record.headers, place_of(record))
        key = (record.key or b"").decode(errors="replace")
        known = zip(self._known, (key, cause.id, cause.trace_id), strict=True)
        structlog.contextvars.bind_contextvars(**dict(known))
        try:
            request = self._codec.decode(self._worker.requests, record.value)
        except Undecodable as error:
            return self._unreadable(record, cause, key, error, outbox)
        outcome = await self._unless_ended(key, request)
        if outcome is None:
            await self._stopped(request)
            return None
        _log.debug("answered", outcome=outcome.NAME)
        return Answer(record, cause, *self._encoded(request, outcome))

    def forget(self) -> None:
        """Name no request in what is logged from here on."""
        structlog.contextvars.unbind_contextvars(*self._known)

    def put(self, answers: Sequence[Answer], outbox: Outbox) -> None:
        """Put outcomes into the outbox, and count them."""
        now = cloudevents.timestamp(_now())
        for answer in answers:
            record = (answer.record.key, answer.value, self._headers(answer, now))
            outbox.add(self._worker.outcomes.name, answer.record.partition, record)
        metrics.count(self._worker.name, (answer.outcome for answer in answers))

    async def _unless_ended(self, run: str, request: Event) -> Event | None:
        stops = self._worker.stops
        if self._worker.job.inline:  # it never waits, so there is nothing to cut off
            return None if stops.has_ended(run) else await self._outcome(request)
        return await stops.unless_ended(run, partial(self._outcome, request))

    async def _outcome(self, request: Event) -> Event:
        while True:
            try:
                return await self._attempt.outcome(request)
            except DatabaseUnavailable as error:
                await self._journal_away(error)

    async def _stopped(self, request: Event) -> None:
        metrics.STOPPED.labels(self._worker.name).inc()
        _log.info("stopped, for its run has ended")
        await self._attempt.give_up(request)

    def _encoded(self, request: Event, outcome: Event) -> tuple[Event, bytes]:
        """An outcome and its bytes. One that can't be written fails its request, not the worker and all its others."""
        try:
            return outcome, self._codec.encode(self._worker.outcomes, outcome)
        except Exception:
            _log.exception(UNENCODABLE)
            now = _now()
            failed = self._worker.job.failed(request, NodeError("internal_error", UNENCODABLE), now, now)
            return failed, self._codec.encode(self._worker.outcomes, failed)

    def _unreadable(
        self, record: ConsumerRecord, cause: cloudevents.Attributes, key: str, error: Undecodable, outbox: Outbox
    ) -> Answer | None:
        worker = self._worker
        metrics.DEAD_LETTERS.labels(worker.name).inc()
        letter = dead_letter(record, worker.requests, connector=worker.name, stage="VALUE_CONVERTER", error=error)
        outbox.add(*letter)
        outcome = worker.job.unreadable(key, str(error), _now())
        if outcome is None:
            return None
        return Answer(record, cause, outcome, self._codec.encode(worker.outcomes, outcome))

    def _headers(self, answer: Answer, now: bytes) -> list[cloudevents.Header]:
        record, cause, outcome, _ = answer
        key: bytes = record.key or b""
        return cloudevents.headers(
            outcome.NAME,
            f"{cause.id}/outcome",
            cloudevents.shared(
                source=self._source,
                time=now,
                subject=key,
                correlation=cause.correlation or key.decode(errors="replace"),
                causation=cause.id,
                actor=cause.actor,
                traceparent=cause.traceparent,
            ),
        )


def _now() -> int:
    return time.time_ns() // 1_000_000
