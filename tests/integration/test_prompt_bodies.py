"""prompt_service and its object store: away for a while, and killed between an order to erase and its end."""

import json
import signal
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from headrace.bodies import BodyStore
from headrace.codec import Codec
from headrace.errors import BodyFault
from headrace.event import Event
from headrace.events import resource
from headrace.kafka import partition_of
from headrace.resource.body import body_of, with_stored
from headrace.resource.prompt import StoredBody
from headrace.topics import Topic
from prompt_service.preparation import LONGEST_S
from tests.conftest import Stack
from tests.integration.processes import Processes, Started, processes
from tests.integration.processes import prompts as process
from tests.support import names, topics
from tests.support.object_store import body_store
from tests.support.proxy import Proxy, proxy
from tests.support.waiting import until

SPEC = {"text": "Never say the-planted-marker.", "sensitive": True}
DATA = body_of(SPEC) or b""
SPARE_S = 3.0
"""For what is not the store: Kafka, and the test's own looking."""
AWAY = (resource.VersionCreated, resource.ErasureOrdered, resource.BodyUnusable)
"""What is in the log when a body was to be erased, and the store is away."""


@dataclass
class World:
    """A prompt_service with topics of its own, whose way to the store can be shut."""

    stack: Stack
    codec: Codec
    caller: AIOKafkaProducer
    processes: Processes
    suffix: str
    way: Proxy

    def __post_init__(self) -> None:
        self.topics, self.findings = process.topics(self.suffix)
        self.store: BodyStore = body_store(self.stack)
        self.name = f"greeting-{self.suffix}"

    async def start(self, **trap: object) -> Started:
        orders = process.Orders.of(self.stack, self.suffix, store=self.way.url, **trap)
        return await self.processes.start("prompts", orders)

    async def send(self, event: Event, topic: Topic | None = None, name: str = "") -> None:
        """To this prompt, or to a neighbour of another name on the same partition."""
        topic = topic or self.topics.commands
        home = partition_of(self.name.encode(), self.stack.kafka.partitions)
        value = self.codec.encode(topic, event)
        await self.caller.send_and_wait(topic.name, value, key=(name or self.name).encode(), partition=home)

    @property
    def neighbour(self) -> str:
        """Another prompt on the same partition."""
        count = self.stack.kafka.partitions
        names = (f"neighbour-{number}" for number in range(1_000))
        return next(
            name for name in names if partition_of(name.encode(), count) == partition_of(self.name.encode(), count)
        )

    async def create(self) -> None:
        await self.send(resource.CreateVersion(kind="Prompt", spec=json.dumps(with_stored(SPEC, DATA))))

    async def happened(self, name: str = "") -> Sequence[Event]:
        return (await topics.events(self.stack.kafka, self.codec, self.topics.events)).get(name or self.name, [])

    async def has_happened(self, *kinds: type[Event], name: str = "") -> None:
        """Wait until just these events stand in the log."""

        async def look() -> bool:
            return [type(event) for event in await self.happened(name)] == list(kinds)

        await until(look)

    async def stored(self) -> bool:
        body = StoredBody.model_validate(with_stored(SPEC, DATA)["body"])
        try:
            return await self.store.get(self.name, body) == DATA
        except BodyFault as fault:
            if fault.code != "body_missing":
                raise
            return False


@pytest.fixture
async def world(stack: Stack, tmp_path: Path) -> AsyncIterator[World]:
    suffix = names.suffix()
    domain, findings = process.topics(suffix)
    async with (
        topics.own(stack, (*domain, findings)) as codec,
        topics.producer(stack.kafka) as caller,
        processes(tmp_path) as started,
        proxy(stack.env["S3_ENDPOINT_URL"]) as way,
    ):
        made = World(stack, codec, caller, started, suffix, way)
        await made.store.put(made.name, DATA)
        yield made


async def test_while_the_store_is_away_what_needs_it_is_refused_and_all_else_goes_on(world: World) -> None:
    world.way.shut()
    await world.start()
    await world.create()
    await world.send(resource.CreateVersion(kind="Prompt", spec='{"text": "Hello"}', pointer="production"))
    await world.has_happened(resource.ChangeRefused, resource.VersionCreated, resource.PointerMoved)
    refused, *_ = await world.happened()
    assert isinstance(refused, resource.ChangeRefused)
    assert refused.code == "store_unavailable"
    world.way.reopen()
    await world.create()
    await world.has_happened(
        resource.ChangeRefused, resource.VersionCreated, resource.PointerMoved, resource.VersionCreated
    )


async def test_an_erasure_survives_a_kill_after_its_order(world: World) -> None:
    service = await world.start()
    await world.create()
    await world.has_happened(resource.VersionCreated)
    world.way.shut()
    await world.send(resource.EraseBody(version=1))
    await world.has_happened(*AWAY)
    service.send(signal.SIGKILL)
    await service.ended()
    assert await world.stored()

    world.way.reopen()
    await world.start()
    await world.has_happened(*AWAY, resource.BodyErased)
    assert not await world.stored()


async def test_an_erasure_survives_a_kill_after_the_body_was_destroyed(world: World) -> None:
    service = await world.start(point="before_commit", hits=3)
    await world.create()
    await world.has_happened(resource.VersionCreated)
    await world.send(resource.EraseBody(version=1))
    assert await service.ended() == -signal.SIGKILL
    assert not await world.stored()
    await world.start()
    await world.has_happened(resource.VersionCreated, resource.ErasureOrdered, resource.BodyErased)


async def test_an_erased_body_that_is_stored_again_while_the_store_is_away_is_destroyed_later(world: World) -> None:
    erased = (resource.VersionCreated, resource.ErasureOrdered, resource.BodyErased)
    service = await world.start()
    await world.create()
    await world.send(resource.EraseBody(version=1))
    await world.has_happened(*erased)

    await world.store.put(world.name, DATA)
    world.way.shut()
    await world.create()
    again = (*erased, resource.ChangeRefused, resource.ErasureOrdered, resource.BodyUnusable)
    await world.has_happened(*again)
    assert await world.stored()

    service.send(signal.SIGKILL)
    await service.ended()
    world.way.reopen()
    await world.start()
    await world.has_happened(*again, resource.BodyErased)
    assert not await world.stored()


async def test_while_the_store_hangs_other_prompts_of_the_partition_wait_no_longer_than_once(world: World) -> None:
    name = world.neighbour
    await world.start()
    await world.create()
    await world.send(resource.CreateVersion(kind="Prompt", spec='{"text": "Hello"}'), name=name)
    await world.has_happened(resource.VersionCreated)
    await world.has_happened(resource.VersionCreated, name=name)
    world.way.hang()
    await world.send(resource.EraseBody(version=1))
    await world.has_happened(resource.VersionCreated, resource.ErasureOrdered)

    began = time.monotonic()
    await world.send(resource.MovePointer(pointer="production", version=1), name=name)
    await world.has_happened(resource.VersionCreated, resource.PointerMoved, name=name)
    assert time.monotonic() - began < LONGEST_S + SPARE_S
    await world.has_happened(*AWAY)


async def test_a_finding_of_a_worker_stands_in_the_prompts_history(world: World) -> None:
    digest = with_stored(SPEC, DATA)["body"]["sha256"]
    found = resource.BodyUnusable(at=1, version=1, digest=digest, code="body_missing", message="m", run="r", node="n")
    await world.start()
    await world.create()
    await world.has_happened(resource.VersionCreated)
    await world.send(found, world.findings)
    await world.has_happened(resource.VersionCreated, resource.BodyUnusable)
    assert (await world.happened())[-1] == found
