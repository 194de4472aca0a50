"""budget show and rebuild: what is left, and the ledger made again from the log."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Annotated, Any, NamedTuple

import typer
from rich.console import Console
from rich.table import Column, Table

from headrace.budgets.accounts import Accounts, Balance
from headrace.budgets.active import Budget, active_budgets, period_at, renews_at
from headrace.budgets.holds import money
from headrace.budgets.log import Charged, charged
from headrace.cli.deployed import newest
from headrace.cli.session import Json, connected, database_url, print_json
from headrace.cli.text import quoted
from headrace.client import Client
from headrace.errors import NotFound, Undecodable
from headrace.events.model import ModelCalled
from headrace.fault import did_you_mean
from headrace.seen import Seen
from headrace.topics import BUDGET_STATE, MODEL_CALLS

BATCH = 1_000
"""Charges that are handed to Postgres at once."""
MOST_NAMED = 5
_EACH = {"day": "a day", "month": "a month", "total": "in total"}


class Standing(NamedTuple):
    """An active budget and its money in the period at hand."""

    budget: Budget
    balance: Balance
    renews: str | None

    @property
    def left(self) -> Decimal:
        """What calls may still take; less than nothing when the limit was lowered, or a budget only warns."""
        taken = self.balance.spent + self.balance.held + self.balance.abandoned
        return self.budget.spec.limit - taken

    @property
    def scope(self) -> Mapping[str, str]:
        """Who is charged."""
        return self.budget.spec.scope.model_dump(exclude_none=True)


def register(group: typer.Typer) -> None:
    """Add these commands to those of every family."""
    group.command()(show)
    group.command()(rebuild)


def show(
    name: Annotated[str | None, typer.Argument(help="Show this one only.")] = None, *, as_json: Json = False
) -> None:
    """Show each active budget: who is charged, its limit, what is spent, held and left, and when it renews.

    Held is the worst case of calls under way. Abandoned is what calls hold that nobody settled within an hour: it
    counts as spent until somebody does.
    """
    standings = asyncio.run(_standings(name))
    if as_json:
        print_json([_plain(one) for one in standings])
    else:
        _print(standings)


def rebuild() -> None:
    """Make the ledger again from the log of calls, in one transaction. Calls go on meanwhile.

    What the log says of a call wins. Calls that it does not know keep what they hold. Records that can't be read are
    left out, and named.
    """
    unread: list[str] = []
    count = asyncio.run(_rebuild(unread))
    console = Console()
    console.print(f"[green]✓[/] the ledger has {count} charges of the log")
    if unread:
        console.print(
            f"[yellow]![/] {len(unread)} records can't be read and are left out: {', '.join(unread[:MOST_NAMED])}"
        )


async def _standings(name: str | None) -> Sequence[Standing]:
    """Raises NotFound."""
    async with connected() as client:
        active = active_budgets(newest(await client.read_all(BUDGET_STATE)))
    for one in active.unreadable:
        Console(stderr=True).print(f"[yellow]![/] {quoted(f'budget {one.name}@{one.version}: {one.reason}')}")
    names = [budget.name for budget in active.budgets]
    if name is not None and name not in names:
        hint = did_you_mean(name, names) or "none is active"
        raise NotFound("budget_not_found", f"no active budget is named {name!r:.80} ({hint})")
    async with _accounts() as accounts:
        balances = {(one.budget, one.period, one.currency): one for one in await accounts.balances()}
    now = time.time_ns() // 1_000_000
    return [_standing(budget, balances, now) for budget in active.budgets if name in {None, budget.name}]


def _standing(budget: Budget, balances: Mapping[tuple[str, str, str], Balance], now: int) -> Standing:
    key = (budget.name, period_at(budget.spec, now), budget.spec.currency)
    nothing = Balance(*key, Decimal(0), Decimal(0), Decimal(0))
    renews = renews_at(budget.spec, now)
    return Standing(budget, balances.get(key, nothing), f"{renews:%Y-%m-%dT%H:%MZ}" if renews else None)


def _plain(one: Standing) -> Mapping[str, Any]:
    spec, balance = one.budget.spec, one.balance
    amounts = {
        "limit": spec.limit,
        "spent": balance.spent,
        "held": balance.held,
        "abandoned": balance.abandoned,
        "left": one.left,
    }
    return {
        "name": one.budget.name,
        "scope": one.scope,
        "action": spec.action,
        "use": spec.use,
        "period": balance.period,
        "currency": spec.currency,
        **{name: money(amount) for name, amount in amounts.items()},
        "renews_at": one.renews,
    }


def _print(standings: Sequence[Standing]) -> None:
    abandoned = any(one.balance.abandoned for one in standings)
    headings = ("budget", "who is charged", "limit", "spent", "held", *(["abandoned"] if abandoned else []), "left")
    words = {"budget", "who is charged", "limit", "when short"}
    columns = [
        Column(heading, overflow="fold", no_wrap=heading not in words)
        for heading in (*headings, "renews on", "when short")
    ]
    table = Table(*columns, box=None, pad_edge=False)
    for one in standings:
        row = _plain(one)
        scope = ", ".join(f"{kind} {name}" for kind, name in one.scope.items())
        limit = f"{row['limit']} {row['currency']} {_EACH[one.budget.spec.period]}"
        amounts = [row[name] for name in ("spent", "held", "abandoned", "left") if name in headings]
        action = f"use {row['use']}" if row["use"] else row["action"]
        table.add_row(
            *map(quoted, (row["name"], scope, limit, *amounts, (one.renews or "never").partition("T")[0], action))
        )
    Console().print(table)


async def _rebuild(unread: list[str]) -> int:
    async with connected() as client, _accounts() as accounts:
        return await accounts.rebuild(_batches(client, unread))


async def _batches(client: Client, unread: list[str]) -> AsyncIterator[Sequence[Charged]]:
    """All charges of the log. unread: gets the places of records that can't be read, or make no sense."""
    batch: list[Charged] = []
    async for seen in client.read(MODEL_CALLS):
        try:
            batch += _charges(seen)
        except Undecodable as error:
            unread.append(f"{seen.place} ({error})")
        if len(batch) >= BATCH:
            yield batch
            batch = []
    yield batch


def _charges(seen: Seen) -> list[Charged]:
    """Raises Undecodable."""
    if not isinstance(seen.event, ModelCalled):
        raise Undecodable(seen.fault or "no call")
    return [*charged(seen.event)]


@asynccontextmanager
async def _accounts() -> AsyncIterator[Accounts]:
    accounts = Accounts(database_url())
    try:
        yield accounts
    finally:
        await accounts.close()
