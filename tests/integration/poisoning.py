"""Every kind of poison, and who sends it and finds it among the dead letters."""

import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer, ConsumerRecord

from headrace.codec import MAGIC, Codec
from headrace.kafka import KafkaSettings, partition_of
from headrace.service import Service
from headrace.settings import ServiceSettings
from headrace.topics import (
    LARGEST_MESSAGE,
    MAX_RECORD_BYTES,
    Topic,
    dead_letters,
)
from tests.conftest import Stack
from tests.support import topics
from tests.support.waiting import until

UNKNOWN_SCHEMA = (2**31 - 1).to_bytes(4, "big")
HEADERS = [
    ("traceparent", b"\xff\xfe no text"),
    ("ce_correlationid", b"\xc3("),
    ("ce_authid", b"a" * 2_000_000),
    ("headrace-origin", b"nowhere"),
    ("null", None),
    ("twice", b"1"),
    ("twice", b"2"),
]
"""Of a record that is well otherwise; and of every poison one."""
OVERHEAD = 150
"""Little more than what a broker counts beside a record's value or headers: the frame of its batch, and the key."""
NAMED = b""
"""Stands for a key that is made of a poison's name."""


class Poison(NamedTuple):
    """A record that can't be read, and a part of what its dead letter says about it."""

    value: bytes | None
    reason: str
    key: bytes | None = NAMED
    headers: Sequence[tuple[str, bytes | None]] = HEADERS
    astray: bool = False


def poison(good: bytes, misplaced: bytes) -> dict[str, Poison]:
    """By name. good: a readable value of the topic; misplaced: one of an event that does not belong there."""
    half = LARGEST_MESSAGE // 2
    long_ids = [("ce_correlationid", b"c" * half), ("ce_id", b"i" * (half - OVERHEAD))]
    return {
        "random bytes": Poison(random.Random(1).randbytes(1_000), "not in the Confluent wire format"),
        "random body": Poison(good[:5] + random.Random(2).randbytes(1_000), "is not a valid"),
        "nothing": Poison(b"", "not in the Confluent wire format"),
        "null": Poison(None, "no value"),
        "unknown schema": Poison(bytes([MAGIC]) + UNKNOWN_SCHEMA + good[5:], "is not in the schema registry"),
        "cut off": Poison(good[:-3], "is not a valid"),
        "too long": Poison(good + b"\x00\x01", "2 bytes follow"),
        "misplaced": Poison(misplaced, "does not belong on"),
        "large": Poison(good + bytes(MAX_RECORD_BYTES), "bytes, at most 1048576 are allowed"),
        "5 MB": Poison(good + bytes(5_000_000), "at most 1048576 are allowed"),
        "5 MB astray": Poison(good + bytes(5_000_000), "at most 1048576 are allowed", astray=True),
        "all that the broker takes": Poison(bytes(LARGEST_MESSAGE - OVERHEAD), "at most 1048576", headers=()),
        "all that it takes, astray": Poison(bytes(LARGEST_MESSAGE - OVERHEAD), "too many", headers=(), astray=True),
        "large key": Poison(good, "the key has 5000000 bytes", key=b"k" * 5_000_000),
        "large key that is no text": Poison(good, "the key has", key=b"\xff" * half),
        "large headers": Poison(b"", "wire format", headers=long_ids),
    }


def without_the_largest(cases: dict[str, Poison]) -> dict[str, Poison]:
    """Less those whose size alone makes them poison for any machine, but for one of 5 MB."""
    return {name: case for name, case in cases.items() if not name.startswith(("all that", "large ", "5 MB astray"))}


@dataclass
class World:
    """Topics of a test's own, and what callers have sent: good records, and poison with its place."""

    stack: Stack
    codec: Codec
    caller: AIOKafkaProducer
    suffix: str
    good: list[str] = field(default_factory=list)
    places: dict[tuple[str, int, int], Poison] = field(default_factory=dict)

    @property
    def kafka(self) -> KafkaSettings:
        return self.stack.kafka

    def home(self, key: bytes) -> int:
        return partition_of(key, self.kafka.partitions)

    async def send(self, topic: Topic, key: str, value: bytes, **options: Any) -> None:
        """A record that is well."""
        self.good.append(key)
        await self.caller.send_and_wait(topic.name, value, key.encode(), partition=self.home(key.encode()), **options)

    async def poison(self, topic: Topic, name: str, poison: Poison) -> None:
        """One that is not, under a key of its own unless it has one."""
        key = key_of(name).encode() if poison.key == NAMED else poison.key
        batch = self.caller.create_batch()
        batch.append(key=key, value=poison.value, headers=list(poison.headers), timestamp=None)
        batch.close()
        partition = (self.home(key or b"") + poison.astray) % self.kafka.partitions
        sent = await (await self.caller.send_batch(batch, topic.name, partition=partition))
        self.places[topic.name, partition, sent.offset] = poison._replace(key=key)

    async def letters(self, topic: Topic) -> Mapping[tuple[str, int, int], ConsumerRecord]:
        """Dead letters by the place that they name."""
        found = {}
        for record in await topics.read(self.kafka, dead_letters(topic)):
            about = about_of(record)
            place = (about["topic"], int(about["partition"]), int(about["offset"]))
            assert place not in found
            found[place] = record
        return found

    async def assert_buried(self, topic: Topic, connector: str) -> None:
        """Each poison record is a dead letter, or becomes one, with its own bytes and the reason."""

        async def look() -> Mapping[tuple[str, int, int], ConsumerRecord] | None:
            letters = await self.letters(topic)
            moved = await self.moved(topic)
            found = {place: letters.get(place) or letters.get(moved.get(place, place)) for place in self.places}
            return {place: letter for place, letter in found.items() if letter} if all(found.values()) else None

        letters = await until(look)
        assert letters
        for place, poison in self.places.items():
            letter = letters[place]
            assert (letter.key, letter.value) == (poison.key, poison.value)
            assert list(letter.headers[: len(poison.headers)]) == list(poison.headers)
            about = about_of(letter)
            assert poison.reason in about["exception.message"]
            assert about["connector.name"] == connector
            assert about["exception.class.name"] == "Undecodable"
            assert about["stage"] == "VALUE_CONVERTER"

    async def moved(self, topic: Topic) -> Mapping[tuple[str, int, int], tuple[str, int, int]]:
        """From where to where records were sent on to their home partition."""
        moved = {}
        for record in await topics.read(self.kafka, topic):
            name, *place = dict(record.headers).get("headrace-origin", b"").decode().rsplit("-", 2)
            if name == topic.name:
                moved[name, int(place[0]), int(place[1])] = (name, record.partition, record.offset)
        return moved


def key_of(name: str) -> str:
    return name.replace(",", "").replace(" ", "-")


def about_of(letter: ConsumerRecord) -> Mapping[str, str]:
    prefix = "__connect.errors."
    return {name.removeprefix(prefix): value.decode() for name, value in letter.headers if name.startswith(prefix)}


@asynccontextmanager
async def world(stack: Stack, own: Sequence[Topic], suffix: str) -> AsyncIterator[World]:
    async with topics.own(stack, own) as codec, topics.producer(stack.kafka) as caller:
        yield World(stack, codec, caller, suffix)


def service() -> Service:
    return Service("test", ServiceSettings(instance="one"))
