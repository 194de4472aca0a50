"""A workflow against what it refers to: given deployed resources and a spec, then each fault, or none beside it."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from headrace.event import Event
from headrace.events.resource import ResourceHead, ResourceVersion
from headrace.fault import Fault
from headrace.links import UNKNOWN, Collections, linked_faults
from headrace.resource.catalog import Catalog
from headrace.resource.specs import check, references

Spec = dict[str, Any]
Parts = Mapping[str, Any]

KIND = {"m": "Model", "a": "ModelAlias", "p": "Prompt", "w": "Workflow"}
"""Kinds by the first letter of a name."""
ALL = ["streaming", "json_schema", "function_calling", "image_input"]
HANDBOOK = Collections({"handbook": 1_200}, whole=True)


def catalog(retired: Any = (), **specs: Any) -> Catalog:
    """Everything deployed: each spec a version, production on the last one. retired: versions as `name@1`."""
    entries: dict[str, Event] = {}
    for key, given in specs.items():
        name, kind = key.replace("_", "-"), KIND[key[0]]
        versions = given if isinstance(given, list) else [given]
        entries[name] = ResourceHead(kind=kind, latest=len(versions), pointers={"production": len(versions)})
        for number, spec in enumerate(versions, 1):
            assert kind == "Workflow" or check(kind, spec) == []
            status = "retired" if f"{name}@{number}" in retired else "active"
            entries[f"{name}/{number}"] = ResourceVersion(
                kind=kind, version=number, digest=f"{name}/{number}", spec=json.dumps(spec), at=0, status=status
            )
    return Catalog(dict.fromkeys(KIND.values(), entries))


def model(costs: Any = "free", capabilities: list[str] = ALL, **parts: Any) -> Spec:
    limits = {"context_window": 1_000, "max_output_tokens": 100, **parts.pop("limits", {})}
    endpoint = {"url": "https://api.example.com/v1"}
    required = {"provider": "openai", "endpoint": endpoint, "model": "m", "limits": limits}
    return {**required, "costs": costs, "capabilities": capabilities, **parts}


def prompt(text: str = "Hello", **parts: Any) -> Spec:
    parameters = {"max_output_tokens": 50, **parts.pop("parameters", {})}
    body = {} if "messages" in parts else {"text": text}
    return {**body, "parameters": parameters, **parts}


def asking(given: Mapping[str, str] | None = None, **parts: Any) -> Spec:
    config = {"prompt": "p", "model": "m", **parts.pop("config", {})}
    return {"type": "model_invoke", "config": config, "input": dict(given or {}), **parts}


def running(workflow: str, given: Mapping[str, str] | None = None, **parts: Any) -> Spec:
    return {"type": "workflow", "config": {"workflow": workflow}, "input": dict(given or {}), **parts}


def flow(edges: list[Spec] | None = None, spec: Parts | None = None, **nodes: Spec) -> Spec:
    return {"nodes": nodes, "edges": edges or [], "output": {"done": "true"}, **(spec or {})}


def faults(catalog: Catalog, spec: Spec, collections: Collections = UNKNOWN) -> list[Fault]:
    return list(linked_faults(catalog, "w", spec, collections))


def told(catalog: Catalog, spec: Spec, collections: Collections = UNKNOWN) -> list[str]:
    """Faults as `code path`."""
    return [f"{fault.code} {'.'.join(map(str, fault.path))}" for fault in faults(catalog, spec, collections)]


def only(catalog: Catalog, spec: Spec, collections: Collections = UNKNOWN) -> Fault:
    (fault,) = faults(catalog, spec, collections)
    return fault


SOUND = catalog(m=model(), p=prompt())


def test_a_sound_workflow_has_no_fault() -> None:
    assert faults(SOUND, flow(ask=asking())) == []


def test_what_is_not_there_is_told_with_all_references_and_nothing_follows_from_it() -> None:
    spec = flow(ask=asking({"x": "1"}), more=running("w-more"), spec={"cost_limit": {"amount": 0}})
    assert faults(catalog(), spec) == []
    assert [(one.ref, ".".join(map(str, one.path))) for one in references("Workflow", spec)] == [
        ("p", "nodes.ask.config.prompt"),
        ("m", "nodes.ask.config.model"),
        ("w-more", "nodes.more.config.workflow"),
    ]


# variables of prompts

GREET = prompt("Hello {{ name }}", variables={"name": {}, "tone": {"default": "warm"}, "title": {"required": False}})


def test_a_variable_that_is_not_bound_is_told() -> None:
    fault = only(catalog(m=model(), p=GREET), flow(ask=asking({"tone": "'cold'"})))
    assert (fault.code, fault.path) == ("prompt_variable_missing", ("nodes", "ask", "input"))
    assert "prompt p@1 needs the variable name" in fault.message
    assert fault.hint == "add name under input, or give the variable a default"


def test_a_binding_that_is_no_variable_is_told_with_the_nearest_one() -> None:
    fault = only(catalog(m=model(), p=GREET), flow(ask=asking({"name": "'Ada'", "tonne": "'cold'"})))
    assert (fault.code, fault.path) == ("prompt_variable_unknown", ("nodes", "ask", "input", "tonne"))
    assert fault.hint == "did you mean tone?"


@pytest.mark.parametrize("given", [("name",), ("name", "tone"), ("name", "tone", "title")])
def test_what_has_a_default_or_is_not_required_may_be_left_out(given: tuple[str, ...]) -> None:
    assert faults(catalog(m=model(), p=GREET), flow(ask=asking(dict.fromkeys(given, "'x'")))) == []


def test_a_prompt_is_given_what_those_that_it_uses_need() -> None:
    rules = prompt("Be {{ tone }}.", variables={"tone": {}})
    using = prompt("{{ rules }} Go on.", variables={"tone": {}}, uses={"rules": "p-rules"})
    known = catalog(m=model(), p=using, p_rules=rules)
    assert told(known, flow(ask=asking())) == ["prompt_variable_missing nodes.ask.input"]
    assert told(known, flow(ask=asking({"tone": "'kind'"}))) == []
    assert told(known, flow(ask=asking({"tone": "'kind'", "rules": "''"}))) == [
        "prompt_variable_unknown nodes.ask.input.rules"
    ]


# the chain of models

NEEDS = {
    "json_schema": prompt(parameters={"response_schema": {"type": "object"}}),
    "function_calling": prompt(parameters={"tools": [{"name": "look_up"}]}),
    "image_input": prompt(
        messages=[{"role": "user", "template": "What is it?", "images": ["photo"]}],
        variables={"photo": {"required": False}},
    ),
}


@pytest.mark.parametrize("capability", NEEDS)
def test_a_fallback_that_lacks_what_the_prompt_needs_is_named(capability: str) -> None:
    able, unable = model(), model(capabilities=[one for one in ALL if one != capability])
    models = {"m_first": able, "m_second": unable, "m_third": able}
    alias = {"model": "m-first", "fallbacks": ["m-second", "m-third"]}
    spec = flow(ask=asking(config={"model": "a"}))
    fault = only(catalog(p=NEEDS[capability], a=alias, **models), spec)
    assert (fault.code, fault.path) == ("capability_missing", ("nodes", "ask", "config", "model"))
    assert f"needs {capability}, which model m-second@1 of alias a@1 lacks" in fault.message
    assert faults(catalog(p=NEEDS[capability], a=alias, **{**models, "m_second": able}), spec) == []
    assert faults(catalog(p=prompt(), a=alias, **models), spec) == []


def test_a_stream_needs_models_that_stream() -> None:
    mute = catalog(m=model(capabilities=[]), p=prompt())
    assert "`stream` needs streaming" in only(mute, flow(ask=asking(config={"stream": True}))).message
    assert faults(mute, flow(ask=asking())) == []


def test_an_embedding_model_does_not_chat() -> None:
    fault = only(catalog(m=model(kind="embedding"), p=prompt()), flow(ask=asking()))
    assert (fault.code, fault.hint) == ("capability_missing", "name a model of kind chat")


def test_a_retired_model_is_told_and_a_retired_fallback_is_nobodys_fault() -> None:
    gone = model(status="retired", capabilities=[])
    spec = flow(ask=asking(config={"model": "a", "stream": True}))
    first = catalog(m=model(), m_old=gone, p=prompt(), a={"model": "m-old", "fallbacks": ["m"]})
    assert told(first, spec) == ["model_retired nodes.ask.config.model"]
    version = catalog(("m-old@1",), m=model(), m_old=model(), p=prompt(), a={"model": "m-old", "fallbacks": ["m"]})
    assert told(version, spec) == ["model_retired nodes.ask.config.model"]
    last = catalog(m=model(), m_old=gone, p=prompt(), a={"model": "m", "fallbacks": ["m-old"]})
    assert faults(last, spec) == []


# windows


def test_a_prompt_that_is_larger_than_the_window_of_one_model_is_told_with_the_numbers() -> None:
    small = model(limits={"context_window": 300, "reserved_tokens": 20})
    alias = {"model": "m", "fallbacks": ["m-small"]}
    spec = flow(ask=asking({"name": "'Ada'"}, config={"model": "a"}))

    def known(length: int) -> Catalog:
        return catalog(m=model(), m_small=small, a=alias, p=prompt("x" * length + "{{ name }}", variables={"name": {}}))

    # 300 - 20 - 50 leave 230: 7 of them around the message, 223 for 892 bytes
    fault = only(known(893), spec)
    assert (fault.code, fault.path) == ("window_too_small", ("nodes", "ask", "config", "model"))
    assert "takes about 231 tokens" in fault.message
    assert "model m-small@1 of alias a@1 has room for 230" in fault.message
    assert "context_window 300 less reserved_tokens 20 less 50 for the answer" in fault.message
    assert faults(known(892), spec) == []


def test_only_what_stands_in_the_prompt_for_sure_counts() -> None:
    long = "x" * 4_000
    sometimes = prompt(f"{{% if name %}}{long}{{% endif %}}", variables={"name": {"required": False}})
    assert faults(catalog(m=model(), p=sometimes), flow(ask=asking())) == []
    stored = {"body": {"sha256": "0" * 64, "size": 9_000}, "parameters": {"max_output_tokens": 50}}
    assert faults(catalog(m=model(), p=stored), flow(ask=asking())) == []


def test_a_prompt_has_the_text_of_those_that_it_uses() -> None:
    using = prompt("{{ rules }} Go on.", uses={"rules": "p-rules"})
    spec = flow(ask=asking())
    assert told(catalog(m=model(), p=using, p_rules=prompt("x" * 4_000)), spec) == [
        "window_too_small nodes.ask.config.model"
    ]
    assert faults(catalog(m=model(), p=using, p_rules=prompt("x" * 400)), spec) == []


def test_prompts_that_use_each_other_in_a_circle_have_an_end() -> None:
    circle = prompt("{{ p }} again", uses={"p": "p"})
    assert faults(catalog(m=model(), p=circle), flow(ask=asking())) == []


SEARCHED = prompt("{{ passages }}", variables={"passages": {}})


def searching(top_k: int, text: str = "nodes.find.output.passages", **config: Any) -> Spec:
    find = {
        "type": "vector_search",
        "config": {"collection": "handbook", "top_k": top_k},
        "input": {"query": "input.q"},
    }
    return flow([{"from": "find", "to": "ask"}], find=find, ask=asking({"passages": text}, config=config))


def test_the_largest_retrieval_that_is_bound_into_a_prompt_must_fit() -> None:
    known = catalog(m=model(), p=SEARCHED)
    # 1,000 - 50 leave 950: three passages of 1,200 characters are 900 tokens, four are 1,200
    fault = only(known, searching(4), HANDBOOK)
    assert fault.code == "window_too_small"
    assert "and 1200 for 4 passages of node find, and model m@1 has room for 950" in fault.message
    assert fault.hint.startswith("lower top_k or chunk_chars")
    assert faults(known, searching(3), HANDBOOK) == []


@pytest.mark.parametrize(
    "spec",
    [
        searching(4, "nodes.find.output.passages[0].text"),
        searching(4, "nodes.find.output.passages.filter(p, p.score > 0.9)"),
        searching(4, on_overflow="drop_lowest_documents", documents="passages"),
    ],
)
def test_a_part_of_a_retrieval_and_one_that_is_cut_may_fit(spec: Spec) -> None:
    assert faults(catalog(m=model(), p=SEARCHED), spec, HANDBOOK) == []


def test_passages_of_unknown_size_are_not_guessed() -> None:
    assert faults(catalog(m=model(), p=SEARCHED), searching(4)) == []


def test_a_collection_that_nobody_fills_is_told_where_all_are_known() -> None:
    known = catalog(m=model(), p=SEARCHED)
    fault = only(known, searching(1), Collections({"handbooks": 1_200}, whole=True))
    assert (fault.code, fault.path) == ("collection_not_found", ("nodes", "find", "config", "collection"))
    assert fault.hint == "did you mean handbooks?"
    assert faults(known, searching(1), Collections({"handbooks": 1_200}, whole=False)) == []


# what a run may cost

PRICED = {"currency": "USD", "input_per_1k": 1, "output_per_1k": 2}
"""A call of a prompt of unknown length costs 950 / 1000 * 1 + 50 / 1000 * 2 = 1.05 with it."""
OPEN = prompt("{{ x }}", variables={"x": {}})
X = {"x": "input.x"}


def limit(amount: str, currency: str = "USD") -> Spec:
    return {"cost_limit": {"amount": amount, "currency": currency}}


@pytest.mark.parametrize(
    ("node", "edges", "cost", "words"),
    [
        (asking(X), [], "1.05", "ask 1.05"),
        (asking(X, retry={"attempts": 3}), [], "3.15", "ask 1.05 × 3 attempts = 3.15"),  # noqa: RUF001
        (asking(X, map={"over": "input.l", "max_items": 7}), [], "7.35", "ask 1.05 × 7 items = 7.35"),  # noqa: RUF001
        (
            asking(X, retry={"attempts": 2}, map={"over": "input.l", "max_items": 3}),
            [{"from": "ask", "to": "ask", "max_iterations": 4}],
            "25.2",
            "ask 1.05 × 2 attempts × 4 rounds × 3 items = 25.2",  # noqa: RUF001
        ),
    ],
)
def test_the_worst_case_of_a_run_is_held_against_the_limit(
    node: Spec, edges: list[Spec], cost: str, words: str
) -> None:
    known = catalog(m=model(PRICED), p=OPEN)
    below = str(Decimal(cost) - Decimal("0.01"))
    fault = only(known, flow(edges, ask=node, spec=limit(below)))
    assert (fault.code, fault.path) == ("cost_limit_exceeded", ("cost_limit", "amount"))
    assert fault.message == f"a run may cost {cost} USD, and the limit is {below}: {words}"
    assert faults(known, flow(edges, ask=node, spec=limit(cost))) == []
    assert faults(known, flow(edges, ask=node)) == []


def test_loops_inside_of_loops_multiply_and_nodes_beside_them_run_once() -> None:
    edges: list[Spec] = [
        {"from": "before", "to": "outer"},
        {"from": "outer", "to": "inner"},
        {"from": "inner", "to": "inner", "max_iterations": 3},
        {"from": "inner", "to": "outer_end"},
        {"from": "outer_end", "to": "outer", "max_iterations": 5},
    ]
    nodes = dict.fromkeys(("before", "outer", "inner", "outer_end"), asking(X))
    spec = flow(edges, **nodes, spec=limit("1"))
    message = only(catalog(m=model(PRICED), p=OPEN), spec).message
    assert message.endswith(
        "1: inner 1.05 × 15 rounds = 15.75; outer 1.05 × 5 rounds = 5.25; "  # noqa: RUF001
        "outer_end 1.05 × 5 rounds = 5.25; before 1.05"  # noqa: RUF001
    )
    assert message.startswith("a run may cost 27.3 USD")


def test_every_model_of_the_chain_may_be_asked_and_an_answer_with_a_schema_twice() -> None:
    dear = {"currency": "USD", "input_per_1k": 10, "output_per_1k": 20}
    models = {"m": model(PRICED), "m_dear": model(dear), "a": {"model": "m", "fallbacks": ["m-dear"]}}
    spec = flow(ask=asking(X, config={"model": "a"}), spec=limit("1"))
    assert "a run may cost 11.55 USD" in only(catalog(p=OPEN, **models), spec).message
    shaped = {**OPEN, "parameters": {"max_output_tokens": 50, "response_schema": {"type": "object"}}}
    assert "a run may cost 22.05 USD" in only(catalog(p=shaped, **models), spec).message


def test_the_dearest_of_a_models_prices_counts() -> None:
    later = {"currency": "USD", "input_per_1k": 2, "output_per_1k": 4, "since": "2030-01-01"}
    known = catalog(m=model([PRICED, later]), p=OPEN)
    assert "a run may cost 2.1 USD" in only(known, flow(ask=asking(X), spec=limit("1"))).message


def test_a_prompt_whose_length_is_bounded_is_cheaper_than_the_window() -> None:
    bounded = prompt("Hi {{ x }}", variables={"x": {"schema": {"type": "string", "maxLength": 10}}})
    # 3 bytes, 40 for the variable, 128 + 16 around: 187 / 1000 * 1, and 0.1 for the answer
    assert faults(catalog(m=model(PRICED), p=bounded), flow(ask=asking(X), spec=limit("0.287"))) == []
    assert "0.287" in only(catalog(m=model(PRICED), p=bounded), flow(ask=asking(X), spec=limit("0.286"))).message


def test_sub_workflows_are_added_with_their_attempts() -> None:
    child = flow(ask=asking(X, retry={"attempts": 2}))
    known = catalog(m=model(PRICED), p=OPEN, w_child=child)
    spec = flow(ask=asking(X), part=running("w-child", X, retry={"attempts": 2}), spec=limit("5"))
    fault = only(known, spec)
    assert fault.message == "a run may cost 5.25 USD, and the limit is 5: part 2.1 × 2 attempts = 4.2; ask 1.05"  # noqa: RUF001
    assert faults(known, {**spec, **limit("5.25")}) == []


def test_other_currencies_do_not_add_up_unless_they_are_free() -> None:
    spec = flow(ask=asking(X), spec=limit("100", "EUR"))
    fault = only(catalog(m=model(PRICED), p=OPEN), spec)
    assert (fault.code, fault.path) == ("cost_currency", ("cost_limit", "currency"))
    assert faults(catalog(m=model(), p=OPEN), spec) == []
    assert faults(catalog(m=model(PRICED), p=OPEN), flow(ask=asking(X), spec=limit("100"))) == []


# sub-workflows

ADULT = {
    "type": "object",
    "required": ["name", "age"],
    "additionalProperties": False,
    "properties": {"name": {}, "age": {"default": 18}, "nick": {}},
}
REST = flow(rest={"type": "template"})


def test_a_sub_workflow_is_given_what_its_input_requires_and_nothing_else() -> None:
    known = catalog(w_child={**REST, "input": ADULT})
    assert told(known, flow(part=running("w-child"))) == ["workflow_input_missing nodes.part.input"]
    fault = only(known, flow(part=running("w-child", {"name": "'Ada'", "nik": "'A'"})))
    assert (fault.code, fault.path) == ("workflow_input_unknown", ("nodes", "part", "input", "nik"))
    assert fault.hint == "did you mean nick?"
    assert faults(known, flow(part=running("w-child", {"name": "'Ada'", "nick": "'A'"}))) == []
    assert faults(catalog(w_child=REST), flow(part=running("w-child", {"nik": "'A'"}))) == []


def test_a_sub_workflow_may_not_take_longer_than_its_node_waits() -> None:
    known = catalog(w_child={**REST, "timeout_ms": 5_000})
    fault = only(known, flow(part=running("w-child", timeout_ms=4_999)))
    assert (fault.code, fault.path) == ("timeouts_cannot_hold", ("nodes", "part", "timeout_ms"))
    assert "may take 5000 ms, and node part waits 4999 ms" in fault.message
    assert faults(known, flow(part=running("w-child", timeout_ms=5_000))) == []
    assert told(known, flow(part=running("w-child"), spec={"timeout_ms": 4_000})) == [
        "timeouts_cannot_hold nodes.part.timeout_ms"
    ]
    assert faults(known, flow(part=running("w-child"))) == []


def test_workflows_that_lead_back_to_themselves_are_told_with_the_circle() -> None:
    known = catalog(w=REST, w_a=flow(next=running("w-b")), w_b=flow(next=running("w")))
    fault = only(known, flow(part=running("w-a"), spec=limit("1")))
    assert (fault.code, fault.path) == ("workflow_recursion", ("nodes", "part", "config", "workflow"))
    assert "in a circle: w → w-a@1 → w-b@1 → w@1" in fault.message
    assert faults(catalog(w_a=flow(next=running("w-b")), w_b=REST), flow(part=running("w-a"))) == []


def test_a_circle_below_is_found_too() -> None:
    known = catalog(w_a=flow(next=running("w-b")), w_b=flow(next=running("w-a")))
    assert told(known, flow(part=running("w-a"))) == ["workflow_recursion nodes.part.config.workflow"]


def test_another_version_of_a_workflow_above_is_a_circle_as_the_router_has_it() -> None:
    known = catalog(w=[REST, REST])
    for ref in ("w", "w@1"):
        assert told(known, flow(part=running(ref))) == ["workflow_recursion nodes.part.config.workflow"]


def deep(levels: int) -> Catalog:
    """w-1 runs w-2, and so on; each twice, so that there are many ways down."""
    chain = {
        f"w_{level}": flow(one=running(f"w-{level + 1}"), two=running(f"w-{level + 1}")) for level in range(1, levels)
    }
    return catalog(**chain, **{f"w_{levels}": REST})


def test_workflows_run_each_other_eight_deep() -> None:
    assert faults(deep(8), flow(part=running("w-1"))) == []
    fault = only(deep(9), flow(part=running("w-1")))
    assert (fault.code, fault.message[:27]) == ("workflow_recursion", "9 workflows below each othe")


def test_of_many_ways_down_each_workflow_is_looked_at_once() -> None:
    wide = {}
    for level in range(1, 8):
        nodes: dict[str, Any] = {f"n{each}": running(f"w-{level + 1}", X) for each in range(40)}
        wide[f"w_{level}"] = flow(**nodes)
    known = catalog(m=model(PRICED), p=OPEN, w_8=flow(ask=asking(X)), **wide)
    spec = flow(part=running("w-1", X), spec=limit("1"))
    assert f"a run may cost {40**7 * 105 // 100} USD" in only(known, spec).message
