"""Calls of models, as workers write them to `model.calls`."""

import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaProducer

from headrace.codec import Codec
from headrace.events.model import ModelCalled
from headrace.events.run import Charge, Usage
from headrace.events.usage import UsageWindow
from headrace.kafka import partition_of
from headrace.topics import MODEL_CALLS, USAGE_WINDOWS
from tests.conftest import Stack
from tests.e2e.installation import Installation
from tests.support.topics import registered


def called(id: str, model: str, **given: Any) -> ModelCalled:  # noqa: A002  # the field's name
    """A call of 10 tokens that cost a cent, just now."""
    usage = Usage(input_tokens=8, output_tokens=2, cost="0.01", currency="USD", cached_tokens=3)
    fields = {"at": time.time_ns() // 1_000_000, "outcome": "ok", "latency_ms": 12, "usage": usage, **given}
    return ModelCalled(
        id=id, model=f"{model}@1", prompt=f"p-{model}@1", workflow=f"w-{model}@1", tenant=f"t-{model}", run_id="run",
        node="n", **fields,
    )  # fmt: skip


def charge(budget: str, amount: str, limit: str, period: str = "total") -> Charge:
    return Charge(budget=budget, period=period, amount=amount, limit=limit)


class Calls:
    """Writes to `model.calls`."""

    def __init__(self, producer: AIOKafkaProducer, codec: Codec, partitions: int) -> None:
        self.producer = producer
        self._codec = codec
        self._partitions = partitions

    async def tell(self, calls: Iterable[ModelCalled]) -> None:
        for call in calls:
            await self.raw(call.model.partition("@")[0], self._codec.encode(MODEL_CALLS, call))

    async def raw(self, model: str, value: bytes) -> None:
        home = partition_of(model.encode(), self._partitions)
        await self.producer.send_and_wait(MODEL_CALLS.name, value, model.encode(), partition=home)


@asynccontextmanager
async def calls(stack: Stack, **options: str) -> AsyncIterator[Calls]:
    async with registered(stack.registry_url, [MODEL_CALLS]) as codec:
        producer = AIOKafkaProducer(**stack.kafka.connection(), **options)
        await producer.start()
        try:
            yield Calls(producer, codec, stack.kafka.partitions)
        finally:
            await producer.stop()


async def counted(installation: Installation, by: str, names: Iterable[str]) -> dict[str, int]:
    """Calls in all windows of these names."""
    newest = {seen.key: seen.event for seen in await installation.client.read_all(USAGE_WINDOWS)}
    sums = dict.fromkeys(names, 0)
    for window in newest.values():
        if isinstance(window, UsageWindow) and window.by == by and window.name in sums:
            sums[window.name] += window.calls
    return sums
