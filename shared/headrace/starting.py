"""Whose a run is, and how it ended: the same id never starts a second run, and all who ask get the first one's result.

Nothing answers a request for a run that was there before. So whoever asks follows the log from now on, which is all
that a new run needs. Only when nothing new comes from there, it is looked up whether the run is an older one.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any, NamedTuple

from headrace.client import Client, Result
from headrace.errors import Unanswered
from headrace.events.run import RunStarted
from headrace.limits import START_PART
from headrace.seen import Seen
from headrace.ticks import ticking
from headrace.topics import RUN_EVENTS, RUN_RESULTS, RUN_STATE

QUIET_S = 1.0
"""How long nothing may be heard of a run until it is looked up; each time twice as long as before."""
CLOCKS_MS = 1_000
"""How far apart the clocks of this machine and of a router may be."""


class Begun(NamedTuple):
    """How a run began.

    first: the first record of its log. earlier: whether another request led to it than the one that was sent.
    came: what was read of it meanwhile.
    """

    first: Seen
    earlier: bool
    came: Sequence[Seen]

    @property
    def since(self) -> int:
        """When nothing of the run had been written yet, epoch milliseconds."""
        return self.first.at - CLOCKS_MS


async def begun(client: Client, run_id: str, sent: str, records: AsyncIterator[Seen], timeout_s: float) -> Begun:
    """Wait until it is known how a run began. Raises Unanswered.

    sent: id of the event that asked for it. records: the run's, from before that on; its log must be among them.
    """
    came: list[Seen] = []
    now = asyncio.get_running_loop().time
    wait = QUIET_S
    look_at = now() + wait
    try:
        async with asyncio.timeout(timeout_s), aclosing(ticking(records, QUIET_S)) as coming:
            async for seen in coming:
                came += [seen] if seen else []
                logged = seen is not None and seen.topic == RUN_EVENTS.name
                log = [seen] if seen and logged and _is_first(seen) else []
                if not log and (logged or now() >= look_at):  # what is logged and is not the first began before
                    log = await look_back(client, run_id)
                    wait, look_at = 2 * wait, now() + 2 * wait
                earlier = bool(log) and log[0].attributes.causation != sent
                if earlier or (log and logged):  # else it is our own, and about to come
                    return Begun(log[0], earlier, came)
    except TimeoutError as error:
        message = f"run {run_id} has not begun after {timeout_s:g} s; are the services up? `headrace status` says"
        raise Unanswered(message) from error
    raise AssertionError("records never end by themselves")


async def result_of(client: Client, run_id: str, timeout_s: float) -> Result:
    """How a run ended, or ends, whoever started it and whenever that was. Raises Unanswered.

    Results are kept for 30 days; of an older run the log, which is kept for ever, tells.
    """
    looked = False
    try:
        async with (
            asyncio.timeout(timeout_s),
            client.follow(RUN_RESULTS, key=run_id, since=0) as results,
            aclosing(ticking(results, QUIET_S)) as coming,
        ):
            async for seen in coming:
                log = [] if seen or looked else await look_back(client, run_id)
                looked = looked or not seen
                newest = seen or (log[-1] if log else None)
                if newest and isinstance(newest.event, Result):
                    return newest.event
    except TimeoutError as error:
        raise Unanswered(f"run {run_id} has no result after {timeout_s:g} s") from error
    raise AssertionError("follow never ends by itself")


async def look_back(client: Client, run_id: str) -> list[Seen]:
    """A run's log as far as it goes now; empty when there is no such run yet."""
    since = await _since(client, run_id)
    if since is None:
        return []
    return [seen async for seen in client.read(RUN_EVENTS, keys={run_id}, since=since)]


async def _since(client: Client, run_id: str) -> int | None:
    """From when on a run's log is to be read, epoch milliseconds; None when there is no such run.

    Of a run that ended before its result expired, only that is known; its log may stand anywhere.
    """
    async with aclosing(client.read(RUN_RESULTS, keys={run_id})) as results:
        async for seen in results:
            if isinstance(seen.event, Result):
                return max(seen.event.started_at - CLOCKS_MS, 0)
    start = f"{run_id}/{START_PART}"
    parts = {seen.key: seen.event async for seen in client.read(RUN_STATE, keys={run_id, start})}
    if parts.get(run_id) is None:
        return None
    started = parts.get(start)
    return max(started.at - CLOCKS_MS, 0) if isinstance(started, RunStarted) else 0


def _is_first(seen: Seen) -> bool:
    event: Any = seen.event
    return event is not None and event.seq == 0
