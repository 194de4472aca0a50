"""Proofs of a workflow's control flow: each fault, and the sound workflow beside it."""

import time
from typing import Any

import pytest

from headrace.workflow.proof import flow_faults
from headrace.workflow.spec import WorkflowSpec

Edge = dict[str, Any] | str
BRANCH: list[Edge] = [{"from": "a", "to": "b", "when": "input.x > 5"}, {"from": "a", "to": "c", "else": True}]
JOINED: list[Edge] = [*BRANCH, "b d", "c d"]
RACE: list[Edge] = ["a b", "a c", "b d", "c d"]
RESCUE: list[Edge] = ["a b", {"from": "a", "to": "c", "on_error": True}, "b d", "c d"]


def workflow(*edges: Edge, output: str = "true", **more: Any) -> WorkflowSpec:
    """A workflow of templates; an edge is "a b" or a mapping, what else is given is a node, or a key of the spec."""
    drawn = [dict(zip(("from", "to"), edge.split(), strict=True)) if isinstance(edge, str) else edge for edge in edges]
    spec = {key: more.pop(key) for key in ("input", "timeout_ms") if key in more}
    names = dict.fromkeys([*(edge[end] for edge in drawn for end in ("from", "to")), *more])
    nodes = {name: {"type": "template", **more.get(name, {})} for name in names}
    return WorkflowSpec.model_validate({**spec, "nodes": nodes, "edges": drawn, "output": {"o": output}})


def told(spec: WorkflowSpec) -> list[str]:
    return [f"{fault.code} {'.'.join(map(str, fault.path))}" for fault in flow_faults(spec)]


def branch(*whens: str, **more: Any) -> WorkflowSpec:
    """A node with an edge for each condition."""
    return workflow(*({"from": "a", "to": f"b{at}", "when": when} for at, when in enumerate(whens)), **more)


def reading(text: str, edges: list[Edge], **more: Any) -> WorkflowSpec:
    """A workflow whose node `d` reads something."""
    return workflow(*edges, **{**more, "d": {**more.get("d", {}), "input": {"i": text}}})


@pytest.mark.parametrize(
    ("edges", "expected"),
    [
        ([{"from": "a", "to": "b", "when": "false"}, {"from": "a", "to": "c", "else": True}], "nodes.b"),
        ([*BRANCH, {"from": "b", "to": "d", "when": "input.x < 3"}, {"from": "b", "to": "e", "else": True}], "nodes.d"),
        (
            [*BRANCH, {"from": "c", "to": "d", "when": "input.x == 9"}, {"from": "c", "to": "e", "else": True}],
            "nodes.d",
        ),
        ([{"from": "a", "to": "b", "when": "true"}, {"from": "a", "to": "c", "else": True}, "c d"], "nodes.c"),
    ],
)
def test_a_node_that_no_conditions_start_is_unreachable_and_what_follows_is_not_told(
    edges: list[Edge], expected: str
) -> None:
    assert told(workflow(*edges)) == [f"unreachable_node {expected}"]


def test_a_join_of_more_edges_than_can_be_taken_never_completes() -> None:
    assert told(workflow(*JOINED, d={"join": {"n_of": 2}})) == ["join_never_completes nodes.d.join"]
    assert told(workflow(*JOINED, d={"join": {"n_of": 1}})) == []
    assert told(workflow(*JOINED, d={"join": "all"})) == []
    assert told(workflow(*RACE, d={"join": {"n_of": 2}})) == []


@pytest.mark.parametrize(
    "whens",
    [
        ["input.x < 5", "input.x >= 5"],
        ["input.x < 5", "5 < input.x", "input.x == 5"],
        ["input.x < 3", "input.x > 1"],
        ["input.x == 'a'", "input.x != 'a'"],
        ["input.x == 'a'", "!(input.x in ['a', 'b'])", "input.x == 'b'"],
        ["input.x", "!input.x"],
        ["input.x", "input.x == false"],
        ["input.x && input.y", "!input.x", "!input.y"],
        ["size(input.x) == 0", "size(input.x) > 0"],
        ["input.x < input.y", "input.x >= input.y"],
        ["has(input.x)", "!has(input.x)"],
        ["input.x ? input.y : input.z", "!(input.x ? input.y : input.z)"],
        ["true", "input.x"],
    ],
)
def test_conditions_that_leave_nothing_out_need_no_else(whens: list[str]) -> None:
    assert told(branch(*whens)) == []


