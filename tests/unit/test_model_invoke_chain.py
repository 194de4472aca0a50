"""Candidates of an attempt: who is asked, in which order, and what everybody gets to know of it."""

import asyncio
import json
import time
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import JournalUnavailable, NodeError
from headrace.events.model import ModelCalled
from headrace.events.resource import ResourceHead, ResourceVersion
from headrace.events.run import Charge, TokensStreamed, Usage
from headrace.prompting import ChatMessage
from model_invoke.attempt.pieces import LARGEST_PIECE
from model_invoke.model import ARRIVAL_MS, ChatRequest, Completion, Tokens, ToolCall
from model_invoke.ports import Facts, Heard, ProviderFault, Reservation
from tests.unit.asking import COUNTED, PROMPT, Purse, World, answering, down, pinned, question, work

PAID = Usage(input_tokens=1_000, output_tokens=500, cost="0.45", currency="EUR")
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
ASKS_FOR_JSON = {"parameters": {"response_schema": SCHEMA}}
TOOL = {"name": "add", "parameters": {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}}


def said(error: NodeError) -> tuple[str, bool, Sequence[tuple[str, str]]]:
    return error.code, error.retryable, [(call.provider, call.outcome) for call in error.calls]


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


class TestSecondChance:
    async def test_an_answer_that_is_wrong_is_asked_for_again_with_what_is_wrong(self) -> None:
        world = answering({"a": [Completion('{"n": "3"}', "stop", COUNTED), Completion('{"n": 3}', "stop", COUNTED)]})

        done = await world.done(work(pinned("a", capabilities=["json_schema"]), prompt=ASKS_FOR_JSON))

        assert done.output["json"] == {"n": 3}
        assert [call.outcome for call in done.calls] == ["output_invalid", "ok"]
        assert [call.id for call in world.told.of(ModelCalled)] == ["r/n/0/1/0", "r/n/0/1/1"]
        assert done.usage == Usage(input_tokens=2_000, output_tokens=1_000, cost="0.9", currency="EUR")
        first, second = world.models.asked
        assert second.messages[:2] == (*first.messages, ChatMessage("assistant", '{"n": "3"}'))
        assert 'does not meet the response_schema: at n: "3" is not of type "integer"' in second.messages[2].content

    async def test_there_is_no_third_one_and_nobody_else_is_asked(self) -> None:
        world = answering({"a": Completion("no JSON", "stop", COUNTED)})

        error = await world.fails(work(pinned("a", capabilities=["json_schema"]), pinned("b"), prompt=ASKS_FOR_JSON))

        assert said(error) == ("output_invalid", True, [("a@1", "output_invalid")] * 2)
        assert str(error).startswith("the model's answer is no JSON")
        assert error.usage == Usage(input_tokens=2_000, output_tokens=1_000, cost="0.9", currency="EUR")

    async def test_a_model_that_fails_at_it_is_followed_by_the_next(self) -> None:
        world = answering(
            {"a": [Completion("no JSON", "stop", COUNTED), down()], "b": Completion('{"n": 3}', "stop", COUNTED)}
        )
        models = [pinned(name, capabilities=["json_schema"]) for name in "ab"]

        done = await world.done(work(*models, prompt=ASKS_FOR_JSON))

        assert [call.outcome for call in done.calls] == ["output_invalid", "provider_unavailable", "ok"]

    async def test_functions_are_called_with_values(self) -> None:
        call = ToolCall("c1", "add", '{"n": 3}')
        world = answering({"a": Completion("", "tool_calls", COUNTED, (call,))})

        done = await world.done(
            work(pinned("a", capabilities=["function_calling"]), prompt={"parameters": {"tools": [TOOL]}})
        )

        assert done.output["tool_calls"] == [{"id": "c1", "name": "add", "arguments": {"n": 3}}]

    @pytest.mark.parametrize(
        ("call", "why"),
        [
            (ToolCall("c", "add", '{"n": "3"}'), 'calls add with what does not meet the parameters: at n: "3"'),
            (ToolCall("c", "add", '{"n": '), "calls add with what is no JSON"),
            (ToolCall("c", "sub", "{}"), "calls the function 'sub', which there is not"),
        ],
    )
    async def test_functions_that_are_called_wrong_are_asked_for_again(self, call: ToolCall, why: str) -> None:
        right = Completion("", "tool_calls", COUNTED, (ToolCall("c", "add", '{"n": 3}'),))
        world = answering({"a": [Completion("", "tool_calls", COUNTED, (call,)), right]})

        done = await world.done(
            work(pinned("a", capabilities=["function_calling"]), prompt={"parameters": {"tools": [TOOL]}})
        )

        assert why in (done.calls[0].reason or "")
        assert done.output["tool_calls"][0]["arguments"] == {"n": 3}
        assert why in world.models.asked[1].messages[-1].content


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
            raise JournalUnavailable("away")
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
            raise JournalUnavailable("away")
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


