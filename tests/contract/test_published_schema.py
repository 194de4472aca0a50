"""The JSON Schema of resource files that editors use: fresh, valid, and of one mind with `headrace apply`."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from headrace.nodes import NODE_TYPES
from headrace.resource.files import load
from headrace.resource.published import FILE, json_schema
from headrace.resource.specs import KINDS

TOP_LEVEL = Path(__file__).parents[2]
SCHEMA = json.loads(FILE.read_text(encoding="utf-8"))


def resource(kind: str, spec: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"apiVersion": "headrace/v1", "kind": kind, "metadata": {"name": "n"}, "spec": spec, **fields}


PROMPT: dict[str, Any] = {"messages": [{"role": "user", "template": "hi"}]}
MODEL: dict[str, Any] = {
    "provider": "openai",
    "endpoint": {"url": "http://127.0.0.1:8080/v1"},
    "model": "m",
    "limits": {"context_window": 10, "max_output_tokens": 1},
    "costs": {"currency": "USD", "input_per_1k": 0.1, "output_per_1k": "0.2"},
}
ANSWER: dict[str, Any] = {"type": "model_invoke", "config": {"prompt": "p@7", "model": "m"}, "input": {"q": "input.q"}}
WORKFLOW: dict[str, Any] = {
    "nodes": {"a": ANSWER, "b": {"type": "template", "config": {"templates": {"t": "x"}}, "join": "any"}},
    "edges": [{"from": "a", "to": "b", "when": "true"}],
    "output": {"x": "has(nodes.b)"},
}
DOCUMENTS: dict[str, Any] = {"collection": "c", "paths": ["*.md"]}

SOUND = [
    resource("Prompt", PROMPT),
    resource("Prompt", {**PROMPT, "variables": {"x": {"schema": {"type": "string"}, "default": "a"}}}),
    resource("Model", MODEL),
    resource("Model", {**MODEL, "costs": "free", "endpoint": {"env": "URL"}, "credential": {"secret": "KEY"}}),
    resource("Model", {**MODEL, "costs": [MODEL["costs"], {**MODEL["costs"], "since": "2027-01-01"}]}),
    resource("Model", {**MODEL, "status": "deprecated", "sunset": "2027-01-31"}),
    resource("ModelAlias", {"model": "m@production"}),
    resource("ModelAlias", {"model": "m", "fallbacks": ["n", "m@staging"]}),
    resource("Workflow", WORKFLOW),
    resource("DocumentSet", DOCUMENTS),
]
BAD = [
    {},
    [],
    resource("Promt", PROMPT),
    resource("Prompt", PROMPT, apiVersion="headrace/v2"),
    resource("Prompt", PROMPT, metadata={"name": "Not A Name"}),
    resource("Prompt", PROMPT, metadata={}),
    resource("Prompt", PROMPT, labels={}),
    resource("Prompt", {}),
    resource("Prompt", {**PROMPT, "mesages": []}),
    resource("Prompt", {"messages": [{"role": "wizard", "template": "hi"}]}),
    resource("Prompt", {**PROMPT, "parameters": {"temperature": 3}}),
    resource("Model", PROMPT),
    resource("Model", {**MODEL, "costs": "cheap"}),
    resource("Model", {**MODEL, "costs": []}),
    resource("Model", {**MODEL, "costs": [{"currency": "USD"}]}),
    resource("Model", {**MODEL, "status": "old"}),
    resource("ModelAlias", {"model": "m", "fallbacks": [f"m@{n}" for n in range(2, 11)]}),
    resource("Model", {**MODEL, "provider": "nobody"}),
    resource("Workflow", {**WORKFLOW, "nodes": {}}),
    resource("Workflow", {**WORKFLOW, "nodes": {"a": {"type": "tmplate"}}}),
    resource("Workflow", {**WORKFLOW, "nodes": {"a": {"type": "model_invoke", "config": {"prompt": "p"}}}}),
    resource("Workflow", {**WORKFLOW, "nodes": {"a": {"type": "template", "config": {"prompt": "p"}}}}),
    resource("Workflow", {**WORKFLOW, "edges": [{"from": "a"}]}),
    resource("Workflow", {**WORKFLOW, "edges": [{"from": "a", "to": "b", "if": "x"}]}),
    resource("Workflow", {**WORKFLOW, "edges": [{"source": "a", "target": "b"}]}),
    resource("Prompt", {**PROMPT, "variables": {"x": {"json_schema": {}}}}),
    resource("DocumentSet", {**DOCUMENTS, "paths": []}),
]


def told_by_apply(tmp_path: Path, value: Any) -> list[str]:
    path = tmp_path / "a.yaml"
    path.write_text(json.dumps(value), encoding="utf-8")
    return [str(fault) for fault in load([path]).faults]


def test_the_published_file_is_fresh() -> None:
    assert FILE.read_text(encoding="utf-8") == json_schema(), "run python -m headrace.resource.published"


def test_it_is_a_json_schema() -> None:
    assert jsonschema_rs.meta.is_valid(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_it_knows_every_kind_and_every_node_type() -> None:
    assert SCHEMA["properties"]["kind"]["enum"] == list(KINDS)
    assert SCHEMA["$defs"]["NodeSpec"]["properties"]["type"]["enum"] == list(NODE_TYPES)


@pytest.mark.parametrize("value", SOUND, ids=lambda value: value["kind"])
def test_it_accepts_what_apply_accepts(value: dict[str, Any], tmp_path: Path) -> None:
    assert told_by_apply(tmp_path, value) == []
    jsonschema_rs.validate(SCHEMA, value)


@pytest.mark.parametrize("value", BAD)
def test_it_refuses_what_apply_refuses(value: Any, tmp_path: Path) -> None:
    assert told_by_apply(tmp_path, value)
    assert not jsonschema_rs.is_valid(SCHEMA, value)


@pytest.mark.parametrize("path", sorted(TOP_LEVEL.glob("examples/**/*.yaml")), ids=lambda path: path.name)
def test_it_accepts_the_examples_and_they_name_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for document in yaml.safe_load_all(text):
        jsonschema_rs.validate(SCHEMA, document)
    named = text.splitlines()[0].removeprefix("# yaml-language-server: $schema=")
    assert (path.parent / named).resolve() == FILE
