"""From a model's answer to the node's output: what it says, and what it cost to the last digit."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.claims import Claims
from headrace.errors import NodeError
from headrace.events.node import ExecuteNode, NodeFailed, NodeSucceeded
from headrace.events.run import Call, Usage
from headrace.journal import Entry, stored_answer, stored_failure
from headrace.limits import LARGEST_PAYLOAD
from headrace.resource.model import Costs
from headrace.resource.prompt import Parameters
from headrace.worker import Done
from headrace.worker.attempt import Attempt
from model_invoke.core import answer, request, usage
from model_invoke.core.answer import Judged
from model_invoke.model import Completion, Plan, Tokens
from tests.unit.asking import COUNTED, World, answering, down, pinned, question, work

QUESTION = {"messages": [{"role": "user", "template": "Why is the sky blue?"}]}
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
PAID = Usage(input_tokens=1_000, output_tokens=500, cost="0.45", currency="EUR")


def asked(schema: Any = None) -> ExecuteNode:
    prompt = {**QUESTION, "parameters": {"response_schema": schema}}
    return work(pinned("m", 2, capabilities=["json_schema"]), prompt=prompt)


def judged(text: str, reason: str | None = "stop", schema: Any = None) -> Judged:
    return answer.judged(request.plan(asked(schema)), Completion(text, reason, COUNTED))


class TestAnswer:
    async def test_is_the_output_with_what_it_cost(self) -> None:
        done = await answering({"m": Completion("Rayleigh.", "stop", COUNTED)}).done(asked())

        assert done.output == {"text": "Rayleigh.", "finish_reason": "stop"}
        assert done.usage == PAID
        assert [(call.provider, call.outcome, call.usage) for call in done.calls] == [("m@2", "ok", PAID)]

    def test_that_was_cut_off_is_an_answer(self) -> None:
        assert judged("Because", "length") == Judged({"text": "Because", "finish_reason": "length"})

    async def test_without_usage_is_estimated_and_flagged(self) -> None:
        done = await answering({"m": Completion("x" * 41, "stop")}).done(asked())

        assert done.output["usage_estimated"] is True
        assert done.usage == Usage(
            input_tokens=5 + 4 + 3, output_tokens=11, cost="0.0084", currency="EUR", estimated=True
        )
        assert done.calls[0].usage == done.usage

    def test_that_was_counted_is_not_flagged(self) -> None:
        assert "usage_estimated" not in judged("yes").output

    def test_meets_the_schema_and_is_parsed(self) -> None:
        found = judged(' {"n": 3}\n', schema=SCHEMA)

        assert found == Judged({"text": ' {"n": 3}\n', "finish_reason": "stop", "json": {"n": 3}})

    def test_null_is_a_value_where_the_schema_takes_it(self) -> None:
        assert judged("null", schema={"type": "null"}).output["json"] is None

    def test_is_not_parsed_unless_a_schema_was_asked_for(self) -> None:
        assert "json" not in judged('{"n": 3}').output

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ('{"n": 3', "is no JSON"),
            ("", "is no JSON"),
            ("NaN", "is no JSON"),
            ("[" * 100_000, "is no JSON"),
            ('{"n": "3"}', 'does not meet the response_schema: at n: "3" is not of type "integer"'),
            ("{}", 'does not meet the response_schema: "n" is a required property'),
            ("[" * 500 + "]" * 500, "does not meet the response_schema"),
        ],
    )
    def test_that_is_not_what_was_asked_for_is_a_fault(self, text: str, why: str) -> None:
        fault = judged(text, schema=SCHEMA).fault

        assert fault.startswith(why)
        assert len(fault) < 400

    def test_that_is_not_json_because_it_was_cut_off_says_so(self) -> None:
        assert "raise max_output_tokens" in judged('{"n": ', "length", SCHEMA).fault


class TestFault:
    async def test_is_a_failed_call(self) -> None:
        error = await answering({"m": down("provider_rate_limited")}).fails(asked())

        assert (error.code, error.retryable, error.usage) == ("provider_rate_limited", True, None)
        assert str(error) == "provider_rate_limited, it says"

    async def test_that_the_provider_charged_costs_what_it_says(self) -> None:
        error = await answering({"m": down(worked=True, tokens=COUNTED)}).fails(asked())

        assert (error.usage, error.calls[0].usage) == (PAID, PAID)

    async def test_that_may_be_charged_costs_what_was_sent_and_says_that_this_is_an_estimate(self) -> None:
        error = await answering({"m": down("provider_timeout", worked=True)}).fails(asked())

        assert error.usage == Usage(input_tokens=12, output_tokens=0, cost="0.0018", currency="EUR", estimated=True)
        assert "it may be charged; the input is estimated: UTF-8 bytes / 4" in str(error)


PRICES = st.decimals(min_value=0, max_value=10_000, allow_nan=False, allow_infinity=False, places=12)
COUNTS = st.integers(0, 1_000_000_000)


def costs(input_price: object, output_price: object, cached_price: object = None) -> Costs:
    return Costs.model_validate(
        {
            "currency": "EUR",
            "input_per_1k": input_price,
            "output_per_1k": output_price,
            "cached_per_1k": cached_price,
        }
    )


class TestCost:
    @given(PRICES, PRICES, PRICES, COUNTS, COUNTS, COUNTS)
    def test_is_exact_and_plain(
        self, fresh: Decimal, cached: Decimal, out: Decimal, sent: int, known: int, received: int
    ) -> None:
        cached, fresh = sorted((fresh, cached))
        paid = usage.priced(Tokens(sent + known, received, known), costs(fresh, out, cached))

        exact = (sent * Fraction(fresh) + known * Fraction(cached) + received * Fraction(out)) / 1_000
        assert Fraction(paid.cost) == exact
        assert set(paid.cost) <= set("0123456789.")
        assert paid.cost == "0" or "." not in paid.cost or not paid.cost.endswith("0")
        assert paid.cached_tokens == known

    @given(PRICES, COUNTS, COUNTS)
    def test_of_what_was_cached_is_that_of_the_rest_unless_it_has_a_price(
        self, price: Decimal, sent: int, known: int
    ) -> None:
        paid = usage.priced(Tokens(sent + known, 0, known), costs(price, 0))

        assert paid.cost == usage.priced(Tokens(sent + known, 0), costs(price, 0)).cost

    @pytest.mark.parametrize(
        ("price", "cost"), [(0.15, "0.15"), (0.1, "0.1"), (3, "3"), (1e-07, "0.0000001"), (100, "100"), (0, "0")]
    )
    def test_of_a_price_written_as_a_number_is_what_was_written(self, price: float, cost: str) -> None:
        assert usage.priced(Tokens(1_000, 9), costs(price, 0)).cost == cost

    async def test_of_a_free_model_is_nothing_and_its_tokens_count(self) -> None:
        done = await answering({"m": Completion("yes", "stop", COUNTED)}).done(work(pinned("m", costs="free")))

        assert done.usage == Usage(input_tokens=1_000, output_tokens=500, cost="0", currency="USD")

    @given(COUNTS, PRICES, PRICES)
    def test_is_never_more_than_the_worst_that_was_told_before(self, taken: int, fresh: Decimal, out: Decimal) -> None:
        made = question(asked())
        dear, sent = costs(fresh, out), sum(len(message.content.encode()) for message in made.messages)

        worst = usage.worst(made, Parameters(), dear)

        assert Decimal(usage.priced(Tokens(sent, min(taken, made.max_tokens)), dear).cost) <= worst

    @given(st.lists(st.tuples(st.integers(0, 99), st.sampled_from(["0", "0.1", "2.25"])), max_size=6))
    def test_of_an_attempt_is_the_sum(self, amounts: list[tuple[int, str]]) -> None:
        calls = [
            Call(
                provider="m",
                outcome="ok",
                latency_ms=1,
                usage=Usage(input_tokens=tokens, output_tokens=1, cost=cost, currency="EUR", cached_tokens=tokens),
            )
            for tokens, cost in amounts
        ]

        total = usage.total([*calls, Call(provider="m", outcome="breaker_open", latency_ms=0)])

        assert (total is None) == (not amounts)
        if total:
            assert Fraction(total.cost) == sum(Fraction(cost) for _, cost in amounts)
            assert total.input_tokens == total.cached_tokens == sum(tokens for tokens, _ in amounts)
            assert total.output_tokens == len(amounts)


async def replayed(world: World, node: ExecuteNode) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """What an attempt means, and what it means when it comes from the journal."""
    call = world.job.plan(node)
    try:
        answer = await world.job.perform(call)
    except NodeError as error:
        return parts(error), from_journal(world, call, stored_failure(error))
    return parts(world.job.interpret(call, answer)), from_journal(world, call, stored_answer(answer))


def from_journal(world: World, call: Plan, stored: str) -> tuple[Any, ...]:
    try:
        return parts(world.job.interpret(call, Entry(stored).answer()))
    except NodeError as error:
        return parts(error)


def parts(meaning: Done | NodeError) -> tuple[Any, ...]:
    what = (str(meaning), meaning.code, meaning.retryable) if isinstance(meaning, NodeError) else (meaning.output,)
    return (*what, meaning.usage, meaning.calls)


class TestJournal:
    @pytest.mark.parametrize("text", ['{"n": 3}', "no JSON"])
    async def test_an_attempt_means_the_same_when_it_comes_from_there(self, text: str) -> None:
        world, node = answering({"m": Completion(text, "stop", COUNTED)}), asked(SCHEMA)

        first, again = await replayed(world, node)

        assert first == again
        assert len(first[-1]) == (1 if text.startswith("{") else 2)

    async def test_an_output_too_large_to_travel_is_paid_all_the_same(self) -> None:
        world, node = answering({"m": Completion("é" * (LARGEST_PAYLOAD // 2), "stop", COUNTED)}), asked()

        outcome = await Attempt(world.job, None, Claims()).outcome(node)

        assert isinstance(outcome, NodeFailed)
        assert (outcome.code, outcome.usage) == ("output_too_large", PAID)

    async def test_both_outcomes_can_travel(self) -> None:
        world, node = answering({"m": [Completion("yes", "stop", COUNTED), down(worked=True)]}), asked()
        call = world.job.plan(node)

        good = world.job.succeeded(node, call, await world.job.perform(call), 0, 1)
        bad = world.job.failed(node, await world.fails(node), 0, 1)

        assert isinstance(good, NodeSucceeded)
        assert isinstance(bad, NodeFailed)
        assert msgspec.json.decode(good.output) == {"text": "yes", "finish_reason": "stop"}
        assert (good.usage, bad.calls[0].outcome) == (PAID, "provider_unavailable")


async def test_a_job_repeats_what_may_have_been_made_unless_the_node_forbids_it() -> None:
    job = World().job

    assert job.repeat_ambiguous(job.plan(work()))
    assert not job.repeat_ambiguous(job.plan(work(on_ambiguous="fail")))