@pytest.mark.parametrize(
    "whens",
    [
        ["input.x > 5"],
        ["input.x < 5", "input.x > 5"],
        ["input.x == 'a'", "input.x == 'b'"],
        ["input.x == true", "input.x == false"],
        ["input.x", "!input.y"],
        ["input.x > 4", "input.x < 5.5 && input.y"],
        ["size(input.x) > 50", "size(input.x) < 50"],
        ["size(input.x) > 5000"],
        ["input.x[3].y == 'a'"],
        ["size(input.x) < 3", "input.x[2].y == 'a'"],
        ["size(input.x) < 9", "input.x[2].y == 'a'"],
        ["int(input.x) > 5"],
        ["input.x.startsWith('a') && input.x.endsWith('b')"],
        ["input.x.y == 'a'", "!has(input.x.y)"],
        ["input.x.all(n, n > 0)"],
        ["input.x.matches('^[a-z]+$')"],
        ["input.x == null", "input.x == 0"],
    ],
)
def test_conditions_that_can_all_be_false_miss_an_else(whens: list[str]) -> None:
    assert told(branch(*whens)) == ["missing_else edges.0"]


@pytest.mark.parametrize(
    ("schema", "whens"),
    [
        ({"type": "integer", "minimum": 0}, ["input.x % 2 == 0", "input.x % 2 == 1"]),
        ({"type": "integer", "exclusiveMinimum": 0}, ["input.x == 1", "input.x >= 2"]),
        ({"type": "integer", "minimum": 0.5, "maximum": 2.5}, ["input.x == 1", "input.x == 2"]),
        ({"type": "string"}, ["input.x == ''", "size(input.x) > 0"]),
        ({"type": "array", "minItems": 1}, ["size(input.x) == 1", "size(input.x) > 1"]),
        ({"type": ["boolean", "null"]}, ["input.x == null", "input.x == true || input.x == false"]),
        ({"type": ["string", "integer"]}, ["type(input.x) == string", "type(input.x) == int"]),
        ({"$ref": "#/$defs/kind"}, ["input.x == 'a'", "input.x == 'b'"]),
        ({"oneOf": [{"const": "a"}, {"const": "b"}]}, ["input.x == 'a'", "input.x == 'b'"]),
        ({"enum": ["a", None]}, ["input.x == null", "input.x == 'a'"]),
        ({"enum": [1, True]}, ["input.x == 1", "input.x == true"]),
        ({"enum": ["a1", "b1"]}, ["input.x.startsWith('a')", "input.x.startsWith('b')"]),
        ({"enum": ["a", "b"]}, ["input['x'] == 'a'", "input['x'] == 'b'"]),
    ],
)
def test_conditions_are_complete_if_no_values_make_all_of_them_false(schema: Any, whens: list[str]) -> None:
    assert told(branch(*whens)) == ["missing_else edges.0"]
    given = {"properties": {"x": schema}, "required": ["x"], "$defs": {"kind": {"enum": ["a", "b"]}}}
    assert told(branch(*whens, input=given)) == []


@pytest.mark.parametrize(
    "whens",
    [
        ["input.x < input.y", "input.x == input.y", "input.x > input.y"],
        ["input.x <= input.y", "input.x >= input.y"],
        ["input.x.matches('^a')", "!input.x.matches('^a')"],
        ["input.x + input.y > 10", "input.x + input.y <= 10"],
    ],
)
def test_two_values_are_in_one_order_or_another(whens: list[str]) -> None:
    assert told(branch(*whens)) == []
    assert told(branch(*whens[:1])) == ["missing_else edges.0"]


@pytest.mark.parametrize(
    ("schema", "whens"),
    [
        ({"enum": ["a", "b"]}, ["input.x == 'a'", "input.x == 'b'"]),
        ({"type": "integer"}, ["input.x <= 4", "input.x >= 5"]),
        ({"type": "boolean"}, ["input.x == true", "input.x == false"]),
        ({"type": "integer", "minimum": 1, "maximum": 3}, ["input.x == 1", "input.x == 2", "input.x == 3"]),
    ],
)
def test_a_schema_says_which_values_there_are(schema: dict[str, Any], whens: list[str]) -> None:
    assert told(branch(*whens)) == ["missing_else edges.0"]
    assert told(branch(*whens, input={"properties": {"x": schema}, "required": ["x"]})) == []


