"""Types before a run: each kind of fault, its sound neighbour, and that 200 nodes take no time."""

import time
from collections.abc import Mapping
from typing import Any

import pytest

from headrace.fault import Fault
from headrace.workflow import WorkflowSpec
from headrace.workflow.typing import TypedWorkflow, type_faults

INPUT = {
    "type": "object",
    "required": ["name", "count"],
    "properties": {
        "name": {"type": "string"},
        "note": {"type": ["string", "null"]},
        "count": {"type": "integer"},
        "price": {"type": "number"},
        "urgent": {"type": "boolean"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "docs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["text"],
                "properties": {"text": {"type": "string"}, "score": {"type": "number"}},
                "additionalProperties": False,
            },
        },
        "free": {},
    },
}
ANSWER = {"type": "model_invoke", "config": {"prompt": "p", "model": "m"}, "input": {"q": "input.name"}}
SEARCH = {"type": "vector_search", "config": {"collection": "c"}, "input": {"query": "input.name"}}
APPROVAL = {"type": "object", "required": ["ok"], "properties": {"ok": {"type": "boolean"}}}
NODES: Mapping[str, Any] = {
    "search": SEARCH,
    "answer": ANSWER,
    "made": {
        "type": "template",
        "config": {"expressions": {"number": "input.n + 1", "list": "[input.n]"}, "templates": {"text": "{{ n }}"}},
        "input": {"n": "input.count"},
    },
    "approval": {"type": "wait", "config": {"signal": "s"}, "output": APPROVAL},
    "pause": {"type": "delay", "input": {"ms": "input.count * 1000"}},
    "child": {"type": "workflow", "config": {"workflow": "w"}},
    "each": {**ANSWER, "input": {"q": "item.text"}, "map": {"over": "input.docs"}},
    "some": {**ANSWER, "input": {"q": "item"}, "map": {"over": "input.tags", "max_failures": 1}},
}


def workflow(output: str = "input", **changes: Any) -> WorkflowSpec:
    given = {"input": INPUT, "nodes": NODES, "output": {"value": output}}
    return WorkflowSpec.model_validate({**given, **changes})


def told(spec: WorkflowSpec, **described: Any) -> list[tuple[str, str]]:
    return [(fault.code, ".".join(map(str, fault.path))) for fault in type_faults(spec, described)]


def the_fault(spec: WorkflowSpec, **described: Any) -> Fault:
    (fault,) = type_faults(spec, described)
    return fault


def test_a_sound_workflow_has_no_faults() -> None:
    edges = [
        {"from": "search", "to": "answer", "when": "nodes.search.output.passages.size() > 0"},
        {"from": "answer", "to": "search", "when": "previous.answer.output.text != ''", "max_iterations": 3},
        {"from": "answer", "to": "pause", "when": "nodes.answer.error.code == 'timeout'", "on_error": True},
    ]
    assert told(workflow(edges=edges)) == []


SOUND = [
    "input.name + ' ' + string(input.count)",
    "input.count + 1",
    "double(input.price) * 2.0",
    "input.price > 1 && input.count > 0.5",
    "has(input.note) && input.note != null ? input.note + '!' : ''",
    "input.anything.goes",
    "input.free.a.b[0] + 1",
    "input.urgent ? input.name : 'x'",
    "input.docs.filter(d, d.text.contains('a')).map(d, d.text)[0].size()",
    "input.docs.all(d, d.score < 1) || input.tags.exists_one(t, t == 'a')",
    "input.docs.map(d, {'t': d.text}).map(e, e.t + '!')",
    "input['name'].startsWith('a')",
    "'a' in input.tags && 'a' in {'a': 1}",
    "{'a': 1}.a + 1",
    "input.name == null",
    "[] == input.tags",
    "dyn(input.name) == 1",
    "type(input.name) == string",
    "string(timestamp(input.name).getFullYear())",
    "nodes.search.output.passages.map(p, p.score * 100.0)",
    "nodes.answer.output.json.anything",
    "nodes.answer.output.text + nodes.made.output.text",
    "nodes.made.output.number + nodes.made.output.list[0]",
    "nodes.approval.output.ok && nodes.approval.output.comment == ''",
    "nodes.child.output.whatever + 1",
    "nodes.each.output.items[0].text + string(nodes.each.output.failed[0].index)",
    "nodes.some.output.items.filter(i, i != null).map(i, i.text)",
    "nodes.pause.output",
    "nodes.answer.error.message + previous.answer.output.text",
    "run.id + run.workflow + run.session + run.labels.team",
    "nodes.nowhere.output.x + 1",
    "this does not compile",
]


