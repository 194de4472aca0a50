"""The meter's stream: `model.calls`, counted in tables, whose windows are published as they change.

Calls of one name come from several partitions, and Faust keeps a table's changelog beside the partition that is read.
So each partition has sums of its own, and whoever reads `usage.windows` adds them up. To count a call awaits nothing
but an alert or a dead letter that it leads to, and a schema that is new: Faust 0.15 was seen to commit what it had
fetched and not yet handed over, which a killed process loses.

What leaves the meter goes through our own producer, at least once: Faust has no transaction for topics that it does not
read. Nothing fences that producer. So a meter that stood still for longer than its session publishes nothing more and
ends: another may have published newer sums.
"""

import time
from asyncio import CancelledError
from typing import Any

import faust
import msgspec
import structlog
from faust.types import Message
from prometheus_client import Counter

from headrace.codec import Codec
from headrace.errors import RegistryUnavailable, Undecodable
from headrace.events.model import ModelCalled
from headrace.topics import MODEL_CALLS, USAGE_ALERTS, USAGE_WINDOWS
from headrace.waiting import learned, stopped_within
from usage_meter import core
from usage_meter.app import raw
from usage_meter.publisher import Publisher
from usage_meter.session import Session
from usage_meter.spendings import Spendings
from usage_meter.windows import Place, Windows

PUBLISH_S = 0.5
"""Between publications of what has changed."""

CALLS = Counter("headrace_meter_calls_total", "Calls that were read.")
DEAD_LETTERS = Counter("headrace_meter_dead_letters_total", "Records that could not be read.")

_log = structlog.get_logger(__name__)


class Meter:
    """The stream, its tables, and what it publishes."""

    def __init__(self, app: faust.App, codec: Codec, publisher: Publisher) -> None:
        self._app = app
        self._codec = codec
        self._publisher = publisher
        self._changed: dict[Place, core.Window] = {}
        self.is_ready = False
        self._windows = Windows(app.Table("windows", on_recover=self._publish_again))
        self._spendings = Spendings(app.Table("spending"), app.conf.topic_partitions)
        app.on_partitions_assigned.connect(self._tell_whose_turn)
        app.agent(raw(app, MODEL_CALLS), name="count")(self._count)

    async def run(self) -> None:
        """Count, when it is this process's turn, until told to stop. Raises what Faust dies of, and SessionLost."""
        await self._app.start()
        session = Session(self._app.conf.broker_session_timeout)
        try:
            self.is_ready = True
            while not await stopped_within(self._publisher.stopping, PUBLISH_S):
                if self._app.crashed:
                    raise self._app.crash_reason or RuntimeError("faust has ended")
                session.renew()
                await self._publish()
        finally:
            await self._app.stop()

    async def _publish_again(self) -> None:
        """Publish what the tables hold when they were read back: the last process may not have come to it."""
        self._changed = {**dict(self._windows.items()), **self._changed}

    async def _tell_whose_turn(self, _: object, /, *assigned: Any, **__: Any) -> None:
        """Note whether this process counts."""
        _log.info("counting" if assigned[0] else "standing by")

    async def _count(self, stream: "faust.StreamT[bytes]") -> None:
        """Count each call under all of its names, and tell of what crosses a threshold."""
        async for record in stream.events():
            call = await self._call(record.message)
            if call is None:
                continue
            CALLS.inc()
            await self._count_call(record.message.partition, round(record.message.timestamp * 1000), call)

    async def _count_call(self, partition: int, at: int, call: ModelCalled) -> None:
        now = self._windows.advance(partition, min(at, _now()))
        self._spendings.advance(partition, now)
        for charge in call.charges:
            if not core.is_period_over(charge.period, now):
                await self._spend(partition, core.budget_key(charge), call)
        if self._windows.takes(partition, call.at):
            for key in core.window_keys(call):
                await self._add(partition, key, call)

    async def _add(self, partition: int, key: str, call: ModelCalled) -> None:
        """Count a call in one of its windows."""
        place = f"{partition}/{key}", call.at - call.at % core.MINUTE_MS
        window = core.with_call(self._windows[place], call)
        if alerts := list(core.error_alerts(key, window, _now())):
            await self._publisher.publish((USAGE_ALERTS, alert.about, alert) for alert in alerts)
            window = msgspec.structs.replace(window, told=True)
        self._windows[place] = self._changed[place] = window

    async def _spend(self, partition: int, key: str, call: ModelCalled) -> None:
        """Add a call's charge to one of its budgets. What was told is kept with this partition's sum."""
        mine = core.with_charges(key, self._spendings.get(partition, key), call)
        others = self._spendings.of_others(partition, key)
        if alerts := list(core.budget_alerts(key, core.total(mine, others), _now())):
            await self._publisher.publish((USAGE_ALERTS, alert.about, alert) for alert in alerts)
            told = (*mine.told, *(alert.threshold for alert in alerts))
            mine = msgspec.structs.replace(mine, told=told)
        self._spendings.keep(partition, key, mine)

    async def _call(self, record: Message) -> ModelCalled | None:
        """The call in a record; None for what can't be read, which is buried.

        Raises CancelledError when told to stop.
        """
        if not await learned(self._codec, [record.value], self._publisher.stopping, _warn):
            raise CancelledError
        try:
            event = self._codec.decode(MODEL_CALLS, record.value)
            assert isinstance(event, ModelCalled)
            core.check(event)
        except Undecodable as error:
            DEAD_LETTERS.inc()
            await self._publisher.bury(record, MODEL_CALLS, error)
            return None
        return event

    async def _publish(self) -> None:
        """Publish each window that has changed, as it is now."""
        changed, self._changed = self._changed, {}
        await self._publisher.publish(
            (USAGE_WINDOWS, f"{key}/{start}/{partition}", core.usage_window(key, start, window))
            for (name, start), window in changed.items()
            for partition, _, key in (name.partition("/"),)
        )


def _warn(error: RegistryUnavailable) -> None:
    _log.warning("waiting", what="schema registry", error=str(error))


def _now() -> int:
    return time.time_ns() // 1_000_000
