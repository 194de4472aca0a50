"""From a provider's answer, or fault, to the node's outcome: what it says, and what it cost to the last digit."""

import json
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import NodeError
from headrace.events.node import ExecuteNode, NodeFailed, NodeSucceeded
from headrace.events.run import Call, Usage
from headrace.journal import Entry, stored_answer, stored_failure
from headrace.limits import LARGEST_PAYLOAD
from headrace.worker import Done
from model_invoke.core import failure, interpret, plan
from model_invoke.job import ModelInvokeJob
from model_invoke.model import Answered, ChatRequest, Completion, Plan, Tokens
from model_invoke.ports import Heard, ProviderFault

QUESTION = "Why is the sky blue?"
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
COUNTED = Tokens(1_000, 500)
PAID = Usage(input_tokens=1_000, output_tokens=500, cost="0.45", currency="EUR")


def config(costs: Any = None, schema: Any = None) -> str:
    prompt = {"messages": [{"role": "user", "template": QUESTION}], "parameters": {"response_schema": schema}}
    model = {
        "provider": "openai",
        "endpoint": {"url": "http://127.0.0.1:1/v1"},
        "model": "m",
        "capabilities": ["json_schema"],
        "limits": {"context_window": 1_000, "max_output_tokens": 100},
        "costs": costs or {"currency": "EUR", "input_per_1k": "0.15", "output_per_1k": "0.6"},
    }
    return json.dumps(
        {
            "prompt": {"name": "p", "version": 1, "digest": "d", "spec": prompt},
            "model": {"name": "tiny", "version": 2, "digest": "d", "spec": model},
        }
    )


def planned(costs: Any = None, schema: Any = None) -> Plan:
    return plan(config(costs, schema), "{}", None)


def answered(text: str = "Rayleigh.", reason: str | None = "stop", tokens: Tokens | None = COUNTED) -> Answered:
    return Answered(Completion(text, reason, tokens), 42)


def said(fault: NodeError) -> tuple[str, bool, Usage | None, tuple[Call, ...]]:
    return fault.code, fault.retryable, fault.usage, fault.calls


def invalid(text: str, reason: str = "stop", schema: Any = SCHEMA) -> NodeError:
    with pytest.raises(NodeError) as caught:
        interpret(planned(schema=schema), answered(text, reason))
    return caught.value


class TestAnswer:
    def test_is_the_output_with_what_it_cost(self) -> None:
        call = Call(provider="tiny@2", outcome="ok", latency_ms=42, usage=PAID)

        assert interpret(planned(), answered()) == Done({"text": "Rayleigh.", "finish_reason": "stop"}, PAID, (call,))

    def test_that_was_cut_off_is_an_answer(self) -> None:
        done = interpret(planned(), answered("Because", "length"))

        assert done.output == {"text": "Because", "finish_reason": "length"}

    def test_without_usage_is_estimated_and_flagged(self) -> None:
        done = interpret(planned(), answered("x" * 41, tokens=None))

        assert done.output["usage_estimated"] is True
        assert done.usage == Usage(input_tokens=5 + 4 + 3, output_tokens=11, cost="0.0084", currency="EUR")
        assert done.calls[0].usage == done.usage

    def test_that_was_counted_is_not_flagged(self) -> None:
        assert "usage_estimated" not in interpret(planned(), answered()).output

    def test_meets_the_schema_and_is_parsed(self) -> None:
        done = interpret(planned(schema=SCHEMA), answered(' {"n": 3}\n'))

        assert done.output == {"text": ' {"n": 3}\n', "finish_reason": "stop", "json": {"n": 3}}

    def test_null_is_a_value_where_the_schema_takes_it(self) -> None:
        assert interpret(planned(schema={"type": "null"}), answered("null")).output["json"] is None

    def test_is_not_parsed_unless_a_schema_was_asked_for(self) -> None:
        assert "json" not in interpret(planned(), answered('{"n": 3}')).output

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
    def test_that_is_not_what_was_asked_for_is_paid_all_the_same(self, text: str, why: str) -> None:
        error = invalid(text)

        call = Call(provider="tiny@2", outcome="output_invalid", latency_ms=42, usage=PAID)
        assert said(error) == ("output_invalid", True, PAID, (call,))
        assert str(error).startswith(f"the model's answer {why}")
        assert len(str(error)) < 400

    def test_that_is_not_json_because_it_was_cut_off_says_so(self) -> None:
        assert "raise max_output_tokens" in str(invalid('{"n": ', "length"))


class TestFault:
    def test_is_a_failed_call(self) -> None:
        error = failure(planned(), ProviderFault("provider_rate_limited", "slow down"), 7)

        call = Call(provider="tiny@2", outcome="provider_rate_limited", latency_ms=7)
        assert said(error) == ("provider_rate_limited", True, None, (call,))
        assert str(error) == "slow down"

    def test_that_the_provider_charged_costs_what_it_says(self) -> None:
        fault = ProviderFault("model_refused", "no", retryable=False, worked=True, tokens=Tokens(1_000, 500))

        error = failure(planned(), fault, 7)

        call = Call(provider="tiny@2", outcome="model_refused", latency_ms=7, usage=PAID)
        assert said(error) == ("model_refused", False, PAID, (call,))

    def test_that_may_be_charged_costs_what_was_sent_and_says_that_this_is_an_estimate(self) -> None:
        error = failure(planned(), ProviderFault("provider_timeout", "too slow", worked=True), 7)

        assert error.usage == Usage(input_tokens=12, output_tokens=0, cost="0.0018", currency="EUR")
        assert "it may be charged; the input is estimated: UTF-8 bytes / 4" in str(error)


