"""workflow validate: given files, then a line for each fault, notes for what files can't tell, and an exit code."""

from pathlib import Path

import pytest

from headrace.cli.validating import validate
from tests.unit.test_resource_files import ALIAS, DOCUMENTS, MODEL, PROMPT, WORKFLOW

ALL = (PROMPT, MODEL, ALIAS, WORKFLOW)
SEARCH = """\
apiVersion: headrace/v1
kind: Workflow
metadata: { name: search }
spec:
  nodes:
    find: { type: vector_search, config: { collection: docs }, input: { query: input.q } }
  output: { passages: nodes.find.output.passages }
"""


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def validated(capsys: pytest.CaptureFixture[str], *documents: str) -> tuple[int, list[str]]:
    """The exit code, and the lines that are printed."""
    Path("w.yaml").write_text("---\n".join(documents), encoding="utf-8")
    code = 0
    try:
        validate([Path("w.yaml")])
    except SystemExit as error:
        code = int(error.code or 0)
    return code, capsys.readouterr().out.splitlines()


def test_sound_files_that_hold_everything_have_nothing_to_be_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert validated(capsys, *ALL) == (0, ["1 workflow, 0 faults"])
    assert validated(capsys, SEARCH, DOCUMENTS) == (0, ["1 workflow, 0 faults"])


ALONE = "note: not checked, no registry; by these files alone: spec.nodes"
NOTES = f"""\
w.yaml:8:17 {ALONE}.hello.config.prompt: no Prompt is named 'greeting' (none in these files)
w.yaml:8:35 {ALONE}.hello.config.model: no ModelAlias or Model is named 'writer' (none in these files)
w.yaml:17:44 {ALONE}.find.config.collection: no document is in a collection 'docs': \
every search in it fails (apply a DocumentSet that fills it)
2 workflows, 0 faults, 3 references not checked (--live looks them up)"""


def test_what_files_do_not_hold_is_a_note_and_no_fault(capsys: pytest.CaptureFixture[str]) -> None:
    assert validated(capsys, WORKFLOW, SEARCH) == (0, NOTES.splitlines())


def test_a_version_that_an_installation_may_have_is_a_note(capsys: pytest.CaptureFixture[str]) -> None:
    code, lines = validated(capsys, *ALL[:3], WORKFLOW.replace("greeting,", "greeting@7,"))
    assert (code, lines[-1]) == (0, "1 workflow, 0 faults, 1 reference not checked (--live looks them up)")
    assert "no version 7 of Prompt greeting" in lines[0]


FAULTS = """\
w.yaml:7:13 unknown_node: spec.output.passages: no node fund (did you mean find?)
w.yaml:43:7 prompt_variable_missing: spec.nodes.hello.input: prompt greeting@1 needs the variable name: \
without it every attempt fails (add name under input, or give the variable a default)
w.yaml:43:16 prompt_variable_unknown: spec.nodes.hello.input.nme: prompt greeting@1 has no variable nme: \
every attempt fails with variables_invalid (did you mean name?)
2 workflows, 3 faults"""


def test_faults_in_one_resource_and_between_two_are_told_together_in_the_order_of_the_files(
    capsys: pytest.CaptureFixture[str],
) -> None:
    broken = SEARCH.replace("nodes.find.output", "nodes.fund.output")
    unbound = WORKFLOW.replace("{ name: input.name }", "{ nme: input.name }")
    assert validated(capsys, broken, *ALL[:3], unbound) == (1, FAULTS.splitlines())
