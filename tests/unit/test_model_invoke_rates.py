"""Turns: how often and how many at once a process calls a model."""

from typing import Any

import pytest

from headrace.resource.model import Limits
from model_invoke.guards.rates import Rate
from model_invoke.ports import Rejected
from tests.support.waiting import until
from tests.unit.asking import answering, down, pinned, work


def rate(**limits: Any) -> Rate:
    return Rate("m@1", Limits(context_window=1_000, max_output_tokens=100, **limits))


async def turn(rate: Rate, tokens: int = 10, patience_s: float = 0.02) -> str:
    """The code of a rejection, or nothing."""
    try:
        async with rate.turn(tokens, patience_s):
            return ""
    except Rejected as error:
        return error.code


async def test_without_limits_everybody_has_a_turn() -> None:
    limitless = rate()

    assert {await turn(limitless) for _ in range(100)} == {""}


async def test_requests_of_a_minute_are_counted() -> None:
    limited = rate(requests_per_minute=3)

    assert [await turn(limited) for _ in range(4)] == ["", "", "", "rate_limited_locally"]


async def test_tokens_of_a_minute_are_counted() -> None:
    limited = rate(tokens_per_minute=100)

    assert [await turn(limited, 40) for _ in range(3)] == ["", "", "rate_limited_locally"]


async def test_a_call_that_no_minute_could_take_is_not_waited_for() -> None:
    with pytest.raises(Rejected, match="needs 101 tokens, more than tokens_per_minute") as caught:
        async with rate(tokens_per_minute=100).turn(101, 60.0):
            pass

    assert not caught.value.retryable


async def test_a_turn_is_waited_for() -> None:
    limited = rate(requests_per_minute=6_000)
    for _ in range(6_000):
        assert await turn(limited) == ""

    assert await turn(limited, patience_s=10.0) == ""


async def test_so_many_at_once_and_a_place_is_given_back() -> None:
    limited = rate(concurrency=2)
    async with limited.turn(1, 1.0):
        async with limited.turn(1, 1.0):
            assert await turn(limited) == "rate_limited_locally"
        assert await turn(limited) == ""
    assert await turn(limited) == ""


async def test_a_provider_that_asks_for_it_is_left_alone() -> None:
    limited = rate()
    limited.leave_alone(60)

    assert await turn(limited) == "retry_after"


async def test_and_is_called_again_when_its_time_is_over() -> None:
    limited = rate()
    limited.leave_alone(0.05)

    async def look() -> bool:
        return await turn(limited) == ""

    assert await until(look)


async def test_the_next_candidate_is_asked_meanwhile() -> None:
    world = answering({"a": [down("provider_rate_limited", retry_after_s=60.0), down()]})
    models = (pinned("a"), pinned("b"))
    await world.done(work(*models))

    done = await world.done(work(*models))

    assert [(call.provider, call.outcome) for call in done.calls] == [("a@1", "retry_after"), ("b@1", "ok")]
    assert "asked to leave model a@1 alone for another" in (done.calls[0].reason or "")
    assert world.models.calls == ["a", "b", "b"]
