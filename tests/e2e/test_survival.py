"""Every started run ends once, whatever is killed under it."""

import asyncio
import os
import signal

import psutil
import pytest

from headrace import audit
from headrace.events import run
from headrace.stack.parts import MODEL_SLOTS
from tests.conftest import Stack
from tests.e2e.installation import Installation
from tests.e2e.test_runs import ASK
from tests.providers.behaviours import answers, completion
from tests.providers.loopback import Loopback, loopback
from tests.support.names import unique
from tests.support.waiting import until_equal

RUNS = 200
CHAIN = """
apiVersion: headrace/v1
kind: Workflow
metadata: {{ name: {name} }}
spec:
  nodes:
    a: {{ type: template, config: {{ expressions: {{ n: "1" }} }} }}
    b: {{ type: template, config: {{ expressions: {{ n: "input.n + 1" }} }}, input: {{ n: nodes.a.output.n }} }}
    c: {{ type: template, config: {{ expressions: {{ n: "input.n + 1" }} }}, input: {{ n: nodes.b.output.n }} }}
  edges: [{{ from: a, to: b }}, {{ from: b, to: c }}]
  output: {{ n: nodes.c.output.n }}
"""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("victims", [("workflow_router",), ("template",), ("workflow_router", "template", "kafka")])
async def test_every_run_ends_once_when_processes_are_killed(
    installation: Installation, stack: Stack, victims: tuple[str, ...]
) -> None:
    name = unique("chain")
    await installation.deploy(CHAIN.format(name=name))
    started: list[str] = []
    for number in range(RUNS):
        started.append(await installation.start(name))
        if number in {RUNS // 3, 2 * RUNS // 3}:
            for victim in victims:
                await kill(stack, victim)
    await until_equal(lambda: ended(installation, started), RUNS, 200)
    logs, results = await installation.logs(), await installation.results()
    for run_id in started:
        assert audit.faults(logs[run_id]) == []
        (result,) = results[run_id]
        assert isinstance(result.event, run.RunCompleted), result
        assert result.event.output == '{"n":3}'
    # the services that were idle meanwhile answer as well
    await installation.deploy(ASK.format(name=unique("new"), url="http://127.0.0.1:1", timeout_ms=1_000, attempts=1))


async def kill(stack: Stack, part: str) -> None:
    """SIGKILL a part of the stack, as it runs now; the supervisor starts it again."""
    await until_equal(lambda: pid_known(stack, part), True)
    pid = stack.running.parts[part].pid
    assert pid
    os.kill(pid, signal.SIGKILL)
    await until_equal(lambda: gone(pid), True)


async def pid_known(stack: Stack, part: str) -> bool:
    pid = stack.running.parts[part].pid
    return pid is not None and psutil.pid_exists(pid)


async def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid)


async def ended(installation: Installation, started: list[str]) -> int:
    results = await installation.results()
    return sum(run_id in results for run_id in started)


async def test_a_model_call_that_was_answered_is_never_made_again(installation: Installation, stack: Stack) -> None:
    """The provider counts: when the worker is killed, only what was under way is called again, one call a slot."""
    async with loopback(answers(completion("once"))) as provider:
        name = unique("paid")
        await installation.deploy(ASK.format(name=name, url=provider.url, timeout_ms=60_000, attempts=1))
        runs = [await installation.start(name) for _ in range(20)]
        await until_equal(lambda: some(provider), True)
        await kill(stack, "model_invoke")
        results = await asyncio.gather(*(installation.result(run_id) for run_id in runs))
    assert all(isinstance(result, run.RunCompleted) for result in results)
    # Calls that were under way when the worker died are ambiguous, and repeated as on_ambiguous says: retry.
    assert len(runs) <= len(provider.bodies) <= len(runs) + MODEL_SLOTS


async def some(provider: Loopback) -> bool:
    return len(provider.bodies) >= 3
