"""Poison on the real broker: set aside byte for byte, answered where somebody waits, and the next record unharmed."""

import gzip
import json
import random
import struct
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest
from aiokafka import AIOKafkaProducer, ConsumerRecord
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.util import calc_crc32c

from headrace.codec import MAGIC, Codec
from headrace.event import Event
from headrace.events import resource, run
from headrace.events.node import ExecuteNode, NodeSucceeded
from headrace.kafka import KafkaSettings, partition_of
from headrace.machine import Context, Output, Tick, Unreadable, run_machine
from headrace.resource.catalog import Catalog
from headrace.service import Service
from headrace.settings import ServiceSettings
from headrace.topics import (
    LARGEST_MESSAGE,
    MAX_RECORD_BYTES,
    NODE_OUTCOMES,
    NODE_REQUESTS,
    RUN_EVENTS,
    RUN_REQUESTS,
    RUN_RESULTS,
    RUN_STATE,
    Topic,
    dead_letters,
)
from headrace.worker import Worker, run_worker
from template.job import TemplateJob
from tests.conftest import Stack
from tests.integration.processes import machine as process
from tests.support import names, topics
from tests.support.running import running
from tests.support.waiting import until
from workflow_router.adapters import CatalogWorkflows
from workflow_router.machine import RunMachine
from workflow_router.model import RunState

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
        key = _key(name).encode() if poison.key == NAMED else poison.key
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
            about = _about(record)
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
            about = _about(letter)
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


def _key(name: str) -> str:
    return name.replace(",", "").replace(" ", "-")


def _about(letter: ConsumerRecord) -> Mapping[str, str]:
    prefix = "__connect.errors."
    return {name.removeprefix(prefix): value.decode() for name, value in letter.headers if name.startswith(prefix)}


@asynccontextmanager
async def world(stack: Stack, own: Sequence[Topic], suffix: str) -> AsyncIterator[World]:
    async with topics.own(stack, own) as codec, topics.producer(stack.kafka) as caller:
        yield World(stack, codec, caller, suffix)


def service() -> Service:
    return Service("test", ServiceSettings(instance="one"))


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


END: dict[str, Any] = {
    "seq": 0,
    "prev": bytes(32),
    "workflow": "w@1",
    "started_at": 0,
    "finished_at": 0,
    "usage": run.Usage(input_tokens=0, output_tokens=0, cost="0", currency="EUR"),
}
TIMES: dict[str, Any] = {"started_at": 0, "finished_at": 0}


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
            (refused,) = events[_key(name)]
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
    packed = [letter for letter in letters if "can't be unpacked into" in _about(letter)["exception.message"]]
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


@dataclass
class Runs(World):
    """The machine of runs with one workflow, whose callers wait for a result."""

    def __post_init__(self) -> None:
        own = runs_topics(self.suffix)
        self.requests, _, self.results, *_ = own
        self.machine = OwnRuns(self.suffix, own)

    def value(self, workflow: str = "greet", text: str = "{}", **more: Any) -> bytes:
        return self.codec.encode(self.requests, run.StartRun(workflow=workflow, input=text, **more))

    def running(self) -> Any:
        own = service()
        return running(run_machine(self.machine, self.codec, self.kafka, own), own.stopping)

    async def outcomes(self) -> Mapping[str, Sequence[Event]]:
        """Results of all requests."""
        await until(self.answered)
        return await topics.events(self.kafka, self.codec, self.results)

    async def answered(self) -> bool:
        return (await topics.events(self.kafka, self.codec, self.results)).keys() >= set(self.good)


def runs_topics(suffix: str) -> tuple[Topic, ...]:
    return topics.renamed(
        suffix, RUN_REQUESTS, RUN_EVENTS, RUN_RESULTS, RUN_STATE, NODE_OUTCOMES, NODE_REQUESTS["template"]
    )


class OwnRuns(RunMachine):
    """The router's machine on a test's topics."""

    def __init__(self, suffix: str, own: Sequence[Topic]) -> None:
        head = resource.ResourceHead(kind="Workflow", latest=1, pointers={"production": 1})
        spec = {
            "nodes": {"hello": {"type": "template"}},
            "input": {"required": ["name"]},
            "output": {"name": "input.name"},
        }
        version = resource.ResourceVersion(kind="Workflow", version=1, digest="d", spec=json.dumps(spec), at=0)
        super().__init__(CatalogWorkflows(Catalog({"Workflow": {"greet": head, "greet/1": version}})))
        requests, self.log, _, self.state, outcomes, _ = own
        self.name = f"runs.{suffix}"
        self.inputs = (requests, outcomes)
        self.commands = (requests,)
        self._own = {topic.name.removesuffix(f".{suffix}"): topic for topic in own}
        self._names = {topic.name: name for name, topic in self._own.items()}

    def decide(self, state: RunState, message: Event | Tick | Unreadable, context: Context) -> Sequence[Event]:
        received = context.received and context.received._replace(topic=self._names[context.received.topic])
        return super().decide(state, message, context._replace(received=received))

    def outputs(self, state: RunState, event: Event, context: Context) -> Iterable[Output]:
        for output in super().outputs(state, event, context):
            yield output._replace(topic=self._own[output.topic.name])


@pytest.fixture
async def runs(stack: Stack) -> AsyncIterator[Runs]:
    suffix = names.suffix()
    async with world(stack, runs_topics(suffix), suffix) as made:
        yield Runs(**vars(made))


