"""The ledger of budgets on a real Postgres: not one cent more, whoever comes at once, is killed, or repeats."""

import asyncio
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.budgets.accounts import Accounts, Balance
from headrace.budgets.active import Budget, InForce
from headrace.budgets.log import Charged, charged
from headrace.errors import DatabaseUnavailable
from headrace.events.model import ModelCalled
from headrace.events.run import Charge, Usage
from headrace.resource.budget import BudgetSpec, Scope
from model_invoke.money.ledger import Ledger
from model_invoke.money.paying import Patient
from model_invoke.ports import Facts, OverBudget, Reservation
from tests.conftest import Stack
from tests.support.databases import connected, database, fetch
from tests.support.proxy import proxy
from tests.support.waiting import until

NOON = 1_795_608_000_000
"""2026-11-25T12:00Z."""
SPENDER = Path(__file__).parent / "processes" / "spender.py"


@pytest.fixture
async def dsn(stack: Stack) -> AsyncIterator[str]:
    async with database(stack.env["DATABASE_URL"]) as made:
        yield made


def budget(name: str, limit: str, scope: Scope | None = None, **settings: str) -> Budget:
    spec = {"period": "day", "currency": "USD", **settings}
    return Budget(name, BudgetSpec(scope=scope or Scope(tenant="acme"), limit=Decimal(limit), **spec))


def facts(number: int | str, tenant: str | None = "acme", model: str = "large") -> Facts:
    return Facts(f"run-{number}/answer/0/1/1", "ask", tenant, model, "answer")


@asynccontextmanager
async def ledger(dsn: str, *budgets: Budget) -> AsyncIterator[Ledger]:
    """One process's."""
    made = Ledger(dsn, lambda: InForce(budgets))
    try:
        yield made
    finally:
        await made.close()


async def balances(dsn: str) -> Mapping[str, tuple[Decimal | int, Decimal | int]]:
    """Spent and held, by budget."""
    accounts = Accounts(dsn)
    try:
        return {one.budget: (one.spent, one.held + one.abandoned) for one in await accounts.balances()}
    finally:
        await accounts.close()


async def attempt(one: Ledger, of: Facts, worst: str, currency: str = "USD") -> Reservation | None:
    try:
        return await one.reserve(of, Decimal(worst), currency, NOON)
    except OverBudget:
        return None


async def test_of_200_that_come_at_once_exactly_50_find_money(dsn: str) -> None:
    # given a budget for 50, and one of another scope that would do for all, seen by three processes
    limits = (budget("acme-daily", "50"), budget("large-models", "1000", Scope(model="large")))
    async with ledger(dsn, *limits) as one, ledger(dsn, *limits) as two, ledger(dsn, *limits) as three:
        # when 200 calls of up to 1 come at once
        spread = (one, two, three)
        passed = await asyncio.gather(*(attempt(spread[number % 3], facts(number), "1") for number in range(200)))
    # then 50 pass, and those refused hold nothing anywhere
    assert sum(reservation is not None for reservation in passed) == 50
    assert await balances(dsn) == {"acme-daily": (0, 50), "large-models": (0, 50)}


async def test_processes_that_are_killed_overspend_by_not_one_cent(dsn: str) -> None:
    # given four processes that reserve and settle for all they can
    spenders = [await spender(dsn, number) for number in range(4)]
    # when they are killed in the middle of it, one after the other
    for process in spenders:
        assert process.stdout
        for _ in range(5):
            assert await asyncio.wait_for(process.stdout.readline(), 30)
        process.kill()
        await process.communicate()
    # and the server has ended what it was still doing for them
    await abandoned(dsn)
    # then what is spent and held is at most the limit, and the sum of what each call holds or was charged
    spent, held = (await balances(dsn))["acme-daily"]
    assert 0 < spent + held <= 50
    assert (spent, held) == await sums(dsn)
    # and whoever comes afterwards gets exactly the rest
    async with ledger(dsn, budget("acme-daily", "50")) as heir:
        left = 50 - spent - held
        assert await attempt(heir, facts("greedy"), str(left + Decimal("0.01"))) is None
        assert await attempt(heir, facts("exact"), str(left))


async def spender(dsn: str, number: int) -> Process:
    command = (sys.executable, str(SPENDER), dsn, str(number))
    return await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)


