"""Poison for the router on the real broker: each request that has a name has one result."""

import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from headrace.event import Event
from headrace.events import resource, run
from headrace.machine import Context, Output, Tick, Unreadable, run_machine
from headrace.resource.catalog import Catalog
from headrace.topics import (
    NODE_OUTCOMES,
    NODE_REQUESTS,
    NODE_STOPS,
    RUN_CHILDREN,
    RUN_EVENTS,
    RUN_REQUESTS,
    RUN_RESULTS,
    RUN_STATE,
    Topic,
)
from tests.conftest import Stack
from tests.integration.poisoning import NAMED, World, key_of, poison, service, without_the_largest, world
from tests.support import names, topics
from tests.support.running import running
from tests.support.waiting import until
from workflow_router.adapters import CatalogWorkflows
from workflow_router.machine import RunMachine
from workflow_router.model import RunState

END: dict[str, Any] = {
    "seq": 0,
    "prev": bytes(32),
    "workflow": "w@1",
    "started_at": 0,
    "finished_at": 0,
    "usage": run.Usage(input_tokens=0, output_tokens=0, cost="0", currency="EUR"),
}


@dataclass
class Runs(World):
    """The machine of runs with one workflow, whose callers wait for a result."""

    def __post_init__(self) -> None:
        own = runs_topics(self.suffix)
        self.requests, _, self.results, *_ = own
        self.machine = OwnRuns(self.suffix, own)

    def value(self, workflow: str = "greet", text: str = "{}", **more: Any) -> bytes:
        return self.codec.encode(self.requests, run.StartRun(workflow=workflow, input=text, **more))

    def running(self) -> Any:
        own = service()
        return running(run_machine(self.machine, self.codec, self.kafka, own), own.stopping)

    async def outcomes(self) -> Mapping[str, Sequence[Event]]:
        """Results of all requests."""
        await until(self.answered)
        return await topics.events(self.kafka, self.codec, self.results)

    async def answered(self) -> bool:
        return (await topics.events(self.kafka, self.codec, self.results)).keys() >= set(self.good)


def runs_topics(suffix: str) -> tuple[Topic, ...]:
    return topics.renamed(
        suffix,
        *(RUN_REQUESTS, RUN_EVENTS, RUN_RESULTS, RUN_STATE),
        *(NODE_OUTCOMES, RUN_CHILDREN, NODE_STOPS, NODE_REQUESTS["template"]),
    )


class OwnRuns(RunMachine):
    """The router's machine on a test's topics."""

    def __init__(self, suffix: str, own: Sequence[Topic]) -> None:
        head = resource.ResourceHead(kind="Workflow", latest=1, pointers={"production": 1})
        spec = {
            "nodes": {"hello": {"type": "template"}},
            "input": {"required": ["name"]},
            "output": {"name": "input.name"},
        }
        version = resource.ResourceVersion(kind="Workflow", version=1, digest="d", spec=json.dumps(spec), at=0)
        super().__init__(CatalogWorkflows(Catalog({"Workflow": {"greet": head, "greet/1": version}})))
        requests, self.log, _, self.state, outcomes, children, *_ = own
        self.name = f"runs.{suffix}"
        self.inputs = (requests, children, outcomes)
        self.commands = (requests, children)
        self._own = {topic.name.removesuffix(f".{suffix}"): topic for topic in own}
        self._names = {topic.name: name for name, topic in self._own.items()}

    def decide(self, state: RunState, message: Event | Tick | Unreadable, context: Context) -> Sequence[Event]:
        received = context.received and context.received._replace(topic=self._names[context.received.topic])
        return super().decide(state, message, context._replace(received=received))

    def outputs(self, before: RunState, state: RunState, event: Event, context: Context) -> Iterable[Output]:
        for output in super().outputs(before, state, event, context):
            yield output._replace(topic=self._own[output.topic.name])


@pytest.fixture
async def runs(stack: Stack) -> AsyncIterator[Runs]:
    suffix = names.suffix()
    async with world(stack, runs_topics(suffix), suffix) as made:
        yield Runs(**vars(made))


async def test_requests_that_make_no_sense_have_a_result_that_says_so(runs: Runs) -> None:
    # given every kind of poison, and requests that are valid Avro and nonsense
    misplaced = runs.codec.encode(runs.results, run.RunCancelled(**END, reason="misplaced"))
    cases = without_the_largest(poison(runs.value(), misplaced))
    for name, case in cases.items():
        await runs.poison(runs.requests, name, case)
    nonsense = {
        "unknown": (runs.value("nobody"), "workflow_not_found"),
        "no-reference": (runs.value("a@b@c/../\0"), "workflow_not_found"),
        "no-version": (runs.value("greet@99999999999999999999999"), "workflow_version_not_found"),
        "no-json": (runs.value(text="{"), "input_invalid"),
        "no-object": (runs.value(text="[1]"), "input_invalid"),
        "deep": (runs.value(text='{"name":' + "[" * 100_000), "input_invalid"),
        "no-number": (runs.value(text='{"name":1e999}'), "input_invalid"),
        "nothing-required": (runs.value(text="{}"), "input_invalid"),
        "late": (runs.value(text='{"name":""}', deadline_ms=-(2**63)), "deadline_exceeded"),
        "well": (runs.value(text='{"name":""}', deadline_ms=500), "deadline_exceeded"),
    }
    for name, (value, _) in nonsense.items():
        await runs.send(runs.requests, name, value)
    # when the machine has come behind the last of them
    async with runs.running():
        results = await runs.outcomes()
        await runs.assert_buried(runs.requests, runs.machine.name)
    # then each has one result
    expected = {name: code for name, (_, code) in nonsense.items()}
    expected |= {key_of(name): "request_unreadable" for name, case in cases.items() if case.key == NAMED}
    found = {name: [getattr(result, "code", "") for result in results[name]] for name in expected}
    assert found == {name: [code] for name, code in expected.items()}