async def test_requests_that_make_no_sense_have_a_result_that_says_so(runs: Runs) -> None:
    # given every kind of poison, and requests that are valid Avro and nonsense
    misplaced = runs.codec.encode(runs.results, run.RunCancelled(**END, reason="misplaced"))
    cases = without_the_largest(poison(runs.value(), misplaced))
    for name, case in cases.items():
        await runs.poison(runs.requests, name, case)
    nonsense = {
        "unknown": (runs.value("nobody"), "workflow_not_found"),
        "no-reference": (runs.value("a@b@c/../\0"), "workflow_not_found"),
        "no-version": (runs.value("greet@99999999999999999999999"), "workflow_version_not_found"),
        "no-json": (runs.value(text="{"), "input_invalid"),
        "no-object": (runs.value(text="[1]"), "input_invalid"),
        "deep": (runs.value(text='{"name":' + "[" * 100_000), "input_invalid"),
        "no-number": (runs.value(text='{"name":1e999}'), "input_invalid"),
        "nothing-required": (runs.value(text="{}"), "input_invalid"),
        "late": (runs.value(text='{"name":""}', deadline_ms=-(2**63)), "deadline_exceeded"),
        "well": (runs.value(text='{"name":""}', deadline_ms=500), "deadline_exceeded"),
    }
    for name, (value, _) in nonsense.items():
        await runs.send(runs.requests, name, value)
    # when the machine has come behind the last of them
    async with runs.running():
        results = await runs.outcomes()
        await runs.assert_buried(runs.requests, runs.machine.name)
    # then each has one result
    expected = {name: code for name, (_, code) in nonsense.items()}
    expected |= {_key(name): "request_unreadable" for name, case in cases.items() if case.key == NAMED}
    found = {name: [getattr(result, "code", "") for result in results[name]] for name in expected}
    assert found == {name: [code] for name, code in expected.items()}


@dataclass
class Requests(World):
    """A worker of template nodes, whose router waits for outcomes."""

    def __post_init__(self) -> None:
        self.requests, self.outcomes = topics.renamed(self.suffix, NODE_REQUESTS["template"], NODE_OUTCOMES)

    def value(self) -> bytes:
        config = json.dumps({"expressions": {"two": "1 + 1"}})
        request = ExecuteNode(run="r", workflow="w@1", node="n", type="template", config=config, input="{}")
        return self.codec.encode(self.requests, request)

    def running(self, job: TemplateJob) -> Any:
        worker = Worker(f"worker.{self.suffix}", self.requests, self.outcomes, job)
        own = service()
        return running(run_worker(worker, self.codec, self.kafka, own), own.stopping)

    async def answered(self) -> bool:
        return (await topics.events(self.kafka, self.codec, self.outcomes)).keys() >= set(self.good)


class PatientJob(TemplateJob):
    """The same with a task for each request."""

    inline = False


@pytest.fixture
async def requests(stack: Stack) -> AsyncIterator[Requests]:
    suffix = names.suffix()
    own = topics.renamed(suffix, NODE_REQUESTS["template"], NODE_OUTCOMES)
    async with world(stack, own, suffix) as made:
        yield Requests(**vars(made))


@pytest.mark.parametrize("job", [TemplateJob(), PatientJob()], ids=["inline", "tasks"])
async def test_a_worker_buries_poison_and_does_the_rest(requests: Requests, job: TemplateJob) -> None:
    # given poison among requests that are well; nobody limits the router's own records to what callers may send
    misplaced = requests.codec.encode(requests.outcomes, NodeSucceeded(node="n", output="", **TIMES))
    cases = poison(requests.value(), misplaced)
    largest = cases["all that the broker takes"]._replace(reason="schema id 0")
    cases = {**without_the_largest(cases), "all that the broker takes": largest}
    for name in ("large", "5 MB"):
        cases[name] = cases[name]._replace(reason="bytes follow")
    for number, (name, case) in enumerate(cases.items()):
        await requests.poison(requests.requests, name, case)
        await requests.send(requests.requests, f"well-{number}", requests.value(), headers=HEADERS)
    # when the worker has answered all that it can
    async with requests.running(job):
        await until(requests.answered)
        # then the rest is set aside as it was
        await requests.assert_buried(requests.requests, f"worker.{requests.suffix}")
    outcomes = await topics.events(requests.kafka, requests.codec, requests.outcomes)
    assert outcomes.keys() == set(requests.good)
    for (outcome,) in outcomes.values():
        assert isinstance(outcome, NodeSucceeded)
        assert json.loads(outcome.output) == {"two": 2}


async def test_a_dead_letter_that_is_refused_is_sent_again_until_it_is_taken(requests: Requests) -> None:
    # given dead letters of which one is too large for their topic
    small, large = Poison(b"small", "wire format", headers=()), Poison(b"l" * 5_000, "wire format", headers=())
    await topics.configure(requests.kafka, dead_letters(requests.requests), {"max.message.bytes": "3000"})
    async with requests.running(PatientJob()):
        await requests.poison(requests.requests, "small", small._replace(key=b"k"))
        await requests.assert_buried(requests.requests, f"worker.{requests.suffix}")
        await requests.poison(requests.requests, "large", large._replace(key=b"k"))
        # when its topic takes it at last, after other requests were answered
        await requests.send(requests.requests, "next", requests.value())
        await until(requests.answered)
        await topics.configure(requests.kafka, dead_letters(requests.requests), {})
        # then it is there
        await requests.assert_buried(requests.requests, f"worker.{requests.suffix}")
