"""One request of a worker: plan, perform, answer. What goes wrong becomes an outcome, and nothing else."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from headrace.claims import Claims
from headrace.errors import DatabaseUnavailable, NodeError
from headrace.event import Event
from headrace.events import node
from headrace.events.run import Usage
from headrace.limits import LARGEST_PAYLOAD
from headrace.worker.attempt import Attempt
from headrace.worker.job import Done, NodeJob
from template.job import TemplateJob

USAGE = Usage(input_tokens=1, output_tokens=2, cost="0.1", currency="USD")


class Doubling(NodeJob[int]):
    """Doubles a number; `how` is called with it in the middle."""

    def __init__(self, how: Callable[[int], Any] = lambda number: 2 * number) -> None:
        self._how = how
        self.performed = 0

    def plan(self, request: node.ExecuteNode) -> int:
        return int(request.input)

    async def perform(self, call: int) -> Any:
        self.performed += 1
        return self._how(call)

    def interpret(self, call: int, answer: Any) -> Done:
        return Done({"doubled": answer}, USAGE)


def request(given: str = "21", deadline: int | None = None, config: str = "{}") -> node.ExecuteNode:
    return node.ExecuteNode(
        run="r1", workflow="w@1", node="a", attempt=2, type="template", config=config, input=given, deadline=deadline
    )


async def outcome(job: NodeJob[Any], asked: node.ExecuteNode | None = None) -> Event:
    return await Attempt(job, None, Claims()).outcome(asked or request())


async def failure(job: NodeJob[Any], asked: node.ExecuteNode | None = None) -> node.NodeFailed:
    event = await outcome(job, asked)
    assert isinstance(event, node.NodeFailed)
    assert (event.node, event.iteration, event.attempt) == ("a", 0, 2)
    return event


def raising(error: Exception) -> Callable[[int], Any]:
    def how(_: int) -> Any:
        raise error

    return how


async def test_a_good_outcome_says_what_was_made_and_consumed() -> None:
    before = time.time_ns() // 1_000_000
    event = await outcome(Doubling())
    assert isinstance(event, node.NodeSucceeded)
    assert (event.node, event.iteration, event.attempt, event.output) == ("a", 0, 2, '{"doubled":42}')
    assert event.usage == USAGE
    assert before <= event.started_at <= event.finished_at <= time.time_ns() // 1_000_000


@pytest.mark.parametrize("retryable", [True, False])
async def test_a_fault_that_the_job_understands_is_handed_on(retryable: bool) -> None:
    event = await failure(Doubling(raising(NodeError("provider_busy", "later", retryable=retryable, usage=USAGE))))
    assert (event.code, event.message, event.retryable, event.usage) == ("provider_busy", "later", retryable, USAGE)


async def test_after_the_deadline_nobody_is_called() -> None:
    job = Doubling()
    event = await failure(job, request(deadline=time.time_ns() // 1_000_000))
    assert (event.code, event.retryable, job.performed) == ("timeout", True, 0)


async def test_before_the_deadline_the_call_is_made() -> None:
    asked = request(deadline=time.time_ns() // 1_000_000 + 60_000)
    assert isinstance(await outcome(Doubling(), asked), node.NodeSucceeded)


@pytest.mark.parametrize("error", [ZeroDivisionError("1/0"), KeyError("x"), RecursionError(), RuntimeError("secret=1")])
async def test_a_bug_fails_its_own_request_and_keeps_its_details_for_the_log(error: Exception) -> None:
    event = await failure(Doubling(raising(error)))
    assert (event.code, event.retryable) == ("internal_error", False)
    assert "secret" not in event.message


async def test_a_request_that_can_not_be_planned_fails() -> None:
    assert (await failure(Doubling(), request("not a number"))).code == "internal_error"


async def test_an_output_that_can_not_travel_fails_and_is_paid_for() -> None:
    event = await failure(Doubling(lambda _: "x" * LARGEST_PAYLOAD))
    assert (event.code, event.usage) == ("output_too_large", USAGE)


async def test_a_journal_that_is_away_is_no_outcome() -> None:
    with pytest.raises(DatabaseUnavailable):
        await outcome(Doubling(raising(DatabaseUnavailable("away"))))


@pytest.mark.parametrize(
    ("config", "given", "output"),
    [
        ('{"expressions":{"n":"size(input.l)"}}', '{"l":[1,2]}', '{"n":2}'),
        ('{"templates":{"t":"Hello {{ name }}"}}', '{"name":"Ada"}', '{"t":"Hello Ada"}'),
        ('{"expressions":{"n":"1"},"templates":{"t":"x"}}', "{}", '{"n":1,"t":"x"}'),
        ("{}", "{}", "{}"),
    ],
)
async def test_a_template_node_computes(config: str, given: str, output: str) -> None:
    event = await outcome(TemplateJob(), request(given, config=config))
    assert isinstance(event, node.NodeSucceeded)
    assert event.output == output


@pytest.mark.parametrize(
    ("config", "given", "code", "reason"),
    [
        ('{"expressions":{"n":"1 +"}}', "{}", "config_invalid", "line 1, column 4"),
        ('{"expression":{}}', "{}", "config_invalid", "expression"),
        ("[", "{}", "config_invalid", "the node's configuration"),
        ('{"expressions":{"n":"input.x"}}', "{}", "expression_failed", "Key not found"),
        ('{"templates":{"t":"{{ name }}"}}', "{}", "template_failed", "template t: 'name' is undefined"),
        ('{"templates":{"t":"{% if %}"}}', "{}", "template_failed", "template t: line 1"),
        ('{"templates":{"t":"{{ x.__class__ }}"}}', '{"x":1}', "template_failed", "can't be used in a template"),
    ],
)
async def test_a_template_node_that_fails_says_which_part(config: str, given: str, code: str, reason: str) -> None:
    event = await failure(TemplateJob(), request(given, config=config))
    assert (event.code, event.retryable) == (code, False)
    assert reason in event.message
