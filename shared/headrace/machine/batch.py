"""The decisions of one batch, in memory: what a partition's records lead to, before anything is sent."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, NamedTuple

import structlog
from aiokafka import ConsumerRecord

from headrace import cloudevents
from headrace.cloudevents import Header
from headrace.codec import Codec, PackedBatch
from headrace.errors import NotFound, RecordTooLarge, Undecodable
from headrace.event import Event
from headrace.events.control import Position
from headrace.kafka import ORIGIN_HEADER, dead_letter, partition_of, place_of
from headrace.machine import metrics
from headrace.machine.memory import Memory
from headrace.machine.model import POSITION_KEY, Context, Machine, Message, Preparation, Received, S, Tick, Unreadable
from headrace.outbox import Outbox, Record
from headrace.topics import LARGEST_MESSAGE, Topic

LONGEST_KEY = 1_024
"""Bytes of the longest key that names something; it is on every record that follows."""
LARGEST_RECORD = LARGEST_MESSAGE - 65_536
"""Bytes of the largest record that is sent: the broker counts headers, too."""
LARGEST_BATCH = 16_777_216
"""Bytes that the records of one batch may lead to before the next is begun: a few small ones can lead to very much."""
PLACE = re.compile(rb"[A-Za-z0-9._-]{1,249}-[0-9]{1,10}-[0-9]{1,19}")
"""`<topic>-<partition>-<offset>`; anybody can write the header that holds it."""

_log = structlog.get_logger(__name__)


class _Cause(NamedTuple):
    """What the records of one decision share. Their ids follow from the cause's: a redelivery repeats them."""

    id: str
    headers: Sequence[Header]

    def of(self, topic: Topic, event: Event, number: int) -> list[Header]:
        """The CloudEvents headers of a record that the decision's event of this number leads to."""
        return cloudevents.headers(event.NAME, f"{self.id}/{number}/{topic.name}", self.headers)


class _Effects(Generic[S]):
    """What one decision leads to, before any of it counts: the state, records by topic, and changed state entries."""

    def __init__(self, state: S) -> None:
        self.state = state
        self.records: list[tuple[Topic, Record]] = []
        self.changed: dict[str, Event | None] = {}
        self.events = 0


