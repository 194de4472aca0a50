"""Who pays for calls: the ledger, which is waited for while it is away."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from functools import partial
from typing import TypeVar

import structlog

from headrace.errors import JournalUnavailable
from headrace.events.run import Charge
from headrace.waiting import RETRY_S
from model_invoke.ports import Budgets, Facts, Reservation

T = TypeVar("T")

FAREWELL_S = 1.0
"""Seconds that a stop waits for what is still to be given back."""

_log = structlog.get_logger(__name__)


class Patient:
    """Budgets that are asked until they answer: both steps can be repeated. Whoever can't wait sets a time."""

    def __init__(self, budgets: Budgets) -> None:
        self._budgets = budgets
        self._returning: set[asyncio.Task[Sequence[Charge]]] = set()

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
        task = asyncio.create_task(self.settle(Reservation(call), Decimal(0)))
        self._returning.add(task)
        task.add_done_callback(self._returning.discard)

    async def close(self) -> None:
        """Give back what is left; if the ledger stays away, it takes that for spent in an hour."""
        if not self._returning:
            return
        _, late = await asyncio.wait(self._returning, timeout=FAREWELL_S)
        for task in late:
            task.cancel()
        if late:
            _log.warning("money of calls that were not made stays held", calls=len(late))


async def _insisting(step: Callable[[], Awaitable[T]]) -> T:
    while True:
        try:
            return await step()
        except JournalUnavailable as error:
            _log.warning("waiting", what="ledger", error=str(error))
            await asyncio.sleep(RETRY_S)
