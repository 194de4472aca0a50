"""The command line as a person types it, against the real stack."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Stack
from tests.e2e.commands import HEADRACE, Run, printed
from tests.support.names import unique
from tests.support.waiting import until_equal

WORKFLOW = """\
apiVersion: headrace/v1
kind: Workflow
metadata: {{ name: {name} }}
spec:
  input: {{ type: object, properties: {{ text: {{ type: string }} }}, required: [text] }}
  nodes:
    loud:
      type: template
      config: {{ templates: {{ text: "{{{{ text | upper }}}}" }} }}
      input: {{ text: input.text }}
  output: {{ text: nodes.loud.output.text }}
"""


@pytest.fixture
def workflow(headrace: Run, tmp_path: Path) -> str:
    """A deployed workflow."""
    name = unique("loud")
    (tmp_path / "w.yaml").write_text(WORKFLOW.format(name=name), encoding="utf-8")
    done = headrace("apply", "-f", "w.yaml")
    assert done.returncode == 0, done.stderr
    return name


def test_apply_says_created_and_then_unchanged(headrace: Run, tmp_path: Path) -> None:
    name = unique("loud")
    (tmp_path / "w.yaml").write_text(WORKFLOW.format(name=name), encoding="utf-8")
    first, second = (printed(headrace("apply", "-f", "w.yaml", "--json")) for _ in range(2))
    assert [(one["name"], one["outcome"], one["version"]) for one in first] == [(name, "created", 1)]
    assert [(one["name"], one["outcome"], one["version"]) for one in second] == [(name, "unchanged", 1)]


def test_apply_reports_every_fault_with_its_place_and_a_hint_and_sends_nothing(headrace: Run, tmp_path: Path) -> None:
    name = unique("faulty")
    text = WORKFLOW.format(name=name).replace("type: template", "type: templat").replace("nodes.loud", "nodes.lound")
    (tmp_path / "w.yaml").write_text(text + "  colour: red\n", encoding="utf-8")
    done = headrace("apply", "-f", "w.yaml")
    assert done.returncode == 1
    assert "w.yaml:8:" in done.stderr
    assert "no node type templat (did you mean template?)" in done.stderr
    assert "w.yaml:11:" in done.stderr
    assert "did you mean loud?" in done.stderr
    assert "w.yaml:12:3 unknown_key: " in done.stderr
    assert "3 faults; nothing was sent" in done.stderr
    assert headrace("get", "workflow", name).returncode == 1


def test_a_refused_start_is_exit_code_1_and_says_why(headrace: Run, workflow: str) -> None:
    done = headrace("run", "start", workflow, "--input", '{"text": 1}')
    assert done.returncode == 1
    assert "input_invalid" in done.stdout

    run_id = done.stdout.partition("`headrace run show ")[2].partition("`")[0]
    shown = headrace("run", "show", run_id).stdout
    assert "failed" in shown
    assert f"`headrace audit show {run_id} --json`" in shown


def test_a_run_from_start_to_audit(headrace: Run, workflow: str) -> None:
    records = headrace("run", "start", workflow, "--input", '{"text": "hi"}', "--json", "--id", unique("run"))
    assert records.returncode == 0, records.stderr
    seen = [json.loads(line) for line in records.stdout.splitlines()]
    assert [(one["topic"], one["event"].rpartition(".")[2]) for one in seen] == [
        ("run.requests", "StartRun"),
        ("run.events", "RunStarted"),
        ("run.events", "NodeScheduled"),
        ("node.template.requests", "ExecuteNode"),
        ("node.outcomes", "NodeSucceeded"),
        ("run.events", "NodeSucceeded"),
        ("run.events", "RunCompleted"),
        ("run.results", "RunCompleted"),
    ]
    run_id = next(one["run"] for one in seen if one["event"] == "headrace.node.ExecuteNode")

    shown = printed(headrace("run", "show", run_id, "--json"))
    assert (shown["status"], shown["output"], shown["input"]) == ("completed", {"text": "HI"}, {"text": "hi"})

    audited = printed(headrace("audit", "show", run_id, "--json"))
    assert audited["whole"] is True
    assert [event["seq"] for event in audited["events"]] == [0, 1, 2, 3]

    again = headrace("run", "start", workflow, "--input", '{"text": "other"}', "--id", run_id)
    assert again.returncode == 0
    assert '"text": "HI"' in again.stdout

    watched = headrace("run", "watch", run_id)
    assert watched.returncode == 0
    assert "RunCompleted" in watched.stdout


async def test_runs_are_listed_the_newest_first(headrace: Run, workflow: str) -> None:
    # given two runs, of which one is refused
    first, second = unique("run"), unique("run")
    headrace("run", "start", workflow, "-i", '{"text": "hi"}', "--id", first)
    headrace("run", "start", workflow, "-i", '{"text": 1}', "--id", second)

    async def listed() -> list[tuple[str, str, str | None]]:
        found = printed(headrace("run", "list", "--workflow", workflow, "--since", "1h", "--json"))
        return [(one["run"], one["status"], one["code"]) for one in found]

    # then the projector soon knows them
    await until_equal(listed, [(second, "failed", "input_invalid"), (first, "completed", None)])
    begun = {one: printed(headrace("run", "show", one, "--json"), 0)["run"] for one in (first[:-1], second[:-1])}
    assert begun == {first[:-1]: first, second[:-1]: second}
    done = printed(headrace("run", "list", "--workflow", f"{workflow}@1", "--state", "completed", "--json"))
    assert [(one["run"], one["actor"], one["ms"] >= 0) for one in done] == [(first, "ada", True)]
    shown = headrace("run", "list", "--workflow", workflow, "--limit", "1").stdout
    assert (second in shown, "failed (input_invalid)" in shown, "ago" in shown, first in shown) == (True,) * 3 + (
        False,
    )
    none = headrace("run", "list", "--workflow", workflow, "--state", "cancelled")
    assert (none.returncode, none.stdout, "none that fit" in none.stderr) == (0, "", True)


def test_a_list_without_postgres_says_what_to_do(stack: Stack) -> None:
    env = {**os.environ, **stack.env, "DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none"}
    done = subprocess.run([str(HEADRACE), "run", "list"], capture_output=True, text=True, check=False, env=env)
    assert (done.returncode, "does not answer" in done.stderr, "`headrace run show ID`" in done.stderr) == (
        3,
        True,
        True,
    )


def test_get_lists_and_shows(headrace: Run, workflow: str) -> None:
    listed = printed(headrace("get", "workflows", "--json"))
    (mine,) = [one for one in listed if one["name"] == workflow]
    assert (mine["latest"], mine["pointers"], mine["protected"]) == (1, {"production": 1}, [])
    shown = printed(headrace("get", "workflow", workflow, "--json"))
    assert shown["versions"][0]["actor"] == "ada"
    assert shown["versions"][0]["spec"]["output"] == {"text": "nodes.loud.output.text"}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("get", "workflow", "no-such-thing"), 1, "no workflow is named 'no-such-thing'"),
        (("get", "prmpt"), 2, "did you mean prompt?"),
        (("get", "runs"), 2, "`headrace run list`"),
        (("run", "list", "--state", "done"), 2, "'done' is not one of"),
        (("run", "list", "--since", "yesterday"), 2, "write 90m, 1h or 7d"),
        (("run", "show", "no-such-run"), 1, "no run 'no-such-run'"),
        (("run", "start", "x", "--input", "{"), 1, "the input is not JSON"),
        (("run", "start", "x", "--input", "[1]"), 1, "must be a JSON object"),
        (("apply", "-f", "no-such-file.yaml"), 1, "no such file"),
        (("nonsense",), 2, "No such command"),
    ],
)
def test_errors_are_one_sentence_and_an_exit_code(
    headrace: Run, arguments: tuple[str, ...], code: int, words: str
) -> None:
    done = headrace(*arguments)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_stack_that_is_away_is_exit_code_3(headrace: Run, tmp_path: Path) -> None:
    nowhere = {**os.environ, "HEADRACE_HOME": str(tmp_path / "none"), "SCHEMA_REGISTRY_URL": "http://127.0.0.1:9/"}
    for arguments in (("status",), ("env",), ("get", "workflow")):
        done = subprocess.run(
            [str(HEADRACE), *arguments], capture_output=True, text=True, check=False, timeout=60, env=nowhere
        )
        assert done.returncode == 3
        assert done.stderr.startswith("headrace: ")
        assert "Traceback" not in done.stderr


def test_status_and_env_of_the_local_stack(headrace: Run, stack: Stack) -> None:
    running = stack.running
    found = printed(headrace("status", "--json"))
    assert found["ready"]
    assert {name for name, part in found["parts"].items() if part["status"] == "well"} == set(running.parts)
    lines = headrace("env").stdout.splitlines()
    assert dict(line.split("=", 1) for line in lines) == running.env
    assert {"KAFKA_BOOTSTRAP_SERVERS", "SCHEMA_REGISTRY_URL", "DATABASE_URL", "S3_ENDPOINT_URL"} <= running.env.keys()
    assert {"KMS_KEY_ID", "MODEL_BASE_URL", "EMBEDDING_BASE_URL"} <= running.env.keys()


def test_a_run_id_that_exists_starts_nothing_and_says_so(headrace: Run, workflow: str) -> None:
    run_id = unique("run")
    assert headrace("run", "start", workflow, "-i", '{"text": "one"}', "--id", run_id).returncode == 0
    again = headrace("run", "start", workflow, "-i", '{"text": "two"}', "--id", run_id)
    assert "nothing was started now" in again.stderr
    assert "ONE" in again.stdout


def test_what_is_no_run_id_is_refused_at_once(headrace: Run, workflow: str) -> None:
    done = headrace("run", "start", workflow, "--id", "bad id!", "-i", '{"text": "hi"}')
    assert done.returncode == 1
    assert "'bad id!' is no run id" in done.stderr


WAITING = """\
apiVersion: headrace/v1
kind: Workflow
metadata: {{ name: {name} }}
spec:
  nodes:
    approve: {{ type: wait, config: {{ signal: approval }} }}
  output: {{ done: "true" }}
