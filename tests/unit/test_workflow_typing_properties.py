"""Types against CEL itself: every overload, and random expressions over random data that fit random schemas."""

import re
from itertools import product
from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from headrace.expression import Data, ExpressionError, compile_expression
from headrace.json_schema import compile_schema
from headrace.workflow import WorkflowSpec
from headrace.workflow.typing import type_faults
from headrace.workflow.typing.inference import infer
from headrace.workflow.typing.operators import OVERLOADS
from headrace.workflow.typing.schemas import type_of
from headrace.workflow.typing.types import KINDS, overlap

SAMPLES = {
    "null": "null",
    "bool": "true",
    "int": "1",
    "uint": "1u",
    "double": "1.5",
    "string": "'1'",
    "list": "[1]",
    "map": "{'a': 1}",
    "bytes": "b'1'",
    "timestamp": "timestamp('2026-01-01T00:00:00Z')",
    "duration": "duration('1s')",
    "type": "int",
}
WRONG_TYPES = re.compile(
    r"no matching overload|key not found|SELECT to non-message|got (string|null|bool|list|map)|invalid container"
    r"|which JSON does not have",
    re.IGNORECASE,
)
"""What CEL says of values that it can't take."""
LOGICAL = {"_&&_", "_||_"}
INTERNAL = {"@not_strictly_false"}


def call(function: str, args: list[str]) -> str:
    """The text of a call, by the function's name in the tree."""
    if function.startswith("_"):
        return f" {function.strip('_')} ".join(args)
    if function in {"-_", "!_"}:
        return f"{function[0]}{args[0]}"
    return f"{args[0]}.{function}({args[1]})" if len(args) > 1 else f"{function}({args[0]})"


def why(text: str) -> str:
    """Why a text can't be evaluated, leaving aside that its value may be none of JSON's."""
    try:
        compile_expression(f"type({text}) == int").evaluate(Data())
    except ExpressionError as error:
        return str(error)
    return ""


CALLS = [
    (function, kinds)
    for function in sorted(OVERLOADS.keys() - INTERNAL)
    for kinds in product(SAMPLES, repeat=len(next(iter(OVERLOADS[function]))))
]


def test_every_function_takes_what_cel_takes_and_nothing_else() -> None:
    assert SAMPLES.keys() == KINDS - {"number"}
    wrong = []
    for function, kinds in CALLS:
        args = [f"dyn({SAMPLES[kind]})" for kind in kinds]
        if function == "matches":  # its pattern must be a literal
            args[1] = SAMPLES[kinds[1]]
        refused = "o matching overload" in why(call(function, args))
        if function in LOGICAL and "bool" in kinds:
            continue  # the one side may decide whatever the other is
        if refused == (kinds in OVERLOADS[function]):
            wrong.append((function, kinds))
    assert wrong == []
    assert len(CALLS) > 1_000


@pytest.mark.parametrize(("function", "kinds"), [each for each in CALLS if each[1] in OVERLOADS[each[0]]], ids=str)
def test_every_result_has_the_kind_that_cel_gives_it(function: str, kinds: tuple[str, ...]) -> None:
    made = OVERLOADS[function][kinds]
    args = [f"dyn({SAMPLES[kind]})" for kind in kinds]
    if function == "matches":
        args[1] = SAMPLES["string"]
    expected = f"type({SAMPLES[made]})"
    sound = "'true'" if function == "bool" else "'1s'" if function == "duration" else SAMPLES["timestamp"][10:-1]
    if function in {"bool", "duration", "timestamp"} and kinds == ("string",):
        args = [sound]
    assert compile_expression(f"type({call(function, args)}) == {expected}").evaluate(Data()) is True


SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "string": st.sampled_from(["", "a", "1", "true"]),
    "integer": st.integers(-3, 3),
    "number": st.integers(-3, 3) | st.sampled_from([0.5, 1.5, 2.0]),
    "boolean": st.booleans(),
    "null": st.none(),
}
NAMES = ("text", "list", "size", "other")
PLAIN_SCHEMAS = st.sampled_from([{"type": name} for name in SCALARS])


def objects(inner: st.SearchStrategy[Any], closed: st.SearchStrategy[bool]) -> st.SearchStrategy[Any]:
    fields = st.dictionaries(st.sampled_from(NAMES), inner, min_size=1, max_size=3)
    return st.builds(
        lambda named, shut: {
            "type": "object",
            "properties": named,
            "required": sorted(named),
            **({"additionalProperties": False} if shut else {}),
        },
        fields,
        closed,
    )


def schemas(closed: st.SearchStrategy[bool]) -> st.SearchStrategy[Any]:
    return st.recursive(
        PLAIN_SCHEMAS,
        lambda inner: objects(inner, closed) | st.builds(lambda items: {"type": "array", "items": items}, inner),
        max_leaves=6,
    )


SCHEMAS = schemas(st.booleans())
INPUTS = objects(SCHEMAS, st.booleans())
CLOSED_INPUTS = objects(schemas(st.just(True)), st.just(True))
"""Here every field is either required or ruled out."""


def fitting(schema: Any) -> st.SearchStrategy[Any]:
    """Values that fit a schema."""
    if schema["type"] == "object":
        return st.fixed_dictionaries({name: fitting(each) for name, each in schema["properties"].items()})
    if schema["type"] == "array":
        return st.lists(fitting(schema["items"]), min_size=1, max_size=3)
    return SCALARS[schema["type"]]


