"""The call journal on a real Postgres: one caller for each call, whoever comes and goes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from headrace.errors import JournalUnavailable
from headrace.journal import Entry, Journal
from tests.conftest import Stack
from tests.integration.databases import database
from tests.integration.proxy import proxy
from tests.integration.waiting import until

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

        calls = await asyncio.gather(*(call(by, key) for key in KEYS for by in (one, two, three)))

    assert sum(made for made, _ in calls) == len(KEYS)
    assert [answer for _, answer in calls] == [{"for": key} for key in KEYS for _ in range(3)]


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
        with pytest.raises(JournalUnavailable):
            await cut_off.begin("next")
        assert not noting.done()
        # then it is noted as soon as Postgres is back
        between.reopen()
        await asyncio.wait_for(noting, 10)
        assert (await other.begin("paid")).answer() == "answer"
        assert await cut_off.begin("next") == Entry()
