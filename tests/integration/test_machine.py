"""The machine loop on the real broker: killed, frozen, refused, compacted, cut off from its registry, and stopped."""

import asyncio
import contextlib
import io
import json
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count, cycle
from pathlib import Path

import fastavro
import pytest
from aiokafka import AIOKafkaProducer, ConsumerRecord

from headrace.codec import MAGIC, Codec, subject
from headrace.contracts import SchemaRegistry
from headrace.events import resource
from headrace.kafka import KafkaSettings, partition_of
from headrace.machine import metrics, run_machine
from headrace.machine.batch import Memory
from headrace.machine.model import POSITION_KEY
from headrace.resource.state import State
from headrace.service import Service
from headrace.settings import ServiceSettings
from headrace.table import read_entries
from headrace.topics import Topic, dead_letters
from tests.conftest import Stack
from tests.integration.processes import Orders, Processes, Started, processes
from tests.integration.processes import machine as process
from tests.support import names, topics
from tests.support.proxy import proxy
from tests.support.running import running
from tests.support.waiting import until

NAMES = [f"prompt-{number}" for number in range(10)]
IN_FLIGHT = 50
ASTRAY_EVERY = 7
"""Every so many commands one stands on a partition that is not its key's home, as another partitioner would have it."""


@dataclass
class World:
    """A machine's own topics, and what its callers have sent: command ids."""

    stack: Stack
    codec: Codec
    caller: AIOKafkaProducer
    processes: Processes
    suffix: str
    sent: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.machine = process.machine(self.suffix)
        self.commands, self.log, self.state = process.topics(self.suffix)
        self._names = cycle(NAMES)
        self._numbers = count()

    @property
    def kafka(self) -> KafkaSettings:
        return self.stack.kafka.model_copy(update={"session_timeout_ms": 6_000})

    async def start(self, instance: str = "one", **trap: object) -> Started:
        return await self.processes.start("machine", Orders.of(self.stack, self.suffix, instance=instance, **trap))

    async def two_owners(self, *instances: str) -> tuple[Started, Started]:
        """One that had both partitions, then one; another that has the other one."""
        one = await self.start(instances[0])
        await one.says("partition ready", times=2)
        two = await self.start(instances[1])
        await two.says("partition ready")
        await one.says("partition ready", times=3)
        return one, two

    def home(self, name: str) -> int:
        return partition_of(name.encode(), self.kafka.partitions)

    async def command(self, size: int = 10) -> None:
        """A caller's new version of the next name."""
        number = next(self._numbers)
        name = next(self._names).encode()
        spec = json.dumps({"number": number, "text": "x" * size})
        home = self.home(name.decode())
        astray = number % ASTRAY_EVERY == ASTRAY_EVERY - 1
        self.sent.append(f"command-{number}")
        await self.caller.send_and_wait(
            self.commands.name,
            self.codec.encode(self.commands, resource.CreateVersion(kind="Prompt", spec=spec)),
            key=name,
            partition=(home + astray) % self.kafka.partitions,
            headers=[("ce_id", self.sent[-1].encode())],
        )

    async def commands_in_flight(self) -> None:
        """As many as the rule says, at once."""
        await asyncio.gather(*(self.command() for _ in range(IN_FLIGHT)))

    @asynccontextmanager
    async def busy_callers(self) -> AsyncIterator[None]:
        """Commands come now and then as long as this lasts."""
        enough = asyncio.Event()

        async def call() -> None:
            while not enough.is_set():
                await self.command()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(enough.wait(), 0.02)

        calling = asyncio.create_task(call())
        try:
            yield
        finally:
            enough.set()
            await calling

    async def outcomes(self) -> Counter[str]:
        """How many committed events each command has led to."""
        return Counter(_cause(record) for record in await topics.read(self.kafka, self.log))

    async def all_answered(self) -> None:
        """Wait until every command has an event."""

        async def look() -> bool:
            return (await self.outcomes()).keys() >= set(self.sent)

        await until(look, 60)

    async def some_answered(self) -> bool:
        return bool(await self.outcomes())

    def aborted(self) -> float:
        """Transactions that the machine in this process gave up."""
        return sum(
            sample.value
            for metric in metrics.ABORTED.collect()
            for sample in metric.samples
            if sample.name.endswith("_total") and sample.labels["machine"] == self.machine.name
        )

    async def aborted_again(self) -> bool:
        """More often than the partitions would once."""
        return self.aborted() > self.kafka.partitions

    async def positions(self) -> set[tuple[int, int]]:
        """Partitions and offsets at which the state topic holds a position."""
        records = await topics.read(self.kafka, self.state)
        return {(record.partition, record.offset) for record in records if record.key == POSITION_KEY.encode()}

    async def newer_command(self, field: str) -> None:
        """A command whose schema has a field that nobody here knows, which is also the command's id."""
        schema = json.loads(resource.CreateVersion.SCHEMA)
        schema["fields"].append({"name": field, "type": ["null", "string"], "default": None})
        async with SchemaRegistry(self.stack.registry_url) as registry:
            name = subject(self.commands, resource.CreateVersion)
            schema_id = await registry.register(name, json.dumps(schema))
        body = io.BytesIO()
        fields = {"kind": "Prompt", "spec": json.dumps({"newer": field})}
        fastavro.schemaless_writer(body, fastavro.parse_schema(schema), fields)
        self.sent.append(field)
        await self.caller.send_and_wait(
            self.commands.name,
            bytes([MAGIC]) + schema_id.to_bytes(4, "big") + body.getvalue(),
            key=NAMES[0].encode(),
            partition=self.home(NAMES[0]),
            headers=[("ce_id", field.encode())],
        )

    async def assert_exact(self) -> None:
        """Each command has one event, versions have no gaps, and state and position are what the log says."""
        log = await topics.read(self.kafka, self.log)
        assert Counter(_cause(record) for record in log) == Counter(self.sent)
        made: dict[str, list[int]] = {}
        for record in log:
            event = self.codec.decode(self.log, record.value)
            assert isinstance(event, resource.VersionCreated)
            made.setdefault(record.key.decode(), []).append(event.version)
        assert all(versions == list(range(1, len(versions) + 1)) for versions in made.values())
        await self.assert_state(log)

    async def assert_state(self, log: Sequence[ConsumerRecord]) -> None:
        """The state topic holds what folding the log gives, and the position behind the last command."""
        ends = await self.ends()
        for number in range(self.kafka.partitions):
            recovered = await self.recovered(number)
            assert recovered.states == self.folded(record for record in log if record.partition == number)
            assert recovered.position.get(self.commands.name, 0) == ends[number]

    def folded(self, log: object) -> Mapping[str, State]:
        states: dict[str, State] = {}
        for record in log:  # type: ignore[attr-defined]
            key = record.key.decode()
            event = self.codec.decode(self.log, record.value)
            states[key] = self.machine.evolve(states.get(key) or self.machine.initial(key), event)
        return states

    async def recovered(self, partition: int) -> Memory[State]:
        """What a machine that starts now begins with."""
        return Memory(self.machine, await read_entries(self.state, partition, self.codec, self.kafka))

    async def ends(self) -> Mapping[int, int]:
        """Offsets behind the last command of each partition."""
        ends = dict.fromkeys(range(self.kafka.partitions), 0)
        for record in await topics.read(self.kafka, self.commands):
            ends[record.partition] = record.offset + 1
        return ends

    async def uncommitted(self, topic: Topic) -> int:
        """Records of transactions that have not committed, and never may."""
        every = await topics.read(self.kafka, topic, "read_uncommitted")
        return len(every) - len(await topics.read(self.kafka, topic))

    @asynccontextmanager
    async def running(self, registry_url: str | None = None, instance: str = "one") -> AsyncIterator[Service]:
        """The machine in this process; it ends as a signal would end it."""
        service = Service("machine", ServiceSettings(instance=instance))
        url = registry_url or self.stack.registry_url
        async with topics.registered(url, (self.commands, self.log, self.state)) as codec:
            loop = run_machine(self.machine, codec, self.kafka, service)
            async with running(loop, service.stopping):
                yield service


