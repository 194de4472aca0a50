"""Random workflows: what is proven of their control flow is held to simulated runs."""

import random
import re
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import pairwise, product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.expression import Data, ExpressionError, compile_expression
from headrace.workflow import compile_workflow
from headrace.workflow.proof import Example, Finding, findings
from headrace.workflow.spec import WorkflowSpec
from tests.unit import simulated
from tests.unit.simulated import Chances, Simulation

GRAPHS = 200
"""Random workflows, in each of the two tests, unless a profile has more."""
TRIED = settings(max_examples=max(GRAPHS, settings().max_examples), deadline=None)
RUNS = 8
"""Simulated runs of each, and of each fault's example."""
TRIES = 10_000
"""Runs of which one must show an example: some need two nodes to be slow, and another to fail and be tried again."""
SHOWN = {"maybe_not_run", "maybe_left_out", "missing_else"}
ALWAYS = {"unreachable_node", "join_never_completes"}
LATE = 0.3
INPUT = {
    "properties": {name: {"type": "boolean" if name in "abc" else "number"} for name in "abcxy"},
    "required": ["a", "b", "x", "y"],
}
GIVEN = [
    {"a": a, "b": b, "x": x / 2, "y": y, **c}
    for a, b, x, y, c in product(
        *((True, False), (True, False), range(2, 13), (0.5, 2, 3, 4, 5, 7.5), ({}, {"c": True}, {"c": False})),
    )
]


compiled = lru_cache(maxsize=None)(compile_expression)
simulated.compile_expression = compiled  # type: ignore[attr-defined]


@st.composite
def workflows(draw: st.DrawFn) -> WorkflowSpec:
    """Up to five parts, each a node or a loop, with edges that lead forwards."""
    heads: list[str] = []
    nodes: dict[str, dict[str, Any]] = {}
    edges: list[dict[str, Any]] = []
    tails: list[str] = []
    for number in range(draw(st.integers(2, 5))):
        head, tail = _part(draw, f"n{number}", nodes, edges)
        for source in draw(st.lists(st.sampled_from(tails), unique=True, max_size=3)) if tails else []:
            edges.append({"from": source, "to": head})
            if draw(st.integers(0, 5)) == 0:
                edges[-1]["on_error"] = True
        heads.append(head)
        tails.append(tail)
    for source in nodes:
        _label(draw, source, [edge for edge in edges if edge["from"] == source], edges)
    for name, node in nodes.items():
        sources = {edge["from"] for edge in edges if edge["to"] == name and "max_iterations" not in edge}
        joins: list[Any] = ["all", "all", "any", *({"n_of": count} for count in range(1, len(sources) + 1))]
        node["join"] = draw(st.sampled_from(joins))
        node["input"] = {f"i{at}": draw(_text(name, edges)) for at in range(draw(st.integers(0, 2)))}
    output = {f"o{at}": draw(_text("", edges, [*nodes])) for at in range(draw(st.integers(1, 2)))}
    spec = {"input": INPUT, "nodes": nodes, "edges": edges, "output": output}
    compile_workflow(spec)
    return WorkflowSpec.model_validate(spec)


def _part(draw: st.DrawFn, name: str, nodes: dict[str, Any], edges: list[dict[str, Any]]) -> tuple[str, str]:
    """A node, or a loop of one, two or three: its first and its last node."""
    shape = draw(st.sampled_from(["node", "node", "node", "alone", "two", "three"]))
    made = {"two": [f"{name}h", name], "three": [f"{name}h", f"{name}m", name]}.get(shape, [name])
    nodes.update({each: {"type": "template"} for each in made})
    edges += [{"from": one, "to": other} for one, other in pairwise(made)]
    if shape == "three":
        edges.append({"from": made[0], "to": name})
    if shape != "node":
        edges.append({"from": name, "to": made[0], "max_iterations": draw(st.integers(1, 3))})
    return made[0], name


def _label(draw: st.DrawFn, source: str, own: list[dict[str, Any]], edges: list[dict[str, Any]]) -> None:
    """Give a node's edges conditions."""
    for edge in own:
        if draw(st.booleans()):
            edge["when"] = draw(_condition(source, edges, failed="on_error" in edge))
    usual = [edge for edge in own if "on_error" not in edge and "max_iterations" not in edge]
    plain = [edge for edge in usual if "when" not in edge]
    if plain and any("when" in edge for edge in usual) and draw(st.booleans()):
        plain[0]["else"] = True


@st.composite
def _condition(draw: st.DrawFn, source: str, edges: list[dict[str, Any]], *, failed: bool) -> str:
    own = f"nodes.{source}.error.code == 'broken'" if failed else f"nodes.{source}.output.yes"
    known = [
        "input.a",
        "!input.a",
        "input.x < 5",
        "input.x >= 5",
        "input.x == 3",
        "input.x in [2, 4]",
        *("input.x < input.y", "input.x == input.y", "input.x > input.y", "has(input.c) && input.c"),
        own,
        f"!({own})",
    ]
    joined = [
        "input.c",
        "input.a && input.x < 5",
        "input.a || input.b",
        "input.a ? input.b : input.x > 3",
        "true",
        "false",
    ]
    asked = [
        text
        for name in _upstream(source, edges)
        for text in (f"has(nodes.{name})", f"!has(nodes.{name})", f"has(nodes.{name}) && nodes.{name}.output.yes")
    ]
    return str(draw(st.sampled_from([*known * 2, *joined, *asked])))