@pytest.mark.parametrize("text", SOUND)
def test_what_may_go_well_is_no_fault(text: str) -> None:
    assert told(workflow(text)) == []


UNKNOWN = [
    ("nodes.answer.output.txt", "nodes.answer.output has no field txt", "did you mean text?"),
    ("nodes.answer.text", "nodes.answer has no field text", "write nodes.answer.output.text"),
    ("previous.answer.text", "previous.answer has no field text", "write previous.answer.output.text"),
    ("nodes.answer.outptu.text", "nodes.answer has no field outptu", "did you mean output?"),
    ("nodes.answer.error.reason", "nodes.answer.error has no field reason", "known: code, message"),
    ("nodes.pause.output.x", "nodes.pause.output has no field x", "it has no fields at all"),
    ("nodes.made.output.texts", "nodes.made.output has no field texts", "did you mean text?"),
    ("nodes.each.output.text", "nodes.each.output has no field text", "known: failed, items"),
    ("nodes.each.output.items[0].txt", "nodes.each.output.items[…] has no field txt", "did you mean text?"),
    ("nodes.search.output.passages.map(p, p.tilte)", "p has no field tilte", "did you mean title?"),
    ("input.docs[0].scores", "input.docs[…] has no field scores", "did you mean score?"),
    ("input.docs.map(d, {'t': d.text}).map(e, e.text)", "e has no field text", "known: t"),
    ("{'a': 1}['b']", "this object has no field b", "known: a"),
    ("has(input.docs[0].title) ? 1 : 2", "has no field title", "known: score, text"),
    ("run.workfow", "run has no field workfow", "did you mean workflow?"),
    ("input.nmae", "input has no declared field nmae, but name", "did you mean name? else declare nmae"),
    ("input.pirce > 1", "but price", "did you mean price?"),
    ("input.nam", "", ""),
    ("input.tags2", "", ""),
    ("input.title", "", ""),
]


@pytest.mark.parametrize(("text", "message", "hint"), UNKNOWN)
def test_a_field_that_can_not_be_there(text: str, message: str, hint: str) -> None:
    if not message:  # so unlike, so short, or so numbered that it may be meant
        assert told(workflow(text)) == []
        return
    fault = the_fault(workflow(text))
    assert (fault.code, fault.path) == ("unknown_field", ("output", "value"))
    assert message in fault.message
    assert hint in fault.hint


MISMATCHED = [
    ("nodes.answer.output.text > 5", "> does not take a text (nodes.answer.output.text) and a whole number", "string("),
    ("input.name + input.count", "+ does not take a text (input.name) and a whole number (input.count)", "string("),
    ("input.count + 1.5", "+ does not take a whole number (input.count) and a fraction", "double("),
    ("input.price * 2", "* does not take a number (input.price) and a whole number", "double("),
    ("input.price * input.price", "* does not take a number (input.price) and a number", "double("),
    ("input.count == '5'", "this is always false: a whole number (input.count) is never equal to a text", "string("),
    ("input.name != 5", "this is always true", "string("),
    ("5 in input.tags", "this is always false: a whole number is never equal to a text", ""),
    ("'a' in input.name", "holds nothing for `in` to look for", "contains"),
    ("!input.name", "! does not take a text (input.name)", "it takes true or false"),
    ("input.name && input.urgent", "does not take a text (input.name) and true or false", "true or false"),
    ("input.name ? 1 : 2", "a text (input.name) decides here", "!= ''"),
    ("input.tags.exists(t, t)", "(or exists) does not take", "true or false"),
    ("input.docs.filter(d, d.text)", "a text (d.text) decides here", "!= ''"),
    ("input.name.map(c, c)", "a text (input.name) can't be gone through", ""),
    ("input.tags.contains('a')", "contains() does not take a list (input.tags) and a text", "it takes a text"),
    ("size(input.count)", "size() does not take a whole number (input.count)", "it takes a text or a list"),
    ("input.tags['a']", "a list (input.tags) can't be indexed by a text ('a')", "whole number"),
    ("input[0]", "an object (input) can't be indexed by a whole number", "by a text"),
    ("input.name.first", "a text (input.name) has no fields, so no first", ""),
    ("input.docs.text", "a list (input.docs) has no fields, so no text", ""),
    ("string(input.tags)", "string() does not take a list (input.tags)", ""),
    ("timestamp(input.name)", "this is a timestamp, but what JSON can hold is wanted", "string("),
    ("nodes.made.output.number + 'a'", "a whole number (nodes.made.output.number) and a text", "string("),
    ("nodes.approval.output.ok + 1", "true or false (nodes.approval.output.ok)", ""),
    ("run.labels.team > 3", "a text (run.labels.team)", "string("),
]


