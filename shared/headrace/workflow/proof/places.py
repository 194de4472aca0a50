"""Every expression of a workflow: where it stands, when it is evaluated, and what is decided by then."""

from collections.abc import Iterator
from typing import NamedTuple

from headrace.expression import Expression
from headrace.fault import Path
from headrace.workflow.model import CompiledWorkflow, Node
from headrace.workflow.proof.flow import Flow

OUTPUT = "the run's output"


class Place(NamedTuple):
    """An expression. node: whose it is, OUTPUT for the run's. when: the formula of its being evaluated."""

    path: Path
    node: str
    expression: Expression
    when: int
    decided: frozenset[str]


def places(flow: Flow) -> Iterator[Place]:
    """All of them."""
    for name in flow.order:
        node = flow.workflow.nodes[name]
        runs, before = flow.runs[name], flow.before[name]
        for key, expression in node.input:
            yield Place(("nodes", name, "input", key), name, expression, runs, before)
        if node.over:
            yield Place(("nodes", name, "map", "over"), name, node.over, runs, before)
        yield from _conditions(flow, node)
    for key, expression in flow.workflow.output:
        yield Place(("output", key), OUTPUT, expression, flow.formulas.true, frozenset(flow.order))


def _conditions(flow: Flow, node: Node) -> Iterator[Place]:
    decided = flow.before[node.id] | {node.id}
    well = flow.ends_well(node.id)
    badly = flow.formulas.both(flow.runs[node.id], flow.fails[node.id])
    for edge in node.edges:
        if edge.when:
            path = ("edges", edge_index(flow.workflow, node.id, edge.target, edge.on_error), "when")
            yield Place(path, node.id, edge.when, badly if edge.on_error else well, decided)
    loop = flow.workflow.loops.get(node.id)
    if loop and loop.when:
        path = ("edges", edge_index(flow.workflow, node.id, loop.head, on_error=False, back=True), "when")
        yield Place(path, node.id, loop.when, well, decided)


def edge_index(
    workflow: CompiledWorkflow,
    source: str,
    target: str,
    on_error: bool,
    *,
    back: bool = False,
) -> int:
    """The place of an edge in the list of edges."""
    return next(
        index
        for index, edge in enumerate(workflow.spec.edges)
        if (edge.source, edge.target, edge.on_error) == (source, target, on_error)
        and (edge.max_iterations is not None) == back
    )