def test_a_missing_else_is_told_with_an_example() -> None:
    (fault,) = flow_faults(branch("input.x < 5", "input.x > 5"))
    assert fault.message == (
        "if `input.x == 5` is true, a ends and leads nowhere: `input.x < 5` and `input.x > 5` can all be false, and the"
        " run stops short there"
    )
    assert fault.hint == "add an edge from a with `else: true`"


def test_the_last_round_of_a_loop_leads_on_whatever_its_condition_says() -> None:
    again = {"from": "a", "to": "a", "when": "input.x", "max_iterations": 3}
    assert told(workflow(again, {"from": "a", "to": "b", "when": "!input.x"})) == ["missing_else edges.1"]
    assert told(workflow(again, "a b")) == []


@pytest.mark.parametrize(
    ("text", "edges", "join"),
    [
        ("nodes.b.output.y", JOINED, "all"),
        ("nodes.b.output.y", JOINED, "any"),
        ("nodes.b.output.y", RACE, "any"),
        ("nodes.b.output.y", RACE, {"n_of": 1}),
        ("has(nodes.b.output)", JOINED, "all"),
        ("has(nodes.c) ? nodes.b.output.y : 1", JOINED, "all"),
        ("has(nodes.b) ? nodes.c.output.y : 1", JOINED, "all"),
        ("has(nodes.b) || nodes.b.output.y", JOINED, "all"),
        ("input.x > 4 ? nodes.b.output.y : 1", JOINED, "all"),
        ("nodes.a.output.y", RESCUE, "all"),
        ("nodes.a.error.code", RESCUE, "all"),
        ("has(nodes.a) ? nodes.a.output.y : 1", RESCUE, "all"),
        ("[1].exists(n, nodes.b.output.y > n)", JOINED, "all"),
        ("nodes.b['output'].y", JOINED, "all"),
    ],
)
def test_what_may_not_be_there_is_told(text: str, edges: list[Edge], join: Any) -> None:
    assert told(reading(text, edges, d={"join": join})) == ["maybe_not_run nodes.d.input.i"]


@pytest.mark.parametrize(
    ("text", "edges", "join"),
    [
        ("nodes.a.output.y", JOINED, "all"),
        ("nodes.a.output.y", RACE, "any"),
        ("nodes.b.output.y + nodes.c.output.y", RACE, "all"),
        ("nodes.b.output.y + nodes.c.output.y", RACE, {"n_of": 2}),
        ("has(nodes.b) ? nodes.b.output.y : nodes.c.output.y", JOINED, "all"),
        ("has(nodes.b) ? nodes.b.output.y : nodes.c.output.y", RACE, "any"),
        ("!has(nodes.b) ? 1 : nodes.b.output.y", RACE, "any"),
        ("has(nodes.b) && nodes.b.output.y", JOINED, "any"),
        ("nodes.b.output.y && has(nodes.b)", JOINED, "any"),
        ("!has(nodes.b) || nodes.b.output.y", JOINED, "all"),
        ("input.x > 5 ? nodes.b.output.y : nodes.c.output.y", JOINED, "all"),
        ("input.x > 6 ? nodes.b.output.y : 1", JOINED, "all"),
        ("has(nodes.b) ? nodes.a.output.y : nodes.a.error.code", RESCUE, "all"),
        ("has(nodes.a) && has(nodes.a.output) ? nodes.a.output.y : 1", RESCUE, "all"),
        ("has(nodes.a.error) ? nodes.a.error.code : nodes.a.output.y", RESCUE, "all"),
        ("[1].map(n, has(nodes.b) ? nodes.b.output.y : n)", JOINED, "all"),
    ],
)
def test_what_is_there_or_asked_for_is_fine(text: str, edges: list[Edge], join: Any) -> None:
    assert told(reading(text, edges, d={"join": join})) == []


def test_a_reading_is_told_with_an_example() -> None:
    (skipped,) = flow_faults(reading("nodes.b.output.y", JOINED))
    assert skipped.message.startswith("nodes.b.output may not be there: if ")
    assert "b does not run, and d begins; the expression fails, and with it d" in skipped.message
    (slow,) = flow_faults(reading("nodes.b.output.y", RACE, d={"join": "any"}))
    assert "if b takes longer than the rest, d begins before b has ended" in slow.message
    (failed,) = flow_faults(reading("nodes.a.output.y", RESCUE))
    assert "if a fails, d begins and finds only nodes.a.error" in failed.message
    assert failed.hint == 'write "has(nodes.a) && has(nodes.a.output) ? nodes.a.output… : …"'


