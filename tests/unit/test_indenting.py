"""What is indented wrongly: given a file, then where it belongs, and no fault that follows from it."""

from pathlib import Path

import pytest

from headrace.resource.files import load

HEAD = "apiVersion: headrace/v1\nkind: Workflow\nmetadata: { name: w }\nspec:\n"
NODES = "  nodes:\n    a:\n      type: template\n      config: { templates: { text: hi } }\n"
OUTPUT = "  output: { text: nodes.a.output.text }\n"
MODEL = """apiVersion: headrace/v1
kind: Model
metadata: { name: m }
spec:
  provider: openai
  endpoint: { env: MODEL_BASE_URL }
  model: m
  costs: free
"""
MISSPELT = "nodes.a.output has no field txt (did you mean text?)"
FIELD = "is read as a node, and has no type of one"
OUT = "outdent it: it belongs under spec"
SPEC = "indent it: it belongs under spec"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            HEAD + "  nodes:\n    a:\n      type: template\n    config:\n      templates: { text: hi }\n" + OUTPUT,
            [f"missing_key: spec.nodes.config: config {FIELD} (indent config under the node before it, a)"],
        ),
        (
            HEAD + NODES + "    retry: { attempts: 2 }\n" + OUTPUT,
            [f"missing_key: spec.nodes.retry: retry {FIELD} (indent retry under the node before it, a)"],
        ),
        (
            HEAD + "  nodes:\n    input: { name: input.name }\n    a: { type: template }\n  output: { x: input.x }\n",
            [f"missing_key: spec.nodes.input: input {FIELD} (indent input under a node)"],
        ),
        (
            HEAD + NODES + "    output: { text: nodes.a.output.text }\n",
            [f"missing_key: spec.nodes.output: output {FIELD} ({OUT})"],
        ),
        (
            HEAD + NODES + "    edges: []\n" + OUTPUT,
            [f"missing_key: spec.nodes.edges: edges {FIELD} ({OUT})"],
        ),
        (
            HEAD + NODES + "output: { text: nodes.a.output.text }\n",
            [f"unknown_key: output: unknown key output ({SPEC})"],
        ),
        (
            HEAD + NODES.replace("      config", "      attempts: 2\n      config") + OUTPUT,
            ["unknown_key: spec.nodes.a.attempts: unknown key attempts (indent it: it belongs under retry)"],
        ),
        (
            HEAD + NODES.replace("{ templates", "{ retry: { attempts: 2 }, templates") + OUTPUT,
            ["unknown_key: spec.nodes.a.config.retry: unknown key retry (outdent it: it belongs under a)"],
        ),
        (
            HEAD + NODES.replace("config: ", "").replace("{ templates", "templates").replace("} }", "}") + OUTPUT,
            ["unknown_key: spec.nodes.a.templates: unknown key templates (indent it: it belongs under config)"],
        ),
        (
            HEAD.replace("metadata: { name: w }", "name: w") + NODES + OUTPUT,
            ["unknown_key: name: unknown key name (indent it: it belongs under metadata)"],
        ),
        (
            HEAD + NODES + OUTPUT[2:].replace("text }", "txt }"),
            [
                f"unknown_field: output.text: `nodes.a.output.txt`: {MISSPELT}",
                f"unknown_key: output: unknown key output ({SPEC})",
            ],
        ),
        (
            HEAD + (NODES + OUTPUT).replace("\n  ", "\n")[2:],
            [f"unknown_key: nodes: unknown key nodes ({SPEC})", f"unknown_key: output: unknown key output ({SPEC})"],
        ),
        (
            MODEL + "  context_window: 100\n  limits: { max_output_tokens: 10 }\n",
            ["unknown_key: spec.context_window: unknown key context_window (indent it: it belongs under limits)"],
        ),
        (
            MODEL + "  limits: { context_window: 99, max_output_tokens: 10, status: retired }\n",
            ["unknown_key: spec.limits.status: unknown key status (outdent it: it belongs under spec)"],
        ),
    ],
)
def test_what_is_indented_wrongly_is_told_where_it_belongs(tmp_path: Path, text: str, told: list[str]) -> None:
    path = tmp_path / "w.yaml"
    path.write_text(text, encoding="utf-8")
    assert sorted(one.fault.coded() for one in load([path]).faults) == told


def test_a_node_may_be_called_as_a_field_is(tmp_path: Path) -> None:
    path = tmp_path / "w.yaml"
    path.write_text(HEAD + NODES.replace("a:", "config:") + OUTPUT.replace("a.", "config."), encoding="utf-8")
    assert load([path]).faults == []
