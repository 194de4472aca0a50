"""An alias with a fallback, a budget and a stream on the whole stack, with a provider that misbehaves."""

import json
import uuid
from collections.abc import AsyncIterator

import pytest

from headrace.events.run import NodeFailed, NodeSucceeded, RunCompleted, RunFailed, TokensStreamed
from headrace.topics import RUN_TOKENS
from tests.e2e.installation import Installation
from tests.providers import behaviours
from tests.providers.loopback import Loopback, loopback
from tests.support.waiting import until_equal

RESOURCES = """
apiVersion: headrace/v1
kind: Prompt
metadata: {{ name: ask-{name} }}
spec: {{ text: "What does Headrace do?" }}
---
apiVersion: headrace/v1
kind: Model
metadata: {{ name: first-{name} }}
spec:
  provider: openai
  endpoint: {{ url: "{url}" }}
  model: first
  capabilities: [streaming]
  limits: {{ context_window: 1000, max_output_tokens: 100 }}
  costs: {{ currency: EUR, input_per_1k: 1, output_per_1k: 2 }}
---
apiVersion: headrace/v1
kind: Model
metadata: {{ name: second-{name} }}
spec:
  provider: openai
  endpoint: {{ url: "{url}" }}
  model: second
  capabilities: [streaming]
  limits: {{ context_window: 1000, max_output_tokens: 100 }}
  costs: {{ currency: EUR, input_per_1k: 1, output_per_1k: 2 }}
---
apiVersion: headrace/v1
kind: ModelAlias
metadata: {{ name: best-{name} }}
spec: {{ model: first-{name}, fallbacks: [second-{name}] }}
---
apiVersion: headrace/v1
kind: Workflow
metadata: {{ name: ask-{name} }}
spec:
  nodes:
    answer:
      type: model_invoke
      config: {{ prompt: ask-{name}, model: best-{name}, stream: true }}
  output: {{ text: nodes.answer.output.text }}
"""
BUDGET = """
apiVersion: headrace/v1
kind: Budget
metadata: {{ name: pocket-{name} }}
spec:
  scope: {{ workflow: ask-{name} }}
  period: total
  limit: 0.01
  currency: EUR
"""


@pytest.fixture
async def provider() -> AsyncIterator[Loopback]:
    async with loopback() as started:
        yield started


async def test_a_stream_that_breaks_goes_on_with_the_next_model(installation: Installation, provider: Loopback) -> None:
    # given an alias whose first model breaks off in the middle of a stream
    name = uuid.uuid4().hex[:8]
    await installation.deploy(RESOURCES.format(name=name, url=provider.url))
    provider.behave(behaviours.ends_early, "first")
    # when a run asks
    run = await installation.start(f"ask-{name}")
    result = await installation.result(run)
    # then the fallback answers, and the log says why
    assert isinstance(result, RunCompleted)
    assert json.loads(result.output)["text"] == behaviours.TEXT
    (node,) = [event for event in await installation.events(run) if isinstance(event, NodeSucceeded)]
    called = [(call.provider, call.outcome) for call in node.calls]
    assert called == [(f"first-{name}@1", "provider_unavailable"), (f"second-{name}@1", "ok")]

    # and readers of tokens see where the answer begins anew
    async def streamed() -> str:
        seen = [one.event for one in await installation.client.read_all(RUN_TOKENS, key=run)]
        return "".join(piece.text for piece in seen if isinstance(piece, TokensStreamed) and piece.restart == 1)

    await until_equal(streamed, behaviours.TEXT)


async def test_a_budget_that_is_too_small_keeps_every_model_from_being_called(
    installation: Installation, provider: Loopback
) -> None:
    name = uuid.uuid4().hex[:8]
    await installation.deploy(RESOURCES.format(name=name, url=provider.url) + "---" + BUDGET.format(name=name))

    async def refused() -> str:
        result, events = await installation.run(f"ask-{name}")
        assert isinstance(result, RunFailed | RunCompleted)
        failed = [event for event in events if isinstance(event, NodeFailed)]
        return failed[0].code if failed else "the worker has not heard of the budget yet"

    await until_equal(refused, "budget_exceeded")
    before = provider.calls.total()
    assert await refused() == "budget_exceeded"
    assert provider.calls.total() == before
