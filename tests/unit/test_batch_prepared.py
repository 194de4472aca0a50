"""A machine that looks outside before it decides: in order, on the state as it is then, once a decision."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from headrace.codec import Codec
from headrace.event import Event
from headrace.events import resource
from headrace.kafka import partition_of
from headrace.machine import Context, Message, Tick
from headrace.machine.batch import Batch
from headrace.machine.memory import Memory
from headrace.resource.machine import ResourceMachine
from headrace.resource.state import State
from headrace.testing import MemoryRegistry
from headrace.topics import PROMPT_COMMANDS, PROMPT_EVENTS, PROMPT_STATE
from tests.unit.engine import NOW
from tests.unit.partitions import PARTITIONS, record

KEY = next(f"greeting-{n}" for n in range(99) if partition_of(f"greeting-{n}".encode(), PARTITIONS) == 0)


def new_codec() -> Codec:
    codec = Codec(MemoryRegistry())
    asyncio.run(codec.register((PROMPT_COMMANDS, PROMPT_EVENTS, PROMPT_STATE)))
    return codec


CODEC = new_codec()


@dataclass
class Looks:
    """Notes what it is asked for, and with which newest version; answers with the number of the question."""

    asked: list[tuple[str, int]] = field(default_factory=list)

    async def prepare(self, state: State, message: Message) -> int:
        self.asked.append((type(message).__name__, state.latest))
        return len(self.asked)


class Watched(ResourceMachine):
    """Resources that are due once they have a version; decisions note what they were given."""

    def __init__(self) -> None:
        super().__init__("watched", (PROMPT_COMMANDS, PROMPT_EVENTS, PROMPT_STATE), lambda kind, spec: [])
        self.preparation = self.looks = Looks()
        self.given: list[Any] = []

    def decide(self, state: State, message: Message, context: Context) -> list[Event]:
        self.given.append(context.prepared)
        if isinstance(message, Tick):
            return [resource.BodyErased(at=NOW, versions=(1,), digest="d")]
        return list(super().decide(state, message, context))

    def due(self, state: State) -> int | None:
        return NOW if state.versions and state.versions[1].status == "active" else None


def command(offset: int, text: str) -> Any:
    value = CODEC.encode(PROMPT_COMMANDS, resource.CreateVersion(kind="Prompt", spec=f'{{"text": "{text}"}}'))
    return record(PROMPT_COMMANDS, offset, KEY.encode(), value)


def a_batch(machine: Watched) -> Batch[State]:
    return Batch(machine, CODEC, Memory(machine, {}), 0, PARTITIONS, NOW)


async def test_each_decision_is_given_what_was_found_just_before_it() -> None:
    machine = Watched()
    batch = a_batch(machine)
    await batch.consume_prepared([command(0, "a"), command(1, "b")], machine.looks)
    assert machine.looks.asked == [("CreateVersion", 0), ("CreateVersion", 1)]
    assert machine.given == [1, 2]
    assert batch.consumed == 2


async def test_what_is_due_is_prepared_too() -> None:
    machine = Watched()
    batch = a_batch(machine)
    await batch.consume_prepared([command(0, "a")], machine.looks)
    await batch.tick_prepared(machine.looks)
    assert machine.looks.asked == [("CreateVersion", 0), ("Tick", 1)]
    assert machine.given == [1, 2]
    assert batch.events == 2


class Patient(Watched):
    """Ticks lead to nothing, and are repeated after a second."""

    def decide(self, state: State, message: Message, context: Context) -> list[Event]:
        return [] if isinstance(message, Tick) else super().decide(state, message, context)

    def again(self, state: State, now: int) -> int | None:
        return now + 1_000


async def test_a_tick_that_leads_to_nothing_is_repeated_and_no_command_hastens_it() -> None:
    machine = Patient()
    memory = Memory(machine, {})
    batch = Batch(machine, CODEC, memory, 0, PARTITIONS, NOW)
    await batch.consume_prepared([command(0, "a")], machine.looks)
    await batch.tick_prepared(machine.looks)
    await batch.consume_prepared([command(1, "b")], machine.looks)
    assert memory.next_due == NOW + 1_000
    assert list(memory.pop_due(NOW + 999)) == []
    assert list(memory.pop_due(NOW + 1_000)) == [KEY]
