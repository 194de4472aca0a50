"""CEL expressions: values, faults, what they refer to, and that none of them can reach out, stall or fill a service."""

import subprocess
import sys
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.expression import Data, ExpressionError, compile_expression
from headrace.expression.compiled import LONGEST, MOST_WORK
from headrace.expression.tree import Call, Collection, Constant, Loop, Member, Name, parse, walk
from headrace.expression.work import estimate, size_of

LONGEST_STALL_S = 2.0
"""The bound is 0.1 s; the machines that run this are slow and busy."""


def value_of(text: str, given: Any = None, **nodes: Any) -> Any:
    outputs = {name: {"output": output} for name, output in nodes.items()}
    return compile_expression(text).evaluate(Data(input=given, nodes=outputs, run={"id": "r1"}))


def why_not(text: str, given: Any = None) -> str:
    with pytest.raises(ExpressionError) as raised:
        value_of(text, given)
    return str(raised.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("input.a + nodes.n.output.b", 3),
        ("input.l.filter(x, x > 1).map(x, x * 10)", [20, 30]),
        ("input.l.exists(x, x == 3) && !input.l.all(x, x > 1)", True),
        ("has(input.a) ? 'yes' : 'no'", "yes"),
        ("has(input.missing)", False),
        ("{'a': input.a, 'b': [null, true, 1.5]}", {"a": 1, "b": [None, True, 1.5]}),
        ("'é😀'.size()", 2),
        ("'2026-11-24'.matches('^[0-9]{4}-[0-9]{2}-[0-9]{2}$')", True),
        ("run.id", "r1"),
        ("input['a']", 1),
        ("input.nodes", "a field may have this name"),
        ("'nodes.x' + \" nodes \" // nodes.y", "nodes.x nodes "),
        ("string(timestamp('2026-11-24T00:00:00Z'))", "2026-11-24T00:00:00Z"),
        ("18446744073709551615u", 2**64 - 1),
    ],
)
def test_what_expressions_compute(text: str, value: Any) -> None:
    given_input = {"a": 1, "l": [1, 2, 3], "nodes": "a field may have this name"}
    assert value_of(text, given_input, n={"b": 2}) == value


@pytest.mark.parametrize(
    ("text", "nodes"),
    [
        ("nodes.a.output + nodes.b.output.x", {"a", "b"}),
        ("has(nodes.a.output)", {"a"}),
        ("has(nodes.a)", {"a"}),
        ("nodes . a . output", {"a"}),
        (".nodes.a", {"a"}),
        ("nodes.a.output.map(x, nodes.b.output)", {"a", "b"}),
        ("input.nodes.a + input.x.nodes", set()),
        ('\'nodes.a\' + """it\'s nodes.b""" + r\'nodes.c\'', set()),
        ("1 // nodes.a", set()),
    ],
)
def test_which_nodes_an_expression_refers_to(text: str, nodes: set[str]) -> None:
    assert compile_expression(text).nodes == nodes


