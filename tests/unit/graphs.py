"""Random workflows that compile, with everything that the engine knows: for hypothesis."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

MOST_NODES = 6
WAITING = {"config": {"signal": "s"}, "type": "wait", "output": {"required": ["yes"]}}
KINDS: dict[str, dict[str, Any]] = {
    "work": {"type": "template"},
    "wait": WAITING,
    "patient": {**WAITING, "config": {"signal": "s", "default": {"yes": True}}},
    "delay": {"type": "delay", "input": {"ms": "300"}},
    "child": {"type": "workflow", "config": {"workflow": "child"}, "input": {"yes": "input.yes"}},
    "map": {"type": "template", "input": {"x": "item"}, "map": {"over": "[1, 2, 3]", "concurrency": 2}},
    "bearing": {"type": "template", "map": {"over": "[input.yes, 2]", "max_failures": 1}},
}
CHILD = {"nodes": {"a": {"type": "template"}}, "output": {"yes": "true"}}
MAPPED = {"map", "bearing"}
MANY = ["work"] * 4 + [*KINDS]


@st.composite
def workflows(draw: st.DrawFn, *, plain: bool = False, kinds: Sequence[str] = MANY) -> dict[str, Any]:
    """Graphs of up to six nodes, some of which are loops of three: edges lead forwards but for those of loops.

    plain: of work, edges and joins of all or any, and nothing else. kinds: of nodes, from KINDS.
    """
    count = draw(st.integers(1, MOST_NODES))
    drawn = [draw(st.sampled_from(["work"] if plain else kinds)) for _ in range(count)]
    edges = [edge for source in range(count) for edge in draw(_edges_from(source, count, drawn[source]))]
    nodes = {f"n{number}": draw(_node(kind)) for number, kind in enumerate(drawn)}
    for number in range(0 if plain else count):
        if shape := draw(st.sampled_from(["", "", "", "", "alone", "body", "race"])):
            _loop(nodes, edges, f"n{number}", shape, draw(st.integers(1, 3)), drawn[number] in MAPPED)
    if plain:
        edges = [edge for edge in edges if "on_error" not in edge]
    else:
        _count_joins(draw, nodes, edges)
    output = {name: f"has(nodes.{name})" for name in nodes}
    return {"nodes": nodes, "edges": edges, "output": output, "timeout_ms": draw(st.sampled_from([2_000, 600_000]))}


@st.composite
def _node(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    return {
        **KINDS[kind],
        "join": draw(st.sampled_from(["all", "any"])),
        "timeout_ms": draw(st.sampled_from([500, 60_000])),
        "retry": {"attempts": draw(st.integers(1, 3)), "backoff_ms": 100, "jitter": 0.5},
    }


@st.composite
def _edges_from(draw: st.DrawFn, source: int, count: int, kind: str) -> list[dict[str, Any]]:
    later = range(source + 1, count)
    targets = draw(st.lists(st.sampled_from(later), unique=True, max_size=3)) if later else []
    edges: list[dict[str, Any]] = [{"from": f"n{source}", "to": f"n{target}"} for target in targets]
    for edge in edges:
        if condition := draw(st.sampled_from([None, None, *_conditions(source, kind)])):
            edge["when"] = condition
        elif draw(st.integers(0, 3)) == 0:
            edge["on_error"] = True
    plain = [edge for edge in edges if "when" not in edge and "on_error" not in edge]
    if plain and any("when" in edge for edge in edges) and draw(st.booleans()):
        plain[0]["else"] = True
    return edges


def _conditions(source: int, kind: str) -> list[str]:
    if kind in MAPPED:
        return ["true", f"size(nodes.n{source}.output.failed) == 0"]
    if kind == "delay":
        return ["input.yes", "!input.yes"]
    return ["true", "false", f"nodes.n{source}.output.yes", f"!nodes.n{source}.output.yes", "input.yes"]


def _loop(nodes: dict[str, Any], edges: list[dict[str, Any]], name: str, shape: str, most: int, mapped: bool) -> None:
    """Let a node go round, alone or as the last of three; in a race it does not wait for the one in the middle."""
    when = {} if mapped else {"when": "input.yes"}
    if shape == "alone":
        edges.append({"from": name, "to": name, "max_iterations": most, **when})
        return
    head, middle = f"{name}h", f"{name}m"
    for edge in edges:
        if edge["to"] == name:
            edge["to"] = head
    join = nodes[name].pop("join")
    nodes[head] = {"type": "template", "join": join, "input": {"before": f"has(previous.{middle})"}}
    again = {"again": f"has(previous.{middle})"}
    nodes[middle] = (
        {**KINDS["child"], "input": {**KINDS["child"]["input"], **again}}
        if shape == "race"
        else {"type": "template", "input": again}
    )
    edges += [{"from": head, "to": middle}, {"from": middle, "to": name}]
    if shape == "race":
        edges.append({"from": head, "to": name})
        nodes[name]["join"] = "any"
    edges.append({"from": name, "to": head, "max_iterations": most, **when})
    edges.append({"from": middle, "to": middle, "max_iterations": most})


def _count_joins(draw: st.DrawFn, nodes: dict[str, Any], edges: list[dict[str, Any]]) -> None:
    """Let some joins wait for a number of edges."""
    for name, node in nodes.items():
        sources = {edge["from"] for edge in edges if edge["to"] == name and "max_iterations" not in edge}
        if sources and draw(st.integers(0, 4)) == 0:
            node["join"] = {"n_of": draw(st.integers(1, len(sources)))}
