"""Try versions of a prompt on a model before a pointer moves: ordinary runs of a workflow with one node.

So a trial goes the way of every call: through breakers, fallbacks and budgets, and into the audit trail.
"""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from headrace.apply import await_readers
from headrace.changes import answer_to
from headrace.client import Client, Result, new_run_id
from headrace.errors import Refused, Unanswered
from headrace.event import Event
from headrace.events.resource import ChangeRefused, CreateVersion, VersionCreated, VersionReused
from headrace.events.run import StartRun
from headrace.seen import Seen
from headrace.topics import RUN_EVENTS, WORKFLOW_COMMANDS, WORKFLOW_EVENTS
from headrace.usage.trials import trial_of


def workflow_of(prompt: str, model: str, variables: Iterable[str]) -> dict[str, Any]:
    """A workflow's spec with one node, whose output is the model's answer in full. prompt, model: references."""
    return {
        "description": f"Tries {prompt} on {model}; made by `headrace prompt try`.",
        "nodes": {
            "answer": {
                "type": "model_invoke",
                "config": {"prompt": prompt, "model": model},
                "input": {name: f"input.{name}" for name in variables},
            }
        },
        "output": {"answer": "nodes.answer.output"},
    }


async def trial(
    client: Client,
    prompts: Sequence[tuple[str, str, Mapping[str, Any]]],
    model: str,
    actor: str,
    timeout_s: float,
) -> list[list[Seen]]:
    """The logs of one run for each prompt: a name, a version, and values of its variables; they run at once.

    Raises Refused and Unanswered.
    """
    requests = []
    for name, version, values in prompts:
        spec = workflow_of(f"{name}@{version}", model, values)
        workflow = f"{trial_of(name)}@{await _deployed(client, trial_of(name), spec, actor, timeout_s)}"
        requests.append(StartRun(workflow=workflow, input=json.dumps(values), actor=actor))
    await await_readers(client, (), timeout_s)
    return await asyncio.gather(*(_log_of(client, request, timeout_s) for request in requests))


async def _deployed(client: Client, name: str, spec: Mapping[str, Any], actor: str, timeout_s: float) -> int:
    """The version of a workflow with this spec; no pointer moves."""
    command = CreateVersion(kind="Workflow", spec=json.dumps(spec), actor=actor, reason="a trial")
    async with client.follow(WORKFLOW_EVENTS, key=name) as answers:
        sent = await client.send(WORKFLOW_COMMANDS, name, command, actor=actor)
        return _version(name, await answer_to(sent, answers, timeout_s))


def _version(name: str, event: Event | None) -> int:
    match event:
        case VersionCreated(version=version) | VersionReused(version=version):
            return version
        case ChangeRefused(message=message):
            raise Refused(f"workflow {name}, which would try it, was refused: {message}")
    raise Unanswered(f"what {WORKFLOW_EVENTS.name} says of {name} can't be read by this version")


async def _log_of(client: Client, request: StartRun, timeout_s: float) -> list[Seen]:
    run_id = new_run_id()
    async with client.follow(RUN_EVENTS, key=run_id) as records:
        await client.start_run(request, run_id)
        log: list[Seen] = []
        try:
            async with asyncio.timeout(timeout_s):
                async for seen in records:
                    log.append(seen)
                    if isinstance(seen.event, Result):
                        return log
        except TimeoutError as error:
            raise Unanswered(f"run {run_id} has not ended after {timeout_s:g} s") from error
    raise AssertionError("follow never ends by itself")
