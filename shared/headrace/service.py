"""The process around a service's loops: event loop, logs, health, metrics, and an orderly end.

A service is alive while its loops run. It is ready when each of its checks says so. SIGTERM or SIGINT sets `stopping`;
the loops finish the batch in hand and return, within STOP_S. A loop that raises takes the process down: the supervisor
starts a new one, which recovers from the log.
"""

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any

import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from headrace.codec import Codec
from headrace.contracts import SchemaRegistry
from headrace.errors import RegistryUnavailable
from headrace.settings import ServiceSettings
from headrace.topics import Topic
from headrace.waiting import RETRY_S, stopped_within

STOP_S = 10.0
"""Seconds that the loops have to end after a signal."""
CANCEL_S = 1.0
"""Seconds more for those that are cancelled then."""
QUIET_S = 5.0
"""Seconds in which aiokafka says a thing once."""

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


class _Sparse(logging.Filter):
    """Lets aiokafka say a thing once in QUIET_S: while the broker is away it says it 400 times a second."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is said. Messages are told apart before their values are put in, so that there are few."""
        if not record.name.startswith("aiokafka"):
            return True
        what = (record.name, str(record.msg))
        is_new = record.created - self._said.get(what, 0.0) > QUIET_S
        if is_new:
            self._said[what] = record.created
        return is_new


def configure_logs(level: str) -> None:
    """One JSON object a line on standard error, for our own logs and for libraries'."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),  # what is not shown costs nothing
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    renderers: list[structlog.typing.Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.JSONRenderer(),
    ]
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=renderers))
    handler.addFilter(_Sparse())
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    logging.getLogger("aiokafka").setLevel(logging.WARNING)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("botocore").setLevel(logging.WARNING)  # its debug log holds parameters, and bodies may be secret
