"""The rules for pausing a workflow: given events, when a command, then events."""

import json
from collections.abc import Sequence
from functools import reduce

import msgspec
import pytest

from headrace.event import Event
from headrace.events import resource
from headrace.resource.aggregate import decide, evolve
from headrace.resource.content import canonical, digest_of
from headrace.resource.state import State

NOW = 1_000
PAUSE = resource.PauseWorkflow(actor="ann", reason="floods")
RESUME = resource.ResumeWorkflow(actor="bob")
PAUSED = resource.WorkflowPaused(at=NOW, actor="ann", reason="floods")
RESUMED = resource.WorkflowResumed(at=NOW, actor="bob")


def created(kind: str = "Workflow", version: int = 1) -> resource.VersionCreated:
    spec = canonical({"text": f"hi {version}"})
    return resource.VersionCreated(at=NOW, kind=kind, version=version, digest=digest_of(spec), spec=spec)


def fold(*events: Event) -> State:
    return reduce(evolve, events, State("greet"))


def when(command: Event, *given: Event) -> Sequence[Event]:
    return decide(fold(*given), command, NOW, lambda *_: [])


def test_a_workflow_is_paused_and_resumed() -> None:
    assert when(PAUSE, created()) == [PAUSED]
    assert when(RESUME, created(), PAUSED) == [RESUMED]
    assert when(PAUSE, created(), PAUSED, RESUMED) == [PAUSED]


@pytest.mark.parametrize(
    ("command", "given", "code", "words"),
    [
        (PAUSE, [], "not_found", "nothing is named greet"),
        (RESUME, [], "not_found", "nothing is named greet"),
        (PAUSE, [created("Prompt")], "not_pausable", "greet is a Prompt; only a Workflow"),
        (RESUME, [created("Budget")], "not_pausable", "greet is a Budget; only a Workflow"),
        (PAUSE, [created(), PAUSED], "paused_already", "was paused before, by ann: floods; resume it"),
        (RESUME, [created()], "not_paused", "greet is not paused"),
        (RESUME, [created(), PAUSED, RESUMED], "not_paused", "greet is not paused"),
    ],
)
def test_what_is_refused(command: Event, given: list[Event], code: str, words: str) -> None:
    (refused,) = when(command, *given)
    assert isinstance(refused, resource.ChangeRefused)
    assert (refused.code, words in refused.message) == (code, True), refused.message
    assert (refused.command, refused.actor) == (type(command).__name__, command.actor)  # type: ignore[attr-defined]


def test_a_paused_workflow_gets_versions_and_moves_its_pointers_and_stays_paused() -> None:
    given = fold(created(), PAUSED)
    create = resource.CreateVersion(kind="Workflow", spec=json.dumps({"text": "bye"}), pointer="production")
    after = reduce(evolve, decide(given, create, NOW, lambda *_: []), given)
    assert (after.latest, after.pointers) == (2, {"production": 2})
    assert after.paused == given.paused == resource.Paused(at=NOW, actor="ann", reason="floods")


def test_a_resumed_workflow_is_as_if_it_had_never_been_paused() -> None:
    assert fold(created(), PAUSED, RESUMED) == fold(created())
    assert fold(created(), PAUSED) == msgspec.structs.replace(
        fold(created()), paused=resource.Paused(at=NOW, actor="ann", reason="floods")
    )
