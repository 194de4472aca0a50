"""Processes that tests start, stop, freeze and kill."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import psutil
from pydantic import BaseModel

from headrace.kafka import KafkaSettings
from headrace.settings import ServiceSettings
from tests.conftest import TOP_LEVEL, Stack
from tests.support.waiting import until


class Orders(BaseModel):
    """What a process is told. `point`: where it sends itself `signal`, when it comes there for the `hits`-th time.

    An empty `instance` is none: a member of its group that leaves when it stops.
    """

    suffix: str
    kafka: str
    registry_url: str
    instance: str = "one"
    session_timeout_ms: int = 6_000
    point: str = ""
    hits: int = 1
    signal: int = int(signal.SIGKILL)

    @classmethod
    def of(cls, stack: Stack, suffix: str, **given: Any) -> Self:
        """For a process that stands on this stack, but for what is given."""
        there = {"kafka": stack.kafka.bootstrap_servers, "registry_url": stack.registry_url}
        return cls(suffix=suffix, **{**there, **given})

    @property
    def settings(self) -> ServiceSettings:
        """Of the service."""
        return ServiceSettings(**self.common)

    @property
    def common(self) -> dict[str, Any]:
        """Fields of any service's settings."""
        kafka = KafkaSettings(bootstrap_servers=self.kafka, session_timeout_ms=self.session_timeout_ms)
        named = {"instance": self.instance} if self.instance else {}
        return {"kafka": kafka, "schema_registry_url": self.registry_url, **named}


class Trap:
    """A probe that sends its own process a signal, once everything that was sent has arrived.

    While it waits for that, no other partition passes the point: nothing is there that comes after it.
    """

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._hits = 0
        self._passing = asyncio.Lock()

    async def __call__(self, point: str, under_way: Sequence[Awaitable[object]] = ()) -> None:
        """Count, and at last spring."""
        if point != self._orders.point:
            return
        async with self._passing:
            self._hits += 1
            if self._hits == self._orders.hits:
                await asyncio.gather(*under_way)
                os.kill(os.getpid(), self._orders.signal)


class Started:
    """A process that runs, as long as nothing happens to it."""

    def __init__(self, process: Process, log: Path) -> None:
        self._process = process
        self._log = log

    @property
    def log(self) -> str:
        """What it has written so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    @property
    def alive(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.returncode is None

    @property
    def resident(self) -> int:
        """Bytes of memory that it has."""
        return int(self._living().memory_info().rss)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    async def ended(self, within_s: float = 30.0) -> int:
        """Its exit code; negative is the signal that killed it."""
        return await asyncio.wait_for(self._process.wait(), within_s)

    async def stop(self) -> None:
        """Ask it to end, which it must do well."""
        self.send(signal.SIGTERM)
        assert await self.ended(60) == 0, self.log

    async def stopped(self) -> None:
        """Wait until it is frozen by SIGSTOP."""
        await until(lambda: self._living().status() == psutil.STATUS_STOPPED, 60)

    async def says(self, text: str, times: int = 1) -> None:
        """Wait until its log holds a text so many times."""
        await until(lambda: self._living().is_running() and self.log.count(text) >= times, 60)

    async def goes_on(self, text: str, times: int) -> bool:
        """Wait until it says something again, or has ended; whether it lives."""
        await until(lambda: not self.alive or self.log.count(text) >= times, 60)
        return self.alive

    def _living(self) -> psutil.Process:
        assert self.alive, self.log
        return psutil.Process(self._process.pid)

    async def close(self) -> None:
        """Be rid of it."""
        if self.alive:
            self._process.kill()
        await self._process.wait()


class Processes:
    """The processes of one test; their logs lie in its folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._all: list[Started] = []

    async def start(self, module: str, orders: Orders) -> Started:
        """Run a module of this package."""
        path = self._folder / f"{len(self._all)}-{module}-{orders.instance}.log"
        with path.open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", f"{__name__}.{module}", orders.model_dump_json(), cwd=TOP_LEVEL, stderr=log
            )
        started = Started(process, path)
        self._all.append(started)
        return started

    async def close(self) -> None:
        """Be rid of all."""
        for started in self._all:
            await started.close()


@asynccontextmanager
async def processes(folder: Path) -> AsyncIterator[Processes]:
    """For the length of a test."""
    made = Processes(folder)
    try:
        yield made
    finally:
        await made.close()
