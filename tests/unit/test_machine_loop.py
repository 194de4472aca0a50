"""The machine's loop without a broker."""

import asyncio

from headrace.codec import Codec
from headrace.kafka import KafkaSettings
from headrace.machine.loop import Loop
from headrace.resource.machine import ResourceMachine
from headrace.testing import MemoryRegistry
from headrace.topics import DOMAINS


async def test_a_replica_that_owns_nothing_has_nothing_to_show() -> None:
    machine = ResourceMachine("standby", DOMAINS["prompt"], lambda *_: ())
    loop = Loop(machine, Codec(MemoryRegistry()), KafkaSettings(), asyncio.Event(), member=None)
    await loop._show_progress()
    await loop._member.stop()
