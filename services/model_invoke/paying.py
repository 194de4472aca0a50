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

_log = structlog.get_logger(__name__)


class Patient:
    """Budgets that are asked until they answer: both steps can be repeated. Whoever can't wait sets a time."""

    def __init__(self, budgets: Budgets) -> None:
        self._budgets = budgets

    async def reserve(self, facts: Facts, worst: Decimal, currency: str, now: int) -> Reservation:
        """See the port."""
        return await _insisting(partial(self._budgets.reserve, facts, worst, currency, now))

    async def settle(self, reservation: Reservation, cost: Decimal) -> Sequence[Charge]:
        """See the port."""
        return await _insisting(partial(self._budgets.settle, reservation, cost))


async def _insisting(step: Callable[[], Awaitable[T]]) -> T:
    while True:
        try:
            return await step()
        except JournalUnavailable as error:
            _log.warning("waiting", what="ledger", error=str(error))
            await asyncio.sleep(RETRY_S)