def paths(schema: Any, place: str) -> list[str]:
    """What leads to a value in the data of a schema."""
    found = [place]
    if schema["type"] == "object":
        found += [path for name, each in schema["properties"].items() for path in paths(each, f"{place}.{name}")]
    if schema["type"] == "array":
        found += paths(schema["items"], f"{place}[0]")
    return found


LITERALS = ("1", "2.5", "'a'", "true", "null", "[1]", "['a']", "{'text': 'a'}")
STRICT = ("{0} + {1}", "{0} - {1}", "{0} * {1}", "{0} < {1}", "{0} >= {1}", "[{0}, {1}]", "{{'k': {0}, 'v': {1}}}")
ONE = (
    "-{0}",
    "!{0}",
    "size({0})",
    "string({0})",
    "double({0})",
    "{0}[0]",
    "{0}.text",
    "{0}['other']",
    "{0}.contains('a')",
)
LAZY = ("{0} && {1}", "{0} || {1}", "{0} == {1}", "{0} in {1}", "{0} ? {1} : {1}", "has({0}.text) ? {0} : {1}")
LOOPS = (
    "{0}.map(x, [x, {1}])",
    "{0}.filter(x, x == {1})",
    "{0}.map(x, x.text)",
    "{0}.all(x, x > {1})",
    "{0}.exists(x, x)",
)


def texts(places: list[str], forms: tuple[str, ...]) -> st.SearchStrategy[str]:
    """Expressions over these places, most of which make no sense."""
    leaves = st.sampled_from(places) | st.sampled_from(places) | st.sampled_from(LITERALS)
    return st.recursive(
        leaves,
        lambda inner: st.builds(
            lambda form, a, b: form.format(f"({a})", f"({b})"), st.sampled_from(forms), inner, inner
        ),
        max_leaves=5,
    )


def outcome(text: str, data: Any) -> str | None:
    """Why an expression fails on data; empty when it does not, None when it is no expression."""
    try:
        expression = compile_expression(text)
    except ExpressionError:
        return None
    try:
        expression.evaluate(Data(input=data))
    except ExpressionError as error:
        return str(error)
    return ""


def faults_of(schema: Any, text: str) -> list[str]:
    node = {"type": "template", "config": {"expressions": {"made": "input.given"}}, "input": {"given": text}}
    spec = WorkflowSpec.model_validate({"input": schema, "nodes": {"n": node}, "output": {"o": "nodes.n.output.made"}})
    return [str(fault) for fault in type_faults(spec)]


@given(CLOSED_INPUTS, st.data())
def test_what_is_accepted_never_fails_for_its_types(schema: Any, drawn: Any) -> None:
    text = drawn.draw(texts(paths(schema, "input"), (*STRICT, *ONE, *LAZY, *LOOPS)))
    if faults_of(schema, text):
        return
    value = drawn.draw(fitting(schema))
    assert compile_schema(schema).is_valid(value)
    reason = outcome(text, value)
    event("no expression" if reason is None else "fails" if reason else "evaluated")
    assert not WRONG_TYPES.search(reason or ""), reason


@given(INPUTS, st.data())
def test_what_is_rejected_fails_whatever_the_data_are(schema: Any, drawn: Any) -> None:
    """But for numbers, of which one may be whole by chance, and for what is lazy or only never true."""
    text = drawn.draw(texts(paths(schema, "input"), (*STRICT, *ONE)))
    faults = faults_of(schema, text)
    if not faults or '"number"' in str(schema).replace("'", '"') or outcome(text, {}) is None:
        return
    event("rejected")
    assert outcome(text, drawn.draw(fitting(schema))), faults


@given(SCHEMAS, SCHEMAS, st.data())
def test_a_value_of_a_union_is_never_ruled_out(first: Any, second: Any, drawn: Any) -> None:
    kinds = {"string": "string", "integer": "int", "number": "number", "boolean": "bool", "null": "null"}
    either = type_of({"anyOf": [first, second]})
    for schema in (first, second):
        assert overlap(type_of(schema).kinds, either.kinds)
        if (name := kinds.get(schema["type"])) is not None:
            assert overlap(frozenset({name}), type_of({"allOf": [{}, schema]}).kinds)
    text = drawn.draw(texts(["input"], STRICT + ONE))
    if outcome(text, {}) is None or "number" in str((first, second)):
        return
    tree = compile_expression(text).tree
    if infer(tree, {"input": either})[1]:
        assert infer(tree, {"input": type_of(first)})[1]
        assert infer(tree, {"input": type_of(second)})[1]


@pytest.mark.parametrize("form", [*STRICT, *ONE, *LAZY, *LOOPS])
def test_of_what_nothing_is_known_nothing_is_a_fault(form: str) -> None:
    assert faults_of({"type": "object"}, form.format("input.a", "input.b")) == []


SCHEMA_PIECES = st.recursive(
    st.sampled_from(
        [{}, {"type": "string"}, {"$ref": "#"}, {"$ref": "#/$defs/d"}, {"$ref": "#/x"}, True, False, None, 3]
    ),
    lambda inner: st.dictionaries(
        st.sampled_from(
            ["properties", "items", "allOf", "anyOf", "additionalProperties", "type", "enum", "required", "$defs"]
        ),
        inner | st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["d", "text"]), inner, max_size=2),
        max_size=3,
    ),
    max_leaves=8,
)


@given(SCHEMA_PIECES)
def test_a_schema_that_is_none_says_nothing_and_breaks_nothing(schema: Any) -> None:
    infer(compile_expression("input.text + input[0].text").tree, {"input": type_of(schema)})