def _cause(record: ConsumerRecord) -> str:
    return str(dict(record.headers)["ce_causationid"].decode())


@pytest.fixture
async def world(stack: Stack, tmp_path: Path) -> AsyncIterator[World]:
    suffix = names.suffix()
    async with (
        topics.own(stack, process.topics(suffix)) as codec,
        topics.producer(stack.kafka) as caller,
        processes(tmp_path) as started,
    ):
        yield World(stack, codec, caller, started, suffix)


@pytest.mark.parametrize(
    ("point", "hits"),
    [
        ("after_poll", (1, 3)),
        ("mid_send", (1, 2, 5)),
        ("before_commit", (1, 3)),
        ("after_commit", (1, 3)),
    ],
)
async def test_killed_again_and_again_each_command_has_its_event_once(
    world: World, point: str, hits: Sequence[int]
) -> None:
    # given commands in flight, and more that follow
    for number in hits:
        await world.commands_in_flight()
        async with world.busy_callers():
            # when the machine is killed there, and started again
            machine = await world.start(point=point, hits=number)
            assert await machine.ended() == -signal.SIGKILL, machine.log
    await world.start()
    # then nothing is lost, nothing is there twice, and all parts agree
    await world.all_answered()
    await world.assert_exact()


async def test_killed_mid_send_it_leaves_a_part_that_nobody_ever_sees(world: World) -> None:
    # given a machine that dies when the events have arrived and the state has not
    await world.commands_in_flight()
    machine = await world.start(point="mid_send")
    assert await machine.ended() == -signal.SIGKILL, machine.log
    # then the broker has events of which a reader of committed records knows nothing
    assert await world.uncommitted(world.log) > 0
    assert await world.uncommitted(world.state) == 0
    assert not await world.outcomes()
    # and after the next start they are still there beside those that count
    await world.start()
    await world.all_answered()
    await world.assert_exact()
    assert await world.uncommitted(world.log) > 0


