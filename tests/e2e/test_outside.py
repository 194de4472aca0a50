"""An outside program is a first-class user: the stock Confluent client, the public contract, and no Headrace code."""

import hashlib
import json

import pytest

from tests.e2e.outsider import Outsider, Record
from tests.support.names import unique

SHOUT = {
    "input": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
    "nodes": {
        "loud": {
            "type": "template",
            "config": {"templates": {"text": "{{ text | upper }}"}},
            "input": {"text": "input.text"},
        },
        "size": {
            "type": "template",
            "config": {"expressions": {"value": "size(input.text)"}},
            "input": {"text": "nodes.loud.output.text"},
        },
    },
    "edges": [{"from": "loud", "to": "size"}],
    "output": {"text": "nodes.loud.output.text", "size": "nodes.size.output.value"},
}


@pytest.fixture(scope="module")
def workflow(outsider: Outsider) -> str:
    name = unique("shout")
    outsider.deploy(name, SHOUT)
    return name


def result(outsider: Outsider, run_id: str) -> Record:
    """The one result of a run. The log says how many there are: both are written in one transaction."""
    found = outsider.await_record("run.results", run_id)
    assert outsider.read("run.results", run_id) == [found]
    return found


def test_a_request_without_headers_is_answered(outsider: Outsider, workflow: str) -> None:
    run_id = unique("run")
    outsider.start(run_id, workflow, text="hello")
    answer = result(outsider, run_id)
    assert answer.name == "headrace.run.RunCompleted"
    assert json.loads(answer.fields["output"]) == {"text": "HELLO", "size": 5}
    assert answer.fields["workflow"] == f"{workflow}@1"
    assert answer.fields["started_at"] <= answer.fields["finished_at"]
    nothing = {"input_tokens": 0, "cached_tokens": 0, "output_tokens": 0, "cost": "0", "currency": "USD"}
    assert answer.fields["usage"] == {**nothing, "estimated": False}


def test_the_log_of_a_run_is_ordered_complete_and_proves_it(outsider: Outsider, workflow: str) -> None:
    run_id = unique("run")
    outsider.start(run_id, workflow, text="hello")
    result(outsider, run_id)
    log = outsider.read("run.events", run_id)
    assert [record.name.removeprefix("headrace.run.") for record in log] == [
        "RunStarted",
        "NodeScheduled",
        "NodeSucceeded",
        "NodeScheduled",
        "NodeSucceeded",
        "RunCompleted",
    ]
    assert [record.fields["seq"] for record in log] == list(range(6))
    digests = [bytes(32), *(hashlib.sha256(record.value).digest() for record in log)]
    assert [record.fields["prev"] for record in log] == digests[:-1]


def test_the_same_request_twice_starts_one_run(outsider: Outsider, workflow: str) -> None:
    run_id = unique("run")
    for _ in range(3):
        outsider.start(run_id, workflow, text="hello")
    first = result(outsider, run_id)
    outsider.start(run_id, workflow, text="bye")
    behind = unique("run")  # a later run of the same partition ends: the repeated request was dealt with before
    outsider.produce_bytes("run.requests", b"", run_id)
    outsider.start(behind, workflow, text="x")
    result(outsider, behind)
    assert outsider.read("run.results", run_id) == [first]
    assert [record.name for record in outsider.read("run.events", run_id)].count("headrace.run.RunStarted") == 1


@pytest.mark.parametrize(
    ("reference", "code", "words"),
    [
        ("no-such-workflow", "workflow_not_found", "no-such-workflow"),
        ("{workflow}@7", "workflow_version_not_found", "versions 1 to 1"),
        ("{workflow}@staging", "workflow_pointer_not_found", "production"),
    ],
)
def test_an_unknown_workflow_is_refused_in_words(
    outsider: Outsider, workflow: str, reference: str, code: str, words: str
) -> None:
    run_id = unique("run")
    outsider.start(run_id, reference.format(workflow=workflow), text="hello")
    answer = result(outsider, run_id)
    assert (answer.name, answer.fields["code"]) == ("headrace.run.RunFailed", code)
    assert words in answer.fields["message"]
    assert [record.fields["seq"] for record in outsider.read("run.events", run_id)] == [0]


@pytest.mark.parametrize("given", ['{"text": 1}', "{}", "[]", "nonsense", ""])
def test_a_bad_input_is_refused_in_words(outsider: Outsider, workflow: str, given: str) -> None:
    run_id = unique("run")
    request = {"workflow": workflow, "input": given}
    outsider.produce("run.requests", "headrace.run.StartRun", request, run_id)
    answer = result(outsider, run_id)
    assert (answer.name, answer.fields["code"]) == ("headrace.run.RunFailed", "input_invalid")
    assert answer.fields["node"] is None


@pytest.mark.parametrize("key", [None, ""])
def test_a_request_without_a_key_gets_its_place_as_its_id(outsider: Outsider, workflow: str, key: str | None) -> None:
    place = outsider.start(key, workflow, text="hello")
    assert result(outsider, place).name == "headrace.run.RunCompleted"


@pytest.mark.parametrize("key", ["a/b", "a b", "x" * 201, "naïve", "line\nbreak"])
def test_a_key_that_is_no_run_id_is_refused_under_that_key(outsider: Outsider, workflow: str, key: str) -> None:
    key = f"{key} {unique('run')}"
    outsider.start(key, workflow, text="hello")
    answer = result(outsider, key)
    assert (answer.name, answer.fields["code"]) == ("headrace.run.RunFailed", "run_id_invalid")
