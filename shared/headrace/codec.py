"""Events to bytes and back: Avro in the Confluent wire format (0x00, 4-byte schema id, body).

Encoding and decoding never wait. What needs the schema registry is done beforehand, a batch at a time: `register` once
at start for what is written, `learn` for writers' schemas that were not seen before.
"""

import io
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import fastavro
import msgspec

from headrace import events
from headrace.errors import RegistryUnavailable, Undecodable
from headrace.event import Event
from headrace.topics import Topic

MAGIC = 0
PREFIX = 5
"""Bytes before the Avro body: the magic byte and a big-endian schema id."""
MISSING_S = 30.0
"""An id that the registry did not have is asked for again after this: one of its replicas may only have been behind."""
DEEPEST = 32
"""Records, arrays and maps inside each other in a writer's schema."""
MOST_MISSING = 10_000
"""Ids remembered as missing: random bytes must not fill the memory."""


class PackedBatch(bytes):
    """A record's value that stands for a whole batch which was not unpacked; `reason` says why."""

    def __new__(cls, batch: bytes, reason: str) -> "PackedBatch":
        """The batch as it came."""
        made = super().__new__(cls, batch)
        made.reason = reason
        return made

    reason: str


class Registry(Protocol):
    """What the codec needs of a schema registry."""

    async def register(self, subject: str, schema: str) -> int:
        """Register a schema (JSON text) under a subject, or find it there; return its id."""

    async def schema(self, schema_id: int) -> str | None:
        """The schema with this id as JSON text; None when there is none."""


_NO_SCHEMA = (ValueError, TypeError, KeyError, AttributeError, RecursionError)


@dataclass(frozen=True, slots=True)
class _Reader:
    """How to read the values that carry one schema id."""

    event: type[Event]
    writer: Any
    reader: Any | None


