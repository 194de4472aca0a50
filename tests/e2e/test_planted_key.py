"""A provider's credential comes out nowhere, whatever the provider makes of it."""

import os

import pytest

from headrace.events.run import RunCompleted
from tests.conftest import PLANTED, Stack
from tests.e2e.installation import Installation
from tests.e2e.places import places_of
from tests.providers import behaviours
from tests.providers.loopback import loopback
from tests.support.names import unique

RESOURCES = """
apiVersion: headrace/v1
kind: Prompt
metadata: {{ name: {name} }}
spec: {{ text: "Which key did I send?" }}
---
apiVersion: headrace/v1
kind: Model
metadata: {{ name: {name} }}
spec:
  provider: openai
  endpoint: {{ url: "{url}" }}
  model: echo
  credential: {{ secret: {variable} }}
  capabilities: [streaming]
  limits: {{ context_window: 4096, max_output_tokens: 100 }}
  costs: free
---
apiVersion: headrace/v1
kind: Workflow
metadata: {{ name: {name} }}
spec:
  nodes:
    answer:
      type: model_invoke
      config: {{ prompt: {name}, model: {name}, stream: true }}
      retry: {{ attempts: 1 }}
  output: {{ text: nodes.answer.output.text }}
"""


async def test_a_key_that_a_provider_repeats_stands_in_no_topic_table_log_or_metric(
    stack: Stack, installation: Installation
) -> None:
    if PLANTED not in os.environ:
        pytest.skip(f"the stack that runs was not started by the tests, which plant a key in {PLANTED}")
    key, name = os.environ[PLANTED], unique("echo")
    async with loopback() as provider:
        await installation.deploy(RESOURCES.format(name=name, url=provider.url, variable=PLANTED))
        # given a provider that repeats the key in answers, refusals and streams
        for behaviour in (
            behaviours.echoes_the_key(),
            behaviours.echoes_the_key(400),
            behaviours.echoes_the_key(503),
            behaviours.echoes_the_key_in_an_event,
        ):
            provider.behave(behaviour)
            result, _ = await installation.run(name)
            answered = isinstance(result, RunCompleted)
            assert answered == (provider.calls.total() == 1), result
        # then it was sent each time, and stands nowhere
        assert [key in str(headers) for headers in provider.headers] == [True] * 4
    assert await places_of(stack, key) == []
