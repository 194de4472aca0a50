"""Versions and pointers, as people and programs change them, on the real stack."""

import asyncio
import json
from pathlib import Path

from headrace import changes
from headrace.errors import Refused
from headrace.events.resource import MovePointer, PointerMoved
from headrace.events.run import RunCompleted
from headrace.topics import DOMAINS
from tests.e2e.commands import Run, printed
from tests.e2e.installation import Installation
from tests.support.names import unique

GREETING = """
apiVersion: headrace/v1
kind: {kind}
metadata: {{ name: {name} }}
spec:
  {spec}
"""
PROMPT = "messages: [{{ role: user, template: {text} }}]"
WORKFLOW = """nodes: {{ say: {{ type: template, config: {{ templates: {{ text: {text} }} }} }} }}
  output: {{ text: nodes.say.output.text }}"""
PROMPTS, WORKFLOWS = DOMAINS["prompt"], DOMAINS["workflow"]
WAIT_S = 60.0


def prompt(name: str, text: str) -> str:
    return GREETING.format(kind="Prompt", name=name, spec=PROMPT.format(text=text))


def workflow(name: str, text: str) -> str:
    return GREETING.format(kind="Workflow", name=name, spec=WORKFLOW.format(text=text))


def test_who_changed_what_when_and_why_and_what_was_refused(headrace: Run, tmp_path: Path) -> None:
    name, file = unique("greet"), tmp_path / "p.yaml"
    for text, reason in (("Hello", "first"), ("Hi there", "warmer")):
        file.write_text(prompt(name, text), encoding="utf-8")
        assert headrace("apply", "-f", str(file), "--reason", reason).returncode == 0
    refused = headrace("prompt", "move", name, "v1", "--expect", "1", "--reason", "a guess")
    assert (refused.returncode, "stands at 2, not at 1" in refused.stderr) == (1, True)

    back = printed(headrace("prompt", "rollback", name, "--reason", "too warm", "--json"))
    assert (back["version"], back["previous"], back["routers"] >= 1, back["ms"] > 0) == (1, 2, True, True)

    told = [
        (one["event"].rpartition(".")[2], one["actor"], one["reason"], one.get("version"), one.get("previous"))
        for one in printed(headrace("prompt", "history", name, "--json"))
    ]
    assert told == [
        ("VersionCreated", "ada", "first", 1, None),
        ("PointerMoved", "ada", "first", 1, None),
        ("VersionCreated", "ada", "warmer", 2, None),
        ("PointerMoved", "ada", "warmer", 2, 1),
        ("ChangeRefused", "ada", "a guess", None, None),
        ("PointerMoved", "ada", "too warm", 1, 2),
    ]
    shown = headrace("prompt", "history", name).stdout
    assert "production 2 → 1" in shown
    assert "refused: MovePointer" in shown


def test_a_diff_shows_what_a_version_has_that_another_has_not(headrace: Run, tmp_path: Path) -> None:
    name, file = unique("greet"), tmp_path / "p.yaml"
    for text in ("Hello", "Hi"):
        file.write_text(prompt(name, text), encoding="utf-8")
        assert headrace("apply", "-f", str(file)).returncode == 0
    lines = headrace("prompt", "diff", name, "v1", "production").stdout.splitlines()
    assert [line.rstrip() for line in lines if line.startswith(("-  ", "+  "))] == [
        "-  template: Hello",
        "+  template: Hi",
    ]
    assert headrace("prompt", "diff", name, "2", "latest").stdout == ""


def test_render_shows_what_a_model_would_get_and_names_every_wrong_variable(headrace: Run, tmp_path: Path) -> None:
    name, file = unique("greet"), tmp_path / "p.yaml"
    variables = "variables: { who: { schema: { type: string } }, times: { schema: { type: integer } } }"
    text = prompt(name, '"{{ who }} {{ times + 1 }}"') + f"  {variables}\n"
    file.write_text(text, encoding="utf-8")
    assert headrace("apply", "-f", str(file)).returncode == 0
    shown = printed(headrace("prompt", "render", f"{name}@v1", "--var", "who=7", "--var", "times=7", "--json"))
    assert (shown["prompt"], shown["messages"]) == (f"{name}@1", [{"role": "user", "content": "7 8", "images": []}])
    assert shown["estimated_tokens"] == 8
    wrong = headrace("prompt", "render", name, "--var", "whom=x", "--var", 'times="x"')
    assert wrong.returncode == 1
    for words in ("variable whom is unknown (did you mean who?)", "who is missing", "variable times:"):
        assert words in wrong.stderr
    assert "no name=value" in headrace("prompt", "render", name, "--var", "who").stderr