async def abandoned(dsn: str) -> None:
    """Wait until the server has noticed that its clients are gone: until then it may still commit for them."""
    alone = (
        "select count(*) = 1 from pg_stat_activity "
        "where datname = current_database() and backend_type = 'client backend'"
    )
    async with connected(dsn) as session:
        await until(lambda: session.fetchval(alone))


async def sums(dsn: str) -> tuple[Decimal, Decimal]:
    (row,) = await fetch(
        dsn, "select coalesce(sum(cost), 0), coalesce(sum(worst) filter (where cost is null), 0) from budget_entries"
    )
    return row[0], row[1]


async def test_a_repetition_holds_nothing_twice_and_charges_nothing_twice(dsn: str) -> None:
    async with ledger(dsn, budget("acme-daily", "5", action="warn"), budget("total", "9", period="total")) as one:
        # when a call is reserved again, at once, and later when the next day has begun
        first = await asyncio.gather(*(one.reserve(facts(1), Decimal(6), "USD", NOON) for _ in range(5)))
        again = await one.reserve(facts(1), Decimal(6), "USD", NOON + 86_400_000)
        # then it is the same reservation, with its warning
        assert set(first) == {first[0]}
        assert again.id == first[0].id
        assert "acme-daily has 5.00 of 5.00 USD left" in first[0].warnings[0]
        assert await balances(dsn) == {"acme-daily": (0, 6), "total": (0, 6)}
        # and when it is settled again, at another cost
        charges = await one.settle(first[0], Decimal("2.5"))
        assert await one.settle(again, Decimal(4)) == charges
    assert charges == [
        Charge(budget="acme-daily", period="2026-11-25", amount="2.5", limit="5"),
        Charge(budget="total", period="total", amount="2.5", limit="9"),
    ]
    assert await balances(dsn) == {"acme-daily": (Decimal("2.5"), 0), "total": (Decimal("2.5"), 0)}


async def test_a_refusal_says_which_budget_what_is_left_and_when_it_renews(dsn: str) -> None:
    async with ledger(dsn, budget("acme-daily", "5", action="use", use="cheap")) as one:
        await one.settle(await one.reserve(facts(1), Decimal(3), "USD", NOON), Decimal("2.9"))
        with pytest.raises(OverBudget) as caught:
            await one.reserve(facts(2), Decimal("2.2"), "USD", NOON)
        assert caught.value.use == "cheap"
        assert str(caught.value) == (
            "budget acme-daily has 2.10 of 5.00 USD left for 2026-11-25, and the call could cost 2.20 USD; "
            "it renews at 2026-11-26T00:00Z"
        )
        # and the next day there is all of it again, and a call that costs nothing always passes
        assert await one.reserve(facts(3), Decimal(5), "USD", NOON + 86_400_000)
        assert await one.reserve(facts(4), Decimal(0), "USD", NOON + 86_400_000)


async def test_a_call_in_another_currency_is_never_free(dsn: str) -> None:
    async with ledger(dsn, budget("acme-daily", "5"), budget("watch", "5", action="warn", currency="EUR")) as one:
        with pytest.raises(OverBudget, match="budget_currency_mismatch: budget acme-daily is in USD, the call in GBP"):
            await one.reserve(facts(1), Decimal("0.01"), "GBP", NOON)
        told = await one.reserve(facts(2), Decimal("0.01"), "USD", NOON)
    assert told.warnings == ("budget_currency_mismatch: budget watch is in EUR, the call in USD",)
    assert await balances(dsn) == {"acme-daily": (0, Decimal("0.01"))}


async def test_what_nobody_pays_for_asks_no_database() -> None:
    async with ledger("postgresql://127.0.0.1:1/none", budget("acme-daily", "5")) as one:
        free = await one.reserve(facts(1, tenant="other"), Decimal(9), "USD", NOON)
        assert await one.settle(free, Decimal(9)) == ()


async def test_while_postgres_is_away_no_call_is_let_through(dsn: str) -> None:
    async with proxy(dsn) as between, ledger(between.url, budget("acme-daily", "5")) as one:
        reservation = await one.reserve(facts(1), Decimal(1), "USD", NOON)
        between.shut()
        with pytest.raises(DatabaseUnavailable, match="the ledger of budgets does not answer"):
            await one.reserve(facts(2), Decimal(1), "USD", NOON)
        with pytest.raises(DatabaseUnavailable):
            await one.settle(reservation, Decimal(1))
        between.reopen()
        assert await one.settle(reservation, Decimal(1))


