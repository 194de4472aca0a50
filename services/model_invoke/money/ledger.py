"""Budgets as calls meet them: reserved before, settled after, in the ledger in Postgres."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from headrace.budgets.accounts import Accounts
from headrace.budgets.active import InForce, Payer, pays_for
from headrace.budgets.holds import Verdict, foreign, holds, mismatch, short, unread
from headrace.events.run import Charge
from model_invoke.ports import Facts, OverBudget, Reservation


class Ledger:
    """The port Budgets. in_force: what is so now."""

    def __init__(self, dsn: str, in_force: Callable[[], InForce]) -> None:
        self._accounts = Accounts(dsn)
        self._in_force = in_force

    async def reserve(self, facts: Facts, worst: Decimal, currency: str, now: int) -> Reservation:
        """See the port. A call that can cost nothing is charged to no budget in another currency, and never refused.

        A budget that was never readable here refuses what may be in its scope: its limit may be spent.
        """
        payer, in_force = Payer(facts.workflow, facts.tenant, facts.model, facts.prompt), self._in_force()
        if worst:
            unknown = (one for one in in_force.unreadable if not one.kept and pays_for(one.scope, payer))
            _accepted(unread(unknown))
        paying = [budget for budget in in_force.budgets if pays_for(budget.spec.scope, payer)]
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

    async def give_back(self, calls: Sequence[str]) -> None:
        """See the port."""
        await self._accounts.give_back(calls)

    async def close(self) -> None:
        """Give up the connections."""
        await self._accounts.close()


def _accepted(verdict: Verdict) -> Sequence[str]:
    """The warnings of a verdict. Raises OverBudget if it refuses."""
    if verdict.refusal:
        raise OverBudget(verdict.refusal, verdict.use)
    return verdict.warnings
