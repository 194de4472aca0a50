"""Calls of models through the journal in a real Postgres: paid once, counted always."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest

from headrace.bodies import Bodies, BodyStore
from headrace.claims import Claims
from headrace.event import Event
from headrace.events.node import ExecuteNode, NodeFailed, NodeSucceeded
from headrace.events.run import Usage
from headrace.journal import Journal
from headrace.object_store.settings import StoreSettings
from headrace.resource.catalog import Catalog
from headrace.worker import Stops
from headrace.worker.attempt import Attempt
from model_invoke.attempt.calling import Providers
from model_invoke.core.window import Threshold
from model_invoke.guards.breakers import Breakers
from model_invoke.guards.rates import Rates
from model_invoke.job import ModelInvokeJob
from model_invoke.money.paying import Patient
from model_invoke.provider.chat import HttpChat, http_client
from tests.conftest import Stack
from tests.providers import behaviours as providers
from tests.providers.loopback import loopback
from tests.support.databases import database, fetch
from tests.support.waiting import until
from tests.unit.asking import Purse, Told

DEADLINE_S = 20.0


@pytest.fixture
async def dsn(stack: Stack) -> AsyncIterator[str]:
    async with database(stack.env["DATABASE_URL"]) as made:
        yield made


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(8) as client:
        yield client


def request(url: str, timeout_ms: int = 10_000, **config: Any) -> ExecuteNode:
    prompt = {"messages": [{"role": "user", "template": "Why?"}]}
    model = {
        "provider": "openai",
        "endpoint": {"url": url},
        "model": "m",
        "limits": {"context_window": 1_000, "max_output_tokens": 100, "timeout_ms": timeout_ms},
        "costs": {"currency": "EUR", "input_per_1k": 1, "output_per_1k": 2},
    }
    pinned = {
        "prompt": {"name": "p", "version": 1, "digest": "d", "spec": prompt},
        "model": {"name": "m", "version": 1, "digest": "d", "spec": model},
    }
    return ExecuteNode(
        run=uuid.uuid4().hex,
        workflow="w@1",
        node="n",
        type="model_invoke",
        config=json.dumps({**pinned, **config}),
        input="{}",
    )


def without_times(outcome: Event) -> Event:
    assert isinstance(outcome, NodeSucceeded | NodeFailed)
    return msgspec.structs.replace(outcome, started_at=0, finished_at=0)


class Process:
    """What one worker process has."""

    def __init__(self, dsn: str, http: httpx.AsyncClient) -> None:
        self.journal = Journal(dsn)
        told = Told()
        breakers = Breakers(Threshold(), "one", told.tell)
        providers = Providers(HttpChat(http, {}), breakers, Rates(), Patient(Purse()), told, Stops().has_ended)
        job = ModelInvokeJob(providers, Bodies(BodyStore(StoreSettings())), Catalog({}))
        self._attempt = Attempt(job, self.journal, Claims())

    async def outcome(self, request: ExecuteNode) -> Event:
        async with asyncio.timeout(DEADLINE_S):
            return await self._attempt.outcome(request)


@pytest.fixture
async def processes(dsn: str, http: httpx.AsyncClient) -> AsyncIterator[tuple[Process, Process]]:
    both = (Process(dsn, http), Process(dsn, http))
    yield both
    for process in both:
        await process.journal.close()


async def test_a_request_that_comes_again_calls_nobody_and_counts_the_same(
    processes: tuple[Process, Process],
) -> None:
    async with loopback(providers.answers(providers.completion())) as provider:
        asked = request(provider.url)
        first = await processes[0].outcome(asked)
        again = [without_times(await process.outcome(asked)) for process in processes]

    assert isinstance(first, NodeSucceeded)
    assert first.usage == Usage(input_tokens=21, output_tokens=8, cost="0.037", currency="EUR")
    assert again == [without_times(first)] * 2
    assert len(provider.bodies) == 1


async def test_a_failure_that_cost_money_costs_it_again_after_a_replay(processes: tuple[Process, Process]) -> None:
    async with loopback(providers.answers(providers.completion(choices=[]))) as provider:
        asked = request(provider.url)
        first = await processes[0].outcome(asked)
        again = await processes[1].outcome(asked)

    assert isinstance(first, NodeFailed)
    assert first.code == "provider_answer_invalid"
    assert first.usage == Usage(input_tokens=21, output_tokens=8, cost="0.037", currency="EUR")
    assert [(call.outcome, call.usage) for call in first.calls] == [(first.code, first.usage)]
    assert without_times(again) == without_times(first)
    assert len(provider.bodies) == 1


async def test_the_same_request_in_two_processes_at_once_is_one_call(processes: tuple[Process, Process]) -> None:
    """The database is fresh: both create the journal's table at the same moment too."""
    async with loopback(providers.answers(providers.completion())) as provider:
        asked = request(provider.url)
        outcomes = await asyncio.gather(*(process.outcome(asked) for process in processes * 4))

    assert len({msgspec.json.encode(without_times(outcome)) for outcome in outcomes}) == 1
    assert len(provider.bodies) == 1


@pytest.mark.parametrize(("on_ambiguous", "calls"), [("retry", 2), ("fail", 1)])
async def test_a_call_whose_owner_died_follows_the_node(
    dsn: str, http: httpx.AsyncClient, on_ambiguous: str, calls: int
) -> None:
    dead, living = Process(dsn, http), Process(dsn, http)
    async with loopback(providers.hangs) as provider:
        asked = request(provider.url, on_ambiguous=on_ambiguous)
        dying = asyncio.create_task(dead.outcome(asked))
        await asyncio.wait_for(provider.asked.wait(), DEADLINE_S)
        dying.cancel()
        await dead.journal.close()
        provider.behave(providers.answers(providers.completion()))
        outcomes = [without_times(await living.outcome(asked)) for _ in range(2)]
    await living.journal.close()

    assert outcomes[0] == outcomes[1], "an outcome that was given is given again"
    assert len(provider.bodies) == calls
    if on_ambiguous == "fail":
        assert isinstance(outcomes[0], NodeFailed)
        assert (outcomes[0].code, outcomes[0].retryable) == ("call_ambiguous", False)
    else:
        assert isinstance(outcomes[0], NodeSucceeded)


async def test_the_lock_is_held_from_the_start_and_again_after_its_session_was_lost(dsn: str) -> None:
    journal, stopping = Journal(dsn), asyncio.Event()
    assert not journal.held
    holding = asyncio.create_task(journal.hold(stopping))
    async with asyncio.timeout(DEADLINE_S):
        first = await session_of(journal, other_than=None)
        await end_session(dsn, first)
        await session_of(journal, other_than=first)
        stopping.set()
        await holding
    await journal.close()


async def session_of(journal: Journal, other_than: int | None) -> int:
    """The server's number of the session that holds the lock, once there is another."""

    def look() -> int | None:
        pid = journal._session.get_server_pid() if journal.held and journal._session else None
        return pid if pid != other_than else None

    pid = await until(look)
    assert pid
    return pid


async def end_session(dsn: str, pid: int) -> None:
    await fetch(dsn, "select pg_terminate_backend($1)", pid)
