"""Sending what needs no transaction, idempotently: outcomes of workers, dead letters of projections."""

import asyncio

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from headrace.kafka import BATCH_BYTES, LARGEST_REQUEST, KafkaSettings, close_producer
from headrace.outbox import Outbox
from headrace.waiting import RETRY_S, stopped_within

SEND_S = 60.0
"""Seconds for what is sent at once; a broker that closes the connection at a request is asked again for ever."""
CLOSE_S = 3.0

_log = structlog.get_logger(__name__)


class Delivery:
    """A producer that is replaced after a failure.

    aiokafka counts a batch that was refused, the broker does not: from then on it takes nothing more from that producer
    on that partition (OUT_OF_ORDER_SEQUENCE_NUMBER).
    """

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._producer = self._new_producer()
        self._replacing = asyncio.Lock()
        self._retired: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Connect. Raises KafkaError."""
        await self._producer.start()

    async def stop(self) -> None:
        """Send what is under way, and disconnect; what still hangs on a failed producer is given up."""
        for task in self._retired:
            task.cancel()
        await asyncio.gather(close_producer(self._producer, CLOSE_S), *self._retired, return_exceptions=True)

    async def send(self, outbox: Outbox) -> None:
        """Send everything; returns when it has arrived. Raises KafkaError or TimeoutError:
        some of it may have arrived, send again.
        """
        producer = self._producer
        try:
            async with asyncio.timeout(SEND_S):
                await outbox.send(producer)
        except (KafkaError, TimeoutError):
            await self._replace(producer)
            raise

    async def send_in_time(self, outbox: Outbox, stopping: asyncio.Event) -> bool:
        """Send everything, and try again while Kafka is away; false when told to stop before it has arrived."""
        while True:
            try:
                await self.send(outbox)
            except (KafkaError, TimeoutError) as error:
                _log.warning("waiting", what="kafka", error=str(error) or type(error).__name__)
            else:
                return True
            if await stopped_within(stopping, RETRY_S):
                return False

    async def _replace(self, failed: AIOKafkaProducer) -> None:
        """Start a new producer, once for all who saw this one fail; it still sends what others have given it."""
        async with self._replacing:
            if self._producer is not failed:
                return
            fresh = self._new_producer()
            try:
                await fresh.start()
            except BaseException:
                await close_producer(fresh, CLOSE_S)
                raise
            self._producer = fresh
            task = asyncio.create_task(close_producer(failed, SEND_S))
            self._retired.add(task)
            task.add_done_callback(self._retired.discard)

    def _new_producer(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            **self._kafka.connection(),
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=BATCH_BYTES,
            max_request_size=LARGEST_REQUEST,
        )
