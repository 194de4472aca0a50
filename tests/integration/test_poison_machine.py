"""Poison for a machine on the real broker: set aside byte for byte, answered, and the next command unharmed."""

import gzip
import json
import struct
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.util import calc_crc32c

from headrace.event import Event
from headrace.events import resource
from headrace.machine import run_machine
from headrace.topics import (
    LARGEST_MESSAGE,
    dead_letters,
)
from tests.conftest import Stack
from tests.integration.poisoning import (
    HEADERS,
    NAMED,
    World,
    about_of,
    key_of,
    poison,
    service,
    world,
)
from tests.integration.processes import machine as process
from tests.support import names, topics
from tests.support.running import running
from tests.support.waiting import until


@dataclass
class Resources(World):
    """A machine of resources, whose callers wait for an event."""

    def __post_init__(self) -> None:
        self.machine = process.machine(self.suffix)
        self.commands, self.log, self.state = process.topics(self.suffix)

    def value(self, number: int = 1, **more: Any) -> bytes:
        return self.codec.encode(
            self.commands, resource.CreateVersion(kind="Prompt", spec=json.dumps({"number": number}), **more)
        )

    def running(self) -> Any:
        own = service()
        return running(run_machine(self.machine, self.codec, self.kafka, own), own.stopping)

    async def answered(self) -> bool:
        return (await topics.events(self.kafka, self.codec, self.log)).keys() >= set(self.good)

    async def events(self) -> Mapping[str, Sequence[Event]]:
        await until(self.answered)
        return await topics.events(self.kafka, self.codec, self.log)


@pytest.fixture
async def resources(stack: Stack) -> AsyncIterator[Resources]:
    suffix = names.suffix()
    async with world(stack, process.topics(suffix), suffix) as made:
        yield Resources(**vars(made))


async def test_a_machine_buries_poison_and_answers_its_sender(resources: Resources) -> None:
    # given every kind of poison among commands that are well
    misplaced = resources.codec.encode(
        resources.log, resource.PointerMoved(at=0, pointer="p", version=1, previous=None)
    )
    cases = poison(resources.value(), misplaced)
    for number, (name, case) in enumerate(cases.items()):
        await resources.poison(resources.commands, name, case)
        await resources.send(resources.commands, f"well-{number}", resources.value(), headers=HEADERS)
    for number in range(resources.kafka.partitions * 4):
        await resources.send(resources.commands, f"after-{number}", resources.value())
    # when the machine has come behind the last of them
    async with resources.running():
        events = await resources.events()
        # then they are set aside as they were
        await resources.assert_buried(resources.commands, resources.machine.name)
    # and each sender that has a name has its answer
    for name, case in cases.items():
        if case.key == NAMED:
            (refused,) = events[key_of(name)]
            assert isinstance(refused, resource.ChangeRefused)
            assert refused.code == "command_unreadable"
    # and what is well is carried out
    for name in resources.good:
        (made,) = events[name]
        assert isinstance(made, resource.VersionCreated)


async def test_a_record_that_was_no_poison_when_it_came_is_none_when_the_machine_starts(resources: Resources) -> None:
    # given a command that leads to far more than it holds
    numbers = ",".join(["1e15"] * 52_000)
    large = resource.CreateVersion(kind="Prompt", spec=f'{{"n":[{numbers}]}}', actor="a" * 700_000)
    await resources.send(resources.commands, "large", resources.codec.encode(resources.commands, large))
    async with resources.running():
        (made,) = (await resources.events())["large"]
        assert isinstance(made, resource.VersionCreated)
        assert len(made.spec) > 2 * len(numbers)
    # when the machine starts again, it reads what it has written
    await resources.send(resources.commands, "large", resources.value())

    async def second() -> bool:
        events = await topics.events(resources.kafka, resources.codec, resources.log)
        return [getattr(event, "version", 0) for event in events["large"]] == [1, 2]

    async with resources.running():
        await until(second)


async def test_callers_may_compress(resources: Resources) -> None:
    for compression in ("gzip", "snappy", "lz4", "zstd"):
        async with topics.producer(resources.kafka, compression_type=compression) as resources.caller:
            await resources.send(resources.commands, compression, resources.value())
    async with resources.running():
        events = await resources.events()
    assert all(isinstance(event, resource.VersionCreated) for (event,) in events.values())


@pytest.mark.parametrize("compression", ["gzip", "snappy", "lz4", "zstd"])
async def test_a_few_bytes_that_stand_for_very_many_are_set_aside_as_they_came(
    resources: Resources, compression: str
) -> None:
    # given a record that no message may be as large as, compressed to next to nothing, on either partition
    async with topics.producer(resources.kafka, compression_type=compression) as caller:
        for partition in range(resources.kafka.partitions):
            await caller.send_and_wait(resources.commands.name, bytes(3 * LARGEST_MESSAGE), b"k", partition=partition)
    for number in range(resources.kafka.partitions * 4):
        await resources.send(resources.commands, f"after-{number}", resources.value())
    async with resources.running():
        # then those behind it are carried out
        events = await resources.events()
    assert all(isinstance(event, resource.VersionCreated) for name in resources.good for event in events[name])
    # and its whole batch is a dead letter, which unpacks to what was sent
    letters = await topics.read(resources.kafka, dead_letters(resources.commands))
    packed = [letter for letter in letters if "can't be unpacked into" in about_of(letter)["exception.message"]]
    assert len(packed) == resources.kafka.partitions
    for letter in packed:
        (record,) = DefaultRecordBatch(letter.value)
        assert record.value == bytes(3 * LARGEST_MESSAGE)


@pytest.mark.parametrize("compression", [None, "gzip"])
async def test_a_header_whose_name_is_no_text_stops_nobody(resources: Resources, compression: str | None) -> None:
    # given a batch with such a header in the middle of it, as librdkafka sends it and no Java client can
    keys = [key for key in (f"name-{number}" for number in range(20)) if resources.home(key.encode()) == 0][:5]
    async with topics.producer(resources.kafka, compression_type=compression) as caller:
        batch = caller.create_batch()
        for key in keys:
            headers = [("NAME", b"1"), ("ce_id", b"id")] if key == keys[2] else []
            batch.append(key=key.encode(), value=resources.value(), headers=headers, timestamp=None)
        batch.close()
        batch._buffer = _with_name(bytes(batch._build()), b"\xff\xc3(\x00")
        await (await caller.send_batch(batch, resources.commands.name, partition=0))
    resources.good += keys
    async with resources.running():
        # then that command is carried out like those before and behind it
        events = await resources.events()
    assert all([type(event) for event in events[key]] == [resource.VersionCreated] for key in keys)
    by_key = {record.key.decode(): dict(record.headers) for record in await topics.read(resources.kafka, resources.log)}
    assert by_key[keys[2]]["ce_causationid"] == b"id"


def _with_name(batch: bytes, name: bytes) -> bytes:
    """The batch (KIP-98) with these bytes in the place of NAME, and its checksum."""
    body = batch[61:]
    compressed = batch[22] & 7
    body = (gzip.decompress(body) if compressed else body).replace(b"NAME", name)
    body = gzip.compress(body) if compressed else body
    checked = batch[21:61] + body
    length = struct.pack(">i", 9 + len(checked))
    return batch[:8] + length + batch[12:17] + struct.pack(">I", calc_crc32c(checked)) + checked