class TestStreams:
    async def test_are_sent_in_pieces_and_begin_anew_on_the_next_candidate(self) -> None:
        async def breaks(_: ChatRequest, heard: Heard | None) -> Completion:
            assert heard
            heard("Because ")
            heard("of")
            raise down(worked=True)

        async def speaks(_: ChatRequest, heard: Heard | None) -> Completion:
            assert heard
            for piece in ("x" * 64, "y", "z"):
                heard(piece)
            return Completion("x" * 64 + "yz", "stop", COUNTED)

        world = answering({"a": breaks, "b": speaks})
        models = [pinned(name, capabilities=["streaming"]) for name in "ab"]

        done = await world.done(work(*models, stream=True))

        pieces = [(piece.model, piece.restart, piece.seq, piece.text) for piece in world.told.of(TokensStreamed)]
        assert pieces == [("a@1", 0, 0, "Because of"), ("b@1", 1, 0, "x" * 64), ("b@1", 1, 1, "yz")]
        assert done.output["text"] == "x" * 64 + "yz"

    async def test_an_answer_that_comes_all_at_once_is_told_in_pieces_that_topics_take(self) -> None:
        async def at_once(_: ChatRequest, heard: Heard | None) -> Completion:
            assert heard
            heard("x" * (2 * LARGEST_PIECE) + "y")
            return Completion("x", "stop", COUNTED)

        world = answering({"a": at_once})

        await world.done(work(pinned("a", capabilities=["streaming"]), stream=True))

        told = [(piece.seq, len(piece.text)) for piece in world.told.of(TokensStreamed)]
        assert told == [(0, LARGEST_PIECE), (1, LARGEST_PIECE), (2, 1)]

    @pytest.mark.parametrize(("stream", "capabilities"), [(False, ["streaming"]), (True, [])])
    async def test_are_not_asked_for_unless_the_node_wants_it_and_the_model_can(
        self, stream: bool, capabilities: list[str]
    ) -> None:
        async def listens(_: ChatRequest, heard: Heard | None) -> Completion:
            assert heard is None
            return Completion("yes", "stop", COUNTED)

        world = answering({"a": listens})

        await world.done(work(pinned("a", capabilities=capabilities), stream=stream))

        assert world.told.of(TokensStreamed) == []


class TestOverflow:
    PROMPT: ClassVar = {
        "messages": [
            {"role": "system", "template": "S"},
            {"role": "user", "template": "{% for d in documents %}{{ d.text }}{% endfor %}"},
            {"role": "assistant", "template": "A"},
            {"role": "user", "template": "Q"},
        ],
        "variables": {"documents": {"schema": {"type": "array"}, "default": []}},
    }

    async def test_the_next_candidate_may_have_more_room(self) -> None:
        small = pinned("a", limits={"context_window": 110, "max_output_tokens": 100})

        done = await World().done(work(small, pinned("b"), prompt=self.PROMPT))

        assert [call.outcome for call in done.calls] == ["context_window_exceeded", "ok"]
        assert "and model a@1 has room for 10" in (done.calls[0].reason or "")

    async def test_the_oldest_messages_go_first_and_never_the_systems_or_the_last(self) -> None:
        given = {"documents": [{"text": "x" * 4_000}]}

        done = await World().done(work(prompt=self.PROMPT, given=given, on_overflow="drop_oldest_messages"))
        asked = question(work(prompt=self.PROMPT, given=given, on_overflow="drop_oldest_messages"))

        assert done.output["dropped"] == {"messages": 1}
        assert [message.content for message in asked.messages] == ["S", "A", "Q"]

    @given(st.lists(st.tuples(st.integers(1, 2_000), st.integers(0, 3)), max_size=12))
    def test_the_lowest_documents_go_first_and_as_few_as_may_be(self, documents: list[tuple[int, int]]) -> None:
        given = {"documents": [{"text": "x" * size, "score": score} for size, score in documents]}
        asked = work(prompt=self.PROMPT, given=given, on_overflow="drop_lowest_documents")

        done = asyncio.run(World().done(asked))

        dropped = set(done.output.get("dropped", {}).get("documents", []))
        kept = [document for place, document in enumerate(documents) if place not in dropped]
        room = 900 - 3 - 4 * 4 - 3  # less the reply, four messages, and the texts S, A, Q
        assert -(-sum(size for size, _ in kept) // 4) <= room
        order = [(score, -place) for place, (_, score) in enumerate(documents)]
        assert all(
            order[gone] < order[stays] for gone in dropped for stays in range(len(order)) if stays not in dropped
        )
        if dropped:
            best = max(dropped, key=lambda place: (documents[place][1], -place))
            assert -(-(sum(size for size, _ in kept) + documents[best][0]) // 4) > room

    async def test_what_can_not_be_made_to_fit_says_so(self) -> None:
        prompt = {"messages": [{"role": "user", "template": "x" * 4_000}]}

        error = await World().fails(work(prompt=prompt, on_overflow="drop_lowest_documents", documents="passages"))

        assert error.code == "context_window_exceeded"
        assert "leaving out 0 items of the input passages, a list of objects with a `score`, is not enough" in str(
            error
        )


class TestCurrencies:
    async def test_that_differ_do_not_add_up_and_stay_with_their_calls(self) -> None:
        fault = ProviderFault("provider_unavailable", "half", worked=True, tokens=Tokens(1_000, 0))
        world = answering({"a": fault})
        dollars = {"currency": "USD", "input_per_1k": 1, "output_per_1k": 1}

        done = await world.done(work(pinned("a", costs=dollars), pinned("b")))

        assert done.usage == Usage(input_tokens=2_000, output_tokens=500, cost="1", currency="USD")
        assert [call.usage.cost for call in done.calls if call.usage] == ["1", "0.45"]
