"""What is said of a run that was there before: given how it started, and a request, then what differs."""

import json
from typing import Any

import pytest

from headrace.cli.earlier import differences
from headrace.events.run import RunStarted, StartRun
from tests.unit.engine import a_run, graph

GIVEN = {"text": "one"}


def started(**fields: Any) -> RunStarted:
    (event, *_) = a_run(graph("a b")).start(GIVEN, **fields)
    assert isinstance(event, RunStarted)
    return event


def request(workflow: str = "w", given: Any = None, **fields: Any) -> StartRun:
    return StartRun(workflow=workflow, input=json.dumps(GIVEN if given is None else given), **fields)


def told(asked: StartRun, earlier: RunStarted | None = None) -> list[str]:
    return [*differences(earlier or started(), asked, json.loads(asked.input))]


@pytest.mark.parametrize("workflow", ["w", "w@1", "w@v1", "w@production", "w@latest"])
def test_the_same_again_has_nothing_to_say(workflow: str) -> None:
    assert told(request(workflow)) == []
    assert told(request(workflow, actor="bob", deadline_ms=9)) == [], "who asks again, and until when, is no matter"


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (request(given={"text": "two"}), """its input is {"text":"one"}, not {"text": "two"}"""),
        (request(given={}), """its input is {"text":"one"}, not {}"""),
        (request("w@2"), "it runs w@1, not w@2"),
        (request("other"), "it runs w@1, not other"),
        (request(sticky="x"), "its sticky key is none, not 'x'"),
    ],
)
def test_what_differs_is_told_with_both(asked: StartRun, words: str) -> None:
    assert told(asked) == [words]


def test_defaults_are_no_difference() -> None:
    asked = request()
    assert [*differences(started(), asked, {**GIVEN, "tone": "plain"})] != []
    earlier = a_run(graph("a b")).start({**GIVEN, "tone": "plain"})[0]
    assert isinstance(earlier, RunStarted)
    assert [*differences(earlier, asked, {**GIVEN, "tone": "plain"})] == []