@pytest.mark.parametrize("text", ["nodes", "nodes['a']", "nodes.map(n, n)", "[nodes]", "{'a': nodes}", "size(nodes)"])
def test_nodes_are_named_one_by_one(text: str) -> None:
    assert "write nodes.<id>" in why_not(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "line 1, column 1"),
        ("1 +", "line 1, column 4"),
        ("\n  inptu", "line 2, column 3: there is no variable inptu (did you mean input?)"),
        ("1 + 'a'", "no matching overload"),
        ("input.x.y(", "line 1"),
        ("inputs.question", "line 1, column 7: there is no variable inputs (did you mean input?)"),
        ("hello world", "(write 'text' in quotes)"),
        ("input.a + b", "there is no variable b (known: index, input, item, nodes, previous, run)"),
        ("'a'.__class__()", "there is no function __class__ (known: all, bool, contains"),
        ("input.a.startswith('x')", "there is no function startswith (did you mean startsWith?)"),
        ("import('os')", "line 1, column 1"),
        ("(" * 200 + "1" + ")" * 200, "recursion"),
        ("a" * (LONGEST + 1), f"at most {LONGEST} characters"),
        ("input.t.matches(input.p)", "the pattern of matches() must be a literal text"),
        ("matches(input.t, string(input.p))", "the pattern of matches() must be a literal text"),
        ("input.t.matches('(')", "the pattern of matches() is no regular expression: missing ): ("),
    ],
)
def test_a_text_that_is_no_expression_says_where_and_why(text: str, reason: str) -> None:
    message = why_not(text)
    assert reason in message
    assert len(message) < 700


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1 / 0", "divide by zero"),
        ("9223372036854775807 + 1", "integer overflow"),
        ("input.missing", "ask has() for it first"),
        ("input.a.b", "compare it with null first"),
        ("input.a + 1.5", "write double(...) around the first"),
        ("input.a.b", "fails"),
        ("int('x')", "fails"),
        ("b'abc'", "its value is a bytearray, which JSON does not have"),
        ("timestamp('2026-11-24T00:00:00Z')", "its value is a datetime"),
        ("duration('1s')", "its value is a timedelta"),
        ("type(1)", "its value is a Type"),
        ("1.0 / 0.0", "its value is inf, which is no number for JSON"),
        ("[{'a': 0.0 / 0.0}]", "its value is nan"),
        ("{1: 2}", "the keys of a map must be text"),
        ("{true: 2}", "the keys of a map must be text"),
        (r"['a\000b']", "U+0000"),
        (r"{'a\000b': 1}", "U+0000"),
    ],
)
def test_a_value_that_is_none_says_why(text: str, reason: str) -> None:
    assert reason in why_not(text, {"a": 1})


@pytest.mark.parametrize("attribute", ["__class__", "__init__", "__dict__", "keys", "real", "_program"])
def test_data_has_fields_and_no_attributes(attribute: str) -> None:
    for given_input in ("text", 1, [1], {"a": 1}):
        assert "fails" in why_not(f"input.{attribute}", given_input)


def test_a_number_that_cel_can_not_hold_is_a_fault_and_not_a_wrong_value() -> None:
    assert "out of range" in why_not("input.large", {"large": 10**30})


def test_many_expressions_look_at_the_same_data() -> None:
    data = Data(input={"a": 1})
    assert [compile_expression(text).evaluate(data) for text in ("input.a", "input.a + 1", "input")] == [1, 2, {"a": 1}]


TEXT = "x" * 380_000
NUMBERS = list(range(95_000))

TEN = "[0,1,2,3,4,5,6,7,8,9]"

BOMBS = {
    "iterations": (f"{TEN}.map(a,{TEN}.map(b,{TEN}.map(c,{TEN}.map(d,{TEN}.map(e,1)))))", None),
    "doubling text": ("['xxxxxxxxxx']" + ".map(a,a+a)" * 22 + "[0]", None),
    "doubling lists": ("[[1]]" + ".map(a,a+a)" * 22 + "[0]", None),
    "lists in lists": ("['x']" + ".map(a,[a,a])" * 20, None),
    "a large text many times": ("input.l.map(x, input.t)", {"l": [0] * 5_000, "t": TEXT}),
    "a large text many times, joined": ("input.l.map(x, input.t + string(x))", {"l": NUMBERS[:5_000], "t": TEXT}),
    "a large input many times": ("[" + ",".join(["input"] * 500) + "]", NUMBERS),
    "a long list, copied for each element": ("input.map(x, x)", NUMBERS),
    "a long list, filtered": ("input.filter(x, true)", NUMBERS),
    "a search for each element": ("input.filter(x, x in input)", NUMBERS[:9_000]),
    "comparisons of each with each": ("input.all(a, input.all(b, a == b))", [[1] * 900] * 99),
    "a pattern with many states": (r"input.matches('(a|b)*a(a|b){400}c')", "ab" * 190_000),
    "a pattern for each element": (f"input.map(x, x.matches('{'x?' * 500}y'))", ["x" * 300] * 1_200),
    "an endless search": ("input.l.map(x, input.t.contains(x))", {"l": ["y"] * 1_000, "t": TEXT}),
}


@pytest.mark.parametrize("name", BOMBS)
def test_no_expression_stalls_or_fills_a_service(name: str) -> None:
    text, given_input = BOMBS[name]
    expression = compile_expression(text)
    began = time.process_time()
    with pytest.raises(ExpressionError, match="it may have to handle"):
        expression.evaluate(Data(input=given_input))
    assert time.process_time() - began < LONGEST_STALL_S


