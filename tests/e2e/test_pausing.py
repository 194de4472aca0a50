"""Workflows that are paused and resumed, by the command line and by events."""

import pytest

from headrace import changes
from headrace.errors import Refused
from headrace.events import run
from headrace.events.resource import PauseWorkflow
from headrace.topics import DOMAINS, RUN_EVENTS
from tests.e2e.commands import Run, printed
from tests.e2e.installation import WAIT_S, Installation
from tests.e2e.test_versions import prompt, workflow
from tests.support.names import unique
from tests.support.waiting import until_equal


@pytest.fixture
async def name(installation: Installation) -> str:
    """A workflow of two versions."""
    name = unique("say")
    for text in ("old", "new"):
        await installation.deploy(workflow(name, text))
    return name


def test_a_workflow_is_paused_and_resumed_and_routers_say_so(headrace: Run, headrace_as_bob: Run, name: str) -> None:
    paused = printed(headrace("workflow", "pause", name, "--reason", "floods", "--json"))
    assert (paused["event"], paused["actor"], paused["reason"]) == ("headrace.resource.WorkflowPaused", "ada", "floods")
    assert (paused["routers"] >= 1, paused["ms"] > 0) == (True, True)

    misspelt = headrace("workflow", "pause", f"{name}s", "--reason", "floods")
    assert (misspelt.returncode, f"did you mean {name}?" in misspelt.stderr) == (1, True), misspelt.stderr
    again = headrace("workflow", "pause", name, "--reason", "again")
    assert (again.returncode, "(paused_already)" in again.stderr, "by ada: floods" in again.stderr) == (1, True, True)
    listed = {one["name"]: one["paused"] for one in printed(headrace("get", "workflows", "--json"))}
    assert (listed[name]["actor"], listed[name]["reason"]) == ("ada", "floods")
    shown = headrace("get", "workflow", name).stdout
    assert "production → 2; paused since" in shown
    assert "by ada: floods" in shown

    resumed = headrace_as_bob("workflow", "resume", name, "--reason", "dry again")
    assert f"{name} is resumed: its runs go on" in resumed.stdout
    assert "router" in resumed.stdout
    none = headrace("workflow", "resume", name)
    assert (none.returncode, "(not_paused)" in none.stderr) == (1, True)
    assert printed(headrace("get", "workflow", name, "--json"))["paused"] is None
    history = printed(headrace("workflow", "history", name, "--json"))
    said = [(one["event"].rpartition(".")[2], one.get("code"), one["actor"]) for one in history]
    assert said[-4:] == [
        ("WorkflowPaused", None, "ada"),
        ("ChangeRefused", "paused_already", "ada"),
        ("WorkflowResumed", None, "bob"),
        ("ChangeRefused", "not_paused", "ada"),
    ]


async def test_a_protected_pointer_is_no_matter_and_a_pointer_moves_meanwhile(
    installation: Installation, headrace: Run, name: str
) -> None:
    assert headrace("workflow", "protect", name).returncode == 0
    assert printed(headrace("workflow", "pause", name, "--reason", "floods", "--json"))["routers"] >= 1
    assert headrace("workflow", "move", name, "v1", "--pointer", "staging").returncode == 0
    found = printed(headrace("get", "workflow", name, "--json"))
    assert (found["paused"]["reason"], found["pointers"]) == ("floods", {"production": 2, "staging": 1})


async def test_only_workflows_are_paused(installation: Installation) -> None:
    name = unique("greet")
    await installation.deploy(prompt(name, "Hello"))
    with pytest.raises(Refused, match=r"greet-\w+ is a Prompt; only a Workflow .*\(not_pausable\)"):
        await changes.change(installation.client, DOMAINS["prompt"], name, PauseWorkflow(), WAIT_S)


async def test_a_run_of_a_paused_workflow_waits_and_goes_on_when_it_is_resumed(
    installation: Installation, headrace: Run, name: str
) -> None:
    assert printed(headrace("workflow", "pause", name, "--reason", "floods", "--json"))["routers"] >= 1
    run_id = await installation.start(name)

    async def last() -> type | None:
        log = await installation.client.read_all(RUN_EVENTS, key=run_id)
        return type(log[-1].event) if log else None

    await until_equal(last, run.NodeHeld)
    shown = headrace("run", "show", run_id).stdout
    assert f"{name} is paused since" in shown
    assert f"by ada: floods; `headrace workflow resume {name}`" in shown
    assert headrace("workflow", "resume", name).returncode == 0
    await until_equal(last, run.RunCompleted)
    log = await installation.events(run_id)
    assert [type(event) for event in log[:3]] == [run.RunStarted, run.NodeHeld, run.NodeScheduled]