@pytest.mark.parametrize(("text", "message", "hint"), MISMATCHED)
def test_a_value_of_the_wrong_type(text: str, message: str, hint: str) -> None:
    fault = the_fault(workflow(text))
    assert (fault.code, fault.path) == ("type_mismatch", ("output", "value"))
    assert fault.message.startswith(f"`{text}`: ")
    assert message in fault.message
    assert hint in fault.hint


def test_all_faults_of_an_expression_are_told_at_once() -> None:
    assert told(workflow("input.nmae + input.docs[0].txt + (input.name + 1)")) == [
        ("unknown_field", "output.value"),
        ("unknown_field", "output.value"),
        ("type_mismatch", "output.value"),
    ]


def test_a_condition_is_true_or_false() -> None:
    edges = [{"from": "search", "to": "answer", "when": "nodes.search.output.passages"}]
    fault = the_fault(workflow(edges=edges))
    assert (fault.code, fault.path) == ("type_mismatch", ("edges", 0, "when"))
    assert "this is a list, but true or false is wanted" in fault.message


@pytest.mark.parametrize(
    ("node", "code", "place", "reason"),
    [
        (
            {**ANSWER, "map": {"over": "input.name"}},
            "type_mismatch",
            "map.over",
            "this is a text, but a list is wanted",
        ),
        (
            {**ANSWER, "map": {"over": "input.docs"}, "input": {"q": "item.txt"}},
            "unknown_field",
            "input.q",
            "no field txt",
        ),
        (
            {**ANSWER, "map": {"over": "[1]"}, "input": {"q": "item + 'a'"}},
            "type_mismatch",
            "input.q",
            "whole number (item)",
        ),
        (
            {**ANSWER, "map": {"over": "[1]"}, "input": {"q": "index + 'a'"}},
            "type_mismatch",
            "input.q",
            "number (index)",
        ),
        ({"type": "delay", "input": {"ms": "input.name"}}, "type_mismatch", "input.ms", "a number is wanted"),
        (
            {"type": "template", "config": {"expressions": {"a": "input.m"}}, "input": {"n": "1"}},
            "unknown_field",
            "config.expressions.a",
            "input has no field m",
        ),
        (
            {"type": "wait", "config": {"signal": "s", "default": {"ok": "yes"}}, "output": APPROVAL},
            "default_invalid",
            "config.default",
            'default.ok: "yes" is not of type "boolean"',
        ),
        (
            {"type": "wait", "config": {"signal": "s", "default": None}, "output": APPROVAL},
            "default_invalid",
            "config.default",
            'null is not of type "object"',
        ),
        (
            {**ANSWER, "output": {"type": "object", "required": ["answer"]}},
            "missing_field",
            "output",
            "what the node puts out never fits: the field answer is missing",
        ),
        (
            {
                **SEARCH,
                "output": {"properties": {"passages": {"items": {"properties": {"text": {"type": "integer"}}}}}},
            },
            "type_mismatch",
            "output",
            "in its passages[].text: this is a text, but a whole number is wanted",
        ),
    ],
)
def test_a_node_that_can_not_go_well(node: Any, code: str, place: str, reason: str) -> None:
    fault = the_fault(workflow(nodes={"bad": node}))
    assert (fault.code, ".".join(map(str, fault.path))) == (code, f"nodes.bad.{place}")
    assert reason in fault.message


@pytest.mark.parametrize(
    "node",
    [
        {"type": "wait", "config": {"signal": "s", "default": {"ok": True}}, "output": APPROVAL},
        {"type": "wait", "config": {"signal": "s"}, "output": APPROVAL},
        {"type": "wait", "config": {"signal": "s", "default": 1}, "output": {"type": "no such type"}},
        {**ANSWER, "output": {"type": "object", "required": ["text"], "properties": {"json": {"type": "object"}}}},
        {"type": "delay", "input": {"ms": "input.free"}},
        {"type": "nonsense", "config": {"expressions": 1}},
        {"type": "template", "config": {"expressions": 1, "templates": {"a": 1}}},
        {**ANSWER, "map": {"over": "input.free"}, "input": {"q": "item.a + index"}},
    ],
)
def test_a_node_that_may_go_well(node: Any) -> None:
    assert told(workflow(nodes={"good": node})) == []


