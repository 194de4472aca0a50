"""What must hold in a prompt beside its shape."""

from typing import Any

import pytest

from headrace.resource.specs import check


def codes(**spec: Any) -> list[tuple[str, str]]:
    """Where and what, of a prompt with these keys."""
    return [(".".join(map(str, fault.path)), fault.code) for fault in check("Prompt", spec)]


BODY = {"sha256": "a" * 64, "size": 10}


@pytest.mark.parametrize(
    "spec",
    [
        {"text": "Hello {{ name }}", "variables": {"name": {}}},
        {"text": "{{ tone }}", "uses": {"tone": "tone@v3"}},
        {"body": BODY, "sensitive": True},
        {"messages": [{"role": "user", "template": "x", "images": ["cat"]}], "variables": {"cat": {}}},
    ],
)
def test_a_sound_prompt_has_no_fault(spec: dict[str, Any]) -> None:
    assert codes(**spec) == []


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        ({"text": "Hello {{ name }}"}, ("text", "undeclared_variable")),
        ({"text": "{{"}, ("text", "template_invalid")),
        ({"text": "x", "messages": [{"role": "user", "template": "x"}]}, ("", "invalid_value")),
        ({}, ("", "invalid_value")),
        ({"text": "x", "uses": {"a": "b"}, "variables": {"a": {}}}, ("uses.a", "duplicate_name")),
        ({"text": "x", "uses": {"a": "No Name"}}, ("uses.a", "reference_invalid")),
        (
            {"messages": [{"role": "user", "template": "x", "images": ["a"]}], "uses": {"a": "b"}},
            ("messages.0.images.0", "undeclared_variable"),
        ),
        ({"body": {**BODY, "size": 2**20 + 1}}, ("body.size", "invalid_value")),
        ({"body": {**BODY, "sha256": "A" * 64}}, ("body.sha256", "invalid_value")),
        ({"text": "x", "sensitive": "yes"}, ("sensitive", "invalid_value")),
    ],
)
def test_a_fault_is_found_where_it_is(spec: dict[str, Any], fault: tuple[str, str]) -> None:
    assert codes(**spec) == [fault]