async def test_what_is_given_back_while_postgres_is_away_is_kept_by_one_task_until_it_returns(dsn: str) -> None:
    # given calls that hold money of two budgets, and one that was charged
    limits = (budget("acme-daily", "5000"), budget("large-models", "5000", Scope(model="large")))
    async with proxy(dsn) as between, ledger(between.url, *limits) as one:
        held = await asyncio.gather(*(one.reserve(facts(number), Decimal(1), "USD", NOON) for number in range(1_000)))
        made = await one.reserve(facts("made"), Decimal(1), "USD", NOON)
        await one.settle(made, Decimal("0.25"))
        patient = Patient(one)
        # when all of them are given back while Postgres is away, and one that never was reserved
        between.shut()
        before = asyncio.all_tasks()
        for call in (*(reservation.id for reservation in held), made.id, "nobody/knows/0/1/1"):
            patient.give_back(call)
        assert len(asyncio.all_tasks() - before) == 1
        await until(between.has_refused)
        assert await balances(dsn) == {name: (Decimal("0.25"), 1_000) for name in ("acme-daily", "large-models")}
        between.reopen()
        # then nothing is held once it is back, what was charged stays, and nobody waits at a stop
        await until(partial(holds_nothing, dsn))
        await patient.close()
    assert await balances(dsn) == {name: (Decimal("0.25"), 0) for name in ("acme-daily", "large-models")}


async def holds_nothing(dsn: str) -> bool:
    return all(held == 0 for _, held in (await balances(dsn)).values())


async def test_what_is_given_back_in_any_order_meets_reservations_of_the_same_budgets(dsn: str) -> None:
    names = ("a", "b", "c")
    limits = [budget(name, "500", Scope(model=name), period="total") for name in names]
    shared = [budget("z", "500"), budget("0", "500")]
    async with ledger(dsn, *limits, *shared) as one, ledger(dsn, *limits, *shared) as two:

        async def take(lane: Ledger, start: int) -> None:
            calls = [facts(f"{start}-{number}", model=names[(start + number) % 3]) for number in range(12)]
            for call in calls:
                assert await attempt(lane, call, "1")
            await lane.give_back([call.id for call in calls])

        async with asyncio.timeout(30):
            await asyncio.gather(*(take((one, two)[lane % 2], lane) for lane in range(12)))
    assert sum(await sums(dsn)) == 0
    assert await holds_nothing(dsn)


async def test_a_reservation_that_nobody_settles_counts_as_spent_until_somebody_does(dsn: str) -> None:
    async with ledger(dsn, budget("once", "5", period="total")) as one:
        accounts = Accounts(dsn)
        lost = await one.reserve(facts(1), Decimal(4), "USD", 1_000)
        assert await accounts.balances() == [Balance("once", "total", "USD", Decimal(0), Decimal(0), Decimal(4))]
        assert await attempt(one, facts(2), "2") is None
        await one.settle(lost, Decimal(1))
        assert await attempt(one, facts(2), "4")
        await accounts.close()


Step = tuple[int, Decimal, Decimal | None]
STEPS = st.lists(
    st.tuples(
        st.integers(0, 9),
        st.decimals("0", "4", places=4),
        st.none() | st.decimals("0", "1", places=3),
    ),
    max_size=30,
)
"""A call's number, its worst case, and the share of it that it did cost; None leaves it unsettled."""


async def test_whatever_is_reserved_settled_and_repeated_the_sums_hold(dsn: str) -> None:
    loop = asyncio.get_running_loop()

    @given(STEPS)
    @settings(max_examples=40)
    def holds(steps: Sequence[Step]) -> None:
        asyncio.run_coroutine_threadsafe(_carry_out(dsn, steps), loop).result(60)

    await asyncio.to_thread(holds)