def test_conditions_maps_and_the_output_are_looked_at_too() -> None:
    edge = {"from": "d", "to": "e", "when": "nodes.b.output.y"}
    assert told(workflow(*JOINED, edge, {"from": "d", "to": "f", "else": True})) == ["maybe_not_run edges.4.when"]
    over = {"map": {"over": "nodes.b.output.y"}}
    assert told(workflow(*JOINED, d=over)) == ["maybe_not_run nodes.d.map.over"]
    assert told(workflow(*JOINED, output="nodes.d.output.y + nodes.b.output.y")) == ["maybe_not_run output.o"]
    assert told(workflow(*RACE, d={"join": "any"}, output="nodes.d.output.y + nodes.b.output.y")) == []


def test_a_condition_on_the_way_guards_what_comes_after_it() -> None:
    asks = {"from": "d", "to": "e", "when": "has(nodes.b)"}
    edges: list[Edge] = [*RACE, asks, {"from": "d", "to": "f", "else": True}]
    spec = workflow(*edges, d={"join": "any"}, e={"input": {"i": "nodes.b.output.y"}})
    assert told(spec) == []


@pytest.mark.parametrize("text", ["previous.b.output.y", "has(previous.a) ? previous.c.output.y : 1"])
def test_the_round_before_must_be_asked_for(text: str) -> None:
    again = {"from": "d", "to": "a", "max_iterations": 3}
    assert told(reading(text, [*JOINED, again])) == ["maybe_not_run nodes.d.input.i"]


@pytest.mark.parametrize(
    "text",
    [
        "has(previous.b) ? previous.b.output.y : 1",
        "has(previous.d) ? previous.a.output.y : 1",
        "has(previous.b) && previous.d.output.y",
    ],
)
def test_who_has_ended_in_each_round_guards_the_others(text: str) -> None:
    assert told(reading(text, [*JOINED, {"from": "d", "to": "a", "max_iterations": 3}])) == []


@pytest.mark.parametrize(
    ("output", "more", "expected"),
    [
        ("nodes.b.output.y", {}, ["dead_end nodes.d"]),
        ("nodes.b.output.y + nodes.d.output.y", {}, []),
        ("input.x", {}, []),
        ("nodes.b.output.y", {"d": {"type": "wait", "config": {"signal": "s"}}}, []),
        ("nodes.b.output.y", {"d": {"type": "workflow", "config": {"workflow": "w"}}}, []),
    ],
)
def test_the_last_node_of_a_path_of_which_nothing_comes_is_a_dead_end(
    output: str, more: dict[str, Any], expected: list[str]
) -> None:
    assert told(workflow("a b", "a c", "c d", output=output, **more)) == expected


def test_where_an_else_or_a_failure_leads_is_no_dead_end() -> None:
    assert told(workflow(*BRANCH, output="has(nodes.b) ? nodes.b.output.y : 1")) == []
    rescue = {"from": "a", "to": "c", "on_error": True}
    assert told(workflow("a b", rescue, output="has(nodes.b) ? nodes.b.output.y : 1")) == []


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ({"timeout_ms": 70_000}, ["timeouts_cannot_hold nodes.a.timeout_ms"]),
        ({"timeout_ms": 60_000}, []),
        ({"timeout_ms": 30_000, "retry": {"attempts": 3}}, []),
        ({"retry": {"attempts": 3}}, []),
        ({"type": "delay", "input": {"ms": "70000"}}, ["timeouts_cannot_hold nodes.a.input.ms"]),
        ({"type": "delay", "input": {"ms": "input.ms"}}, []),
    ],
)
def test_a_node_must_not_take_longer_than_the_run(node: dict[str, Any], expected: list[str]) -> None:
    assert told(workflow(a=node, timeout_ms=60_000)) == expected


def test_delays_one_after_another_must_not_take_longer_than_the_run() -> None:
    delay = {"type": "delay", "input": {"ms": "40000"}}
    assert told(workflow("a b", "b c", a=delay, b=delay, timeout_ms=60_000)) == [
        "timeouts_cannot_hold nodes.b.input.ms"
    ]
    assert told(workflow("a b", "c d", a=delay, c=delay, timeout_ms=60_000)) == []
    either: list[Edge] = [{"from": "x", "to": "a", "when": "input.x"}, {"from": "x", "to": "b", "else": True}, "a b"]
    assert told(workflow(*either, a=delay, b=delay, timeout_ms=60_000)) == []


