"""Who pays for calls: the ledger, which is waited for while it is away."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from functools import partial
from itertools import islice
from typing import TypeVar

import structlog

from headrace.errors import DatabaseUnavailable
from headrace.events.run import Charge
from headrace.waiting import RETRY_S
from model_invoke.ports import Budgets, Facts, Reservation

T = TypeVar("T")

FAREWELL_S = 1.0
"""Seconds that a stop waits for what is still to be given back."""
MOST_AT_ONCE = 200
"""Calls of one statement: each takes a lock in Postgres, which has some thousands for everybody."""

_log = structlog.get_logger(__name__)


class Patient:
    """Budgets that are asked until they answer: both steps can be repeated. Whoever can't wait sets a time."""

    def __init__(self, budgets: Budgets) -> None:
        self._budgets = budgets
        self._unmade: set[str] = set()
        self._returning: asyncio.Task[None] | None = None

    async def reserve(self, facts: Facts, worst: Decimal, currency: str, now: int) -> Reservation:
        """See the port."""
        return await _insisting(partial(self._budgets.reserve, facts, worst, currency, now))

    async def settle(self, reservation: Reservation, cost: Decimal) -> Sequence[Charge]:
        """See the port."""
        return await _insisting(partial(self._budgets.settle, reservation, cost))

    def give_back(self, call: str) -> None:
        """Charge nothing for a call that is not made, in the background; it may have been reserved, or not.

        call: its id, under which nothing may be reserved any more.
        """
        self._unmade.add(call)
        if self._returning is None or self._returning.done():
            self._returning = asyncio.create_task(self._give_all_back())

    async def close(self) -> None:
        """Give back what is left; if the ledger stays away, it takes that for spent in an hour."""
        if self._returning is None:
            return
        await asyncio.wait({self._returning}, timeout=FAREWELL_S)
        self._returning.cancel()
        await asyncio.wait({self._returning})
        if self._unmade:
            _log.warning("money of calls that were not made stays held", calls=len(self._unmade))

    async def _give_all_back(self) -> None:
        while self._unmade:
            calls = list(islice(self._unmade, MOST_AT_ONCE))
            await _insisting(partial(self._budgets.give_back, calls))
            self._unmade.difference_update(calls)


async def _insisting(step: Callable[[], Awaitable[T]]) -> T:
    while True:
        try:
            return await step()
        except DatabaseUnavailable as error:
            _log.warning("waiting", what="ledger", error=str(error))
            await asyncio.sleep(RETRY_S)
