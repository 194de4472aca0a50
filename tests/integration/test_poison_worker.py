"""Poison for a worker on the real broker: set aside byte for byte, and the next request unharmed."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from headrace.events.node import ExecuteNode, NodeSucceeded
from headrace.topics import (
    NODE_OUTCOMES,
    NODE_REQUESTS,
    dead_letters,
)
from headrace.worker import Worker, run_worker
from template.job import TemplateJob
from tests.conftest import Stack
from tests.integration.poisoning import (
    HEADERS,
    Poison,
    World,
    poison,
    service,
    without_the_largest,
    world,
)
from tests.support import names, topics
from tests.support.running import running
from tests.support.waiting import until

TIMES: dict[str, Any] = {"started_at": 0, "finished_at": 0}


@dataclass
class Requests(World):
    """A worker of template nodes, whose router waits for outcomes."""

    def __post_init__(self) -> None:
        self.requests, self.outcomes = topics.renamed(self.suffix, NODE_REQUESTS["template"], NODE_OUTCOMES)

    def value(self) -> bytes:
        config = json.dumps({"expressions": {"two": "1 + 1"}})
        request = ExecuteNode(run="r", workflow="w@1", node="n", type="template", config=config, input="{}")
        return self.codec.encode(self.requests, request)

    def running(self, job: TemplateJob) -> Any:
        worker = Worker(f"worker.{self.suffix}", self.requests, self.outcomes, job)
        own = service()
        return running(run_worker(worker, self.codec, self.kafka, own), own.stopping)

    async def answered(self) -> bool:
        return (await topics.events(self.kafka, self.codec, self.outcomes)).keys() >= set(self.good)


class PatientJob(TemplateJob):
    """The same with a task for each request."""

    inline = False


@pytest.fixture
async def requests(stack: Stack) -> AsyncIterator[Requests]:
    suffix = names.suffix()
    own = topics.renamed(suffix, NODE_REQUESTS["template"], NODE_OUTCOMES)
    async with world(stack, own, suffix) as made:
        yield Requests(**vars(made))


@pytest.mark.parametrize("job", [TemplateJob(), PatientJob()], ids=["inline", "tasks"])
async def test_a_worker_buries_poison_and_does_the_rest(requests: Requests, job: TemplateJob) -> None:
    # given poison among requests that are well; nobody limits the router's own records to what callers may send
    misplaced = requests.codec.encode(requests.outcomes, NodeSucceeded(node="n", output="", **TIMES))
    cases = poison(requests.value(), misplaced)
    largest = cases["all that the broker takes"]._replace(reason="schema id 0")
    cases = {**without_the_largest(cases), "all that the broker takes": largest}
    for name in ("large", "5 MB"):
        cases[name] = cases[name]._replace(reason="bytes follow")
    for number, (name, case) in enumerate(cases.items()):
        await requests.poison(requests.requests, name, case)
        await requests.send(requests.requests, f"well-{number}", requests.value(), headers=HEADERS)
    # when the worker has answered all that it can
    async with requests.running(job):
        await until(requests.answered)
        # then the rest is set aside as it was
        await requests.assert_buried(requests.requests, f"worker.{requests.suffix}")
    outcomes = await topics.events(requests.kafka, requests.codec, requests.outcomes)
    assert outcomes.keys() == set(requests.good)
    for (outcome,) in outcomes.values():
        assert isinstance(outcome, NodeSucceeded)
        assert json.loads(outcome.output) == {"two": 2}


async def test_a_dead_letter_that_is_refused_is_sent_again_until_it_is_taken(requests: Requests) -> None:
    # given dead letters of which one is too large for their topic
    small, large = Poison(b"small", "wire format", headers=()), Poison(b"l" * 5_000, "wire format", headers=())
    await topics.configure(requests.kafka, dead_letters(requests.requests), {"max.message.bytes": "3000"})
    async with requests.running(PatientJob()):
        await requests.poison(requests.requests, "small", small._replace(key=b"k"))
        await requests.assert_buried(requests.requests, f"worker.{requests.suffix}")
        await requests.poison(requests.requests, "large", large._replace(key=b"k"))
        # when its topic takes it at last, after other requests were answered
        await requests.send(requests.requests, "next", requests.value())
        await until(requests.answered)
        await topics.configure(requests.kafka, dead_letters(requests.requests), {})
        # then it is there
        await requests.assert_buried(requests.requests, f"worker.{requests.suffix}")
