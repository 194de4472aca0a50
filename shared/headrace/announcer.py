"""Events that a service tells beside its answers: in the background, in batches, in their order."""

import asyncio
import contextlib
from collections.abc import Iterable

import structlog
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError
from prometheus_client import Counter

from headrace.codec import Codec
from headrace.delivery import Delivery
from headrace.event import Event
from headrace.event_record import event_record
from headrace.kafka import KafkaSettings, partition_of
from headrace.outbox import Outbox
from headrace.topics import Topic
from headrace.waiting import RETRY_S

FAREWELL_S = 3.0
"""Seconds for what is left at a stop: a broker that is away does not hold it up."""
NEVER_TAKEN = (MessageSizeTooLargeError, RecordListTooLargeError)
"""Errors of a record that no later attempt mends."""
DROPPED = Counter("headrace_announcer_dropped_total", "Events that Kafka never takes.", ("topic",))

_log = structlog.get_logger(__name__)


class Announcer:
    """Sends each event to the topic that carries its kind; at least once while the process lives.

    An event that Kafka never takes, being too large, is dropped: it is counted and logged, and holds up no other.

    Whoever needs to know that something has arrived awaits `told`.
    """

    def __init__(self, name: str, topics: Iterable[Topic], codec: Codec, kafka: KafkaSettings) -> None:
        self._topics = {record: topic for topic in topics for record in topic.records}
        self._codec = codec
        self._kafka = kafka
        self._source = f"/headrace/{name}".encode()
        self._outbox = Outbox()
        self._arrived: asyncio.Future[None] | None = None
        self._filled = asyncio.Event()
        self._delivery = Delivery(kafka)
        self._sending: asyncio.Task[None] | None = None
        self.is_away = False
        """Whether Kafka takes nothing just now."""

    async def start(self) -> None:
        """Connect. Raises KafkaError."""
        await self._delivery.start()
        self._sending = asyncio.create_task(self._send_all())

    async def watch(self, stopping: asyncio.Event) -> None:
        """A loop for the life of the service. Raises what ended the sending, which ends for nothing but a bug."""
        assert self._sending is not None
        told_to = asyncio.create_task(stopping.wait())
        await asyncio.wait({self._sending, told_to}, return_when=asyncio.FIRST_COMPLETED)
        if not stopping.is_set():
            told_to.cancel()
            self._sending.result()

    async def stop(self) -> None:
        """Send what is left, unless Kafka is away, and disconnect."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_S):
                await self.told()
        if self._sending is not None:
            self._sending.cancel()
            await self._delivery.stop()

    def tell(self, key: str, event: Event, *, correlation: str | None = None) -> None:
        """Send an event, soon. correlation: what it belongs to; the key, unless it is given."""
        topic = self._topics[type(event)]
        record = event_record(self._codec, topic, key, event, source=self._source, correlation=correlation or key)
        self._outbox.add(topic.name, partition_of(key.encode(), self._kafka.partitions), record)
        if not self._filled.is_set():
            self._arrived = asyncio.get_running_loop().create_future()
            self._filled.set()

    async def told(self) -> None:
        """Wait until everything so far has arrived, or was dropped."""
        if self._arrived is not None:
            await asyncio.shield(self._arrived)

    async def _send_all(self) -> None:
        while True:
            await self._filled.wait()
            outbox, arrived = self._outbox, self._arrived
            self._outbox = Outbox()
            self._filled.clear()
            await self._send(outbox)
            if arrived is not None:
                arrived.set_result(None)

    async def _send(self, outbox: Outbox) -> None:
        """Send until it has arrived, but for what is never taken."""
        while True:
            try:
                await self._delivery.send(outbox)
            except NEVER_TAKEN as error:
                self.is_away = False  # it has answered
                await self._send_halves(outbox, error)
                return
            except (KafkaError, OSError) as error:
                self.is_away = True
                _log.warning("waiting", what="kafka", error=str(error) or type(error).__name__)
                await asyncio.sleep(RETRY_S)
            else:
                self.is_away = False
                return

    async def _send_halves(self, outbox: Outbox, error: KafkaError) -> None:
        """Narrow down which record is never taken, and drop it."""
        halves = outbox.halves()
        if len(halves) == 1:
            (topic,) = outbox.topics
            DROPPED.labels(topic).inc()
            _log.error("event dropped", topic=topic, bytes=outbox.size, error=str(error) or type(error).__name__)
            return
        for half in halves:
            await self._send(half)
