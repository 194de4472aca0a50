"""What the log of calls says was charged: the ledger is made again from it. Pure."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from headrace.errors import Undecodable
from headrace.events.model import ModelCalled

MOST_PLACES = 100
"""Decimal places of an amount of money, before or after the point."""


class Charged(NamedTuple):
    """One call's charge to one budget; the fields in the order of the ledger's columns."""

    call: str
    budget: str
    period: str
    currency: str
    limit: Decimal
    cost: Decimal
    at: datetime


def charged(called: ModelCalled) -> Iterator[Charged]:
    """What a call was charged, for each budget. Raises Undecodable for a time or an amount that makes no sense."""
    try:
        at = datetime.fromtimestamp(called.at / 1000, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Undecodable(f"call {called.id:.200} ended at {called.at}, which is no time") from error
    for charge in called.charges:
        cost = amount(charge.amount)
        if called.usage:
            currency = called.usage.currency
            yield Charged(called.id, charge.budget, charge.period, currency, amount(charge.limit), cost, at)
        elif cost:
            raise Undecodable(f"call {called.id} is charged {charge.amount} without a usage, so in no currency")


def amount(text: str) -> Decimal:
    """Money from decimal text, exact. Raises Undecodable."""
    try:
        found = Decimal(text)
    except InvalidOperation as error:
        raise Undecodable(f"{text!r:.80} is no decimal number") from error
    if not found.is_finite() or max(abs(found.adjusted()), abs(int(found.as_tuple().exponent))) > MOST_PLACES:
        raise Undecodable(f"{text!r:.80} is no amount of money")
    return found
