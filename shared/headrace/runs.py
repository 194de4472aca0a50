"""Questions about many runs, to the tables that the projector makes of the log."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import asyncpg

from headrace.errors import DatabaseUnavailable
from headrace.sql import load_queries, reaching
from headrace.topics import RUN_EVENTS

TIMEOUT_S = 10.0
"""To connect, and for one statement."""
WHAT = "Postgres, which has the table of runs,"

_SQL = load_queries(Path(__file__).with_suffix(".sql"))


class Wanted(NamedTuple):
    """Which runs are asked for; None asks for all. workflow: `name` or `name@7`. since: the earliest start."""

    workflow: str | None = None
    status: str | None = None
    since: datetime | None = None
    limit: int = 20


class ListedRun(NamedTuple):
    """A run as the tables know it. costs: an amount for each currency, such as `0.012 USD`, of calls so far."""

    run: str
    workflow: str
    status: str
    tenant: str | None
    actor: str | None
    started_at: datetime
    finished_at: datetime | None
    code: str | None
    message: str | None
    costs: Sequence[str]


class Found(NamedTuple):
    """Runs, the newest first. read_to: offset of the first record of run.events that isn't in it, by partition."""

    runs: Sequence[ListedRun]
    read_to: Mapping[int, int]


async def newest_runs(dsn: str, wanted: Wanted) -> Found:
    """Raises DatabaseUnavailable, also when there are no tables yet."""
    async with _reading(dsn) as connection:
        return await _found(connection, wanted)


async def runs_beginning(dsn: str, beginning: str, most: int) -> Sequence[str]:
    """Ids that begin so; those of runs that the shortest one has started are left out. Raises DatabaseUnavailable."""
    async with _reading(dsn) as connection:
        return [row["run"] for row in await connection.fetch(_SQL["beginning"], beginning, most)]


@asynccontextmanager
async def _reading(dsn: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """Raises DatabaseUnavailable, also when there are no tables yet."""
    with reaching(WHAT):
        connection = await asyncpg.connect(dsn, timeout=TIMEOUT_S, command_timeout=TIMEOUT_S)
    try:
        with reaching(WHAT, connection):
            yield connection
    except asyncpg.UndefinedTableError as error:
        raise DatabaseUnavailable(
            "Postgres has no table of runs yet; the projector makes it when it starts: `headrace status` says whether "
            "it runs"
        ) from error
    finally:
        connection.terminate()


async def _found(connection: "asyncpg.Connection[asyncpg.Record]", wanted: Wanted) -> Found:
    """Positions first: rows may be newer than these, never older."""
    positions = await connection.fetch(_SQL["positions"], RUN_EVENTS.name)
    rows = await connection.fetch(_SQL["newest"], *wanted)
    return Found(
        [ListedRun(**row) for row in rows],
        {place["partition"]: place["next_offset"] for place in positions},
    )