def test_what_refers_to_nothing_is_not_sent_unless_one_insists(headrace: Run, tmp_path: Path) -> None:
    alias, file = unique("alias"), tmp_path / "a.yaml"
    file.write_text(GREETING.format(kind="ModelAlias", name=alias, spec="model: no-such-model"), encoding="utf-8")
    refused = headrace("apply", "-f", str(file))
    assert refused.returncode == 1
    assert "a.yaml:6:3 reference_not_found: spec.model: no Model is named 'no-such-model'" in refused.stderr
    assert "nothing was sent (see --allow-missing)" in refused.stderr
    assert headrace("get", "modelalias", alias).returncode == 1
    assert headrace("apply", "-f", str(file), "--allow-missing").returncode == 0
    assert headrace("get", "modelalias", alias).returncode == 0
    moved = headrace("model", "move", alias, "v1", "--pointer", "staging")
    assert (moved.returncode, "no Model is named 'no-such-model'" in moved.stderr) == (1, True)
    assert headrace("model", "move", alias, "v1", "--pointer", "staging", "--allow-missing").returncode == 0


def test_what_can_not_be_rolled_back_says_why(headrace: Run, tmp_path: Path) -> None:
    name, file = unique("greet"), tmp_path / "p.yaml"
    file.write_text(prompt(name, "Hello"), encoding="utf-8")
    assert headrace("apply", "-f", str(file)).returncode == 0
    for arguments, words in (
        ((name,), "there is no step back from 1; name a version with --to"),
        ((name, "--pointer", "staging"), "there is no pointer 'staging'"),
        ((name, "--to", "v9"), "no version 9 of Prompt"),
        (("nothing-here",), "nothing is named 'nothing-here'"),
        ((f"{name}s",), f"did you mean {name}?"),
    ):
        done = headrace("prompt", "rollback", *arguments, "--reason", "x")
        assert (done.returncode, words in done.stderr) == (1, True), done.stderr


async def test_of_two_who_move_a_pointer_at_once_one_wins_and_the_other_is_told(installation: Installation) -> None:
    name = unique("greet")
    for text in ("one", "two", "three"):
        await installation.deploy(prompt(name, text))
    moves = (
        changes.change(
            installation.client, PROMPTS, name, MovePointer(pointer="production", version=to, expected=3), WAIT_S
        )
        for to in (1, 2)
    )
    first, second = await asyncio.gather(*moves, return_exceptions=True)
    won, lost = (first, second) if isinstance(second, Refused) else (second, first)
    assert isinstance(won, changes.Changed)
    assert isinstance(lost, Refused)
    assert isinstance(won.event, PointerMoved)
    assert f"production stands at {won.event.version}, not at 3" in str(lost)


async def test_after_a_rollback_new_runs_use_the_old_version_and_runs_in_flight_stay_pinned(
    installation: Installation,
) -> None:
    name = unique("say")
    for text in ("old", "new"):
        await installation.deploy(workflow(name, text))
    before = await installation.start(name)
    result = await installation.result(before)
    back = MovePointer(pointer="production", version=1, expected=2)
    await changes.change(installation.client, WORKFLOWS, name, back, WAIT_S)
    after, _ = await installation.run(name)
    told = [json.loads(one.output)["text"] for one in (result, after) if isinstance(one, RunCompleted)]
    assert told == ["new", "old"]


def test_what_is_applied_again_undoes_no_rollback_unless_it_is_asked_to(headrace: Run, tmp_path: Path) -> None:
    # given version 2 in the file, and a pointer that was rolled back to 1
    name, file = unique("greet"), tmp_path / "p.yaml"
    for text in ("Hello", "Hi there"):
        file.write_text(prompt(name, text), encoding="utf-8")
        headrace("apply", "-f", str(file))
    headrace("prompt", "rollback", name, "--reason", "too warm")
    # when the unchanged file is applied
    again = headrace("apply", "-f", str(file))
    # then the pointer stays, and it is said since when, by whom and why
    assert again.returncode == 0
    assert f"Prompt {name}@2 is there already, and moves no pointer" in again.stdout
    assert "production stays at 1, set by ada on 2" in again.stdout
    assert "UTC: too warm" in again.stdout
    assert f"headrace prompt move {name} v2 --pointer production" in again.stdout
    (kept,) = printed(headrace("apply", "-f", str(file), "--json"))
    assert (kept["outcome"], kept["version"], "too warm" in kept["message"]) == ("kept", 2, True)
    # and a pointer that is new is set to known content, and one that exists moves when it is asked to
    assert "staging new → 2" in headrace("apply", "-f", str(file), "--pointer", "staging").stdout
    assert f"Prompt {name}@2 moved, production 1 → 2" in headrace("apply", "-f", str(file), "--move").stdout
    assert f"Prompt {name}@2 unchanged" in headrace("apply", "-f", str(file)).stdout
