"""Budgets as calls meet them: reserved before, settled after, in the ledger in Postgres."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from headrace.budgets.accounts import Accounts
from headrace.budgets.active import Budget, Payer, pays_for
from headrace.budgets.holds import Verdict, foreign, holds, mismatch, short
from headrace.events.run import Charge
from model_invoke.ports import Facts, OverBudget, Reservation


class Ledger:
    """The port Budgets. budgets: those that are active now."""

    def __init__(self, dsn: str, budgets: Callable[[], Sequence[Budget]]) -> None:
        self._accounts = Accounts(dsn)
        self._budgets = budgets

    async def reserve(self, facts: Facts, worst: Decimal, currency: str, now: int) -> Reservation:
        """See the port. A call that can cost nothing is charged to no budget in another currency, and never refused."""
        payer = Payer(facts.workflow, facts.tenant, facts.model, facts.prompt)
        paying = [budget for budget in self._budgets() if pays_for(budget, payer)]
        others = foreign(paying, currency)
        told = _accepted(mismatch(others, currency)) if worst else ()
        paying = [budget for budget in paying if budget not in others]
        if not paying:
            return Reservation(facts.id, told, held=False)
        at = datetime.fromtimestamp(now / 1000, UTC)
        held = await self._accounts.reserve(facts.id, holds(paying, now), worst, currency, at)
        verdict = short(paying, held.short, worst, now)
        warnings = _accepted(verdict) if held.refused else verdict.warnings
        return Reservation(facts.id, (*told, *warnings))

    async def settle(self, reservation: Reservation, cost: Decimal) -> Sequence[Charge]:
        """See the port."""
        return await self._accounts.settle(reservation.id, cost) if reservation.held else ()

    async def close(self) -> None:
        """Give up the connections."""
        await self._accounts.close()


def _accepted(verdict: Verdict) -> Sequence[str]:
    """The warnings of a verdict. Raises OverBudget if it refuses."""
    if verdict.refusal:
        raise OverBudget(verdict.refusal, verdict.use)
    return verdict.warnings
