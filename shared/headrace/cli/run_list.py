"""run list: the newest runs, from the tables that the projector makes of the log."""

import asyncio
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, NamedTuple

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from headrace.cli.duration import Since, rough
from headrace.cli.session import Json, connected, database_url, print_json
from headrace.cli.text import printable
from headrace.errors import DatabaseUnavailable, KafkaUnavailable, RegistryUnavailable, StackError
from headrace.runs import Found, ListedRun, Wanted, newest_runs
from headrace.topics import RUN_EVENTS

MOST_COUNTED = 1_000
"""Records that the tables lack: more than these are not counted."""
NARROWEST = 28
"""Columns that a run's state has on a narrow terminal, however long its id is."""


class RunStatus(StrEnum):
    """How far a run is, or how it ended."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


def list_runs(
    *,
    workflow: Annotated[str | None, typer.Option(help="Of this workflow only: name, or name@7.")] = None,
    state: Annotated[RunStatus | None, typer.Option(help="In this state only.")] = None,
    since: Since = None,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=100_000)] = 20,
    as_json: Json = False,
) -> None:
    """List runs, the newest first: workflow, state, how long ago they started, how long they took, what they cost.

    The list comes from Postgres, where the projector notes what is in the log; it says when it is behind.

    Example: `headrace run list --workflow ask-the-docs --state failed --since 1d`
    """
    now = datetime.now(UTC)
    earliest = None if since is None else now - timedelta(milliseconds=since)
    found = asyncio.run(_find(Wanted(workflow, state and state.value, earliest, limit)))
    if as_json:
        print_json([_plain(one) for one in found.runs])
    elif found.runs:
        console = Console()
        console.print(listing(console, found.runs, now))
    else:
        sys.stderr.write("no runs, or none that fit\n")


async def _find(wanted: Wanted) -> Found:
    """Runs; how much the tables are behind is said on standard error."""
    try:
        found = await newest_runs(database_url(), wanted)
    except DatabaseUnavailable as error:
        hint = "`headrace run show ID` reads the log itself, and needs no Postgres"
        raise DatabaseUnavailable(f"{error}; {hint}") from error
    sys.stderr.write(await _lag(found))
    return found


async def _lag(found: Found) -> str:
    """What the list lacks, or nothing."""
    try:
        count = await _missing(found)
    except (KafkaUnavailable, RegistryUnavailable, StackError) as error:
        return f"warning: nobody knows whether this list is up to date: {printable(str(error))}\n"
    if not count:
        return ""
    several = f"at least {count}" if count == MOST_COUNTED else str(count)
    return (
        f"warning: this list is behind by {several} record{'s' * (count != 1)} of {RUN_EVENTS.name}: a moment later it "
        "has them, if the projector runs; `headrace status` says\n"
    )


async def _missing(found: Found) -> int:
    """How many records the tables know nothing of; at most MOST_COUNTED."""
    count = 0
    async with connected() as client:
        records = client.read_after(RUN_EVENTS, found.read_to)
        async for _ in records:
            count += 1
            if count == MOST_COUNTED:
                break
        await records.aclose()
    return count


def _plain(one: ListedRun) -> dict[str, Any]:
    """A run for programs: times in epoch milliseconds."""
    return {
        **one._asdict(),
        "started_at": _epoch(one.started_at),
        "finished_at": one.finished_at and _epoch(one.finished_at),
        "ms": _spent(one),
    }


def _epoch(at: datetime) -> int:
    return round(at.timestamp() * 1_000)


def _spent(one: ListedRun) -> int | None:
    """Milliseconds from start to end."""
    return None if one.finished_at is None else _epoch(one.finished_at) - _epoch(one.started_at)


def listing(console: Console, runs: Sequence[ListedRun], now: datetime) -> Table:
    """A line a run where the terminal is wide enough, else two; ids and states are whole, to be copied."""
    rows = [_row(one, now) for one in runs]
    wide = _table([Column(name, no_wrap=True) for name in Row._fields], rows)
    anywhere = console.options.update(max_width=sys.maxsize)
    return wide if console.measure(wide, options=anywhere).maximum <= console.width else _narrow(rows)


class Row(NamedTuple):
    """What is shown of a run; the names are the headings."""

    run: str
    workflow: str
    state: str
    started: str
    took: str
    cost: str


def _row(one: ListedRun, now: datetime) -> Row:
    spent = _spent(one)
    return Row(
        run=one.run,
        workflow=one.workflow,
        state=f"{one.status} ({one.code})" if one.code else one.status,
        started=f"{rough(_epoch(now) - _epoch(one.started_at))} ago",
        took="" if spent is None else rough(spent),
        cost=", ".join(one.costs),
    )


def _narrow(rows: Iterable[Row]) -> Table:
    """Two lines a run: what it is, and how far; what is too long even so is folded."""
    columns = Column("run, workflow", overflow="fold"), Column("state, started, took, cost", min_width=NARROWEST)
    return _table(columns, [cells for row in rows for cells in _halves(row)])


def _halves(row: Row) -> tuple[tuple[str, str], tuple[str, str]]:
    facts = (row.started, row.took and f"took {row.took}", row.cost)
    return (row.run, row.state), (f"  {row.workflow}", ", ".join(fact for fact in facts if fact))


def _table(columns: Iterable[Column], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    return table
