"""The call journal on a real Postgres: one caller for each call, whoever comes and goes."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest

from headrace.claims import Claims
from headrace.errors import DatabaseUnavailable
from headrace.events.node import ExecuteNode, NodeFailed, NodeSucceeded
from headrace.journal import Entry, Journal
from headrace.worker import Done, NodeJob
from headrace.worker.attempt import Attempt
from tests.conftest import Stack
from tests.support.databases import connected, database
from tests.support.proxy import proxy
from tests.support.waiting import until

KEYS = [f"run-{number}/n/0/1" for number in range(50)]


@pytest.fixture
async def dsn(stack: Stack) -> AsyncIterator[str]:
    async with database(stack.env["DATABASE_URL"]) as made:
        yield made


@asynccontextmanager
async def journal(dsn: str) -> AsyncIterator[Journal]:
    """One process's."""
    made = Journal(dsn)
    try:
        yield made
    finally:
        await made.close()


async def test_of_many_that_come_at_once_one_makes_the_call_and_all_have_its_answer(dsn: str) -> None:
    async with journal(dsn) as one, journal(dsn) as two, journal(dsn) as three:

        async def call(by: Journal, key: str) -> tuple[bool, object]:
            entry = await by.begin(key)
            if entry.done:
                return False, entry.answer()
            assert not entry.ambiguous
            await by.done(key, {"for": key})
            return True, {"for": key}

        calls = await asyncio.gather(*(call(by, key) for key in KEYS for by in (one, one, two, three)))

    assert sum(made for made, _ in calls) == len(KEYS)
    assert [answer for _, answer in calls] == [{"for": key} for key in KEYS for _ in range(4)]


async def test_of_many_that_find_a_dead_owner_one_takes_its_call_over(dsn: str) -> None:
    # given a call under way, for which two others wait as long as its owner lives
    async with journal(dsn) as one, journal(dsn) as two:
        async with journal(dsn) as dead:
            assert await dead.begin("key") == Entry()
            waiting = [asyncio.create_task(other.begin("key")) for other in (one, two)]
            await one.begin("another")
            await two.begin("one more")
            assert not any(task.done() for task in waiting)
        # when it dies
        done, left = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED, timeout=10)
        # then one of them knows that it may have been made, and the other goes on waiting
        (taken,), (other,) = done, left
        assert taken.result() == Entry(ambiguous=True)
        await (one if taken is waiting[0] else two).done("key", "answer")
        assert (await asyncio.wait_for(other, 10)).answer() == "answer"


async def test_while_postgres_is_away_calls_wait_and_a_paid_answer_is_not_lost(dsn: str) -> None:
    async with proxy(dsn) as between, journal(between.url) as cut_off, journal(dsn) as other:
        assert await cut_off.begin("paid") == Entry()
        # when Postgres goes away before the answer is noted
        between.shut()
        noting = asyncio.create_task(cut_off.done("paid", "answer"))
        await until(between.has_refused)
        with pytest.raises(DatabaseUnavailable):
            await cut_off.begin("next")
        assert not noting.done()
        # then it is noted as soon as Postgres is back
        between.reopen()
        await asyncio.wait_for(noting, 10)
        assert (await other.begin("paid")).answer() == "answer"
        assert await cut_off.begin("next") == Entry()


async def test_of_a_standby_that_is_not_promoted_a_paid_answer_is_kept(dsn: str) -> None:
    async with proxy(dsn) as between, journal(between.url) as moved, connected(dsn) as server:
        assert await moved.begin("paid") == Entry()
        # when it finds itself on a server that takes no writes
        name = urlsplit(dsn).path[1:]
        await server.execute(f'alter database "{name}" set default_transaction_read_only = on')
        between.shut()
        between.reopen()
        await until(lambda: refuses_writes(moved))
        noting = asyncio.create_task(moved.done("paid", "answer"))
        assert await refuses_writes(moved)
        # then the answer waits until it does
        await server.execute(f'alter database "{name}" set default_transaction_read_only = off')
        between.shut()
        between.reopen()
        await asyncio.wait_for(noting, 10)
        assert (await moved.begin("paid")).answer() == "answer"