@pytest.mark.parametrize(
    ("text", "given_input"),
    [
        ("input.map(x, x)", NUMBERS[:1_400]),
        ("input.filter(x, x in input)", NUMBERS[:300]),
        ("input.exists(x, x < 0)", NUMBERS[:9_900]),
        ("input.docs.map(d, d.title + ': ' + d.text)", {"docs": [{"title": "T", "text": "x" * 3_000}] * 100}),
        ("input.docs.map(d, {'text': d.text, 'question': input.q})", {"q": "why", "docs": [{"text": "x" * 900}] * 300}),
        ("input.docs.map(d, d.tags.filter(t, t != 'x'))", {"docs": [{"tags": ["x", "y"], "text": "z" * 500}] * 200}),
        (r"input.matches('[0-9]{4}-[0-9]{2}-[0-9]{2}')", TEXT),
    ],
)
def test_honest_work_is_done_soon(text: str, given_input: Any) -> None:
    expression = compile_expression(text)
    began = time.process_time()
    expression.evaluate(Data(input=given_input))
    assert time.process_time() - began < LONGEST_STALL_S


def test_cel_stops_by_itself_what_the_estimate_lets_through() -> None:
    assert "Iteration budget exceeded" in why_not("input.exists(x, x < 0)", NUMBERS[:10_500])


def tree_of(text: str) -> Any:
    program: Any = compile_expression(text)._program
    return parse(program.serialize())


def test_a_tree_has_the_parts_of_its_text() -> None:
    assert tree_of("input.a['b'] + size('xyz')") == Call(
        "_+_",
        (
            Call("_[_]", (Member(Name("input"), "a"), Constant(1, "b"))),
            Call("size", (Constant(3, "xyz"),)),
        ),
    )
    assert tree_of("has(run.a)") == Member(Name("run"), "a", test=True)
    assert tree_of("[1, {'k': 2.5}]") == Collection(
        (
            Constant(0, kind="int", number=1),
            Collection((Constant(1, "k"), Constant(0, kind="double", number=2.5)), keyed=True),
        )
    )
    (loop,) = [part for part in walk(tree_of("input.map(x, x)")) if isinstance(part, Loop)]
    assert (loop.variables, loop.range) == (("x",), Name("input"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-100, 100) | st.text("ab", max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=20,
)
GROWING = (
    "input",
    "[input, input.a, input]",
    "input.a + input.b",
    "input.l.map(x, [x, input.a])",
    "input.l.map(x, x + x)",
    "input.l.map(x, input.l.map(y, [x, y]))",
    "input.l.filter(x, x != input.a)",
    "input.l.map(x, x == input.a, [x, x]).map(z, [z])",
    "[input.l].map(x, x + x)[0]",
    "input.l.size() > 2 ? input.l : [input.l, input.l]",
    "{'k': input.l.map(x, {'v': x, 'w': input.b})}",
)


@given(st.sampled_from(GROWING), st.fixed_dictionaries({"a": JSON, "b": JSON, "l": st.lists(JSON, max_size=8)}))
def test_the_estimate_is_never_below_the_size_of_the_result(text: str, given_input: Any) -> None:
    try:
        result = value_of(text, given_input)
    except ExpressionError:
        return
    assert size_of(result) <= estimate(tree_of(text), {"input": given_input}) <= MOST_WORK


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("{{ input.text }}", " (this is CEL: write `input.text` without braces)"),
        ("input.a = 1", " (write == to compare)"),
        ("input.a + '=' +", "IDENTIFIER}"),
        ("Hello, world!", " (write 'text' in quotes)"),
    ],
)
def test_a_text_that_is_no_expression_gets_a_hint_at_what_was_meant(text: str, hint: str) -> None:
    assert why_not(text).endswith(hint)


def test_many_nulls_do_not_end_the_program() -> None:
    """cel-expr-python 0.1.3 loses a reference to None for each. In a program of its own: ours would end."""
    program = (
        "from headrace.expression import Data, compile_expression\n"
        "expression, data = compile_expression('input.n'), Data(input={'n': [None] * 1_000})\n"
        "print(sum(len(expression.evaluate(data)) for _ in range(1_000)))"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout.strip()) == (0, "1000000"), ended.stderr
