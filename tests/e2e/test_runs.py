"""Runs over the real stack: branches and joins, retries, time-outs, cancellation, pins."""

import json

from headrace.events import run
from headrace.events.model import ModelCalled
from headrace.topics import MODEL_CALLS, RUN_REQUESTS
from tests.e2e.installation import Installation
from tests.providers.behaviours import answers, completion, error, hangs
from tests.providers.loopback import Loopback, loopback
from tests.support.names import unique
from tests.support.waiting import until_equal

BRANCHES = """
apiVersion: headrace/v1
kind: Workflow
metadata: {{ name: {name} }}
spec:
  input: {{ type: object, properties: {{ n: {{ type: integer }} }}, required: [n] }}
  nodes:
    begin: {{ type: template, config: {{ expressions: {{ n: input.n }} }}, input: {{ n: input.n }} }}
    small: {{ type: template, config: {{ templates: {{ word: "small" }} }} }}
    large: {{ type: template, config: {{ templates: {{ word: "large" }} }} }}
    always:
      type: template
      config: {{ expressions: {{ twice: input.n * 2 }} }}
      input: {{ n: nodes.begin.output.n }}
    end:
      type: template
      config: {{ expressions: {{ word: "input.small != null ? input.small : input.large" }} }}
      input:
        small: "has(nodes.small) ? nodes.small.output.word : null"
        large: "has(nodes.large) ? nodes.large.output.word : null"
  edges:
    - {{ from: begin, to: small, when: nodes.begin.output.n < 10 }}
    - {{ from: begin, to: large, else: true }}
    - {{ from: begin, to: always }}
    - {{ from: small, to: end }}
    - {{ from: large, to: end }}
    - {{ from: always, to: end }}
  output:
    small: "has(nodes.small) ? nodes.small.output.word : ''"
    large: "has(nodes.large) ? nodes.large.output.word : ''"
    twice: nodes.always.output.twice
    word: nodes.end.output.word
"""

ASK = """
apiVersion: headrace/v1
kind: Prompt
metadata: {{ name: {name} }}
spec:
  variables: {{ question: {{ schema: {{ type: string }} }} }}
  messages: [{{ role: user, template: "{{{{ question }}}}" }}]
---
apiVersion: headrace/v1
kind: Model
metadata: {{ name: {name} }}
spec:
  provider: openai
  endpoint: {{ url: "{url}" }}
  model: loopback
  limits: {{ context_window: 4096, max_output_tokens: 100 }}
  costs: {{ currency: EUR, input_per_1k: "1", output_per_1k: "2" }}
---
apiVersion: headrace/v1
kind: Workflow
metadata: {{ name: {name} }}
spec:
  nodes:
    answer:
      type: model_invoke
      config: {{ prompt: {name}, model: {name} }}
      input: {{ question: "'why?'" }}
      timeout_ms: {timeout_ms}
      retry: {{ attempts: {attempts}, backoff_ms: 50 }}
  output: {{ text: nodes.answer.output.text }}
"""


async def test_a_condition_chooses_a_branch_and_the_join_waits_for_all_that_runs(installation: Installation) -> None:
    name = unique("branches")
    await installation.deploy(BRANCHES.format(name=name))
    result, events = await installation.run(name, {"n": 3})
    assert isinstance(result, run.RunCompleted), result
    assert json.loads(result.output) == {"small": "small", "large": "", "twice": 6, "word": "small"}
    assert [event.node for event in events if isinstance(event, run.NodeSkipped)] == ["large"]
    ended = [event.node for event in events if isinstance(event, run.NodeSucceeded)]
    assert sorted(ended) == ["always", "begin", "end", "small"]
    assert ended[-1] == "end"


async def test_else_is_taken_when_no_condition_is_true(installation: Installation) -> None:
    name = unique("branches")
    await installation.deploy(BRANCHES.format(name=name))
    result, _ = await installation.run(name, {"n": 30})
    assert isinstance(result, run.RunCompleted), result
    assert json.loads(result.output) == {"small": "", "large": "large", "twice": 60, "word": "large"}


