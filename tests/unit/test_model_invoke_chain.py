"""Candidates of an attempt: who is asked, in which order, and what everybody gets to know of it."""

import asyncio
import time
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import NodeError
from headrace.events.model import ModelCalled
from headrace.events.run import Charge, Usage
from model_invoke.model import Completion, Tokens
from model_invoke.ports import Facts, ProviderFault, Reservation
from tests.unit.asking import (
    ASKS_FOR_JSON,
    COUNTED,
    PAID,
    PROMPT,
    TOOL,
    Purse,
    World,
    answering,
    down,
    pinned,
    said,
    work,
)


class TestOrder:
    async def test_the_first_that_answers_ends_it(self) -> None:
        world = answering({"a": down()})

        done = await world.done(work(pinned("a"), pinned("b"), pinned("c")))

        assert done.output == {"text": "yes", "finish_reason": "stop"}
        assert world.models.calls == ["a", "b"]
        assert [(call.provider, call.outcome) for call in done.calls] == [
            ("a@1", "provider_unavailable"),
            ("b@1", "ok"),
        ]
        assert done.calls[0].reason == "provider_unavailable, it says"
        assert (done.calls[1].reason, done.usage) == (None, PAID)

    async def test_one_that_stands_twice_is_asked_once(self) -> None:
        world = answering({"a": down(), "b": down()})

        await world.fails(work(pinned("a"), pinned("b"), pinned("a")))

        assert world.models.calls == ["a", "b"]

    async def test_none_that_answers_is_the_fault_of_the_last_one_called(self) -> None:
        world = answering({"a": down(), "b": down("provider_refused", retryable=False)})

        error = await world.fails(work(pinned("a"), pinned("b"), pinned("c", kind="embedding")))

        calls = [("a@1", "provider_unavailable"), ("b@1", "provider_refused"), ("c@1", "capability_missing")]
        assert said(error) == ("provider_refused", True, calls)
        assert "a@1: provider_unavailable: provider_unavailable, it says; b@1: provider_refused" in str(error)

    async def test_none_that_is_called_is_the_fault_of_the_first(self) -> None:
        world = World()

        retired = pinned("a", kind="embedding")
        error = await world.fails(work(retired, pinned("b", limits={"context_window": 5, "max_output_tokens": 4})))

        calls = [("a@1", "capability_missing"), ("b@1", "context_window_exceeded")]
        assert said(error) == ("capability_missing", False, calls)
        assert (world.models.calls, world.made, error.usage) == ([], [], None)

    async def test_a_model_that_refuses_has_answered(self) -> None:
        world = answering({"a": down("model_refused", retryable=False, worked=True, tokens=COUNTED)})

        error = await world.fails(work(pinned("a"), pinned("b")))

        assert said(error) == ("model_refused", False, [("a@1", "model_refused")])
        assert (str(error), error.usage) == ("model_refused, it says", PAID)

    async def test_one_that_can_not_be_called_from_here_is_passed_over(self) -> None:
        world = answering({"a": NodeError("provider_unconfigured", "no key")})

        done = await world.done(work(pinned("a"), pinned("b")))

        assert [(call.outcome, call.reason) for call in done.calls] == [
            ("provider_unconfigured", "no key"),
            ("ok", None),
        ]
        assert world.made == [("b@1", "ok")]
        assert isinstance(world.budgets, Purse)
        assert not world.budgets.held, "what was held for it is given back"

    @given(
        st.lists(st.sampled_from(["ok", "provider_unavailable", "provider_refused", "lame"]), min_size=1, max_size=6)
    )
    def test_whatever_they_do_all_of_it_is_told_and_counted(self, does: list[str]) -> None:
        # given candidates that answer, fail at a cost, refuse, or can't be asked
        answers: dict[str, Any] = {
            f"m{place}": down(what, worked=True, tokens=COUNTED)
            for place, what in enumerate(does)
            if what.startswith("provider")
        }
        models = [
            pinned(f"m{place}", kind="embedding" if what == "lame" else "chat") for place, what in enumerate(does)
        ]
        world = answering(answers)
        # when they are asked
        try:
            done = asyncio.run(world.done(work(*models)))
            usage, calls = done.usage, done.calls
        except NodeError as error:
            usage, calls = error.usage, error.calls
        # then nobody is asked behind the first that answers
        asked = does[: does.index("ok") + 1] if "ok" in does else does
        assert [call.outcome for call in calls] == ["capability_missing" if what == "lame" else what for what in asked]
        # and the sum is that of the calls that were made, each of which is told of
        made = [what for what in asked if what != "lame"]
        assert [outcome for _, outcome in world.made] == made
        assert Fraction(usage.cost if usage else 0) == Fraction("0.45") * len(made)