"""


def test_a_start_that_is_interrupted_says_that_the_run_goes_on(headrace: Run, stack: Stack, tmp_path: Path) -> None:
    # given a run that waits, whose id was said from the beginning
    name = unique("wait")
    (tmp_path / "w.yaml").write_text(WAITING.format(name=name), encoding="utf-8")
    assert headrace("apply", "-f", "w.yaml").returncode == 0
    env = {**os.environ, **stack.env, "NO_COLOR": "1"}
    command = [str(HEADRACE), "run", "start", name]
    started = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
    assert started.stdout
    assert started.stderr
    run_id = started.stderr.readline().removeprefix("run ").strip()
    while "NodeScheduled" not in started.stdout.readline():
        assert started.poll() is None

    # when whoever waits is interrupted, then it is said how one goes on
    started.send_signal(signal.SIGINT)
    _, said = started.communicate(timeout=30)
    assert started.returncode == 130
    assert f"run {run_id} goes on: `headrace run watch {run_id}` shows it" in said
    assert f"`headrace run cancel {run_id} --reason" in said
    assert "Traceback" not in said
    shown = headrace("run", "show", run_id).stdout
    assert "approve waits for the signal approval until" in shown
    assert headrace("run", "cancel", run_id, "--reason", "enough").returncode == 0
