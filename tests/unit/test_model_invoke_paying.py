"""Budgets of an attempt: what is held before each call and charged after it, and who is called instead."""

import asyncio
import json
import time
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from headrace.errors import DatabaseUnavailable
from headrace.events.model import ModelCalled
from headrace.events.resource import ResourceHead, ResourceVersion
from model_invoke.model import ARRIVAL_MS
from model_invoke.money.paying import Patient
from model_invoke.ports import Facts, Reservation
from tests.unit.asking import (
    Purse,
    World,
    answering,
    down,
    pinned,
    said,
    work,
)


class TestBudgets:
    async def test_the_worst_is_held_and_what_it_cost_is_charged(self) -> None:
        purse = Purse()
        world = answering({"a": down()}, budgets=purse)

        done = await world.done(work(pinned("a"), pinned("b"), tenant="acme"))

        assert purse.facts[0] == Facts("r/n/0/1/0", "w", "acme", "a", "p")
        assert purse.settled == {"r/n/0/1/0": Decimal(0), "r/n/0/1/2": Decimal("0.45")}
        assert not purse.held
        assert done.calls[1].charges

    async def test_a_call_that_could_cost_too_much_is_not_made(self) -> None:
        world = World(budgets=Purse(Decimal("0.001")))

        error = await world.fails(work(pinned("a")))

        assert said(error) == ("budget_exceeded", False, [("a@1", "budget_exceeded")])
        assert str(error) == "budget pocket has not enough left"
        assert world.models.calls == []

    async def test_a_fallback_may_be_cheap_enough(self) -> None:
        world = World(budgets=Purse(Decimal("0.001")))

        done = await world.done(work(pinned("a"), pinned("b", costs="free")))

        assert [(call.provider, call.outcome) for call in done.calls] == [("a@1", "budget_exceeded"), ("b@1", "ok")]

    async def test_it_is_the_reason_when_nobody_was_called_though_another_had_one_before(self) -> None:
        world = World(budgets=Purse(Decimal("0.001")))

        error = await world.fails(work(pinned("a", status="retired"), pinned("b")))

        assert said(error) == ("budget_exceeded", False, [("a@1", "model_retired"), ("b@1", "budget_exceeded")])

    async def test_a_budget_may_name_a_cheaper_model(self) -> None:
        purse = Purse(Decimal("0.001"), instead="thrifty")
        world = World(budgets=purse, catalog=thrifty())

        done = await world.done(work(pinned("a"), pinned("b", costs="free")))

        assert world.models.calls == ["cheap"]
        assert [(call.provider, call.outcome) for call in done.calls] == [("a@1", "budget_exceeded"), ("cheap@2", "ok")]
        assert world.told.of(ModelCalled)[0].alias == "thrifty@1"
        assert [facts.id for facts in purse.facts] == ["r/n/0/1/0", "r/n/0/1/4"]  # b has the two between

    async def test_a_cheaper_model_that_is_not_there_or_too_dear_as_well_is_not_called(self) -> None:
        missing = await World(budgets=Purse(Decimal("0.001"), instead="thrifty")).fails(work(pinned("a")))
        dear = World(budgets=Purse(Decimal(-1), instead="thrifty"), catalog=thrifty())

        assert (missing.code, "thrifty" in str(missing)) == ("budget_exceeded", True)
        assert said(await dear.fails(work(pinned("a"))))[2] == [
            ("a@1", "budget_exceeded"),
            ("cheap@2", "budget_exceeded"),
        ]

    async def test_a_retired_fallback_of_a_cheaper_alias_is_left_out(self) -> None:
        catalog = thrifty()
        old = ResourceVersion(kind="Model", version=1, digest="o", spec=catalog["cheap/2"].spec, at=0, status="retired")
        spec = '{"model": "cheap@2", "fallbacks": ["old@1"]}'
        alias = ResourceVersion(kind="ModelAlias", version=1, digest="f", spec=spec, at=0)
        retired = {"old": ResourceHead(kind="Model", latest=1, pointers={}), "old/1": old, "thrifty/1": alias}
        world = World(budgets=Purse(Decimal("0.001"), instead="thrifty"), catalog={**catalog, **retired})

        await world.done(work(pinned("a")))

        assert world.models.calls == ["cheap"]

    async def test_one_that_only_warns_is_heard(self) -> None:
        done = await World(budgets=Purse(warnings=["pocket is nearly empty"])).done(work())

        assert done.output["warnings"] == ["pocket is nearly empty"]

    async def test_a_ledger_that_is_away_is_waited_for(self) -> None:
        purse = Absent(times=1)
        world = World(budgets=purse)

        await world.done(work())

        assert (purse.asked, purse.settled) == (2, {"r/n/0/1/0": Decimal("0.45")})

    @pytest.mark.parametrize("away", [0, 1])
    async def test_one_that_does_not_answer_in_time_gives_back_what_it_may_hold(self, away: int) -> None:
        purse = Mute(away)
        world = World(budgets=purse)

        error = await world.fails(work(deadline=time.time_ns() // 1_000_000 + ARRIVAL_MS + 200))

        assert said(error) == ("timeout", True, [])
        assert world.models.calls == []
        await world.patient.close()
        assert (purse.held, purse.settled) == ({}, {"r/n/0/1/0": Decimal(0)})

    async def test_one_that_stays_away_does_not_hold_up_a_stop(self) -> None:
        purse = Mute(away=1_000)
        world = World(budgets=purse)
        await world.fails(work(deadline=time.time_ns() // 1_000_000 + ARRIVAL_MS + 200))

        await asyncio.wait_for(world.patient.close(), 10)

        assert purse.settled == {}

    async def test_a_call_that_is_given_back_meanwhile_is_not_forgotten(self) -> None:
        purse = Slow()
        patient = Patient(purse)
        patient.give_back("first")
        await asyncio.wait_for(purse.asked.wait(), 10)
        patient.give_back("second")
        purse.goes_on.set()

        await patient.close()

        assert purse.settled == {"first": Decimal(0), "second": Decimal(0)}


class Slow(Purse):
    """One that takes its time to give back."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.goes_on = asyncio.Event(), asyncio.Event()

    async def give_back(self, calls: Sequence[str]) -> None:
        self.asked.set()
        await self.goes_on.wait()
        await super().give_back(calls)


class Mute(Purse):
    """One that holds the money, but never says so, and is away so many times when it is to give it back."""

    def __init__(self, away: int) -> None:
        super().__init__()
        self._away = away

    async def reserve(self, facts: Facts, worst: Decimal, currency: str, now: int) -> Reservation:
        await super().reserve(facts, worst, currency, now)
        await asyncio.Event().wait()
        raise AssertionError

    async def give_back(self, calls: Sequence[str]) -> None:
        self._away -= 1
        if self._away >= 0:
            raise DatabaseUnavailable("away")
        await super().give_back(calls)


class Absent(Purse):
    """One that is away so many times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.asked = 0
        self._times = times

    async def reserve(self, facts: Facts, worst: Decimal, currency: str, now: int) -> Reservation:
        self.asked += 1
        if self.asked <= self._times:
            raise DatabaseUnavailable("away")
        return await super().reserve(facts, worst, currency, now)


def thrifty() -> dict[str, Any]:
    """An alias for a model that costs nothing, as the table of models has them."""
    cheap = json.dumps(pinned("cheap", costs="free")["spec"])
    return {
        "thrifty": ResourceHead(kind="ModelAlias", latest=1, pointers={"production": 1}),
        "thrifty/1": ResourceVersion(
            kind="ModelAlias", version=1, digest="t", spec='{"model": "cheap@2", "fallbacks": []}', at=0
        ),
        "cheap": ResourceHead(kind="Model", latest=2, pointers={}),
        "cheap/2": ResourceVersion(kind="Model", version=2, digest="c", spec=cheap, at=0),
    }
