"""A member of a consumer group: what the machine and the worker share of aiokafka's consumer."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Protocol

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor

from headrace.errors import KafkaUnavailable
from headrace.kafka import KafkaSettings, check_alive

LONGEST_WORK_MS = 2**31 - 1
"""A busy worker does not poll, for as long as what it waits for is away; heartbeats say that it lives. After aiokafka's
five minutes it would fall out of its group in silence, and its request would be done twice."""

LINGER_BYTES = 262_144
IDLE_FETCH_MS = 500
"""How long a fetch stands at the broker while nothing comes."""

TOPICS_S = 5.0
"""Seconds that topics may take to appear: a broker knows of them a little after they were created."""
RETRY_S = 0.1

Records = Mapping[TopicPartition, Sequence[ConsumerRecord]]


class Owner(Protocol):
    """Who owns the partitions. All are revoked before any is assigned (the eager protocol, all that aiokafka has)."""

    async def revoke(self, places: Collection[TopicPartition]) -> None:
        """Let go of these; nobody else gets them before this returns, unless it takes too long."""

    async def assign(self, places: Collection[TopicPartition]) -> None:
        """Own these from now on."""


class Member(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """A consumer of some topics, equal partition numbers of which it owns together.

    aiokafka logs and swallows what its listener raises; here the next `poll` raises it.
    name: of a static member; None leaves the group when it stops.
    linger_ms: how long the broker may hold records back, to give LINGER_BYTES at once; 0 is for whoever is waited for.
    """

    def __init__(self, kafka: KafkaSettings, owner: Owner, *, group: str, name: str | None, linger_ms: int = 0) -> None:
        self._owner = owner
        self._failure: BaseException | None = None
        self.consumer = AIOKafkaConsumer(
            **kafka.connection(),
            group_id=group,
            group_instance_id=name and f"{group}.{name}",
            partition_assignment_strategy=(RangePartitionAssignor,),
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=kafka.session_timeout_ms,
            heartbeat_interval_ms=kafka.session_timeout_ms // 4,
            max_poll_interval_ms=LONGEST_WORK_MS,
            fetch_min_bytes=LINGER_BYTES if linger_ms else 1,
            fetch_max_wait_ms=linger_ms or IDLE_FETCH_MS,
        )

    async def start(self, topics: Iterable[str]) -> None:
        """Join the group. Raises KafkaError when the broker is away, and KafkaUnavailable when a topic is not there.

        Without that topic aiokafka would join all the same, own nothing, and look again after five minutes.
        """
        await self.consumer.start()
        wanted, until = list(topics), time.monotonic() + TOPICS_S
        while missing := set(wanted) - await self.consumer.topics():
            if time.monotonic() > until:
                await self.consumer.stop()
                raise KafkaUnavailable(f"no topics {', '.join(sorted(missing))}; they have to be created first")
            await asyncio.sleep(RETRY_S)
        self.consumer.subscribe(wanted, listener=self)

    async def poll(self, timeout_ms: int, max_records: int) -> Records:
        """Records that came within the time, by partition.

        Raises KafkaError, KafkaUnavailable for a consumer that can't go on, and what the owner raised.
        """
        if self._failure is not None:
            raise self._failure
        check_alive(self.consumer)
        records: Records = await self.consumer.getmany(timeout_ms=timeout_ms, max_records=max_records)
        return records

    async def stop(self) -> None:
        """Disconnect."""
        await self.consumer.stop()

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Called by aiokafka before it joins again."""
        await self._tell(self._owner.revoke, revoked)

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Called by aiokafka after it has joined."""
        await self._tell(self._owner.assign, assigned)

    async def _tell(
        self, step: Callable[[Collection[TopicPartition]], Awaitable[None]], places: Collection[TopicPartition]
    ) -> None:
        if self._failure is not None:
            return
        try:
            await step(places)
        except Exception as error:
            self._failure = error
            raise
