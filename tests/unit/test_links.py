"""Faults between resources: given files, some broken, then each fault once, and none that follows from another."""

from pathlib import Path

import pytest

from headrace.events.resource import ResourceHead, ResourceVersion
from headrace.links import link_faults
from headrace.resource.catalog import Catalog
from headrace.resource.files import Files, load
from tests.unit.test_resource_files import ALIAS, BUDGET, MODEL, PROMPT, WORKFLOW

NOTHING = Catalog({kind: {} for kind in ("Prompt", "Model", "ModelAlias", "Workflow", "Budget")})


def told(tmp_path: Path, *documents: str) -> list[str]:
    """Faults between these documents as `line: path`, where nothing is deployed."""
    return [
        f"{fault.line}: {'.'.join(map(str, fault.fault.path))}"
        for fault in link_faults(NOTHING, _load(tmp_path, documents))
    ]


def _load(tmp_path: Path, documents: tuple[str, ...]) -> Files:
    (tmp_path / "a.yaml").write_text("---\n".join(documents), encoding="utf-8")
    return load([tmp_path])


def test_what_is_not_there_is_told_where_it_is_named(tmp_path: Path) -> None:
    assert told(tmp_path, WORKFLOW) == ["8: spec.nodes.hello.config.prompt", "8: spec.nodes.hello.config.model"]
    assert told(tmp_path, ALIAS) == ["4: spec.model"]
    assert told(tmp_path, ALIAS.replace("production", "production, fallbacks: [b, c]")) == [
        "4: spec.model",
        "4: spec.fallbacks.0",
        "4: spec.fallbacks.1",
    ]
    assert told(tmp_path, BUDGET.replace("tenant: acme", "model: m")) == ["4: spec.scope.model"]
    assert told(tmp_path, f"{PROMPT}  uses: {{ rules: house-rules }}\n") == ["11: spec.uses.rules"]


@pytest.mark.parametrize(
    "broken",
    [
        PROMPT.replace("role: user", "role: usr"),
        PROMPT.replace("kind: Prompt", "kind: Promt"),
        PROMPT.replace("metadata", "metdata"),
        PROMPT.replace("{{ name }}", "{{ nam }}"),
        PROMPT.replace("spec:", "spec: {}\nother:"),
    ],
)
def test_who_refers_to_what_is_broken_is_not_blamed(tmp_path: Path, broken: str) -> None:
    assert _load(tmp_path, (broken, WORKFLOW)).faults
    assert told(tmp_path, broken, WORKFLOW) == [f"{broken.count(chr(10)) + 9}: spec.nodes.hello.config.model"]


@pytest.mark.parametrize("nameless", ["a: [\n", "a: 1\n", PROMPT.replace("greeting", "Greeting")])
def test_while_a_name_can_not_be_read_nobody_is_blamed_for_it(tmp_path: Path, nameless: str) -> None:
    assert told(tmp_path, WORKFLOW, nameless) == []


def test_a_pointer_that_is_not_there_is_a_fault_whatever_else_is_broken(tmp_path: Path) -> None:
    entries = {
        "small": ResourceHead(kind="Model", latest=1),
        "small/1": ResourceVersion(kind="Model", version=1, digest="d", spec="{}", at=0),
    }
    loaded = _load(tmp_path, (ALIAS, "a: 1\n"))
    (fault,) = link_faults(Catalog({"Model": entries, "ModelAlias": entries}), loaded)
    assert "has no pointer 'production'" in str(fault)


def test_a_broken_resource_takes_its_name(tmp_path: Path) -> None:
    loaded = _load(tmp_path, (MODEL.replace("4096", "many"), MODEL))
    assert [fault.fault.code for fault in loaded.faults] == ["invalid_value", "duplicate_name"]