async def _carry_out(dsn: str, steps: Sequence[Step]) -> None:
    """Steps of the same call at the same time, in any order that Postgres finds."""
    async with (
        connected(dsn) as connection,
        ledger(dsn, budget("acme-daily", "5"), budget("total", "7", period="total")) as one,
    ):
        await attempt(one, facts("opens"), "0")
        await connection.execute("truncate budget_entries, budget_balances")

        async def take(number: int, worst: Decimal, share: Decimal | None) -> None:
            reservation = await attempt(one, facts(number), str(worst))
            if reservation and share is not None:
                held = await worst_of(dsn, reservation.id)
                await one.settle(reservation, held * share)

        await asyncio.gather(*(take(*step) for step in steps))
        for name, limit in (("acme-daily", 5), ("total", 7)):
            rows = await connection.fetch("select worst, cost from budget_entries where budget = $1", name)
            spent = sum((row["cost"] for row in rows if row["cost"] is not None), Decimal(0))
            held = sum((row["worst"] for row in rows if row["cost"] is None), Decimal(0))
            assert spent + held <= limit
            if rows:
                assert (await balances(dsn))[name] == (spent, held)


async def worst_of(dsn: str, call: str) -> Decimal:
    ((worst,),) = await fetch(dsn, "select worst from budget_entries where call = $1 limit 1", call)
    assert isinstance(worst, Decimal)
    return worst


def called(of: Facts, charges: Sequence[Charge], cost: Decimal) -> ModelCalled:
    """As the worker writes it."""
    usage = Usage(input_tokens=1, output_tokens=1, cost=str(cost), currency="USD")
    return ModelCalled(
        id=of.id, at=NOON, model="large@1", prompt="answer@1", workflow="ask@1", tenant=of.tenant, run_id="run",
        node="answer", outcome="ok", latency_ms=5, usage=usage, charges=tuple(charges),
    )  # fmt: skip


async def test_made_again_from_the_log_it_is_equal_to_the_cent(dsn: str) -> None:
    async with ledger(dsn, budget("acme-daily", "5"), budget("total", "70", period="total")) as one:
        # given calls that were charged, each told of twice, and one that is under way
        log: list[Charged] = []
        for number in range(60):
            if reservation := await attempt(one, facts(number), "0.3"):
                cost = Decimal(number) / 300
                event = called(facts(number), await one.settle(reservation, cost), cost)
                log += 2 * list(charged(event))
        await attempt(one, facts("under-way"), "0.0001")
        was = await balances(dsn)
        assert was["acme-daily"][0] > 4
        # when sums and entries are lost or wrong, and made again from the log
        for damage in DAMAGES:
            await fetch(dsn, damage)
            assert await rebuilt(dsn, log) == len(log)
            # then they are what they were
            assert await balances(dsn) == was, damage
        # and from nothing but the log, all that was charged is there
        await fetch(dsn, "drop table budget_entries, budget_balances")
        await rebuilt(dsn, log)
        assert {name: spent for name, (spent, _) in (await balances(dsn)).items()} == {
            name: spent for name, (spent, _) in was.items()
        }
        # and what the log knows is not charged again
        await one.settle(Reservation(facts(1).id), Decimal(5))
        assert (await balances(dsn))["acme-daily"][0] == was["acme-daily"][0]


DAMAGES = (
    "update budget_balances set spent = 0, held = 99",
    "delete from budget_balances",
    "delete from budget_entries where cost is not null",
    "update budget_entries set cost = null where cost is not null",
)


async def rebuilt(dsn: str, log: Sequence[Charged]) -> int:
    async def batches() -> AsyncIterator[Sequence[Charged]]:
        for start in range(0, len(log), 7):
            yield log[start : start + 7]

    accounts = Accounts(dsn)
    try:
        return await accounts.rebuild(batches())
    finally:
        await accounts.close()


async def test_calls_go_on_while_it_is_made_again(dsn: str) -> None:
    async with ledger(dsn, budget("total", "1000", period="total")) as one:
        stop = asyncio.Event()

        async def spend(lane: int) -> int:
            made = 0
            while not stop.is_set():
                reservation = await one.reserve(facts(f"{lane}-{made}"), Decimal(1), "USD", NOON)
                await one.settle(reservation, Decimal("0.01"))
                made += 1
            return made

        spending = [asyncio.create_task(spend(lane)) for lane in range(3)]
        for _ in range(20):
            await rebuilt(dsn, [])
        stop.set()
        made = sum(await asyncio.gather(*spending))
    assert made > 0
    assert await balances(dsn) == {"total": (made * Decimal("0.01"), 0)}
