"""Pointers that split, are protected, and versions that retire, by the command line and by stock events."""

from collections import Counter
from pathlib import Path

import pytest

from headrace.cli.session import PROPOSED
from headrace.events.run import RunCompleted, RunFailed
from tests.e2e.commands import Run, printed
from tests.e2e.installation import Installation
from tests.e2e.test_versions import prompt, workflow
from tests.support.names import unique

TENTH = [{"version": 2, "weight": 90}, {"version": 1, "weight": 10}]


@pytest.fixture
async def name(installation: Installation) -> str:
    """A prompt of two versions; production stands at 2."""
    name = unique("greet")
    for text in ("Hello", "Hi"):
        await installation.deploy(prompt(name, text))
    return name


def test_a_pointer_is_split_and_rolled_back_step_by_step(headrace: Run, name: str) -> None:
    split = printed(headrace("prompt", "split", name, "90:v2", "10:v1", "--reason", "try it", "--json"))
    assert (split["version"], split["split"], split["routers"] >= 1) == (2, TENTH, True)
    half = headrace("prompt", "split", name, "50:2", "50:1", "--expect", "90:v2 10:v1")
    assert f"{name}: production 90:v2 10:v1 → 50:v2 50:v1" in half.stdout
    assert "production → 50:v2 50:v1" in headrace("get", "prompt", name).stdout

    back = printed(headrace("prompt", "rollback", name, "--reason", "too much", "--json"))
    assert back["split"] == TENTH
    done = printed(headrace("prompt", "rollback", name, "--reason", "all of it", "--json"))
    assert (done["version"], done["split"]) == (2, [])


def test_a_move_to_where_the_pointer_stands_leaves_who_set_it_there(
    headrace: Run, headrace_as_bob: Run, name: str, tmp_path: Path
) -> None:
    headrace("prompt", "move", name, "v1", "--reason", "too short")
    again = headrace_as_bob("prompt", "move", name, "v1", "--expect", "1")
    assert (again.returncode, "stands at 1 already" in again.stdout) == (0, True), again.stderr
    assert "switched" not in again.stdout

    (tmp_path / "p.yaml").write_text(prompt(name, "Hi"), encoding="utf-8")
    applied = headrace("apply", "-f", str(tmp_path / "p.yaml")).stdout
    assert "production stays at 1, set by ada on " in applied
    assert ": too short\n" in applied
    assert "production stood at 1 already" in headrace("prompt", "history", name).stdout


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        (("90:v1",), "2 to 10 shares"),
        (("90:v1", "10:v9"), "no version 9 of Prompt"),
        (("0:v1", "10:v2"), "'0:v1' is no share; write weight:version"),
    ],
)
def test_a_split_that_makes_no_sense_says_why(headrace: Run, name: str, shares: tuple[str, ...], words: str) -> None:
    done = headrace("prompt", "split", name, *shares)
    assert (done.returncode, words in done.stderr) == (1, True), done.stderr


def test_a_protected_pointer_waits_for_somebody_else(headrace: Run, headrace_as_bob: Run, name: str) -> None:
    assert "production is protected" in headrace("prompt", "protect", name, "--reason", "it matters").stdout
    asked = headrace("prompt", "move", name, "v1", "--reason", "shorter")
    assert asked.returncode == PROPOSED
    assert "somebody else than ada must approve" in asked.stdout
    assert f"headrace prompt approve {name} --pointer production --version 1" in asked.stdout

    mine = headrace("prompt", "approve", name, "--version", "1")
    assert (mine.returncode, "(same_actor)" in mine.stderr) == (1, True)
    other = headrace_as_bob("prompt", "approve", name, "--version", "v2")
    assert (other.returncode, "what waits is version 1" in other.stderr) == (1, True)
    approved = printed(headrace_as_bob("prompt", "approve", name, "--version", "v1", "--json"))
    assert (approved["version"], approved["actor"], approved["approved_by"]) == (1, "ada", "bob")
    none = headrace_as_bob("prompt", "approve", name, "--version", "1")
    assert (none.returncode, "(nothing_proposed)" in none.stderr) == (1, True)
    assert "production 2 → 1 (approved by bob)" in headrace("prompt", "history", name).stdout