@pytest.mark.parametrize(("point", "heir"), [("after_poll", "one"), ("before_commit", "two")])
async def test_a_zombie_is_fenced_wherever_it_stood_still(world: World, point: str, heir: str) -> None:
    # given an owner that freezes in the middle of its work
    await world.commands_in_flight()
    zombie = await world.start("one", point=point, signal=signal.SIGSTOP)
    await zombie.stopped()
    # when the group takes it for dead, or its supervisor does, and another takes over
    other = await world.start(heir)
    await world.all_answered()
    # then it finds itself fenced as soon as it wakes up, and ends
    zombie.send(signal.SIGCONT)
    assert await zombie.ended() == 1, zombie.log
    assert "ProducerFenced" in zombie.log
    # and whoever owns what, the system goes on, and nobody ever sees what the zombie had sent
    await world.commands_in_flight()
    await world.start("three")
    await world.commands_in_flight()
    await world.all_answered()
    await world.assert_exact()
    assert other.alive, other.log


async def test_an_owner_that_stood_still_between_two_batches_does_no_harm(world: World) -> None:
    # given two owners of a partition each, one of which freezes while commands come
    one, two = await world.two_owners("one", "two")
    async with world.busy_callers():
        await until(world.some_answered)
        one.send(signal.SIGSTOP)
        # when the other one has taken over everything
        await two.says("partition ready", times=3)
        await world.commands_in_flight()
        # and the first wakes up
        one.send(signal.SIGCONT)
        await world.commands_in_flight()
    # then it joins again or is started again, and each command has its event once
    if not await one.goes_on("partition ready", times=4):
        await world.start("one")
    await world.commands_in_flight()
    await world.all_answered()
    await world.assert_exact()


async def test_a_refused_record_commits_nothing_until_its_cause_is_gone(world: World) -> None:
    # given a log that refuses what a batch of commands leads to
    await topics.configure(world.kafka, world.log, {"max.message.bytes": "2000"})
    await world.commands_in_flight()
    async with world.running():
        # when the machine tries, and tries again
        await until(world.aborted_again)
        # then the state has arrived, but nothing is committed, and the position stays where it was
        assert await world.uncommitted(world.state) > 0
        assert not await topics.read(world.kafka, world.state)
        assert not await world.outcomes()
        shown = await topics.group_offsets(world.kafka, world.machine.name)
        assert {place.offset for place in shown.values()} <= {0}
        # and once the log takes it everything goes on
        await topics.configure(world.kafka, world.log, {})
        await world.all_answered()
    await world.assert_exact()


async def test_a_compacted_state_topic_is_a_whole_state(world: World) -> None:
    # given a state topic whose old records the broker removes at once
    busy = {"segment.ms": "100", "min.cleanable.dirty.ratio": "0.001", "delete.retention.ms": "100"}
    await topics.configure(world.kafka, world.state, busy)
    async with world.running():
        await world.commands_in_flight()
        await world.all_answered()

        first = await world.positions()

        async def compacted() -> bool:
            await world.commands_in_flight()  # the newest segment is never cleaned
            return not first & await world.positions()

        # when that has happened, and the machine starts again
        await until(compacted, 60, every_s=1.0)
        await world.all_answered()
    async with world.running():
        # then it knows its versions and its place: no command is done twice, no number is given twice
        await world.commands_in_flight()
        await world.all_answered()
    await world.assert_exact()


async def test_while_the_registry_is_away_a_new_schema_waits_and_is_not_poison(world: World) -> None:
    # given a machine that reaches its registry through a proxy
    async with proxy(world.stack.registry_url) as between:
        async with world.running(between.url):
            await world.commands_in_flight()
            await world.all_answered()
            # when the registry is away while a command with a newer schema comes
            between.shut()
            await world.newer_command("ticket")
            await until(between.has_refused)
            # then the command waits
            assert "ticket" not in await world.outcomes()
            between.reopen()
            await world.all_answered()
            # and the machine does not forget to stop while it waits for another one
            between.shut()
            await world.newer_command("approval")
            await until(between.has_refused)
        between.reopen()
        async with world.running(between.url):
            await world.all_answered()
    await world.assert_exact()
    assert not await topics.read(world.kafka, dead_letters(world.commands))


async def test_one_of_two_stops_within_its_time_and_the_other_takes_over_at_once(world: World) -> None:
    # given two owners at work, without names that outlive them
    one, two = await world.two_owners("", "")
    async with world.busy_callers():
        await until(world.some_answered)
        # when one is told to stop
        began = time.monotonic()
        one.send(signal.SIGTERM)
        assert await one.ended() == 0, one.log
        # then it is gone within 10 s
        stopped = time.monotonic()
        assert stopped - began < 10
        # and the other has its partitions long before the group would take it for dead
        await two.says("partition ready", times=3)
        assert time.monotonic() - stopped < world.kafka.session_timeout_ms / 2_000
    await world.all_answered()
    await world.assert_exact()