def test_the_output_is_held_to_its_schema() -> None:
    schema = {"type": "object", "required": ["value", "more"], "properties": {"value": {"type": "string"}}}
    assert told(workflow("input.name", output_schema={**schema, "required": ["value"]})) == []
    assert told(workflow("input.count", output_schema=schema)) == [
        ("missing_field", "output"),
        ("type_mismatch", "output.value"),
    ]
    closed = {"type": "object", "properties": {"valeu": {}}, "additionalProperties": False}
    fault = the_fault(workflow(output_schema=closed))
    assert (fault.code, fault.path, fault.hint) == ("unknown_field", ("output", "value"), "did you mean valeu?")


def test_bindings_are_held_to_the_schema_of_a_child() -> None:
    child: dict[str, Any] = {
        "type": "object",
        "required": ["docs", "limit", "name"],
        "properties": {
            "name": {"type": "string"},
            "limit": {"type": "integer", "default": 3},
            "docs": {"type": "array", "items": {"type": "object", "properties": {"text": {"type": "integer"}}}},
        },
        "additionalProperties": False,
    }
    bound = {"docs": "input.docs", "nmae": "input.name"}
    spec = workflow(nodes={"child": {"type": "workflow", "config": {"workflow": "w"}, "input": bound}})
    (inside,) = TypedWorkflow(spec).binding_faults("child", child)
    assert (inside.code, inside.path) == ("type_mismatch", ("nodes", "child", "input", "docs"))
    assert inside.message == "in its [].text: this is a text, but a whole number is wanted"
    named = {**child["properties"], "name": {"type": "string"}, "nmae": {"type": "integer"}, "docs": {"items": {}}}
    (misnamed,) = TypedWorkflow(spec).binding_faults("child", {**child, "properties": named})
    assert (misnamed.code, misnamed.path) == ("type_mismatch", ("nodes", "child", "input", "nmae"))
    sound = {**child["properties"], "docs": {"type": "array"}, "nmae": {"type": ["null", "string"]}}
    wanted = {"type": "object", "properties": sound, "required": ["docs"]}
    assert TypedWorkflow(spec).binding_faults("child", wanted) == []


ALPHA = {"type": "object", "properties": {"alpha": {"type": "string"}}, "additionalProperties": False}
BETA = {"type": "object", "properties": {"beta": {"type": "integer"}}, "additionalProperties": False}
OPEN = {"type": "object", "properties": {"alpha": {"type": "integer"}, "gamma": {"type": "string"}}}
CHAIN = {"type": "object", "properties": {"text": {"type": "string"}, "next": {"$ref": "#"}}}
BY_NAME = {"type": "object", "properties": {"alpha": {"type": "string"}}, "additionalProperties": {"type": "integer"}}


@pytest.mark.parametrize(
    ("schema", "sound", "faulty"),
    [
        ({"anyOf": [ALPHA, BETA]}, "input.alpha + string(input.beta)", "input.gamma"),
        ({"oneOf": [ALPHA, OPEN]}, "[input.delta, input.alpha + 'a', input.alpha + 1]", "input.alpha && true"),
        ({"anyOf": [{"type": "string"}, BETA]}, "input.beta + 1", "input.alpha"),
        ({"allOf": [ALPHA, {"type": "object"}]}, "input.alpha + 'a'", "input.beta"),
        (
            {"allOf": [{"properties": {"n": {"type": "number"}}}, {"properties": {"n": {"type": "integer"}}}]},
            "input.n + 1",
            "input.n + 1.5",
        ),
        ({"$ref": "#/$defs/a~1b", "$defs": {"a/b": ALPHA}}, "input.alpha + 'a'", "input.beta"),
        (CHAIN, "input.next.next.text + 1", "input.next.text + 1"),
        (BY_NAME, "input.alhpa + input.other + 1", "input.other + 'a'"),
        ({**OPEN, "patternProperties": {"^a": {}}}, "input.aplha", "input.gamma + 1"),
        ({"properties": {"e": {"enum": ["a", None]}}}, "input.e + 'a'", "input.e + 1"),
        ({"properties": {"c": {"const": 1.5}}}, "input.c + 1.0", "input.c + 1"),
        ({"properties": {"c": {"const": 1.0}}}, "input.c < 1", "input.c + 1"),
        (
            {"properties": {"l": {"type": "array", "prefixItems": [{"type": "string"}]}}},
            "input.l[1] + 1",
            "input.l + 1",
        ),
        ({"properties": {"d": {"type": "number", "format": "double"}}}, "input.d + 1.0", "input.d + 1"),
        (
            {
                "$schema": "http://json-schema.org/draft-07/schema#",
                "properties": {"a": {"$ref": "#/x", "type": "string"}},
            },
            "input.a + 1",
            "!input",
        ),
    ],
)
def test_what_schemas_say(schema: Any, sound: str, faulty: str) -> None:
    assert told(workflow(sound, input=schema, nodes={"pause": {"type": "delay", "input": {"ms": "1"}}})) == []
    ((_, place),) = told(workflow(faulty, input=schema, nodes={"pause": {"type": "delay", "input": {"ms": "1"}}}))
    assert place == "output.value"