def test_what_the_compiler_tells_is_left_to_it() -> None:
    assert told(workflow("a b", "b a")) == []
    dangling = WorkflowSpec.model_validate(
        {"nodes": {"a": {"type": "template"}}, "edges": [{"from": "a", "to": "z"}], "output": {"o": "nodes.y.output"}}
    )
    assert told(dangling) == []
    assert told(branch("input.x >", "true")) == []


def large() -> WorkflowSpec:
    """200 nodes with 100 conditions: fifty times a branch in four that join again, and read what they may."""
    edges: list[Edge] = []
    nodes: dict[str, Any] = {}
    for at in range(50):
        edges += [{"from": f"a{at}", "to": f"b{at}", "when": f"input.x{at} > 5 && nodes.a{at}.output.y"}]
        edges += [{"from": f"a{at}", "to": f"c{at}", "when": f"input.z{at} == 'z'"}]
        edges += [{"from": f"a{at}", "to": f"d{at}", "else": True}, f"b{at} d{at}", f"c{at} d{at}"]
        edges += [f"d{at} a{at + 1}"] if at < 49 else []
        either = f"has(nodes.b{at}) ? nodes.b{at}.output.y : nodes.a{at}.output.y"
        nodes[f"d{at}"] = {
            "input": {"i": either, "first": "nodes.a0.output.y"},
            "join": "any" if at % 5 == 0 else "all",
        }
        nodes[f"b{at}"] = {"input": {"i": f"nodes.a{at}.output.y"}}
    return workflow(*edges, output="nodes.d49.output.y", **nodes)


def test_two_hundred_nodes_are_proven_in_200_ms() -> None:
    spec = large()
    assert len(spec.nodes) == 200
    assert told(spec) == []
    taken = []
    for _ in range(5):
        start = time.process_time()
        flow_faults(spec)
        taken.append(time.process_time() - start)
    assert min(taken) < 0.2, taken


HARD_TO_REFUTE: list[tuple[str, Any]] = [
    ("input.x > 5", None),
    ("size(input.x) > 10", {"type": "string"}),
    ("size(input.x) <= 100", {"type": "string"}),
    ("size(input.x) <= 100", None),
    ("size(input.x) < 2000", None),
    ("size(input.x) == 0", {"type": "array", "items": {"type": "object"}}),
    (
        "size(input.x) == 0",
        {"type": "array", "items": {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}},
    ),
    ("size(input.x) == 0", {"type": "array", "items": {"type": "integer"}}),
    ("!('a' in input.x && 'b' in input.x)", {"type": "array", "items": {"type": "string"}}),
    ("!('a' in input.x) || !('b' in input.x)", None),
    ("!(3 in input.x)", None),
    ("!('vip' in input.x)", {"type": "object"}),
    ("!('vip' in run.labels)", None),
    ("int(input.x) < 5", {"type": "string"}),
    ("double(input.x) < 0.5", {"type": "string"}),
    ("input.x != 'a' ", {"type": "string", "pattern": "^[a-z]$"}),
    ("input.x == 'ABC' ", {"type": "string", "pattern": "^[A-Z]{3}$"}),
    ("!(input.x % 10 == 5 && input.x > 100)", {"type": "integer"}),
    ("input.x[1] == 'a'", None),
    ("input.x[0] == 'a'", None),
    ("input.x.lines[1].price > 5", None),
    ("string(input.x) == '12'", {"type": "integer"}),
    ("string(input.x) != '12'", {"type": "integer"}),
    ("!(input.x.startsWith('ab') && input.x.contains('cd') && input.x.endsWith('ef'))", None),
    ("!(input.x.contains('urgent') && input.x.contains('refund') && size(input.x) < 200)", None),
    ("!(input.x.contains('urgent') && input.x.contains('refund') && input.x.contains('now'))", None),
    ("input.x * input.x <= 1000", {"type": "integer"}),
    ("input.x + input.y <= 100", None),
    ("input.x + input.y + input.z != 100", None),
    ("input.x / 2.0 <= 100.0", {"type": "number"}),
    ("size(input.x) == size(input.y)", None),
    ("input.x.total <= input.x.budget * 1.1", None),
    ("!(input.x >= 18 && input.x < 65)", {"type": "integer"}),
    ("input.x.a.b.c == 'k'", None),
    ("input.x == 'a' || input.x == 'b'", {"type": "string", "minLength": 60}),
    ("input.x == '2024-01-01'", {"type": "string", "format": "date"}),
    ("size(string(input.x)) < 5", {"type": "integer"}),
    ("input.x - 1 < 1000", {"type": "integer", "multipleOf": 250}),
    ("input.x < 0.5", {"type": "number", "exclusiveMinimum": 0.2, "exclusiveMaximum": 0.8}),
    ("input.x in ['a','b'] ", {"type": "string", "enum": ["a", "b", "c"]}),
]


