"""Workflows are validated by files alone and against what is deployed, on the real stack."""

from pathlib import Path

import pytest

from tests.e2e.commands import Run
from tests.support.names import unique

DEPLOYED = """\
apiVersion: headrace/v1
kind: Prompt
metadata: {{ name: {name} }}
spec:
  text: "Answer from {{{{ passages }}}}"
  variables: {{ passages: {{}} }}
---
apiVersion: headrace/v1
kind: Model
metadata: {{ name: {name} }}
spec:
  provider: openai
  endpoint: {{ env: MODEL_BASE_URL }}
  model: m
  limits: {{ context_window: 4096, max_output_tokens: 512 }}
  costs: free
---
apiVersion: headrace/v1
kind: DocumentSet
metadata: {{ name: {name} }}
spec: {{ collection: {name}, paths: [page.md], chunk_chars: 2000 }}
"""
WORKFLOW = """\
apiVersion: headrace/v1
kind: Workflow
metadata: {{ name: {name} }}
spec:
  nodes:
    find: {{ type: vector_search, config: {{ collection: {name}, top_k: 1 }}, input: {{ query: input.q }} }}
    answer:
      type: model_invoke
      config: {{ prompt: {name}, model: {name} }}
      input: {{ passages: nodes.find.output.passages }}
  edges: [{{ from: find, to: answer }}]
  output: {{ text: nodes.answer.output.text }}
"""


@pytest.fixture
def name(headrace: Run, tmp_path: Path) -> str:
    """What a prompt, a model and a collection are called, which are deployed; of the prompt, version 1 is retired."""
    name = unique("checked")
    (tmp_path / "page.md").write_text("Water turns the wheel.", encoding="utf-8")
    for text in (DEPLOYED, DEPLOYED.replace("Answer from", "Answer only from")):
        (tmp_path / "deployed.yaml").write_text(text.format(name=name), encoding="utf-8")
        done = headrace("apply", "-f", "deployed.yaml")
        assert done.returncode == 0, done.stderr
    retired = headrace("prompt", "retire", name, "1", "--reason", "old")
    assert retired.returncode == 0, retired.stderr
    return name


def write(folder: Path, name: str, *changes: tuple[str, str]) -> None:
    text = WORKFLOW.format(name=name)
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    (folder / "w.yaml").write_text(text, encoding="utf-8")


def test_what_files_do_not_hold_is_looked_up_where_it_is_deployed(headrace: Run, tmp_path: Path, name: str) -> None:
    write(tmp_path, name)
    alone = headrace("workflow", "validate", "w.yaml")
    assert alone.returncode == 0, alone.stdout
    assert alone.stdout.endswith("1 workflow, 0 faults, 3 references not checked (--live looks them up)\n")
    live = headrace("workflow", "validate", "--live", "w.yaml")
    assert (live.returncode, live.stdout) == (0, "1 workflow, 0 faults\n")
    # when more of its passages are asked for than fit
    write(tmp_path, name, ("top_k: 1", "top_k: 8"))
    live = headrace("workflow", "validate", "--live", "w.yaml")
    assert live.returncode == 1
    assert "window_too_small: " in live.stdout
    assert "4000 for 8 passages of node find" in live.stdout


def test_what_is_retired_empty_or_misspelt_is_told_and_not_applied(headrace: Run, tmp_path: Path, name: str) -> None:
    collection = (f"collection: {name}", f"collection: {name}-x")
    write(tmp_path, name, collection, (f"prompt: {name}", f"prompt: {name}@1"))
    live = headrace("workflow", "validate", "--live", "w.yaml")
    assert live.returncode == 1
    empty, retired, counts = live.stdout.splitlines()
    assert empty.startswith("w.yaml:6:44 collection_not_found: ")
    assert f"did you mean {name}?" in empty
    assert retired.startswith("w.yaml:9:17 reference_not_found: ")
    assert f"Prompt {name}@1 is retired" in retired
    assert counts == "1 workflow, 2 faults"
    # when what is there is not given what it needs
    write(tmp_path, name, ("{ passages:", "{ pasages:"))
    done = headrace("apply", "-f", "w.yaml")
    assert done.returncode == 1
    assert f"prompt {name}@2 has no variable pasages" in done.stderr
    assert "did you mean passages?" in done.stderr
    assert headrace("get", "workflow", name).returncode == 1
