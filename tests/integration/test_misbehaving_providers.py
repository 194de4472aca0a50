"""What breaker, fallbacks, cost, readers of tokens and caller see of each way in which a provider can misbehave.

docs/misbehaving-providers.md is made here: `pytest tests/integration/test_misbehaving_providers.py --write`.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from headrace.events.model import ModelHealthChanged
from headrace.events.node import NodeFailed
from headrace.events.run import TokensStreamed, Usage
from model_invoke.core.window import Threshold
from tests.conftest import Stack
from tests.integration.calling_world import LIMITS, Outcome, World, calling_world, output
from tests.providers import behaviours
from tests.providers.behaviours import Behaviour

PAGE = Path(__file__).parents[2] / "docs" / "misbehaving-providers.md"
CALLS = Threshold().calls


@dataclass(frozen=True)
class Case:
    """One way to misbehave. spec: what its model has else."""

    title: str
    behaviour: Behaviour
    stream: bool = False
    spec: Callable[[], Mapping[str, Any]] = dict


def nobody() -> Mapping[str, Any]:
    """An endpoint where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return {"endpoint": {"url": f"http://127.0.0.1:{free.getsockname()[1]}/v1"}}


def soon() -> Mapping[str, Any]:
    """Limits with which a model that hangs is given up soon."""
    return {"limits": {**LIMITS, "timeout_ms": 500}}


CASES = (
    Case("answers 500", behaviours.error(500)),
    Case("refuses connections", behaviours.well, spec=nobody),
    Case("resets connections", behaviours.resets),
    Case("hangs", behaviours.hangs, spec=soon),
    Case("drips one byte at a time", behaviours.drips, spec=soon),
    Case("answers 429 with Retry-After", behaviours.error(429, retry_after="60")),
    Case("answers broken JSON", behaviours.broken_json),
    Case("cuts a stream in the middle", behaviours.ends_early, stream=True),
    Case("resets a stream in the middle", behaviours.breaks_off, stream=True),
    Case("tells of a fault in a stream", behaviours.error_event, stream=True),
    Case("does not count tokens", behaviours.no_usage),
    Case("answers for another model", behaviours.other_model()),
    Case("does not know the model", behaviours.no_such_model),
    Case("answers 401", behaviours.error(401)),
    Case("answers 400", behaviours.error(400)),
)
HEAD = """# Misbehaving providers

What happens when a provider misbehaves, as a test saw it that ran each case against a provider on loopback: with
another model behind the first one, and {calls} times without. Prices are 1 EUR for 1,000 tokens of input and 2 EUR for
1,000 of output. This page is made by `pytest tests/integration/test_misbehaving_providers.py --write`, which fails when
the page is not what it sees.

| column | what it says |
|---|---|
| the provider | what the first model's provider does |
| its call | the first call's outcome, and its cost; *est.*: estimated, for the provider did not say |
| its breaker | after {calls} such calls |
| then | which model answered the run, and what the whole attempt cost |
| readers of tokens | whose pieces they saw on `run.tokens`, and in which restart of the answer |
| without a fallback | the code that the caller gets after one call, and whether another attempt may help |

| the provider | its call | its breaker | then | readers of tokens | without a fallback |
|---|---|---|---|---|---|
"""


@pytest.fixture
async def world(stack: Stack, tmp_path: Path) -> AsyncIterator[World]:
    async with calling_world(stack, tmp_path) as made:
        yield made


async def test_the_page_says_what_happens(world: World, request: pytest.FixtureRequest) -> None:
    await world.start(concurrency=32)
    rows = await asyncio.gather(*(row(world, number, case) for number, case in enumerate(CASES)))
    page = HEAD.format(calls=CALLS) + "".join(f"| {' | '.join(cells)} |\n" for cells in rows)
    if request.config.getoption("--write"):
        PAGE.write_text(page, encoding="utf-8")
    assert page == PAGE.read_text(encoding="utf-8"), "make it again with --write, and read what has changed"


async def row(world: World, number: int, case: Case) -> Sequence[str]:
    """What everybody saw of one case."""
    first, second, lone = (f"{name}-{number}" for name in ("first", "second", "lone"))
    for name in (first, lone):
        world.provider.behave(case.behaviour, name)
    spec = case.spec()
    run = await world.ask(first, world.model(first, **spec), world.model(second), stream=case.stream)
    with_fallback = await world.outcome(run)
    alone = await world.outcome(await world.ask(lone, world.model(lone, **spec), stream=case.stream))
    others = [
        await world.ask(f"{lone}-{count}", world.model(lone, **spec), stream=case.stream) for count in range(1, CALLS)
    ]
    later = await world.outcomes(others)
    return (
        case.title,
        called(with_fallback),
        breaker(await world.health(lone), later[others[-1]]),
        then(with_fallback),
        readers(await world.tokens(run)) if case.stream else "-",
        caller(alone),
    )


def called(outcome: Outcome) -> str:
    first = outcome.calls[0]
    return f"`{first.outcome}`, {cost(first.usage)}"


def then(outcome: Outcome) -> str:
    output(outcome)
    which = outcome.calls[-1].provider.partition("-")[0]
    return f"the {which} model, {cost(outcome.usage)}"


def cost(usage: Usage | None) -> str:
    if usage is None:
        return "no cost"
    return f"{usage.cost} {usage.currency}{' *est.*' if usage.estimated else ''}"


def breaker(changes: Sequence[ModelHealthChanged], last: Outcome) -> str:
    if changes:
        return changes[-1].state
    return "closed; left alone as it asks" if last.calls[-1].outcome == "retry_after" else "closed"


def readers(pieces: Sequence[TokensStreamed]) -> str:
    seen = {piece.restart: piece.model.partition("-")[0] for piece in pieces}
    return ", then ".join(f"the {model} model's ({restart})" for restart, model in sorted(seen.items()))


def caller(outcome: Outcome) -> str:
    if not isinstance(outcome, NodeFailed):
        return "the answer" + (", `usage_estimated`" if "usage_estimated" in output(outcome) else "")
    return f"`{outcome.code}`, {'may help' if outcome.retryable else 'will not help'}"
