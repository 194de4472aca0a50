"""Work for runs that have ended is cut off: nobody waits for it any more."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from headrace.client import Client
from headrace.codec import Codec
from headrace.errors import KafkaUnavailable, RegistryUnavailable
from headrace.events.node import StopRun
from headrace.kafka import KafkaSettings
from headrace.seen import Seen
from headrace.topics import Topic
from headrace.worker.ended import KEPT_S, EndedRuns

SKEW_MS = 30_000
"""How far the clock of whoever tells of ends may be behind ours."""

T = TypeVar("T")
Away = Callable[[BaseException], Awaitable[None]]

_log = structlog.get_logger(__name__)


class Stops:
    """What this process does for which run, and which runs have ended.

    topic: carries the ends of runs; None for a worker whose requests belong to no run.
    """

    def __init__(self, topic: Topic | None = None) -> None:
        self._topic = topic
        self._ended = EndedRuns()
        self._heard_to = 0
        self._under_way: defaultdict[str, set[asyncio.Timeout]] = defaultdict(set)

    def has_ended(self, run: str) -> bool:
        """Whether a run is known to have ended: whoever is cancelled asks if it was for this, or for a shutdown."""
        return self._ended.has(run, time.monotonic())

    def stop(self, run: str) -> None:
        """Cut off what is under way for a run, and start nothing more for it. Repeated, it changes nothing."""
        if self._ended.add(run, time.monotonic()):
            for patience in self._under_way.pop(run, ()):
                patience.reschedule(0)  # a time that has passed

    async def unless_ended(self, run: str, work: Callable[[], Awaitable[T]]) -> T | None:
        """What the work leads to. None when the run has ended, or ends before: the work is then cancelled, and has the
        time that it takes to settle its matters.
        """
        if self.has_ended(run):
            return None
        try:
            async with asyncio.timeout(None) as patience:
                self._under_way[run].add(patience)
                try:
                    return await work()
                finally:
                    self._forget(run, patience)
        except TimeoutError:
            if not patience.expired():
                raise
            return None

    async def catch_up(self, codec: Codec, kafka: KafkaSettings) -> None:
        """Hear of all that ended lately: as far back as runs are remembered, on all partitions.

        Raises KafkaUnavailable and RegistryUnavailable.
        """
        if self._topic is not None:
            now = _now()
            async for seen in Client(kafka, codec).read(self._topic, since=self._since()):
                self._hear(seen)
            self._heard_to = now

    async def follow(self, codec: Codec, kafka: KafkaSettings, away: Away, back: Callable[[], None]) -> None:
        """Hear of all that ends, for ever, from where `catch_up` came to.

        away, back: called when Kafka or the registry is away, after which it is tried again, and when it is there.
        """
        while self._topic is not None:
            try:
                async with Client(kafka, codec).follow(self._topic, since=self._since()) as records:
                    back()
                    async for seen in records:
                        self._hear(seen)
            except (KafkaUnavailable, RegistryUnavailable) as error:
                await away(error)

    def _since(self) -> int:
        return max(_now() - round(KEPT_S * 1000), self._heard_to - SKEW_MS)

    def _hear(self, seen: Seen) -> None:
        if isinstance(seen.event, StopRun):
            _log.debug("run ended", run_id=seen.key, reason=seen.event.reason)
            self.stop(seen.key)

    def _forget(self, run: str, patience: asyncio.Timeout) -> None:
        if here := self._under_way.get(run):
            here.discard(patience)
            if not here:
                del self._under_way[run]


def _now() -> int:
    return time.time_ns() // 1_000_000
