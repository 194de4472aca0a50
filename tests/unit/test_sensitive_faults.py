"""Faults in a sensitive prompt: what is wrong and where, and no word that its author wrote."""

import json
from pathlib import Path
from typing import Any

import pytest

from headrace.resource.files import load
from headrace.resource.specs import check

MARKER = "TOPSECRET"
SOUND = {"text": "Hello"}
MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"messages": [f"You are {MARKER}"]}, "messages.0: must be a mapping (write { role: user, template: ... })"),
    ({"messages": f"{MARKER}"}, "messages: must be a list"),
    ({"messages": [{"role": MARKER, "template": MARKER}]}, "messages.0.role: must be system, user or assistant"),
    ({"messages": [{"role": "user", "template": [MARKER]}]}, "messages.0.template: must be text"),
    ({"messages": [{"role": "user", "template": "x", MARKER: 1}]}, "messages.0: a key that is not known here"),
    (
        {"messages": [{"role": "user", "template": "x", "images": [f"{MARKER} "]}]},
        "messages.0.images.0: must be a name",
    ),
    ({"text": {MARKER: MARKER}}, "text: must be text"),
    ({"text": f"{{% {MARKER} %}}"}, "text: the template is not valid"),
    ({"text": f"{{{{ {MARKER} }}}}"}, "text: a variable is not declared"),
    ({**SOUND, "parameters": {"tools": MARKER}}, "parameters.tools: must be a list"),
    ({**SOUND, "parameters": {"tools": [{"name": f" {MARKER}"}]}}, "parameters.tools.0.name: must be 1-64"),
    ({**SOUND, "parameters": {"temperature": MARKER}}, "parameters.temperature: must be a number"),
    ({**SOUND, "parameters": {"response_schema": {"type": MARKER}}}, "parameters.response_schema: this is no JSON"),
    ({**SOUND, "variables": {"x": {"schema": {"type": "integer"}, "default": MARKER}}}, "variables.x.default: the"),
    ({**SOUND, "variables": {f"{MARKER} is": {}}}, "variables: "),
    ({**SOUND, "uses": {"x": f"{MARKER}!"}}, "uses.x: this is no reference"),
    ({**SOUND, f"{MARKER} is": 1}, "a key that is not known here"),
    ({**SOUND, "body": MARKER}, "body: must be a mapping"),
]


@pytest.mark.parametrize(("spec", "said"), MISTAKES)
def test_no_value_is_repeated_and_the_place_is_said(spec: dict[str, Any], said: str) -> None:
    faults = check("Prompt", {**spec, "sensitive": True})
    assert any(str(fault).startswith(said) for fault in faults), faults
    assert MARKER not in str(faults)


@pytest.mark.parametrize("spec", [spec for spec, _ in MISTAKES])
@pytest.mark.parametrize("key", [{"sensitive": "yes"}, {"sensitive": None}, {"sensitve": True}])
def test_nor_when_sensitive_itself_is_wrong(spec: dict[str, Any], key: dict[str, Any]) -> None:
    assert MARKER not in str(check("Prompt", {**spec, **key}))


def test_of_a_prompt_that_is_not_sensitive_values_are_shown() -> None:
    assert MARKER in str(check("Prompt", {"messages": [MARKER], "sensitive": False}))


HEAD = "apiVersion: headrace/v1\nkind: Prompt\nmetadata:\n  name: greeting\nspec:\n  sensitive: true\n"


@pytest.mark.parametrize(
    "rest",
    [
        f"  text: !!int {MARKER}\n",
        f"  text: !{MARKER} x\n",
        f"  text: *{MARKER}\n",
        f"  text: !{MARKER}!x y\n",
        f"  text: &{MARKER} x\n  description: &{MARKER} x\n",
        f'  text: "{MARKER}\n',
        f"  text: {MARKER}: x: y\n",
        f"  {MARKER}: x\n  {MARKER}: y\n",
        f"  messages:\n  - {MARKER}\n",
        f"  messages:\n  - {MARKER}: 1\n    {MARKER}: 2\n",
        f"  parameters: {{temperature: 1{MARKER}}}\n",
    ],
)
def test_nor_is_it_by_a_fault_in_the_yaml(rest: str, tmp_path: Path) -> None:
    file = tmp_path / "prompt.yaml"
    file.write_text(HEAD + rest)
    faults = load([file]).faults
    assert faults
    assert MARKER not in "; ".join(map(str, faults)), json.dumps([str(fault) for fault in faults])