class Batch(Generic[S]):
    """One batch of one partition: fold records and ticks into `memory`, collect what must be sent in `outbox`."""

    def __init__(
        self, machine: Machine[S], codec: Codec, memory: Memory[S], partition: int, partitions: int, now: int
    ) -> None:
        self._machine = machine
        self._codec = codec
        self._memory = memory
        self._partition = partition
        self._partitions = partitions
        self._now = now
        self._time = cloudevents.timestamp(now)
        self._source = f"/headrace/{machine.name}".encode()
        self._commands = {topic.name for topic in machine.commands}
        self._inputs = {topic.name: topic for topic in machine.inputs}
        self._changed: dict[str, Event | None] = {}
        self.outbox = Outbox()
        self.poisoned = 0
        self.consumed = 0
        self.events = 0

    @property
    def empty(self) -> bool:
        """Whether there is nothing to commit."""
        return not (self.consumed or self.events)

    @property
    def full(self) -> bool:
        """Whether it leads to so much that the rest should wait for the next one."""
        return self.outbox.size > LARGEST_BATCH

    def consume(self, records: Iterable[ConsumerRecord]) -> None:
        """Handle records in order, until the batch is full, and remember the position behind them."""
        for message, context in self._messages(records):
            self._decide(message, context)

    def tick(self) -> None:
        """Handle what is due by now, until the batch is full."""
        for message, context in self._ticks():
            self._decide(message, context)

    async def consume_prepared(self, records: Iterable[ConsumerRecord], preparation: Preparation[S]) -> None:
        """As `consume`, with a preparation before each decision."""
        for message, context in self._messages(records):
            await self._decide_prepared(message, context, preparation)

    async def tick_prepared(self, preparation: Preparation[S]) -> None:
        """As `tick`, with a preparation before each decision."""
        for message, context in self._ticks():
            await self._decide_prepared(message, context, preparation)

    def close(self) -> None:
        """Put the changed state entries and the position into the outbox."""
        state = self._machine.state
        self._changed[POSITION_KEY] = Position(offsets=self._memory.position)
        for key, entry in self._changed.items():
            value = None if entry is None else self._codec.encode(state, entry)
            self.outbox.add(state.name, self._partition, (key.encode(), value, []))

    def _messages(self, records: Iterable[ConsumerRecord]) -> Iterator[tuple[Message, Context]]:
        """What is to be decided, one after the other: the next is looked at when the last one is decided."""
        for record in records:
            if self.full:
                return
            received = _received(record)
            key = self._machine.key(received)
            if record.topic not in self._commands or not self._send_home(record, key, received):
                message = self._read(record)
                if key not in self._memory.finished:
                    yield message, Context(self._now, key, received)
            self._memory.position[record.topic] = record.offset + 1
            self.consumed += 1

    def _ticks(self) -> Iterator[tuple[Tick, Context]]:
        if self.full:
            return
        for key in self._memory.pop_due(self._now):
            yield Tick(self._now), Context(self._now, key, None)
            if self.full:
                return

    def _send_home(self, record: ConsumerRecord, key: str, received: Received) -> bool:
        """Send a command that is not on its key's home partition there, as it is."""
        home = partition_of(key.encode(), self._partitions)
        if home == self._partition:
            return False
        origin = (ORIGIN_HEADER, received.place.encode())
        if reason := _not_to_be_sent(record):
            self._bury(record, Undecodable(reason))
            self.outbox.add(record.topic, home, (key.encode(), None, [origin]))
        else:
            self.outbox.add(record.topic, home, (record.key or key.encode(), record.value, [*record.headers, origin]))
        return True

    def _read(self, record: ConsumerRecord) -> Message:
        try:
            _check_key(record)
            return self._codec.decode(self._inputs[record.topic], record.value)
        except Undecodable as error:
            self._bury(record, error)
            return Unreadable(str(error))

    def _bury(self, record: ConsumerRecord, error: Undecodable) -> None:
        topic = self._inputs[record.topic]
        letter = dead_letter(record, topic, connector=self._machine.name, stage="VALUE_CONVERTER", error=error)
        self.outbox.add(*letter)
        self.poisoned += 1

    async def _decide_prepared(self, message: Message, context: Context, preparation: Preparation[S]) -> None:
        prepared = await preparation.prepare(self._state(context.key), message)
        self._decide(message, context._replace(prepared=prepared))

    def _state(self, key: str) -> S:
        return self._memory.states.get(key) or self._machine.initial(key)

    def _decide(self, message: Message, context: Context) -> None:
        """Take what a message leads to as a whole. A mistake in the program concerns one key; all others go on."""
        before = self._state(context.key)
        try:
            effects = self._effects(before, self._machine.decide(before, message, context), context)
        except NotFound:  # a table of ours is behind
            raise
        except Exception as error:
            if not isinstance(error, RecordTooLarge):
                self._tell(context.key, message)
            effects = self._effects(before, self._machine.broken(before, message, context, error), context)
        for topic, record in effects.records:
            self.outbox.add(topic.name, self._partition, record)
        self._changed |= effects.changed
        self.events += effects.events
        if effects.state is not before:
            self._memory.keep(context.key, effects.state)
        elif isinstance(message, Tick):
            self._memory.repeat(context.key, before, context.now)

    def _tell(self, key: str, message: Message) -> None:
        name = self._machine.name
        _log.exception("decision failed", machine=name, key=key, message=type(message).__name__)
        metrics.BROKEN.labels(name, str(self._partition)).inc()

    def _effects(self, state: S, events: Iterable[Event], context: Context) -> "_Effects[S]":
        """What events lead to."""
        effects = _Effects(state)
        cause = self._cause(state, context)
        for event in events:
            self._apply(effects, event, context, cause)
        return effects

    def _apply(self, effects: "_Effects[S]", event: Event, context: Context, cause: _Cause) -> None:
        machine, key, number = self._machine, context.key, effects.events
        before = effects.state
        event = machine.seal(before, event)
        value = self._encoded(machine.log, event)
        effects.records.append((machine.log, (key.encode(), value, cause.of(machine.log, event, number))))
        state = effects.state = machine.link(machine.evolve(before, event), hashlib.sha256(value).digest())
        for part, entry in machine.parts(before, state, event):
            effects.changed[f"{key}/{part}" if part else key] = entry
        for output in machine.outputs(before, state, event, context):
            record = (
                output.key or key.encode(),
                self._encoded(output.topic, output.event),
                cause.of(output.topic, output.event, number),
            )
            effects.records.append((output.topic, record))
        effects.events += 1

    def _encoded(self, topic: Topic, event: Event) -> bytes:
        """An event as it is sent. Raises RecordTooLarge: sent, it would be refused for ever."""
        value = self._codec.encode(topic, event)
        if len(value) > LARGEST_RECORD:
            raise RecordTooLarge(topic.name, len(value), LARGEST_RECORD)
        return value

    def _cause(self, state: S, context: Context) -> _Cause:
        received, key = context.received, context.key
        attributes = received.attributes if received else self._machine.origin(state)
        headers = cloudevents.shared(
            source=self._source,
            time=self._time,
            subject=key.encode(),
            correlation=(attributes and attributes.correlation) or key,
            causation=received.attributes.id if received else None,
            actor=attributes.actor if attributes else None,
            traceparent=attributes.traceparent if attributes else None,
        )
        return _Cause(received.place if received else f"{key}-{context.now}", headers)


def _received(record: ConsumerRecord) -> Received:
    here = place_of(record)
    place = next((value.decode() for name, value in record.headers if name == ORIGIN_HEADER and _is_place(value)), here)
    key = record.key if record.key and len(record.key) <= LONGEST_KEY else None
    return Received(place, key, cloudevents.attributes(record.headers, place), record.topic)


def _is_place(value: bytes | None) -> bool:
    return value is not None and PLACE.fullmatch(value) is not None


def _check_key(record: ConsumerRecord) -> None:
    if record.key and len(record.key) > LONGEST_KEY:
        raise Undecodable(f"the key has {len(record.key)} bytes, at most {LONGEST_KEY} are allowed")


def _size(record: ConsumerRecord) -> int:
    """About the bytes of a record."""
    headers = sum(len(name) + len(value or b"") for name, value in record.headers)
    return len(record.key or b"") + len(record.value or b"") + headers


def _not_to_be_sent(record: ConsumerRecord) -> str:
    """Why a record can't be sent to another partition as it is, or nothing."""
    if isinstance(record.value, PackedBatch):
        return record.value.reason
    if (size := _size(record)) > LARGEST_RECORD:  # with one more header it could be refused there for ever
        return f"the record has {size} bytes, too many to be sent to its partition"
    return ""