@pytest.mark.parametrize(("when", "schema"), HARD_TO_REFUTE)
def test_what_may_be_false_misses_an_else_however_hard_such_a_value_is_to_find(when: str, schema: Any) -> None:
    given = {"type": "object", "required": ["x"], "properties": {"x": schema}} if schema else {}
    assert told(branch(when, input=given)) == ["missing_else edges.0"]


@pytest.mark.parametrize(
    "when",
    [
        "input.user != null && size(input.user.bio) > 100",
        "input.v.w.u != input.v.w && input.v.n > 0",
        "input.a + input.b + input.c + input.d > input.zz[1]",
        "input.price * input.count + input.shipping - input.discount > input.limits[1]",
        "input.a + input.b + input.c + input.d + input.e + input.f == input.g + input.h",
    ],
)
def test_a_search_for_values_ends_soon(when: str) -> None:
    began = time.process_time()
    assert told(branch(when)) == ["missing_else edges.0"]
    assert time.process_time() - began < 5


def test_what_a_search_found_or_not_is_an_ordinary_condition() -> None:
    search: dict[str, Any] = {"type": "vector_search", "config": {"collection": "c"}, "input": {"query": "'q'"}}
    found = {"from": "a", "to": "b", "when": "size(nodes.a.output.passages) == 0"}
    assert told(workflow(found, a=search)) == ["missing_else edges.0"]
    spec = workflow(
        found, {"from": "a", "to": "c", "else": True}, "b d", "c d", a=search, d={"input": {"i": "nodes.b"}}
    )
    assert told(spec) == ["maybe_not_run nodes.d.input.i"]


OPTIONAL = {"type": "object", "properties": {"x": {"type": "integer"}, "y": {"type": "integer"}}, "required": ["y"]}


@pytest.mark.parametrize(
    ("edges", "nodes", "expected"),
    [
        (["a b"], {"b": {"input": {"i": "input.x"}}}, ["maybe_left_out nodes.b.input.i"]),
        (["a b"], {"b": {"input": {"i": "input.y"}}}, []),
        (["a b"], {"b": {"input": {"i": "has(input.x) ? input.x : 0"}}}, []),
        (["a b"], {"b": {"input": {"i": "has(input.x) && input.x > 5"}}}, []),
        (["a b"], {"b": {"input": {"i": "'x' in input ? input.x : 0"}}}, []),
        (["a b"], {"b": {"input": {"i": "input['x']"}}}, ["maybe_left_out nodes.b.input.i"]),
        (["a b"], {"b": {"input": {"i": "has(input.y) ? input.x : 0"}}}, ["maybe_left_out nodes.b.input.i"]),
        (
            ["a b"],
            {"a": {"input": {"i": "input.x"}}, "b": {"input": {"i": "input.x"}}},
            ["maybe_left_out nodes.a.input.i"],
        ),
        (["a b"], {"b": {"map": {"over": "[input.x]"}}}, ["maybe_left_out nodes.b.map.over"]),
        (
            ["a b"],
            {"b": {"map": {"over": "[1]"}, "input": {"i": "item == input.y ? input.x : 0"}}},
            ["maybe_left_out nodes.b.input.i"],
        ),
        (
            [{"from": "a", "to": "b", "when": "input.x > 1"}, {"from": "a", "to": "c", "else": True}],
            {"b": {"input": {"i": "input.x"}}},
            ["maybe_left_out edges.0.when"],
        ),
        (
            [{"from": "a", "to": "b", "when": "has(input.x)"}, {"from": "a", "to": "c", "else": True}],
            {"b": {"input": {"i": "input.x"}}},
            [],
        ),
        (
            [{"from": "a", "to": "b", "when": "has(input.x)"}, {"from": "a", "to": "c", "else": True}],
            {"c": {"input": {"i": "input.x"}}},
            ["maybe_left_out nodes.c.input.i"],
        ),
    ],
)
def test_what_a_caller_may_leave_out_is_asked_for_before_it_is_read(
    edges: list[Edge], nodes: dict[str, Any], expected: list[str]
) -> None:
    assert told(workflow(*edges, **nodes, input=OPTIONAL)) == expected
    assert told(workflow(*edges, **nodes, input={**OPTIONAL, "required": ["x", "y"]})) == []
    assert told(workflow(*edges, **nodes, input={**OPTIONAL, "anyOf": [{"required": ["x"]}]})) == []


