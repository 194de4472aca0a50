"""A process that spends a budget of 50 as fast as it can: `spender.py DSN NUMBER`; it names each call it settled."""

import asyncio
import sys
from decimal import Decimal

from headrace.budgets.active import Budget, InForce
from headrace.resource.budget import BudgetSpec, Scope
from model_invoke.money.ledger import Ledger
from model_invoke.ports import Facts, OverBudget

NOON = 1_795_608_000_000
BUDGET = Budget("acme-daily", BudgetSpec(scope=Scope(tenant="acme"), period="day", limit=Decimal(50), currency="USD"))


async def spend(ledger: Ledger, name: str) -> None:
    """One call after the other: each may cost 1, and costs a tenth."""
    number = 0
    while True:
        number += 1
        facts = Facts(f"{name}-{number}/answer/0/1/1", "ask", "acme", "large", "answer")
        try:
            reservation = await ledger.reserve(facts, Decimal(1), "USD", NOON)
        except OverBudget:
            await asyncio.sleep(0)
            continue
        await ledger.settle(reservation, Decimal("0.1"))
        sys.stdout.write(f"{facts.id}\n")
        sys.stdout.flush()


async def main(dsn: str, name: str) -> None:
    """Several at once."""
    ledger = Ledger(dsn, lambda: InForce([BUDGET]))
    await asyncio.gather(*(spend(ledger, f"{name}-{lane}") for lane in range(8)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