def test_splits_and_rollbacks_of_a_protected_pointer_wait_too(headrace: Run, headrace_as_bob: Run, name: str) -> None:
    headrace("prompt", "protect", name)
    headrace("prompt", "split", name, "90:v2", "10:v1")
    assert "production → 2 (protected, 90:v2 10:v1 waits for approval)" in headrace("get", "prompt", name).stdout
    assert printed(headrace_as_bob("prompt", "approve", name, "--version", "2", "--json"))["split"] == TENTH
    back = headrace("prompt", "rollback", name, "--reason", "no")
    assert back.returncode == PROPOSED
    assert "before it moves 90:v2 10:v1 → 2, somebody else than ada must approve" in back.stdout


def test_what_is_applied_waits_and_so_does_the_end_of_protection(
    headrace: Run, headrace_as_bob: Run, name: str, tmp_path: Path
) -> None:
    headrace("prompt", "protect", name)
    (tmp_path / "p.yaml").write_text(prompt(name, "Good day"), encoding="utf-8")
    approval = f"headrace prompt approve {name} --pointer production --version 3"
    applied = headrace("apply", "-f", str(tmp_path / "p.yaml"))
    assert (applied.returncode, approval in applied.stdout) == (PROPOSED, True)
    assert f"Prompt {name}@3 is there" in applied.stdout

    again = headrace_as_bob("apply", "-f", str(tmp_path / "p.yaml"))
    assert (again.returncode, approval in again.stdout) == (PROPOSED, True), again.stdout
    assert "somebody else than ada must approve" in again.stdout
    listed = printed(headrace("apply", "-f", str(tmp_path / "p.yaml"), "--json"), PROPOSED)
    assert [(one["outcome"], one["version"], one["proposer"]) for one in listed] == [("proposed", 3, "ada")]

    asked = headrace("prompt", "unprotect", name)
    assert (asked.returncode, "before its protection is lifted" in asked.stdout) == (PROPOSED, True)
    assert (
        "production is not protected, approved by bob"
        in headrace_as_bob("prompt", "approve", name, "--unprotect").stdout
    )
    assert printed(headrace("prompt", "move", name, "v1", "--json"))["version"] == 1


def test_a_retired_version_is_for_nobody_new(headrace: Run, name: str, tmp_path: Path) -> None:
    used = headrace("prompt", "retire", name, "v2", "--reason", "wrong")
    assert (used.returncode, "production stands on it" in used.stderr) == (1, True)
    retired = headrace("prompt", "retire", name, "v1", "--reason", "wrong")
    assert f"{name}@1 is retired: no new run uses it" in retired.stdout
    assert ", retired" in headrace("get", "prompt", name).stdout
    moved = headrace("prompt", "move", name, "v1")
    assert (moved.returncode, f"Prompt {name}@1 is retired" in moved.stderr) == (1, True)
    (tmp_path / "p.yaml").write_text(prompt(name, "Hello"), encoding="utf-8")
    again = headrace("apply", "-f", str(tmp_path / "p.yaml"))
    assert (again.returncode, f"{name}@1 has this content and is retired" in again.stdout) == (1, True)
    assert "+  template: Hi" in headrace("prompt", "diff", name, "1", "2").stdout


async def test_runs_share_a_split_by_their_sticky_keys(installation: Installation, headrace: Run) -> None:
    name = unique("say")
    for text in ("old", "new"):
        await installation.deploy(workflow(name, text))
    split = headrace("workflow", "split", name, "50:v1", "50:v2", "--json")
    assert printed(split)["split"] == [{"version": 1, "weight": 50}, {"version": 2, "weight": 50}]
    ids = [await installation.start(name) for _ in range(24)]
    found = Counter([(await installation.result(run_id)).workflow for run_id in ids])
    assert found.keys() == {f"{name}@1", f"{name}@2"}
    same = [await installation.start(name, sticky="customer 7") for _ in range(6)]
    assert len({(await installation.result(run_id)).workflow for run_id in same}) == 1
    shown = headrace("run", "show", same[0]).stdout
    assert "production deals it to 50 of 100, by sticky key customer 7" in shown


async def test_a_run_of_a_retired_version_is_refused(installation: Installation, headrace: Run) -> None:
    name = unique("say")
    for text in ("old", "new"):
        await installation.deploy(workflow(name, text))
    assert headrace("workflow", "retire", name, "v1", "--reason", "old").returncode == 0
    refused, _ = await installation.run(f"{name}@1")
    assert isinstance(refused, RunFailed)
    assert (refused.code, f"{name}@1 is retired" in refused.message) == ("workflow_version_retired", True)
    assert isinstance((await installation.run(f"{name}@latest"))[0], RunCompleted)
