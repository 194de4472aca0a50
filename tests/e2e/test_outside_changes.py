"""An outside program changes resources: it produces commands and reads what became of each, with no Headrace code."""

import json
from typing import Any

import pytest

from tests.e2e.outsider import Outsider, Record
from tests.support.names import unique

TENTH = [{"version": 1, "weight": 90}, {"version": 2, "weight": 10}]


class Prompt:
    """One prompt, as an outside program sees it."""

    def __init__(self, outsider: Outsider) -> None:
        self.name = unique("greet")
        self._outsider = outsider

    def ask(self, command: str, **fields: Any) -> Record:
        """Produce a command without any header; the event that names it, by its place, as its cause."""
        place = self._outsider.produce("prompt.commands", f"headrace.resource.{command}", fields, self.name)
        return self._outsider.await_answer("prompt.events", ce_causationid=place)

    def create(self, text: str) -> Record:
        return self.ask("CreateVersion", kind="Prompt", spec=json.dumps({"text": text}))

    def point(self, command: str, actor: str, **fields: Any) -> Record:
        return self.ask(command, pointer="production", actor=actor, **fields)


@pytest.fixture
def prompt(outsider: Outsider) -> Prompt:
    """With two versions; production stands at 1."""
    found = Prompt(outsider)
    for text in ("Hello", "Hi"):
        found.create(text)
    found.point("MovePointer", "ada", version=1)
    return found


def told(record: Record, *fields: str) -> tuple[Any, ...]:
    """The record's name, and the values of some of its fields."""
    return (record.name.removeprefix("headrace.resource."), *(record.fields[field] for field in fields))


def test_a_pointer_is_split_protected_moved_by_two_and_a_version_retired(prompt: Prompt) -> None:
    split = prompt.point("MovePointer", "ada", version=1, split=TENTH)
    assert told(split, "version", "split") == ("PointerMoved", 1, TENTH)
    assert told(prompt.point("ProtectPointer", "ada"), "protected") == ("PointerProtected", True)
    proposed = prompt.point("MovePointer", "ada", version=2, reason="better")
    assert told(proposed, "version", "previous", "actor") == ("ChangeProposed", 2, 1, "ada")
    assert told(prompt.point("ApproveChange", "ada", version=2), "code") == ("ChangeRefused", "same_actor")
    assert told(prompt.ask("RetireVersion", version=1), "code") == ("ChangeRefused", "version_in_use")
    moved = prompt.point("ApproveChange", "bob", version=2)
    assert told(moved, "version", "actor", "approved_by") == ("PointerMoved", 2, "ada", "bob")
    assert told(prompt.ask("RetireVersion", version=1), "version") == ("VersionRetired", 1)
    assert told(prompt.create("Hello"), "code") == ("ChangeRefused", "version_retired")


def test_an_answer_is_found_by_the_callers_own_correlation_id(outsider: Outsider, prompt: Prompt) -> None:
    mine = unique("deploy")
    command = {"pointer": "production", "version": 2, "expected": 7}
    headers = {"ce_id": f"{mine}-1", "ce_correlationid": mine}
    outsider.produce("prompt.commands", "headrace.resource.MovePointer", command, prompt.name, **headers)
    answer = outsider.await_answer("prompt.events", ce_correlationid=mine)
    assert told(answer, "command", "code") == ("ChangeRefused", "MovePointer", "pointer_conflict")
    assert (answer.headers["ce_causationid"], answer.key) == (f"{mine}-1", prompt.name.encode())
