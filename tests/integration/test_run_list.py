"""Questions about many runs, to the projector's own tables on a real Postgres."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from aiokafka import TopicPartition

from headrace.errors import DatabaseUnavailable
from headrace.event import Event
from headrace.events import run
from headrace.limits import GENESIS
from headrace.projection import Origin
from headrace.projection.store import Store
from headrace.runs import ListedRun, Wanted, newest_runs, runs_beginning
from headrace.topics import RUN_EVENTS
from projector import core
from projector.bootstrap import PROJECTION, QUERIES
from tests.conftest import Stack
from tests.support.databases import database

NOON = 1_795_608_000_000
"""2026-11-25T12:00Z."""
MANY = 10_000
LOG = TopicPartition(RUN_EVENTS.name, 0)


@pytest.fixture
async def dsn(stack: Stack) -> AsyncIterator[str]:
    """A database with the projector's tables, empty."""
    async with database(stack.env["DATABASE_URL"]) as made:
        store = Store(made, PROJECTION)
        await store.positions([LOG])
        await store.close()
        yield made


async def write(dsn: str, *log: tuple[str, Event]) -> None:
    """What the projector writes for these events of runs, given with the runs' ids."""
    connection = await asyncpg.connect(dsn)
    rows = [row for key, event in log for row in core.rows(event, Origin(RUN_EVENTS.name, 0, 0, key, ()))]
    for table in ("runs", "run_nodes"):
        await connection.executemany(QUERIES[table], [row.values for row in rows if row.query == table])
    await connection.close()


def started(workflow: str, at: int) -> run.RunStarted:
    return run.RunStarted(seq=0, prev=GENESIS, at=at, workflow=workflow, input="{}", tenant="acme", actor="ada")


def spent(cost: str, currency: str, node: str = "answer") -> run.NodeSucceeded:
    return run.NodeSucceeded(
        seq=1,
        prev=GENESIS,
        at=NOON,
        node=node,
        iteration=0,
        attempt=1,
        output="{}",
        started_at=NOON,
        finished_at=NOON,
        usage=run.Usage(input_tokens=1, output_tokens=1, cost=cost, currency=currency),
    )


def failed(workflow: str, begun: int) -> run.RunFailed:
    return run.RunFailed(
        seq=2,
        prev=GENESIS,
        workflow=workflow,
        code="node_failed",
        message="no",
        started_at=begun,
        finished_at=begun + 250,
        usage=run.Usage(input_tokens=0, output_tokens=0, cost="0", currency="USD"),
    )


async def listed(dsn: str, wanted: Wanted) -> list[str]:
    return [one.run for one in (await newest_runs(dsn, wanted)).runs]


async def test_a_run_is_listed_with_its_times_and_what_its_calls_cost_in_each_currency(dsn: str) -> None:
    log = (started("ask@3", NOON), spent("0.0120", "USD"), spent("3", "EUR", "check"), failed("ask@3", NOON))
    await write(dsn, *(("r1", event) for event in log))
    (found,) = (await newest_runs(dsn, Wanted())).runs
    noon = datetime.fromtimestamp(NOON / 1_000, UTC)
    assert found == ListedRun(
        *("r1", "ask@3", "failed", "acme", "ada", noon, noon + timedelta(milliseconds=250), "node_failed", "no"),
        costs=["3 EUR", "0.0120 USD"],
    )


async def test_of_many_runs_the_newest_that_fit_come_first(dsn: str) -> None:
    # given runs a second apart; every third is of `ask`, in its two versions, and every sixth has failed
    names = [f"ask@{1 + number % 2}" if number % 3 == 0 else "asked@1" for number in range(MANY)]
    await write(dsn, *((f"r{number}", started(name, NOON + number * 1_000)) for number, name in enumerate(names)))
    ended = range(0, MANY, 6)
    await write(dsn, *((f"r{number}", failed(names[number], NOON + number * 1_000)) for number in ended))
    # then
    assert await listed(dsn, Wanted(limit=3)) == ["r9999", "r9998", "r9997"]
    assert await listed(dsn, Wanted(workflow="ask", limit=2)) == ["r9999", "r9996"]
    assert await listed(dsn, Wanted(workflow="ask@1", limit=2)) == ["r9996", "r9990"]
    assert await listed(dsn, Wanted("ask", "running", limit=2)) == ["r9999", "r9993"]
    assert len(await listed(dsn, Wanted(status="failed", limit=MANY))) == len(ended)
    since = datetime.fromtimestamp(NOON / 1_000 + 9_990, UTC)
    assert len(await listed(dsn, Wanted(since=since, limit=MANY))) == 10


async def test_how_far_the_tables_know_the_log_is_told(dsn: str) -> None:
    assert (await newest_runs(dsn, Wanted())).read_to == {0: 0}


async def test_without_tables_it_says_who_makes_them(stack: Stack) -> None:
    async with database(stack.env["DATABASE_URL"]) as empty:
        with pytest.raises(DatabaseUnavailable, match="no table of runs yet; the projector makes it"):
            await newest_runs(empty, Wanted())


async def test_without_postgres_it_says_what_is_away() -> None:
    with pytest.raises(DatabaseUnavailable, match="Postgres, which has the table of runs, does not answer"):
        await newest_runs("postgresql://nobody@127.0.0.1:9/none", Wanted())


async def test_runs_are_found_by_the_beginning_of_their_ids(dsn: str) -> None:
    ids = ("a67c710e-1", "a67c710e-1:tidy", "a67c710e-1:tidy:sub", "b-1", "b-10", "b-2", "100%_")
    await write(dsn, *((name, started("ask@1", NOON)) for name in ids))
    assert await runs_beginning(dsn, "a67c710e", 9) == ["a67c710e-1"], "what it has started is not meant"
    assert await runs_beginning(dsn, "a67c710e-1:t", 9) == ["a67c710e-1:tidy"]
    assert await runs_beginning(dsn, "b-", 2) == ["b-1", "b-2"]
    assert await runs_beginning(dsn, "b-", 9) == ["b-1", "b-2", "b-10"]
    assert await runs_beginning(dsn, "1%", 9) == []
    assert await runs_beginning(dsn, "none", 9) == []
