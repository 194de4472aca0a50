"""What a template node computes, and what it may cost."""

import json
from typing import Any

import pytest

from headrace.errors import NodeError
from template.core import compute, plan


def computed(config: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    return compute(plan(json.dumps(config), json.dumps(given)))


def test_expressions_and_templates_make_values_by_name() -> None:
    config = {"expressions": {"next": "input.n + 1"}, "templates": {"text": "after {{ n }}"}}
    assert computed(config, {"n": 5}) == {"next": 6, "text": "after 5"}


def test_all_templates_of_a_node_share_what_they_may_cost() -> None:
    costly = "{{ range(5000) | map('string') | list | length }}"
    assert computed({"templates": {"one": costly}}, {}) == {"one": "5000"}
    with pytest.raises(NodeError, match=r"template t\d+: this takes too much work") as caught:
        computed({"templates": {f"t{number}": costly for number in range(100)}}, {})
    assert caught.value.code == "template_failed"


def test_all_expressions_of_a_node_share_what_they_may_cost() -> None:
    costly = "input.list.map(x, x + 1).size()"
    given = {"list": list(range(1_000))}
    assert computed({"expressions": {"one": costly}}, given) == {"one": 1_000}
    with pytest.raises(NodeError, match="those before it left") as caught:
        computed({"expressions": {f"e{number}": costly for number in range(20)}}, given)
    assert caught.value.code == "expression_failed"