class Codec:
    """Encodes our events and decodes everybody's, by schema id."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._writers: dict[tuple[str, type[Event]], tuple[bytes, Any]] = {}
        self._readers: dict[int, _Reader | str] = {}
        self._missing: dict[int, float] = {}
        self._newest = 0
        """The largest id of what we have registered."""

    async def register(self, topics: Iterable[Topic]) -> None:
        """Look up, once at start, the ids of all schemas that these topics carry.

        Raises RegistryUnavailable, and RegistryRefused for a change that breaks what the registry has.
        """
        for topic in topics:
            for event in topic.records:
                schema_id = await self._registry.register(subject(topic, event), event.SCHEMA)
                prefix = bytes([MAGIC]) + schema_id.to_bytes(4, "big")
                self._writers[topic.name, event] = (prefix, _parsed(event.SCHEMA))
                self._readers.setdefault(schema_id, _reader(schema_id, event.SCHEMA))
                self._newest = max(self._newest, schema_id)

    def encode(self, topic: Topic, event: Event) -> bytes:
        """The record value of an event on a topic that was registered before."""
        prefix, schema = self._writers[topic.name, type(event)]
        buffer = io.BytesIO(prefix)
        buffer.seek(PREFIX)
        fastavro.schemaless_writer(buffer, schema, msgspec.to_builtins(event, builtin_types=(bytes,)))
        return buffer.getvalue()

    def unknown(self, values: Iterable[bytes | None]) -> set[int]:
        """Schema ids in these values that have not been learned yet, or were missing a while ago."""
        ids = {int.from_bytes(value[1:PREFIX], "big") for value in values if value and _framed(value)}
        unread = ids - self._readers.keys()
        now = time.monotonic()
        return {schema_id for schema_id in unread if now - self._missing.get(schema_id, -MISSING_S) >= MISSING_S}

    async def learn(self, ids: Iterable[int]) -> None:
        """Fetch the writers' schemas of these ids. An id that the registry does not have is poison for MISSING_S.

        Raises RegistryUnavailable, also when the registry has not what we registered there.
        """
        missing = await self._fetched(ids)
        if missing and self._newest:
            # A registry that has just started may answer before it has read its own log.
            if await self._registry.schema(self._newest) is None:
                said = f"the schema registry has no schema {self._newest}, which we registered there"
                raise RegistryUnavailable(said)
            missing = await self._fetched(missing)
        self._missing.update(dict.fromkeys(missing, time.monotonic()))
        while len(self._missing) > MOST_MISSING:
            del self._missing[next(iter(self._missing))]

    async def _fetched(self, ids: Iterable[int]) -> list[int]:
        """Fetch these; those that the registry says it does not have."""
        missing = []
        for schema_id in ids:
            if (text := await self._registry.schema(schema_id)) is None:
                missing.append(schema_id)
            else:
                self._missing.pop(schema_id, None)
                self._readers[schema_id] = _reader(schema_id, text)
        return missing

    def decode(self, topic: Topic, value: bytes | None) -> Event:
        """The event in a value of a topic, whose schema id must be known. Raises Undecodable, which says why."""
        if value is None:
            raise Undecodable("the record has no value")
        if isinstance(value, PackedBatch):
            raise Undecodable(value.reason)
        if len(value) > topic.largest_value:
            raise Undecodable(f"the value has {len(value)} bytes, at most {topic.largest_value} are allowed")
        if not _framed(value):
            raise Undecodable("the value is not in the Confluent wire format: 0x00, 4-byte schema id, Avro body")
        schema_id = int.from_bytes(value[1:PREFIX], "big")
        reader = self._readers.get(schema_id, f"schema id {schema_id} is not in the schema registry")
        if isinstance(reader, str):
            raise Undecodable(reader)
        if reader.event not in topic.records:
            raise Undecodable(f"{reader.event.NAME} does not belong on {topic.name}")
        return _read(reader, value)

    def decode_or_none(self, topic: Topic, value: bytes | None) -> Event | None:
        """Like `decode`, for compacted topics: a tombstone is None."""
        return None if value is None else self.decode(topic, value)


def subject(topic: Topic, event: type[Event]) -> str:
    """The registry's name for an event on a topic: Confluent's TopicRecordNameStrategy."""
    return f"{topic.name}-{event.NAME}"


def _framed(value: bytes) -> bool:
    return len(value) >= PREFIX and value[0] == MAGIC and not isinstance(value, PackedBatch)


def _read(reader: _Reader, value: bytes) -> Event:
    buffer = io.BytesIO(value)
    buffer.seek(PREFIX)
    try:
        datum = fastavro.schemaless_reader(buffer, reader.writer, reader.reader)
        event = msgspec.convert(datum, reader.event)
    except Exception as error:  # fastavro raises whatever a malformed body leads it to, and all of it is poison
        reason = str(error) or type(error).__name__
        raise Undecodable(f"the body is not a valid {reader.event.NAME}: {reason}") from error
    if buffer.tell() != len(value):
        raise Undecodable(f"{len(value) - buffer.tell()} bytes follow the {reader.event.NAME}")
    return event


def _reader(schema_id: int, text: str) -> _Reader | str:
    """How to read a writer's schema, or why we can't. Our own reader's schema is chosen by the record's full name."""
    try:
        schema = json.loads(text)
        name = f"{schema['namespace']}.{schema['name']}" if "namespace" in schema else schema["name"]
        event = EVENTS.get(name)
        if event is None:
            return f"schema id {schema_id} is a {name}, which is not one of Headrace's events"
        _check_bounded(schema, ())
        writer = _parsed(text)
    except (*_NO_SCHEMA, fastavro.schema.SchemaParseException) as error:
        return f"schema id {schema_id} is not an Avro record that can be read here: {error}"
    own = _parsed(event.SCHEMA)
    return _Reader(event, writer, None if writer == own else own)


def _check_bounded(node: Any, inside: tuple[str, ...], *, union: bool = False) -> None:
    """Refuse a writer's schema whose values could be nested without end, or be many and take no bytes.

    Reading goes as deep as the schema, in C without a limit, and once round for each value; so each must cost its
    sender a byte. `inside`: names of the records around. Raises ValueError.
    """
    if len(inside) > DEEPEST:
        raise ValueError(f"its records are nested more than {DEEPEST} deep")
    if isinstance(node, list):
        for item in node:
            _check_bounded(item, inside, union=True)
    elif isinstance(node, dict):
        _check_bounded_type(node, inside)
    elif node == "null" and not union:
        raise ValueError("a null outside a union takes no bytes")
    elif str(node).rpartition(".")[2] in inside:
        raise ValueError(f"{node} refers to itself")


def _check_bounded_type(node: dict[str, Any], inside: tuple[str, ...]) -> None:
    kind = node["type"]
    if kind in {"record", "error"}:
        if not node["fields"]:
            raise ValueError(f"{node['name']} has no fields")
        for fld in node["fields"]:
            _check_bounded(fld["type"], (*inside, node["name"].rpartition(".")[2]))
    elif kind in {"array", "map"}:
        _check_bounded(node["items" if kind == "array" else "values"], (*inside, ""))
    elif kind == "fixed":
        if not node["size"]:
            raise ValueError(f"{node['name']} takes no bytes")
    elif kind != "enum":
        _check_bounded(kind, inside)


def _parsed(text: str) -> Any:
    """A parsed schema without logical types: times stay epoch milliseconds."""
    return fastavro.parse_schema(_plain(json.loads(text)))


def _plain(node: Any) -> Any:
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if isinstance(node, dict):
        return {key: _plain(value) for key, value in node.items() if key != "logicalType"}
    return node


EVENTS: dict[str, type[Event]] = {
    event.NAME: event
    for module in (
        events.control,
        events.document,
        events.model,
        events.node,
        events.resource,
        events.run,
        events.usage,
    )
    for event in vars(module).values()
    if isinstance(event, type) and issubclass(event, Event) and event.NAME
}
"""Our newest model of every record, by full name."""
