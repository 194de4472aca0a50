"""What the commands about resources say: given an event, then words."""

from contextlib import nullcontext
from pathlib import Path

import pytest

from headrace.changes import Changed
from headrace.cli.history import WHAT
from headrace.cli.hops import clock
from headrace.cli.resources import apply_files
from headrace.cli.session import PROPOSED
from headrace.cli.telling import tell
from headrace.event import Event
from headrace.events import resource
from headrace.topics import CHANGES

TENTH = (resource.Share(version=3, weight=90), resource.Share(version=4, weight=10))
WAITED = resource.Proposal(at=1_790_000_000_000, version=4, previous=3, actor="ann")


def test_the_history_has_words_for_every_event() -> None:
    assert {*WHAT} == {*CHANGES}


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (resource.VersionReused(at=0, version=2, digest="d"), "the same content as version 2; no version made"),
        (
            resource.VersionReused(at=0, version=2, digest="d", pointer="production"),
            "the same content as version 2; no version made; production stays where it is",
        ),
        (resource.PointerMoved(at=0, pointer="production", version=3), "production set to 3"),
        (resource.PointerMoved(at=0, pointer="production", version=3, previous=2), "production 2 → 3"),
        (resource.PointerMoved(at=0, pointer="production", version=3, previous=3), "production stood at 3 already"),
        (
            resource.PointerMoved(at=0, pointer="production", version=3, previous=3, split=TENTH),
            "production 3 → 90:v3 10:v4",
        ),
        (
            resource.ChangeProposed(at=0, pointer="production", version=4, previous=3),
            "proposed: production 3 → 4",
        ),
        (
            resource.PointerMoved(at=0, pointer="production", version=5, previous=3, previous_split=TENTH),
            "production 90:v3 10:v4 → 5",
        ),
        (
            resource.ChangeProposed(at=0, pointer="production", version=5, previous=3, previous_split=TENTH),
            "proposed: production 90:v3 10:v4 → 5",
        ),
        (
            resource.ChangeProposed(at=0, pointer="production", version=5, previous=3, replaces=WAITED),
            f"proposed: production 3 → 5; it takes the place of 4, which ann proposed at {clock(WAITED.at)}",
        ),
        (resource.ChangeProposed(at=0, pointer="production"), "proposed: production no longer protected"),
        (resource.PointerProtected(at=0, pointer="production", protected=True), "production protected"),
        (resource.PointerProtected(at=0, pointer="production", protected=False), "production no longer protected"),
        (resource.VersionRetired(at=0, version=2), "version 2 retired"),
        (resource.WorkflowPaused(at=0), "paused"),
        (resource.WorkflowResumed(at=0), "resumed"),
        (resource.ErasureOrdered(at=0, versions=(2, 3), digest="d"), "the body of versions 2, 3 is to be erased"),
        (resource.BodyErased(at=0, versions=(2,), digest="d"), "the body of version 2 erased"),
    ],
)
def test_what_the_history_says(event: Event, words: str) -> None:
    assert WHAT[type(event)](event) == words


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (
            resource.ChangeProposed(at=0, pointer="production", version=3, previous=3, split=TENTH, actor="ada"),
            (
                "before it moves 3 → 90:v3 10:v4, somebody else than ada must approve:\n"
                "  headrace prompt approve greet --pointer production --version 3\n"
            ),
        ),
        (
            resource.ChangeProposed(at=0, pointer="production", actor="ada"),
            (
                "before its protection is lifted, somebody else than ada must approve:\n"
                "  headrace prompt approve greet --pointer production --unprotect\n"
            ),
        ),
        (
            resource.PointerMoved(at=0, pointer="production", version=4, previous=3, approved_by="bob"),
            "production 3 → 4, approved by bob\n2 routers switched in 12 ms",
        ),
        (
            resource.PointerMoved(at=0, pointer="production", version=5, previous=3, previous_split=TENTH),
            "production 90:v3 10:v4 → 5\n",
        ),
        (
            resource.PointerMoved(at=0, pointer="production", version=3, previous=3, previous_split=TENTH),
            "production 90:v3 10:v4 → 3\n",
        ),
        (
            resource.ChangeProposed(at=0, pointer="production", version=5, previous=3, replaces=WAITED),
            f"it takes the place of 4, which ann proposed at {clock(WAITED.at)}\n",
        ),
        (
            resource.PointerMoved(at=0, pointer="production", version=4, previous=4),
            "greet: production stands at 4 already, with all its traffic; nothing was changed\n",
        ),
        (resource.PointerMoved(at=0, pointer="staging", version=4), "staging new → 4\n"),
        (resource.PointerProtected(at=0, pointer="production", protected=True), "production is protected"),
        (
            resource.PointerProtected(at=0, pointer="production", protected=False, approved_by="bob"),
            "production is not protected, approved by bob",
        ),
        (resource.VersionRetired(at=0, version=2), "greet@2 is retired: no new run uses it"),
        (resource.WorkflowPaused(at=0), "greet is paused: its runs start no further node"),
        (resource.WorkflowPaused(at=0), "goes on\n2 routers switched in 12 ms\n"),
        (resource.WorkflowResumed(at=0), "greet is resumed: its runs go on\n2 routers switched in 12 ms\n"),
    ],
)
def test_what_a_change_led_to(event: Event, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    waits = isinstance(event, resource.ChangeProposed)
    with pytest.raises(SystemExit, match=str(PROPOSED)) if waits else nullcontext():
        tell("prompt", "greet", Changed(event, 2, 12.3), as_json=False)
    assert words in capsys.readouterr().out


@pytest.mark.parametrize("split", [(), TENTH])
@pytest.mark.parametrize("family", ["prompt", "budget"])
def test_who_moves_a_pointer_to_where_it_stands_is_not_told_that_anybody_switched(
    family: str, split: tuple[resource.Share, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    stood = resource.PointerMoved(at=0, pointer="production", version=3, previous=3, split=split, previous_split=split)
    tell(family, "greet", Changed(stood, 1, 129), as_json=False)
    said = capsys.readouterr().out
    assert said.startswith(f"greet: production stands at {'90:v3 10:v4' if split else '3'} already")
    assert ("switched" in said, "applied" in said) == (False, False)


def test_a_budget_that_is_moved_switches_workers_and_no_router(capsys: pytest.CaptureFixture[str]) -> None:
    moved = resource.PointerMoved(at=0, pointer="production", version=1, previous=2)
    tell("budget", "team", Changed(moved, 0, 159), as_json=False)
    said = capsys.readouterr().out
    assert "every worker has applied it after 159 ms: it holds from the next call on" in said
    assert "router" not in said


def test_what_can_not_be_applied_is_told_with_its_codes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "m.yaml").write_text(DEPRECATED.replace("provider:", "provdier:"), encoding="utf-8")
    with pytest.raises(SystemExit, match="1"):
        apply_files([tmp_path], dry_run=True)
    told = capsys.readouterr().err
    assert f"{tmp_path}/m.yaml:6:3 unknown_key: spec.provdier: unknown key provdier (did you mean provider?)\n" in told


DEPRECATED = """
apiVersion: headrace/v1
kind: Model
metadata: { name: old-model }
spec:
  provider: openai
  endpoint: { env: MODEL_BASE_URL }
  model: old
  limits: { context_window: 4096, max_output_tokens: 512 }
  costs: free
  status: deprecated
  sunset: 2020-01-31
"""


def test_who_applies_a_model_that_is_deprecated_is_warned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "m.yaml").write_text(DEPRECATED, encoding="utf-8")
    apply_files([tmp_path], dry_run=True)
    said = capsys.readouterr().err
    assert "warning: model old-model is deprecated: its provider ended it on 2020-01-31" in said
    assert "no fault" in said