def test_what_may_be_missing_is_not_in_excess() -> None:
    nodes = {"child": {"type": "workflow", "config": {"workflow": "w"}, "input": {"docs": "input.docs"}}}
    item = {"type": "object", "properties": {"text": {}}, "additionalProperties": False}
    child = {"type": "object", "properties": {"docs": {"type": "array", "items": item}}}
    assert TypedWorkflow(workflow(nodes=nodes)).binding_faults("child", child) == []
    item["properties"] = {"score": {}}
    (excess,) = TypedWorkflow(workflow(nodes=nodes)).binding_faults("child", child)
    assert (excess.code, excess.message) == ("unknown_field", "in its [].text: a field text is not wanted here")


def test_an_item_of_a_map_is_null_only_where_it_may_fail() -> None:
    schema = {"properties": {"value": {"type": "null"}}}
    assert told(workflow("nodes.some.output.items[0]", output_schema=schema)) == []
    assert told(workflow("nodes.each.output.items[0]", output_schema=schema)) == [("type_mismatch", "output.value")]


def test_what_is_known_from_elsewhere_is_used() -> None:
    schema = {"type": "object", "properties": {"answer": {"type": "integer"}}, "additionalProperties": False}
    assert told(workflow("nodes.child.output.answer + 1"), child=schema) == []
    assert told(workflow("nodes.child.output.anwser"), child=schema) == [("unknown_field", "output.value")]
    assert told(workflow("nodes.answer.output.json.answer + 1"), answer=schema) == []
    assert told(workflow("nodes.answer.output.json.answer + 'a'"), answer=schema) == [("type_mismatch", "output.value")]


def test_a_loop_sees_the_types_of_the_round_before() -> None:
    def draft(text: str) -> WorkflowSpec:
        node = {"type": "template", "config": {"templates": {"text": "x"}, "expressions": {"n": text}}, "input": {}}
        back = [{"from": "draft", "to": "draft", "max_iterations": 3, "when": "previous.draft.output.n > 1"}]
        return workflow(nodes={"draft": node}, edges=back)

    assert told(draft("1")) == []
    assert told(draft("'a'")) == [("type_mismatch", "edges.0.when")]


def test_a_circle_without_a_bound_is_told_by_others() -> None:
    edges = [{"from": "made", "to": "search"}, {"from": "search", "to": "made"}, {"from": "gone", "to": "made"}]
    assert told(workflow("nodes.made.output.number + 1", edges=edges)) == []


def large(count: int) -> WorkflowSpec:
    """A chain of templates, searches and answers, each of which uses the one before."""
    nodes: dict[str, Any] = {"n0": {**SEARCH}}
    for at in range(1, count):
        bound = {"q": f"nodes.n{at - 1}.output.text + input.name", "n": "input.docs.map(d, d.text)"}
        template = {
            "templates": {"text": "{{ q }}"},
            "expressions": {"size": "input.n.filter(t, t != input.q).size() + 1"},
        }
        nodes[f"n{at}"] = (
            {"type": "template", "config": template, "input": bound} if at % 2 else {**ANSWER, "input": bound}
        )
    nodes["n1"] = {**ANSWER}
    edges = [
        {"from": f"n{at}", "to": f"n{at + 1}", "when": f"has(nodes.n{at}.output.text)"} for at in range(1, count - 1)
    ]
    return workflow(f"nodes.n{count - 1}.output.size + 1", nodes=nodes, edges=edges)


def test_200_nodes_take_no_time_once_their_expressions_are_compiled() -> None:
    spec = large(200)
    assert type_faults(spec) == []
    began = time.process_time()
    typed = TypedWorkflow(spec)
    spent = time.process_time() - began
    assert typed.faults == []
    assert spent < 0.25, "it takes 0.02 s on a machine that does nothing else"


def test_the_longest_chain_that_a_workflow_may_have() -> None:
    assert type_faults(large(500)) == []
