"""The meter's streams.

    model.calls ──split──▶ usage.measures ──count──▶ usage.windows, usage.alerts

A call is counted under several names, and calls of one name come from several partitions. So `split` writes each call
once for each name, keyed by it, and `count` has all of a name in one partition, whose part of the tables no other
process changes.

Faust reads and commits exactly once. What leaves it goes through our own producer, at least once: Faust 0.15 puts a
record into the transaction of the partition that it is sent to, and fails where that is another process's, or one of a
topic that it does not read itself.
"""

import time
from asyncio import CancelledError
from collections.abc import Iterator
from typing import cast

import faust
import msgspec
import structlog
from faust.tables.wrappers import WindowWrapper
from faust.types import Message
from prometheus_client import Counter

from headrace.codec import Codec
from headrace.errors import RegistryUnavailable, Undecodable
from headrace.events.model import ModelCalled
from headrace.topics import MODEL_CALLS, USAGE_ALERTS, USAGE_MEASURES, USAGE_WINDOWS, Topic
from headrace.waiting import learned, stopped_within
from usage_meter import core
from usage_meter.app import raw
from usage_meter.publisher import Publisher

PUBLISH_S = 0.5
"""Between publications of what has changed."""
KEPT_S = 86_400.0
"""How long a window can change; a call that is told of later is not counted in it."""

CALLS = Counter("headrace_meter_calls_total", "Calls that were read.")
DEAD_LETTERS = Counter("headrace_meter_dead_letters_total", "Records that could not be read.")

_log = structlog.get_logger(__name__)


class Meter:
    """Both streams and what they publish."""

    def __init__(self, app: faust.App, codec: Codec, publisher: Publisher) -> None:
        self._app = app
        self._codec = codec
        self._publisher = publisher
        self._changed: dict[tuple[str, int], core.Window] = {}
        self.is_ready = False
        windows = app.Table("windows", default=dict).tumbling(core.MINUTE_MS / 1000, expires=KEPT_S)
        self._windows = cast("WindowWrapper", windows)
        self._spending = app.Table("spending", default=dict)
        app.agent(raw(app, MODEL_CALLS), name="split")(self._split)
        app.agent(raw(app, USAGE_MEASURES), name="count")(self._count)

    async def run(self) -> None:
        """Count until told to stop. Raises what Faust dies of.

        What the tables hold at the start is published again: the last process may not have come to it.
        """
        await self._app.start()
        try:
            self._changed = {**dict(self._recovered()), **self._changed}
            self.is_ready = True
            while not await stopped_within(self._publisher.stopping, PUBLISH_S):
                if self._app.crashed:
                    raise self._app.crash_reason or RuntimeError("faust has ended")
                await self._publish()
        finally:
            await self._app.stop()

    async def _split(self, stream: "faust.StreamT[bytes]") -> None:
        """Write each call once for each of its names."""
        async for record in stream.events():
            if call := await self._call(MODEL_CALLS, record.message):
                CALLS.inc()
                keys = (*core.window_keys(call), *core.budget_keys(call))
                await self._publisher.publish((USAGE_MEASURES, key, call) for key in keys)

    async def _count(self, stream: "faust.StreamT[bytes]") -> None:
        """Count a call under one of its names, and tell of what crosses a threshold."""
        async for record in stream.events():
            call = await self._call(USAGE_MEASURES, record.message)
            key = (record.message.key or b"").decode()
            if call and key.startswith(f"{core.BUDGET}/"):
                await self._spend(key, call)
            elif call and call.at / 1000 > time.time() - KEPT_S:
                await self._add_to_window(key, call)

    async def _add_to_window(self, key: str, call: ModelCalled) -> None:
        table = self._windows.relative_to(call.at / 1000)
        window = core.with_call(msgspec.convert(table[key].value(), core.Window), call)
        if alerts := list(core.error_alerts(key, window, _now())):
            await self._publisher.publish((USAGE_ALERTS, alert.about, alert) for alert in alerts)
            window = msgspec.structs.replace(window, told=True)
        table[key] = msgspec.to_builtins(window)
        self._changed[key, call.at - call.at % core.MINUTE_MS] = window

    async def _spend(self, key: str, call: ModelCalled) -> None:
        was = msgspec.convert(self._spending[key], core.Spending)
        spending = core.with_charges(key, was, call)
        if alerts := list(core.budget_alerts(key, spending, _now())):
            await self._publisher.publish((USAGE_ALERTS, alert.about, alert) for alert in alerts)
            told = (*spending.told, *(alert.threshold for alert in alerts))
            spending = msgspec.structs.replace(spending, told=told)
        self._spending[key] = msgspec.to_builtins(spending)

    async def _call(self, topic: Topic, record: Message) -> ModelCalled | None:
        """The call in a record; None for what can't be read, which is buried. Raises CancelledError when told to stop.

        Faust takes a cancelled record for one that it has not seen.
        """
        if not await learned(self._codec, [record.value], self._publisher.stopping, _warn):
            raise CancelledError
        try:
            event = self._codec.decode(topic, record.value)
        except Undecodable as error:
            DEAD_LETTERS.inc()
            await self._publisher.bury(record, topic, error)
            return None
        assert isinstance(event, ModelCalled)
        return event

    async def _publish(self) -> None:
        """Publish each window that has changed, as it is now."""
        changed, self._changed = self._changed, {}
        await self._publisher.publish(
            (USAGE_WINDOWS, f"{key}/{start}", core.usage_window(key, start, window))
            for (key, start), window in changed.items()
        )

    def _recovered(self) -> Iterator[tuple[tuple[str, int], core.Window]]:
        """The windows that the tables hold."""
        for (key, (start, _)), window in self._windows.table.data.items():
            yield (key, round(start * 1000)), msgspec.convert(window, core.Window)


def _warn(error: RegistryUnavailable) -> None:
    _log.warning("waiting", what="schema registry", error=str(error))


def _now() -> int:
    return time.time_ns() // 1_000_000
