"""The process around a service's loops: event loop, logs, health, metrics, and an orderly end.

A service is alive while its loops run. It is ready when each of its checks says so. SIGTERM or SIGINT sets `stopping`;
the loops finish the batch in hand and return, within STOP_S. A loop that raises takes the process down: the supervisor
starts a new one, which recovers from the log.
"""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any

import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from headrace.announcer import Announcer
from headrace.codec import Codec
from headrace.contracts import SchemaRegistry
from headrace.errors import RegistryUnavailable
from headrace.event import Event
from headrace.logs import configure_logs
from headrace.settings import ServiceSettings
from headrace.table import Table, all_ready
from headrace.topics import Topic
from headrace.waiting import RETRY_S, stopped_within

STOP_S = 10.0
"""Seconds that the loops have to end after a signal."""
CANCEL_S = 1.0
"""Seconds more for those that are cancelled then."""

Follow = Callable[[Mapping[str, Event], Iterable[str]], None]
"""Takes a table's entries, and the names of those that changed."""

_log = structlog.get_logger(__name__)


class Service:
    """A running service, as its bootstrap sees it."""

    def __init__(self, name: str, settings: ServiceSettings) -> None:
        self.name = name
        self.instance = settings.instance
        self.member = settings.member
        self.stopping = asyncio.Event()
        self.started = False
        self._checks: dict[str, Callable[[], bool]] = {"start": lambda: self.started}
        self._loops: set[asyncio.Task[None]] = set()
        self._closers: list[Callable[[], Awaitable[None]]] = []

    def ready_when(self, name: str, check: Callable[[], bool]) -> None:
        """Count the service as ready only while this check, and every other, is true."""
        self._checks[name] = check

    def spawn(self, loop: Coroutine[Any, Any, None]) -> None:
        """Run a loop for the life of the service; it returns soon after `stopping` is set."""
        self._loops.add(asyncio.create_task(loop))

    def on_stop(self, closer: Callable[[], Awaitable[None]]) -> None:
        """Call this after the loops have ended; the last one given is called first."""
        self._closers.append(closer)

    async def work(self) -> None:
        """Wait for the loops. Raises what the first failing loop raised, and RuntimeError if one returns unasked."""
        stopping = asyncio.create_task(self.stopping.wait())
        done, _ = await asyncio.wait({stopping, *self._loops}, return_when=asyncio.FIRST_COMPLETED)
        asked = self.stopping.is_set()
        self.stopping.set()
        _, late = await asyncio.wait(self._loops, timeout=STOP_S) if self._loops else (set(), set())
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=CANCEL_S)
        for task in sorted(self._loops, key=lambda task: task not in done):  # the first to fail comes first
            if task.done() and not task.cancelled() and (error := task.exception()):
                raise error
        if late:
            raise TimeoutError(f"{len(late)} loops did not end within {STOP_S:.0f} s")
        if not asked:
            raise RuntimeError(f"{len(done)} loops returned although nobody asked the service to stop")

    async def close(self) -> None:
        """Close what the bootstrap opened."""
        for closer in reversed(self._closers):
            await closer()

    def not_ready(self) -> list[str]:
        """Names of the checks that are not true."""
        return [name for name, check in self._checks.items() if not check()]


async def open_codec(service: Service, settings: ServiceSettings, topics: Iterable[Topic]) -> Codec:
    """A codec that can write to these topics; waits while the schema registry is away. Raises RegistryRefused."""
    registry = SchemaRegistry(settings.schema_registry_url)
    service.on_stop(registry.close)
    codec = Codec(registry)
    while True:
        try:
            await codec.register(topics)
        except RegistryUnavailable as error:
            _log.warning("waiting", what="schema registry", error=str(error))
            if await stopped_within(service.stopping, RETRY_S):
                raise asyncio.CancelledError from error
        else:
            return codec


async def open_announcer(
    service: Service, settings: ServiceSettings, codec: Codec, topics: Iterable[Topic]
) -> Announcer:
    """An announcer for these topics, for the life of the service. Raises KafkaError."""
    announcer = Announcer(service.name, topics, codec, settings.kafka)
    await announcer.start()
    service.on_stop(announcer.stop)
    service.spawn(announcer.watch(service.stopping))
    service.ready_when("announcements", lambda: not announcer.is_away)
    return announcer


def open_table(
    service: Service, settings: ServiceSettings, codec: Codec, topic: Topic, follow: Follow | None = None
) -> Table:
    """A table that is read from now on, for the life of the service. follow: called after each change."""

    def changed(names: Iterable[str]) -> None:
        if follow is not None:
            follow(table.entries, names)

    table = Table(topic, codec, settings.kafka, service=service.name, instance=service.instance, on_change=changed)
    service.ready_when(topic.name, lambda: table.is_ready)
    service.spawn(table.run(service.stopping))
    return table


async def once_read(service: Service, tables: Sequence[Table], work: Callable[[], Awaitable[None]]) -> None:
    """Work as soon as these tables are read, or not at all if the service is told to stop before."""
    if await all_ready(tables, service.stopping):
        await work()


def run(name: str, settings: ServiceSettings, start: Callable[[Service], Awaitable[None]]) -> None:
    """Run a service until it is told to stop; exit with 1 when a loop failed. `start` spawns its loops."""
    configure_logs(settings.log_level)
    asyncio.run(_run(name, settings, start))


async def _run(name: str, settings: ServiceSettings, start: Callable[[Service], Awaitable[None]]) -> None:
    service = Service(name, settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, service.stopping.set)
    structlog.contextvars.bind_contextvars(service=name, instance=service.instance)
    web_server = await serve(service, settings.http_host, settings.http_port)
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await start(service)
            service.started = True
            _log.info("started")
            await service.work()
        _log.info("stopped")
    except Exception:
        _log.exception("failed")
        sys.exit(1)
    finally:
        await service.close()
        await web_server.cleanup()


async def serve(service: Service, host: str, port: int) -> web.AppRunner:
    """Answer /healthz, /readyz (503 with the names of the failing checks) and /metrics (Prometheus text)."""

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"service": service.name, "instance": service.instance})

    async def readyz(_: web.Request) -> web.Response:
        waiting = service.not_ready()
        return web.json_response({"waiting_for": waiting}, status=503 if waiting else 200)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner
