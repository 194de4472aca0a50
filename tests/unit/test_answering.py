"""From request records to outcome records, with the real codec."""

from types import SimpleNamespace
from typing import Any

import pytest

from headrace.codec import Codec
from headrace.errors import DatabaseUnavailable
from headrace.event import Event
from headrace.events import node
from headrace.events.run import Usage
from headrace.outbox import Outbox
from headrace.testing import MemoryRegistry
from headrace.topics import NODE_OUTCOMES, NODE_REQUESTS
from headrace.worker import Done, NodeJob, Worker
from headrace.worker.answering import UNENCODABLE, Answering

REQUESTS = NODE_REQUESTS["template"]


class Counting(NodeJob[int]):
    """Says that it took so many tokens."""

    def plan(self, request: node.ExecuteNode) -> int:
        return int(request.input)

    async def perform(self, call: int) -> Any:
        return call

    def interpret(self, call: int, answer: Any) -> Done:
        return Done({}, Usage(input_tokens=answer, output_tokens=0, cost="0", currency="USD"))


@pytest.fixture
async def codec() -> Codec:
    made = Codec(MemoryRegistry())
    await made.register((REQUESTS, NODE_OUTCOMES))
    return made


async def no_journal(error: DatabaseUnavailable) -> None:
    raise AssertionError from error


async def answers(codec: Codec, *tokens: int) -> list[Event]:
    """Outcomes as they are read from the outbox."""
    answering = Answering(Worker("counting", REQUESTS, NODE_OUTCOMES, Counting()), codec, no_journal)
    outbox = Outbox()
    made = [await answering.answer(record(codec, number, given), outbox) for number, given in enumerate(tokens)]
    answering.forget()
    answering.put([answer for answer in made if answer], outbox)
    sent = outbox._records[NODE_OUTCOMES.name, 0]
    return [codec.decode(NODE_OUTCOMES, value) for _, value, _ in sent]


def record(codec: Codec, offset: int, tokens: int) -> Any:
    request = node.ExecuteNode(
        run="r1", workflow="w@1", node="a", attempt=1, type="template", config="{}", input=str(tokens)
    )
    value = codec.encode(REQUESTS, request)
    return SimpleNamespace(topic=REQUESTS.name, partition=0, offset=offset, key=b"r1", value=value, headers=())


async def test_an_outcome_that_can_not_be_written_fails_its_own_request_and_no_other(codec: Codec) -> None:
    before, broken, after = await answers(codec, 1, 2**63, 2)
    assert isinstance(broken, node.NodeFailed)
    assert (broken.node, broken.attempt, broken.code, broken.message) == ("a", 1, "internal_error", UNENCODABLE)
    counted = [one.usage.input_tokens for one in (before, after) if isinstance(one, node.NodeSucceeded) and one.usage]
    assert counted == [1, 2]


class AtOnce(Counting):
    """Never waits."""

    inline = True


@pytest.mark.parametrize("job", [Counting(), AtOnce()])
async def test_a_request_whose_run_has_ended_has_no_answer(codec: Codec, job: Counting) -> None:
    worker, outbox = Worker("counting", REQUESTS, NODE_OUTCOMES, job), Outbox()
    answering = Answering(worker, codec, no_journal)
    assert await answering.answer(record(codec, 0, 1), outbox)
    worker.stops.stop("r1")
    assert await answering.answer(record(codec, 1, 1), outbox) is None
    answering.forget()
    assert outbox.size == 0