class TestTime:
    async def test_a_call_has_its_models_time_or_what_is_left(self) -> None:
        limits = {"context_window": 1_000, "max_output_tokens": 100, "timeout_ms": 50}
        world = answering({"a": down()})

        await world.done(work(pinned("a", limits=limits), pinned("b")))

        assert world.models.timeouts == [0.05, 60.0]

    async def test_a_call_has_no_more_time_than_the_attempt(self) -> None:
        world = World()

        await world.done(work(deadline=time.time_ns() // 1_000_000 + 20_000))

        assert 10.0 < world.models.timeouts[0] < 20.0

    async def test_no_call_is_made_when_its_answer_would_come_too_late(self) -> None:
        world = World()

        error = await world.fails(work(deadline=1))

        assert said(error) == ("timeout", True, [])
        assert "no call was made" in str(error)
        assert world.models.calls == []


class TestBugs:
    async def test_end_the_attempt_with_what_its_calls_cost_and_hold_no_money(self) -> None:
        # given a candidate that fails at a cost, and one whose call meets a bug
        world = answering({"a": down(worked=True, tokens=COUNTED), "b": RuntimeError("odd")})
        # when they are asked
        error = await world.fails(work(pinned("a"), pinned("b"), pinned("c")))
        # then nobody else is, and both have been paid and told of: the second may have worked
        outcomes = ["provider_unavailable", "internal_error"]
        assert said(error) == ("internal_error", False, list(zip(["a@1", "b@1"], outcomes, strict=True)))
        assert error.usage == Usage(
            input_tokens=1_008, output_tokens=500, cost="0.4512", currency="EUR", estimated=True
        )
        assert [outcome for _, outcome in world.made] == outcomes
        assert isinstance(world.budgets, Purse)
        assert world.budgets.held == {}
        assert world.budgets.settled["r/n/0/1/2"] == Decimal("0.0012")

    async def test_that_an_answer_leads_to_cost_what_the_provider_counted(self) -> None:
        odd: Any = None
        world = answering({"a": Completion("", "tool_calls", COUNTED, (odd,))})

        error = await world.fails(work(pinned("a")))

        assert said(error) == ("internal_error", False, [("a@1", "internal_error")])
        assert error.usage == PAID

    async def test_before_a_call_cost_what_was_called_before(self) -> None:
        class Broken(Purse):
            async def reserve(self, facts: Facts, worst: Decimal, currency: str, now: int) -> Reservation:
                if self.settled:
                    raise KeyError("odd")
                return await super().reserve(facts, worst, currency, now)

        world = answering({"a": down(worked=True, tokens=COUNTED)}, budgets=Broken())

        error = await world.fails(work(pinned("a"), pinned("b")))

        assert said(error) == ("internal_error", False, [("a@1", "provider_unavailable")])
        assert (str(error), error.usage) == ("a bug in the worker: KeyError; its log tells more", PAID)


class TestCapabilities:
    @pytest.mark.parametrize(
        ("prompt", "given", "capability"),
        [
            (ASKS_FOR_JSON, {}, "json_schema"),
            ({"parameters": {"tools": [TOOL]}}, {}, "function_calling"),
            (
                {
                    "messages": [{"role": "user", "template": "What?", "images": ["picture"]}],
                    "variables": {"picture": {"schema": {"type": "string"}}},
                },
                {"picture": "https://example.org/a.png"},
                "image_input",
            ),
        ],
    )
    async def test_a_model_without_what_the_prompt_needs_is_never_called(
        self, prompt: dict[str, Any], given: dict[str, Any], capability: str
    ) -> None:
        world = answering({"b": Completion('{"n": 3}', "stop", COUNTED)})

        done = await world.done(work(pinned("a"), pinned("b", capabilities=[capability]), prompt=prompt, given=given))

        assert world.models.calls == ["b"]
        assert done.calls[0].outcome == "capability_missing"
        assert f"model a@1 has not the capability {capability}" in (done.calls[0].reason or "")


class TestCalls:
    async def test_are_told_of_with_who_pays(self) -> None:
        world = answering({"a": down(worked=True)})
        models = [{**pinned("a"), "alias": {"name": "best", "version": 4}}, pinned("b")]

        await world.done(work(*models, tenant="acme"))

        first, second = world.told.of(ModelCalled)
        assert (first.id, second.id) == ("r/n/0/1/0", "r/n/0/1/2")
        assert (second.model, second.alias, second.prompt) == ("b@1", "best@4", "p@1")
        assert (second.workflow, second.tenant, second.run_id, second.node) == ("w@3", "acme", "r", "n")
        assert (second.outcome, second.usage) == ("ok", PAID)
        assert second.charges == (Charge(budget="pocket", period="total", amount="0.45", limit="9"),)
        assert first.usage == Usage(input_tokens=8, output_tokens=0, cost="0.0012", currency="EUR", estimated=True)

    async def test_of_a_sensitive_prompt_say_nothing_that_a_provider_says(self) -> None:
        world = answering({"a": down(), "b": down()})

        error = await world.fails(work(pinned("a"), pinned("b"), prompt={**PROMPT, "sensitive": True}))

        assert "it says" not in str(error)
        assert not any("it says" in (call.reason or "") for call in error.calls)
        assert error.code == "provider_unavailable"


class TestCurrencies:
    async def test_that_differ_do_not_add_up_and_stay_with_their_calls(self) -> None:
        fault = ProviderFault("provider_unavailable", "half", worked=True, tokens=Tokens(1_000, 0))
        world = answering({"a": fault})
        dollars = {"currency": "USD", "input_per_1k": 1, "output_per_1k": 1}

        done = await world.done(work(pinned("a", costs=dollars), pinned("b")))

        assert done.usage == Usage(input_tokens=2_000, output_tokens=500, cost="1", currency="USD")
        assert [call.usage.cost for call in done.calls if call.usage] == ["1", "0.45"]
