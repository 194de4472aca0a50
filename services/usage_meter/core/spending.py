"""How much of a budget is spent, as the log of calls tells it."""

from collections.abc import Iterable, Iterator
from decimal import Decimal

import msgspec

from headrace.events.model import ModelCalled
from headrace.events.usage import UsageAlert
from usage_meter.core.measures import BUDGET, budget_key, is_new, kept

THRESHOLDS = (Decimal("0.8"), Decimal("1.0"))
"""Shares of a budget at which somebody is told, once each."""


class Spending(msgspec.Struct, frozen=True):
    """A budget's money in one period, as decimal text. told: thresholds. recent: marks of the last calls."""

    spent: str = "0"
    limit: str = "0"
    told: tuple[str, ...] = ()
    recent: tuple[str, ...] = ()

    @property
    def share(self) -> Decimal:
        """What is spent of the limit."""
        limit = Decimal(self.limit)
        return Decimal(self.spent) / limit if limit else Decimal(0)


def with_charges(key: str, spending: Spending, call: ModelCalled) -> Spending:
    """The spending with a call's charge to this budget (`budget/name/period`), unless it is in there."""
    if not is_new(spending.recent, call):
        return spending
    mine = [charge for charge in call.charges if key == budget_key(charge)]
    spent = sum((Decimal(charge.amount) for charge in mine), Decimal(spending.spent))
    limit = mine[-1].limit if mine else spending.limit
    return Spending(f"{spent:f}", limit, spending.told, kept(spending.recent, call))


def total(mine: Spending, others: Iterable[Spending]) -> Spending:
    """A budget's spending in all partitions; the limit is that of the one at hand."""
    every = (mine, *others)
    spent = sum((Decimal(one.spent) for one in every), Decimal(0))
    return Spending(f"{spent:f}", mine.limit, tuple(threshold for one in every for threshold in one.told))


def budget_alerts(key: str, spending: Spending, now: int) -> Iterator[UsageAlert]:
    """The thresholds that are reached and were not told yet."""
    about = key.removeprefix(f"{BUDGET}/")
    for threshold in THRESHOLDS:
        if spending.share >= threshold and str(threshold) not in spending.told:
            yield UsageAlert(
                at=now,
                kind=BUDGET,
                about=about,
                message=f"budget {about}: {spending.spent} of {spending.limit} is spent",
                value=f"{spending.share:.4f}",
                threshold=str(threshold),
            )