@st.composite
def _text(draw: st.DrawFn, place: str, edges: list[dict[str, Any]], names: list[str] | None = None) -> str:
    """An expression that reads a node."""
    seen = names or _upstream(place, edges)
    again = _loop(place, edges)
    wants: bool = draw(st.booleans())
    if again and wants:
        one, other = draw(st.sampled_from(again)), draw(st.sampled_from(again))
        reading = f"previous.{one}.output.yes"
        return str(draw(st.sampled_from([reading, f"has(previous.{other}) ? {reading} : 1"])))
    if not seen or draw(st.integers(0, 9)) == 0:
        return str(
            draw(st.sampled_from(["input.x", "input.c", "has(input.c) ? input.c : input.a", "input.a ? input.c : 0"]))
        )
    one, other = draw(st.sampled_from(seen)), draw(st.sampled_from(seen))
    reading = draw(st.sampled_from([f"nodes.{one}.output.yes"] * 3 + [f"nodes.{one}.error.code", f"nodes.{one}"]))
    guards = [
        f"has(nodes.{other})",
        f"has(nodes.{one})",
        f"has(nodes.{one}) && has(nodes.{one}.output)",
        "input.a",
        "input.x < 5",
    ]
    guard = str(draw(st.sampled_from(["", *guards])))
    return f"{guard} ? {reading} : null" if guard else str(reading)


def _upstream(name: str, edges: list[dict[str, Any]]) -> list[str]:
    found: list[str] = []
    left = [name]
    for here in left:
        for edge in edges:
            if edge["to"] == here and "max_iterations" not in edge and edge["from"] not in found:
                found.append(edge["from"])
                left.append(edge["from"])
    return found


def _loop(name: str, edges: list[dict[str, Any]]) -> list[str]:
    """The nodes of the loop that a node is in."""
    number = re.match(r"n\d+", name)
    backs = [edge for edge in edges if number and "max_iterations" in edge and edge["from"] == number[0]]
    return [
        each
        for each in dict.fromkeys(edge["from"] for edge in edges)
        if number and backs and each.startswith(number[0])
    ]


def chances(spec: WorkflowSpec, luck: random.Random, example: Example | None = None) -> Chances:
    """What a run meets, at random but for what an example says."""
    example = example or Example()
    yes = {name: {number: luck.random() < 0.5 for number in range(40)} for name in spec.nodes}
    first = luck.randrange(2, 5) if any("previous." in fact for fact in example.facts) else 0
    for fact, holds in example.facts.items():
        if found := re.fullmatch(r"(nodes|previous)\.(\w+)\.output\.yes", fact):
            rounds = range(first, 40) if found[1] == "nodes" else [first - 1]
            yes[found[2]] |= dict.fromkeys(rounds, holds)
    broken = {
        name: example.facts.get(f"nodes.{name}.error.code == 'broken'", luck.random() < 0.5) for name in spec.nodes
    }
    failing = {name for name in spec.nodes if example.failing.get(name, luck.random() < 0.4)}
    pace = {name: luck.randrange(100) for name in spec.nodes}
    if example.slow:
        pace[example.slow] = 1_000
    given = luck.choice(_fitting(frozenset(example.facts.items())))
    return Chances(
        given,
        lambda name, number: {"yes": yes[name][number % 40]},
        frozenset(failing),
        pace,
        lambda name: "broken" if broken[name] else "other",
        frozenset(name for name in spec.nodes if luck.random() < LATE),
    )


@cache
def _fitting(facts: frozenset[tuple[str, bool]]) -> list[dict[str, Any]]:
    """Inputs that are as an example says."""
    said = [(text, holds) for text, holds in facts if text.startswith(("input.", "!input.", "has(input."))]
    return [each for each in GIVEN if all(_says(each, text) is holds for text, holds in said)]


def _says(value: dict[str, Any], text: str) -> Any:
    try:
        return compiled(text).evaluate(Data(input=value))
    except ExpressionError:
        return None


def runs(spec: WorkflowSpec, luck: random.Random, count: int, example: Example | None = None) -> Iterator[Simulation]:
    return (Simulation(spec, chances(spec, luck, example)).run() for _ in range(count))


def confirmed(spec: WorkflowSpec, finding: Finding, luck: random.Random) -> bool:
    """Whether runs show a fault: one does, and all do that go on, unless it also depends on speed or on rounds."""
    problem = finding.fault.code, finding.fault.path
    example = finding.example
    if finding.fault.code in ALWAYS:
        return not any(finding.fault.path[1] in run.started for run in runs(spec, luck, RUNS))
    assert example is not None
    loose = bool(example.noticed) or any("previous" in fact for fact in example.facts) or _repeats(spec)
    shows = any(problem in run.problems for run in runs(spec, luck, TRIES, example))
    return shows and (loose or all(problem in run.problems or run.failed for run in runs(spec, luck, RUNS, example)))


def _repeats(spec: WorkflowSpec) -> bool:
    return any(edge.max_iterations for edge in spec.edges)


@TRIED
@given(workflows(), st.integers(0, 2**32))
def test_each_fault_shows_in_simulated_runs_of_its_example(spec: WorkflowSpec, seed: int) -> None:
    luck = random.Random(seed)
    for finding in findings(spec, compiled):
        if finding.fault.code in SHOWN | ALWAYS:
            assert confirmed(spec, finding, luck), finding


@TRIED
@given(workflows(), st.integers(0, 2**32))
def test_no_simulated_run_shows_what_no_fault_tells(spec: WorkflowSpec, seed: int) -> None:
    told = [(finding.fault.code, finding.fault.path) for finding in findings(spec, compiled)]
    never = {path[1] for code, path in told if code in ALWAYS}
    for run in runs(spec, random.Random(seed), RUNS):
        assert not never & {*run.started}
        known = {code for code, _ in told} & {"maybe_left_out"}  # which is told of a name at the first place
        unknown = {(code, path) for code, path in run.problems if code not in known} - {*told}
        assert not unknown or {*run.problems} & {*told}, "no more than what another fault of the same run hides"
