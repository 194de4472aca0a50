"""Balances and entries of budgets in Postgres, each change one atomic statement."""

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from headrace.budgets.holds import Hold, Shortage
from headrace.budgets.log import Charged
from headrace.database import Database
from headrace.events.run import Charge
from headrace.sql import load_queries

REBUILD_S = 600.0
ABANDONED_AFTER = timedelta(hours=1)
"""What is held for so long counts as spent, at its worst, until somebody settles it after all: the call may have been
made."""

_SQL = load_queries(Path(__file__).with_suffix(".sql"))


class Held(NamedTuple):
    """What became of a reservation. refused: nothing is held. short: budgets with less left than the call may cost."""

    refused: bool
    short: Sequence[Shortage]


class Balance(NamedTuple):
    """One budget's money in one period; all three amounts are taken from its limit.

    held: for calls under way. abandoned: for calls that nobody settled in time, no part of held.
    """

    budget: str
    period: str
    currency: str
    spent: Decimal
    held: Decimal
    abandoned: Decimal


class Accounts:
    """The ledger, as one process sees it. Its methods raise DatabaseUnavailable when Postgres is away."""

    def __init__(self, dsn: str) -> None:
        self._database = Database(dsn, "the ledger of budgets", _SQL["schema"])

    async def reserve(self, call: str, holds: Iterable[Hold], worst: Decimal, currency: str, at: datetime) -> Held:
        """Hold the worst case in all of these budgets, or in none; a call that is known keeps what it has."""
        columns = [list(column) for column in zip(*holds, strict=True)]
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["reserve"], call, currency, worst, at, *columns)
        refused = any(row["is_refused"] for row in rows)
        return Held(refused, [Shortage(row["short_budget"], row["short_left"]) for row in rows])

    async def settle(self, call: str, cost: Decimal) -> Sequence[Charge]:
        """Charge a call and give back the rest. Repeated, it changes nothing and says the same."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["settle"], [call], cost)
        return [Charge(budget=name, period=period, amount=f"{amount:f}", limit=f"{limit:f}")
                for name, period, amount, limit in rows]  # fmt: skip

    async def give_back(self, calls: Sequence[str]) -> None:
        """Charge nothing for these calls; of some that are charged, or that hold nothing, nothing changes."""
        async with self._database.connection() as connection:
            await connection.execute(_SQL["settle"], calls, Decimal(0))

    async def balances(self) -> Sequence[Balance]:
        """Every balance there is, by name and period."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(_SQL["balances"], datetime.now(UTC) - ABANDONED_AFTER)
        return [Balance(**{**row, "held": row["held"] - row["abandoned"]}) for row in rows]

    async def rebuild(self, batches: AsyncIterator[Sequence[Charged]]) -> int:
        """Make the ledger again from the log, in one transaction; how many charges the log has.

        1. Collect the log; nobody waits. 2. Stop reservations. 3. Charge what the log says; entries that it does not
        know stay. 4. Sum up.
        """
        count = 0
        async with self._database.connection() as connection, connection.transaction():
            await connection.execute(_SQL["new_log"])
            async for batch in batches:  # 1
                await connection.copy_records_to_table("budget_log", records=batch)
                count += len(batch)
            await connection.execute(_SQL["stop_changes"], timeout=REBUILD_S)  # 2
            await connection.execute(_SQL["put_log"], timeout=REBUILD_S)  # 3
            await connection.execute(_SQL["drop_balances"], timeout=REBUILD_S)  # 4
            await connection.execute(_SQL["sum_entries"], timeout=REBUILD_S)
        return count

    async def close(self) -> None:
        """Give up the connections."""
        await self._database.close()
