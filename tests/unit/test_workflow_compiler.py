"""What the compiler says of a workflow: every fault with its place and how to mend it, and nothing of a sound one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from headrace.fault import Fault
from headrace.workflow import CompiledWorkflow, InvalidWorkflow, compile_workflow
from headrace.workflow.graph import cycle, reachable
from headrace.workflow.spec import DAY_MS, MOST_BINDINGS, MOST_NODES, Retry
from tests.unit.engine import graph

ASK_THE_DOCS = {
    "description": "A workflow of every node type.",
    "input": {"type": "object", "required": ["question"], "properties": {"question": {"type": "string"}}},
    "nodes": {
        "search": {
            "type": "vector_search",
            "config": {"collection": "docs", "top_k": 4},
            "input": {"query": "input.question"},
            "retry": {"attempts": 3},
        },
        "answer": {
            "type": "model_invoke",
            "config": {"prompt": "answer@production", "model": "writer"},
            "input": {"question": "input.question", "passages": "nodes.search.output.passages"},
        },
        "apology": {
            "type": "template",
            "config": {"templates": {"text": "Nothing on {{ topic }}."}},
            "input": {"topic": "input.question"},
        },
        "sign": {
            "type": "template",
            "config": {"expressions": {"text": "input.text + ' -- ' + string(size(input.text))"}},
            "input": {"text": "has(nodes.answer) ? nodes.answer.output.text : nodes.apology.output.text"},
            "join": "any",
        },
    },
    "edges": [
        {"from": "search", "to": "answer", "when": "size(nodes.search.output.passages) > 0"},
        {"from": "search", "to": "apology", "else": True},
        {"from": "answer", "to": "sign"},
        {"from": "apology", "to": "sign"},
    ],
    "output": {"text": "nodes.sign.output.text", "run": "run.id"},
    "timeout_ms": 120_000,
}


def faults(spec: Mapping[str, Any]) -> list[Fault]:
    with pytest.raises(InvalidWorkflow) as raised:
        compile_workflow(spec)
    return list(raised.value.faults)


def fault(spec: Mapping[str, Any]) -> Fault:
    (only,) = faults(spec)
    return only


def with_node(**node: Any) -> dict[str, Any]:
    return graph("a b", b=node)


def test_a_sound_workflow_compiles() -> None:
    compiled = compile_workflow(ASK_THE_DOCS)
    assert compiled.starts == ("search",)
    assert compiled.nodes["sign"].sources == ("answer", "apology")
    assert [edge.otherwise for edge in compiled.nodes["search"].edges] == [False, True]
    assert [reference.ref for reference in compiled.nodes["answer"].references] == ["answer@production", "writer"]
    assert dict(compiled.nodes["answer"].input)["passages"].nodes == {"search"}


FAULTS: list[tuple[str, dict[str, Any], tuple[str | int, ...], str]] = [
    (
        "dangling_edge",
        graph("a b", c={}) | {"edges": [{"from": "aa", "to": "b"}]},
        ("edges", 0, "from"),
        "did you mean a?",
    ),
    ("dangling_edge", graph(a={}, b={}) | {"edges": [{"from": "a", "to": "x"}]}, ("edges", 0, "to"), "known: a, b"),
    ("edge_condition", graph("a c", {"from": "a", "to": "b", "when": "true", "else": True}), ("edges", 1), ""),
    ("duplicate_edge", graph("a b", "a b"), ("edges", 1), ""),
    ("cycle", graph("a b", "b c", "c a"), ("edges", 2), "this edge, which leads back to a, max_iterations"),
    ("cycle", graph("a a"), ("edges", 0), "remove one of them"),
    (
        "else_without_when",
        graph({"from": "a", "to": "b", "else": True}),
        ("edges", 0),
        "give another edge from a a `when`",
    ),
    ("unknown_node_type", with_node(type="tmplate"), ("nodes", "b", "type"), "did you mean template?"),
    ("unknown_node_type", with_node(type="x" * 10_000), ("nodes", "b", "type"), "known: delay, model_invoke, template"),
    (
        "missing_input",
        with_node(type="vector_search", config={"collection": "c"}),
        ("nodes", "b", "input"),
        "add query",
    ),
    (
        "unknown_key",
        with_node(config={"template": {}}),
        ("nodes", "b", "config", "template"),
        "did you mean templates?",
    ),
    ("missing_key", with_node(type="model_invoke", config={"prompt": "p"}), ("nodes", "b", "config", "model"), ""),
    (
        "invalid_value",
        with_node(type="vector_search", config={"collection": "c", "top_k": 0}, input={"query": "''"}),
        ("nodes", "b", "config", "top_k"),
        "",
    ),
    ("expression_invalid", with_node(input={"x": "1 +"}), ("nodes", "b", "input", "x"), ""),
    ("expression_invalid", with_node(input={"x": "inputs.q"}), ("nodes", "b", "input", "x"), ""),
    ("expression_invalid", with_node(input={"x": "nodes"}), ("nodes", "b", "input", "x"), ""),
    ("expression_invalid", graph({"from": "a", "to": "b", "when": "("}), ("edges", 0, "when"), ""),
    ("expression_invalid", graph("a b") | {"output": {"x": "1 + 'a'"}}, ("output", "x"), ""),
    (
        "expression_invalid",
        with_node(config={"expressions": {"x": "("}}),
        ("nodes", "b", "config", "expressions", "x"),
        "",
    ),
    (
        "node_not_visible",
        with_node(config={"expressions": {"x": "nodes.a.output"}}),
        ("nodes", "b", "config", "expressions", "x"),
        "bind nodes.a to a name in the node's input",
    ),
    (
        "template_invalid",
        with_node(config={"templates": {"x": "{% if %}"}}),
        ("nodes", "b", "config", "templates", "x"),
        "",
    ),
    (
        "undeclared_variable",
        with_node(config={"templates": {"x": "{{ nam }}"}}, input={"name": "'a'"}),
        ("nodes", "b", "config", "templates", "x"),
        "did you mean name?",
    ),
    (
        "node_not_upstream",
        graph("a b", a={"input": {"x": "nodes.b.output"}}),
        ("nodes", "a", "input", "x"),
        "add an edge",
    ),
    (
        "node_not_upstream",
        graph("a b", a={"input": {"x": "nodes.a.output"}}),
        ("nodes", "a", "input", "x"),
        "add an edge",
    ),
    (
        "node_not_upstream",
        graph({"from": "a", "to": "b", "when": "nodes.b.output"}),
        ("edges", 0, "when"),
        "add an edge",
    ),
    ("unknown_node", with_node(input={"x": "nodes.aa.output"}), ("nodes", "b", "input", "x"), "did you mean a?"),
    ("unknown_node", graph("a b") | {"output": {"x": "nodes.c.output"}}, ("output", "x"), "known: a, b"),
    ("input_schema_invalid", graph("a b") | {"input": {"type": "text"}}, ("input",), ""),
    ("input_schema_invalid", graph("a b") | {"input": {"$ref": "file:///etc/passwd"}}, ("input",), ""),
    ("input_schema_invalid", graph("a b") | {"input": {"pattern": "(?=a)b"}}, ("input",), ""),
    (
        "expressions_too_long",
        graph("a b", b={"input": {f"x{n}": f"'{'y' * 4_000}'" for n in range(17)}}),
        (),
        "workflows of their own",
    ),
    (
        "expressions_too_long",
        graph("a b", b={"config": {"expressions": {f"x{n}": f"'{'y' * 4_000}'" for n in range(17)}}}),
        (),
        "workflows of their own",
    ),
]


@pytest.mark.parametrize(
    ("code", "spec", "path", "hint"), FAULTS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_fault_has_a_code_a_place_and_a_hint(
    code: str, spec: dict[str, Any], path: tuple[str | int, ...], hint: str
) -> None:
    found = fault(spec)
    assert (found.code, found.path) == (code, path)
    assert hint in found.hint
    assert 0 < len(found.message) < 500


SHAPES: list[tuple[str, dict[str, Any], tuple[str | int, ...]]] = [
    ("missing_key", {"output": {"x": "1"}}, ("nodes",)),
    ("missing_key", {"nodes": {"a": {"type": "template"}}}, ("output",)),
    ("invalid_value", graph() | {"nodes": {}}, ("nodes",)),
    ("invalid_value", graph(a={}) | {"output": {}}, ("output",)),
    ("invalid_value", graph(a={}) | {"output": {"x": ""}}, ("output", "x")),
    ("invalid_value", graph(a={"retry": {"attempts": 0}}), ("nodes", "a", "retry", "attempts")),
    ("invalid_value", graph(a={"retry": {"factor": 0.5}}), ("nodes", "a", "retry", "factor")),
    ("invalid_value", graph(a={"timeout_ms": 30 * DAY_MS + 1}), ("nodes", "a", "timeout_ms")),
    ("invalid_value", graph(a={"join": "some"}), ("nodes", "a", "join")),
    ("invalid_value", graph(a={}) | {"edges": "a b"}, ("edges",)),
    ("invalid_value", graph(**{f"n{number}": {} for number in range(MOST_NODES + 1)}), ("nodes",)),
    ("invalid_value", graph(a={"input": {f"x{n}": "1" for n in range(MOST_BINDINGS + 1)}}), ("nodes", "a", "input")),
    ("unknown_key", graph(a={"timeout": 5}), ("nodes", "a", "timeout")),
    ("unknown_key", graph(a={}) | {"edges": [{"from": "a", "to": "a", "if": "x"}]}, ("edges", 0, "if")),
    ("invalid_key", graph(a={}) | {"nodes": {"a-b": {"type": "template"}}}, ("nodes", "a-b")),
    ("invalid_key", graph(a={}) | {"nodes": {"a\n": {"type": "template"}}}, ("nodes", "a\n")),
    ("invalid_key", graph(a={}) | {"nodes": {"é": {"type": "template"}}}, ("nodes", "é")),
]


@pytest.mark.parametrize(("code", "spec", "path"), SHAPES)
def test_a_spec_of_another_shape_says_where(code: str, spec: dict[str, Any], path: tuple[str | int, ...]) -> None:
    found = fault(spec)
    assert (found.code, found.path) == (code, path)


def test_a_schema_does_not_reach_out_for_another(tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text('{"type": "object"}', encoding="utf-8")
    assert fault(graph("a b") | {"input": {"$ref": other.as_uri()}}).code == "input_schema_invalid"


def test_all_faults_are_told_at_once() -> None:
    spec = graph(
        "a b",
        "b ghost",
        {"from": "a", "to": "ghost", "when": "1 +"},
        a={"input": {"x": "inputs.y"}},
        b={"type": "modl_invoke"},
    )
    spec["nodes"].pop("ghost")
    spec |= {"input": {"type": "nothing"}, "output": {"x": "nodes.c.output", "y": "("}}
    assert [found.code for found in faults(spec)] == [
        "input_schema_invalid",
        "dangling_edge",
        "dangling_edge",
        "expression_invalid",
        "expression_invalid",
        "unknown_node_type",
        "unknown_node",
        "expression_invalid",
    ]


def test_the_message_of_an_invalid_workflow_has_all_faults_with_places_and_hints() -> None:
    with pytest.raises(InvalidWorkflow) as raised:
        compile_workflow(graph("a b") | {"output": {"x": "nodes.c.output", "y": "nodes.bb.output"}})
    assert str(raised.value) == "output.x: no node c (known: a, b); output.y: no node bb (did you mean b?)"


def test_a_cycle_is_shown_in_its_direction() -> None:
    found = fault(graph("s a", "c a", "a b", "b c", "c e"))
    assert found.path == ("edges", 1)
    assert found.message == "the edges go in a circle without a bound: a → b → c → a; a run would never end"


def test_a_node_that_is_cut_off_from_the_others_is_a_start() -> None:
    assert compile_workflow(graph("a b", c={})).starts == ("a", "c")


def test_an_output_may_look_at_every_node() -> None:
    compile_workflow(graph("a b", c={}) | {"output": {"x": "nodes.a.output", "y": "nodes.c.output"}})


def compiled_with_input(schema: dict[str, Any]) -> CompiledWorkflow:
    return compile_workflow(graph(a={}) | {"input": schema})


def test_defaults_of_the_schema_fill_in_what_is_missing_and_nothing_else() -> None:
    compiled = compiled_with_input({"properties": {"a": {"default": 1}, "b": {}, "c": True, "d": {"default": None}}})
    assert compiled.with_defaults({"b": 2}) == {"a": 1, "b": 2, "d": None}
    assert compiled.with_defaults({"a": None}) == {"a": None, "d": None}


def test_faults_of_an_input_name_their_places() -> None:
    compiled = compiled_with_input({"properties": {"l": {"items": {"type": "integer"}}, "n": {"type": "object"}}})
    value = {"l": [1, "x"], "n": 3}
    assert compiled.input_faults(value) == [
        'input.l.1: "x" is not of type "integer"',
        'input.n: 3 is not of type "object"',
    ]
    assert compiled.input_faults(value, first_only=True) == ['input.l.1: "x" is not of type "integer"']
    assert compiled.input_faults({"l": [1]}, first_only=True) == []


def test_waits_between_attempts_grow_and_have_an_end() -> None:
    retry = Retry(attempts=20, backoff_ms=1_000, factor=10.0)
    assert [retry.wait_ms(attempt, 0.9) for attempt in (1, 2, 3)] == [1_000, 10_000, 100_000]
    assert retry.wait_ms(20, 0) == DAY_MS


@pytest.mark.parametrize(
    ("edges", "expected"),
    [({}, []), ({"a": ["b"], "b": []}, []), ({"a": ["a"]}, ["a"]), ({"a": ["b"], "b": ["c"], "c": ["b"]}, ["b", "c"])],
)
def test_a_cycle_is_found_if_there_is_one(edges: dict[str, list[str]], expected: list[str]) -> None:
    assert cycle(edges) == expected


def test_a_node_reaches_itself_only_on_a_cycle() -> None:
    assert reachable({"a": ["b"], "b": ["c"], "c": []}, "a") == {"b", "c"}
    assert reachable({"a": ["b"], "b": ["a"]}, "a") == {"a", "b"}