async def test_a_failing_provider_is_tried_again_and_every_call_is_in_the_log(installation: Installation) -> None:
    async with loopback(answers(completion("at last"))) as provider:
        provider.behave(error(503), "loopback", times=2)
        name = unique("flaky")
        await installation.deploy(ASK.format(name=name, url=provider.url, timeout_ms=20_000, attempts=3))
        result, events = await installation.run(name)
        assert len(provider.bodies) == 3
    assert isinstance(result, run.RunCompleted), result
    assert json.loads(result.output) == {"text": "at last"}
    failed = [event for event in events if isinstance(event, run.NodeFailed)]
    assert [(event.attempt, event.code) for event in failed] == [
        (1, "provider_unavailable"),
        (2, "provider_unavailable"),
    ]
    assert (result.usage.cost, result.usage.currency) == ("0.037", "EUR")  # 21 tokens in at 1, 8 out at 2, per thousand


async def test_when_no_attempt_is_left_the_run_fails_and_says_which_node_and_why(installation: Installation) -> None:
    async with loopback(answers({"error": {"message": "out of order"}}, 500)) as provider:
        name = unique("broken")
        await installation.deploy(ASK.format(name=name, url=provider.url, timeout_ms=20_000, attempts=2))
        result, _ = await installation.run(name)
        assert len(provider.bodies) == 2
    assert isinstance(result, run.RunFailed)
    assert (result.code, result.node) == ("node_failed", "answer")
    assert "out of order" in result.message


async def test_a_provider_that_hangs_is_given_up_after_the_node_s_time_out(installation: Installation) -> None:
    async with loopback(hangs) as provider:
        name = unique("hanging")
        await installation.deploy(ASK.format(name=name, url=provider.url, timeout_ms=1_000, attempts=2))
        result, events = await installation.run(name)
    assert isinstance(result, run.RunFailed)
    assert result.code == "node_failed"
    assert {event.code for event in events if isinstance(event, run.NodeFailed)} <= {"timeout", "provider_timeout"}
    assert 1_500 <= result.finished_at - result.started_at < 10_000


async def test_a_run_can_be_cancelled_and_what_comes_later_is_absorbed(installation: Installation) -> None:
    async with loopback(hangs) as provider:
        name = unique("cancelled")
        await installation.deploy(ASK.format(name=name, url=provider.url, timeout_ms=60_000, attempts=1))
        run_id = await installation.start(name)
        await until_equal(lambda: asked(provider), True)
        await installation.client.send(RUN_REQUESTS, run_id, run.CancelRun(reason="enough"))
        result = await installation.result(run_id)
        await until_equal(lambda: calls(installation, run_id), ["run_stopped"])
    assert isinstance(result, run.RunCancelled)
    assert result.reason == "enough"
    await installation.client.send(RUN_REQUESTS, run_id, run.CancelRun(reason="again"))
    behind, _ = await installation.run(await same_partition_workflow(installation))
    assert isinstance(behind, run.RunCompleted)
    assert isinstance((await installation.events(run_id))[-1], run.RunCancelled)


async def calls(installation: Installation, run_id: str) -> list[str]:
    """How the calls that a run made ended."""
    told = await installation.client.read_all(MODEL_CALLS)
    made = [one.event for one in told if isinstance(one.event, ModelCalled)]
    return [call.outcome for call in made if call.id.startswith(f"{run_id}/")]


async def asked(provider: Loopback) -> bool:
    return bool(provider.bodies)


async def same_partition_workflow(installation: Installation) -> str:
    """A workflow that ends at once: when its run has ended, what was sent before has been dealt with."""
    name = unique("quick")
    await installation.deploy(
        f"""
apiVersion: headrace/v1
kind: Workflow
metadata: {{ name: {name} }}
spec:
  nodes: {{ only: {{ type: template, config: {{ expressions: {{ x: "1" }} }} }} }}
  output: {{ x: nodes.only.output.x }}
"""
    )
    return name


async def test_a_run_in_flight_keeps_the_prompt_that_it_was_started_with(installation: Installation) -> None:
    async with loopback(answers(completion("?"), 503)) as provider:
        name = unique("pinned")
        text = ASK.format(name=name, url=provider.url, timeout_ms=20_000, attempts=20)
        await installation.deploy(text)
        run_id = await installation.start(name)
        await until_equal(lambda: asked(provider), True)
        await installation.deploy(text.split("---", maxsplit=1)[0].replace("{{ question }}", "new: {{ question }}"))
        provider.behave(answers(completion("done")))
        result = await installation.result(run_id)
        assert isinstance(result, run.RunCompleted), result
        assert {body["messages"][0]["content"] for body in provider.bodies} == {"why?"}
        await installation.run(name)
        assert provider.bodies[-1]["messages"][0]["content"] == "new: why?"