PRICES = st.decimals(min_value=0, max_value=10_000, allow_nan=False, allow_infinity=False, places=12)
COUNTS = st.integers(0, 1_000_000_000)


class TestCost:
    @given(PRICES, PRICES, st.integers(1, 1_000_000_000), COUNTS)
    def test_is_exact_and_plain(self, input_price: Decimal, output_price: Decimal, sent: int, received: int) -> None:
        costs = {"currency": "EUR", "input_per_1k": str(input_price), "output_per_1k": str(output_price)}

        usage = interpret(planned(costs), answered(tokens=Tokens(sent, received))).usage

        assert usage
        assert Fraction(usage.cost) == (sent * Fraction(input_price) + received * Fraction(output_price)) / 1_000
        assert set(usage.cost) <= set("0123456789.")
        assert usage.cost == "0" or "." not in usage.cost or not usage.cost.endswith("0")

    @pytest.mark.parametrize(
        ("price", "cost"), [(0.15, "0.15"), (0.1, "0.1"), (3, "3"), (1e-07, "0.0000001"), (100, "100"), (0, "0")]
    )
    def test_of_a_price_written_as_a_number_is_what_was_written(self, price: float, cost: str) -> None:
        costs = {"currency": "USD", "input_per_1k": price, "output_per_1k": 0}

        usage = interpret(planned(costs), answered(tokens=Tokens(1_000, 9))).usage

        assert usage == Usage(input_tokens=1_000, output_tokens=9, cost=cost, currency="USD")

    def test_of_a_free_model_is_nothing_and_its_tokens_count(self) -> None:
        usage = interpret(planned("free"), answered()).usage

        assert usage == Usage(input_tokens=1_000, output_tokens=500, cost="0", currency="USD")


class Answers:
    """A model that gives one answer, or none."""

    def __init__(self, answer: Completion | ProviderFault) -> None:
        self._answer = answer

    async def complete(self, request: ChatRequest, timeout_s: float, heard: Heard | None = None) -> Completion:
        if isinstance(self._answer, ProviderFault):
            raise self._answer
        return self._answer


REQUEST = ExecuteNode(run="r", workflow="w@1", node="n", type="model_invoke", config=config(schema=SCHEMA), input="{}")


class TestJob:
    @pytest.mark.parametrize("text", ['{"n": 3}', "no JSON"])
    async def test_an_answer_means_the_same_when_it_comes_from_the_journal(self, text: str) -> None:
        job = ModelInvokeJob(Answers(Completion(text, "stop", Tokens(1_000, 500))))
        call = job.plan(REQUEST)
        answer = await job.perform(call)

        again = Entry(stored_answer(answer)).answer()

        assert outcome(job, call, again) == outcome(job, call, answer)

    async def test_a_failure_costs_the_same_when_it_comes_from_the_journal(self) -> None:
        job = ModelInvokeJob(Answers(ProviderFault("provider_timeout", "too slow", worked=True)))
        with pytest.raises(NodeError) as first:
            await job.perform(job.plan(REQUEST))

        with pytest.raises(NodeError) as again:
            Entry(stored_failure(first.value)).answer()

        assert first.value.usage
        assert said(again.value) == said(first.value)
        assert str(again.value) == str(first.value)

    async def test_an_output_too_large_to_travel_is_paid_all_the_same(self) -> None:
        job = ModelInvokeJob(Answers(Completion("é" * (LARGEST_PAYLOAD // 2), "stop", Tokens(1_000, 500))))
        request = msgspec.structs.replace(REQUEST, config=config())
        call = job.plan(request)

        with pytest.raises(NodeError) as caught:
            job.succeeded(request, call, await job.perform(call), 0, 1)

        assert (caught.value.code, caught.value.usage) == ("output_too_large", PAID)

    async def test_no_call_is_made_when_its_answer_would_come_too_late(self) -> None:
        job = ModelInvokeJob(Answers(Completion("late")))

        with pytest.raises(NodeError, match="no call was made") as caught:
            await job.perform(job.plan(msgspec.structs.replace(REQUEST, deadline=1)))

        assert (caught.value.code, caught.value.retryable, caught.value.calls) == ("timeout", True, ())


def outcome(job: ModelInvokeJob, call: Plan, answer: Any) -> NodeSucceeded | NodeFailed:
    try:
        event = job.succeeded(REQUEST, call, answer, 0, 1)
    except NodeError as error:
        event = job.failed(REQUEST, error, 0, 1)
    assert isinstance(event, NodeSucceeded | NodeFailed)
    return event