def test_what_a_schema_says_beside_its_properties_changes_nothing() -> None:
    reads: dict[str, Any] = {"b": {"input": {"i": "input.x"}}}
    notes: list[dict[str, Any]] = [{"$comment": "v2"}, {"examples": [{}]}, {"$defs": {"s": {"pattern": "^x"}}}]
    for more in notes:
        assert told(workflow("a b", **reads, input={**OPTIONAL, **more})) == ["maybe_left_out nodes.b.input.i"]
    orders = ["input.a < input.b", "input.a == input.b", "input.a > input.b"]
    numbers = {"a": {"type": "integer"}, "b": {"type": "integer"}, "id": {"$ref": "#/$defs/s"}}
    given = {"properties": numbers, "required": ["a", "b"], "$defs": {"s": {"pattern": "^x"}}}
    assert told(branch(*orders, input=given)) == []


@pytest.mark.parametrize(
    ("whens", "properties"),
    [
        (["input.a >= input.b"], {"a": {"type": "integer", "minimum": 10}, "b": {"type": "integer", "minimum": 1}}),
        (["input.a >= '2024-01-01'"], {"a": {"type": "string", "minLength": 1}}),
        (["input.a <= 3", "input.a % 2 == 0"], {"a": {"type": "integer"}}),
        (["input.a % 3 != 0", "input.a % 5 != 0"], {"a": {"type": "integer", "minimum": 1}}),
        (["input.a - input.b >= 0"], {"a": {"type": "integer", "minimum": 2, "maximum": 50}, "b": {"type": "integer"}}),
        (["input.a - input.b <= 5", "input.b <= 10"], {"a": {"type": "integer"}, "b": {"type": "integer"}}),
        (["input.a <= input.b", "input.b <= input.c", "input.c <= 10"], {name: {"type": "integer"} for name in "abc"}),
        (["size(input.a) <= 20", "!input.a.startsWith('https://')", "!input.a.endsWith('.pdf')"], {"a": {}}),
        ([f"input.a in {[f'v{n}' for n in range(50)]}"], {"a": {"enum": [f"v{n}" for n in range(60)]}}),
        (["size(input.a) == 0"], {"a": {"items": {"allOf": [{"type": "object", "required": ["n"]}]}}}),
        (["size(input.a) == 0"], {"a": {"items": {"type": "array", "minItems": 1_000_000_000}}}),
        (["size(input.a) == 0"], {"a": {"items": {"type": "array", "minItems": 2.0}}}),
        (["size(input.a) == 0"], {"a": {"properties": {"minLength": {"type": "integer"}}}}),
    ],
)
def test_what_few_values_show_misses_an_else_all_the_same(whens: list[str], properties: dict[str, Any]) -> None:
    given = {"type": "object", "properties": properties, "required": [*properties]}
    assert told(branch(*whens, input=given)) == ["missing_else edges.0"]


def test_a_default_is_there_whatever_a_caller_leaves_out() -> None:
    given = {"properties": {"x": {"type": "integer", "default": 0}}}
    assert told(workflow("a b", b={"input": {"i": "input.x"}}, input=given)) == []


def test_what_has_finds_where_an_edge_begins_let_its_node_start() -> None:
    """`d` may start before `a` has ended only by way of `c`, which then was started by `b`: so has(nodes.b) is true."""
    unless = {"from": "c", "to": "d", "when": "!has(nodes.b)", "on_error": True}
    given: dict[str, Any] = {"c": {"join": "any"}, "d": {"join": "any", "input": {"i": "nodes.a.output.v"}}}
    assert told(workflow("a c", "b c", unless, "a d", **given)) == []
    also = {**unless, "when": "has(nodes.b)"}
    assert told(workflow("a c", "b c", also, "a d", **given)) == ["maybe_not_run nodes.d.input.i"]