async def refuses_writes(moved: Journal) -> bool:
    with pytest.raises(DatabaseUnavailable) as caught:
        await moved.begin("next")
    return "read-only" in str(caught.value)


async def test_a_mistake_in_the_dsn_is_not_waited_for() -> None:
    async with journal("mysql://127.0.0.1/headrace") as mistaken:
        with pytest.raises(asyncpg.ClientConfigurationError):
            await mistaken.begin("key")
        with pytest.raises(asyncpg.ClientConfigurationError):
            await asyncio.wait_for(mistaken.hold(asyncio.Event()), 10)


@pytest.mark.parametrize("ambiguous", [False, True])
async def test_a_note_that_was_made_but_never_confirmed_keeps_nobody_from_calling(dsn: str, ambiguous: bool) -> None:
    async with proxy(dsn) as between, journal(between.url) as cut_off, connected(dsn) as server:
        # given a process that waits for Postgres to note its call: a new one, or a dead owner's
        assert await cut_off.begin("known") == Entry()
        async with connected(dsn) as other:
            if ambiguous:
                async with journal(dsn) as dead:
                    await dead.begin("key")
            hindrance = other.transaction()
            await hindrance.start()
            await other.execute(LOCK_ROW if ambiguous else CLAIM_IT)
            noting = asyncio.create_task(cut_off.begin("key"))
            await until(lambda: server.fetchval(SOMEBODY_WAITS))
            # when the connection breaks before Postgres does so
            between.shut()
            with pytest.raises(DatabaseUnavailable):
                await noting
            await hindrance.rollback()
        await until(lambda: server.fetchval(SAME_OWNER))
        between.reopen()
        # then the call is still its own, and nobody else's
        async with journal(dsn) as another:
            assert await asyncio.wait_for(cut_off.begin("key"), 10) == Entry(ambiguous=ambiguous)
            waiting = asyncio.create_task(another.begin("key"))
            await cut_off.done("key", "answer")
            assert (await asyncio.wait_for(waiting, 10)).answer() == "answer"


LOCK_ROW = "select from call_journal where key = 'key' for update"
CLAIM_IT = "insert into call_journal (key, owner) values ('key', 0)"
SOMEBODY_WAITS = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
SAME_OWNER = "select count(distinct owner) = 1 and count(*) = 2 from call_journal"


class PaidJob(NodeJob[str]):
    """Says its input, and counts."""

    def __init__(self) -> None:
        self.performed = 0

    def plan(self, request: ExecuteNode) -> str:
        """The input."""
        return request.input

    async def perform(self, call: str) -> Any:
        """The input."""
        self.performed += 1
        return call

    def interpret(self, call: str, answer: Any) -> Done:
        """The answer."""
        return Done(answer)


@pytest.mark.parametrize("made", [True, False])
async def test_a_request_that_comes_again_after_its_deadline_has_the_answer_that_was_paid(dsn: str, made: bool) -> None:
    async with journal(dsn) as calls:
        job, late = PaidJob(), time.time_ns() // 1_000_000
        asked = ExecuteNode(run="r", workflow="w@1", node="n", type="t", config="{}", input="Why?", deadline=late)
        if made:
            await calls.begin(job.journal_key(asked))
            await calls.done(job.journal_key(asked), "Because.")
        outcome = await Attempt(job, calls, Claims()).outcome(asked)
        if made:
            assert isinstance(outcome, NodeSucceeded)
            assert json.loads(outcome.output) == "Because."
        else:
            assert isinstance(outcome, NodeFailed)
            assert (outcome.code, outcome.retryable) == ("timeout", True)
            assert await calls.begin(job.journal_key(asked)) == Entry(), "nothing was noted"
        assert job.performed == 0
