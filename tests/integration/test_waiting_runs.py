"""Runs that wait for a signal: what they cost a router, while it works, and when it starts."""

import asyncio
import json
import statistics
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog
from aiokafka import AIOKafkaProducer

from headrace.codec import Codec
from headrace.events import run
from tests.bench.load import Load
from tests.conftest import Stack
from tests.integration.processes import Orders, Processes, Started, processes
from tests.integration.processes import router as process
from tests.support import names, topics
from tests.support.waiting import until

WAITING = 10_000
MOST_MB_PER_THOUSAND = 10
READY_S = 10.0
ROUNDS, JOBS, AT_ONCE = 5, 200, 50
SLOWER = 1.5
"""How many times as long other runs may take: nothing but noise on a busy machine."""

_log = structlog.get_logger(__name__)


@dataclass
class World:
    """A router on topics of its own, and its callers."""

    stack: Stack
    codec: Codec
    caller: AIOKafkaProducer
    processes: Processes
    suffix: str

    def __post_init__(self) -> None:
        self.requests, *_, self.log, self.state, self.results = process.topics(self.suffix)

    async def router(self) -> Started:
        """A router that is ready."""
        started = await self.processes.start("router", Orders.of(self.stack, self.suffix))
        await started.says("partition ready", times=self.stack.kafka.partitions)
        return started

    async def wait(self, first: int, count: int) -> None:
        """So many runs more that wait."""
        about = json.dumps({"order": "o-4711", "text": "x" * 200})
        request = run.StartRun(workflow="waiting", input=about, tenant="acme", labels={"team": "payments"})
        value = self.codec.encode(self.requests, request)
        keys = [f"waiting-{number}".encode() for number in range(first, first + count)]
        await asyncio.gather(*[await self.caller.send(self.requests.name, value, key) for key in keys])
        await self.over()

    async def go(self, numbers: range) -> None:
        """Signals that these runs wait for."""
        value = self.codec.encode(self.requests, run.SignalRun(signal="go", payload='"yes"'))
        keys = [f"waiting-{number}".encode() for number in numbers]
        await asyncio.gather(*[await self.caller.send(self.requests.name, value, key) for key in keys])

    async def over(self) -> None:
        """Wait until the router has come to what was asked last: it takes requests in order."""
        async with self.others() as others:
            await others.in_flight(20, 20)

    def others(self) -> Load:
        """A caller of runs that do not wait."""
        value = self.codec.encode(self.requests, run.StartRun(workflow="brief", input="{}"))
        return Load(self.stack.kafka, self.requests.name, self.results.name, lambda: value)

    async def ended(self) -> dict[str, str]:
        """Outputs of runs that have ended, by their ids."""
        by_key = await topics.events(self.stack.kafka, self.codec, self.results)
        return {key: result.output for key, (result,) in by_key.items() if isinstance(result, run.RunCompleted)}


@asynccontextmanager
async def a_world(stack: Stack, folder: Path) -> AsyncIterator[World]:
    suffix = names.suffix()
    async with (
        topics.own(stack, process.topics(suffix)) as codec,
        topics.producer(stack.kafka) as caller,
        processes(folder) as started,
    ):
        yield World(stack, codec, caller, started, suffix)


async def test_ten_thousand_waiting_runs_cost_little_memory_no_speed_and_no_long_start(
    stack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp
    async with a_world(stack, folder("busy")) as busy, a_world(stack, folder("idle")) as idle:
        router, _ = await busy.router(), await idle.router()
        await asyncio.gather(busy.over(), idle.over())
        before = router.resident
        await busy.wait(0, 1_000)
        first = (router.resident - before) / 1e6
        await busy.wait(1_000, WAITING - 1_000)
        all_of_them = (router.resident - before) / 1e6
        slower = await slowdown(busy, idle)
        await router.stop()
        ready_s = await restarted(busy)
        figures = {"mb_of_1000": first, "mb_of_all": all_of_them, "slower": slower, "ready_s": ready_s}
        _log.info("waiting runs", **{name: round(figure, 2) for name, figure in figures.items()})
        assert first < MOST_MB_PER_THOUSAND
        assert all_of_them < MOST_MB_PER_THOUSAND * WAITING / 1_000
        assert slower < SLOWER
        assert ready_s < READY_S
        await busy.go(range(0, WAITING, 100))
        told = {f"waiting-{number}": '{"said":"yes"}' for number in range(0, WAITING, 100)}
        await until(lambda: _holds(busy, told), 60)


async def slowdown(busy: World, idle: World) -> float:
    """How many times as long other runs take beside the waiting ones: medians of rounds that take turns."""
    times: tuple[list[float], list[float]] = ([], [])
    async with busy.others() as beside, idle.others() as alone:
        for load in (beside, alone):
            await load.in_flight(JOBS, AT_ONCE)
        for _ in range(ROUNDS):
            for load, seconds in zip((beside, alone), times, strict=True):
                seconds.append(await load.in_flight(JOBS, AT_ONCE))
    return statistics.median(times[0]) / statistics.median(times[1])


async def restarted(world: World) -> float:
    """Seconds that another router takes from the start of its process until it owns all runs that wait."""
    started = datetime.now(UTC)
    router = await world.router()
    said = [json.loads(line) for line in router.log.splitlines()]
    times = {entry["event"]: datetime.fromisoformat(entry["timestamp"]) for entry in said}
    assert sum(entry["keys"] for entry in said if entry["event"] == "partition ready") == WAITING
    return (times["partition ready"] - started).total_seconds()


async def _holds(world: World, told: dict[str, str]) -> bool:
    return (await world.ended()).items() >= told.items()
