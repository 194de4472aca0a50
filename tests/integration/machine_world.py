"""A machine of resources in processes of its own or in the test's, and callers that send it commands."""

import asyncio
import contextlib
import io
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count, cycle
from pathlib import Path

import fastavro
from aiokafka import AIOKafkaProducer, ConsumerRecord

from headrace.codec import MAGIC, Codec, subject
from headrace.contracts import SchemaRegistry
from headrace.events import resource
from headrace.kafka import KafkaSettings, partition_of
from headrace.machine import metrics, run_machine
from headrace.machine.memory import Memory
from headrace.machine.model import POSITION_KEY
from headrace.resource.state import State
from headrace.service import Service
from headrace.settings import ServiceSettings
from headrace.table import read_entries
from headrace.topics import Topic
from tests.conftest import Stack
from tests.integration.processes import Orders, Processes, Started, processes
from tests.integration.processes import machine as process
from tests.support import names, topics
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


@asynccontextmanager
async def machine_world(stack: Stack, folder: Path) -> AsyncIterator[World]:
    """For the length of a test."""
    suffix = names.suffix()
    async with (
        topics.own(stack, process.topics(suffix)) as codec,
        topics.producer(stack.kafka) as caller,
        processes(folder) as started,
    ):
        yield World(stack, codec, caller, started, suffix)
