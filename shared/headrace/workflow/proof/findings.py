"""What is wrong with the flow of a workflow, each with a run in which it goes wrong."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from headrace.fault import Fault
from headrace.nodes import DELAY, NODE_TYPES
from headrace.workflow.model import CompiledWorkflow, Node
from headrace.workflow.proof.flow import Flow, Reference, facts
from headrace.workflow.proof.formulas import Example, Formulas, holds
from headrace.workflow.proof.places import OUTPUT, Place, edge_index, places
from headrace.workflow.proof.reads import Need, Reader
from headrace.workflow.spec import Quorum

MOST_FINDINGS = 100
"""Nobody reads more of one workflow at once."""


@dataclass(frozen=True)
class Finding:
    """A fault, and a run in which it shows, if it does not in all."""

    fault: Fault
    flow: Flow | None = None
    example: Example | None = None

    @property
    def facts(self) -> Mapping[str, bool]:
        """What is true and what is not in that run, in CEL."""
        return facts(self.flow, self.example) if self.flow and self.example else {}


def findings(workflow: CompiledWorkflow) -> list[Finding]:
    """The first hundred, kind by kind."""
    formulas = Formulas()
    try:
        return list(islice(_all(Flow(workflow, formulas)), MOST_FINDINGS))
    finally:
        formulas.close()


def _all(flow: Flow) -> Iterator[Finding]:
    expressions = list(places(flow))
    yield from _unreachable(flow)
    yield from _without_else(flow)
    for place in expressions:
        yield from _missing(flow, place)
    yield from map(Finding, _dead_ends(flow.workflow, expressions))
    yield from map(Finding, _too_long(flow.workflow))


def _unreachable(flow: Flow) -> Iterator[Finding]:
    """Nodes that no run starts, but for those that only others of them lead to."""
    never: set[str] = set()
    for name in flow.order:
        if flow.formulas.possible(flow.runs[name]):
            continue
        node = flow.workflow.nodes[name]
        never.add(name)
        if never.issuperset(node.sources):
            continue
        if isinstance(node.spec.join, Quorum) and node.spec.join.n_of > 1:
            message = f"{name} waits for {node.spec.join.n_of} edges, and no run takes so many: it never starts"
            hint = "ask for fewer, or mend the conditions that exclude each other"
            yield Finding(Fault("join_never_completes", ("nodes", name, "join"), message, hint))
        else:
            message = f"no run starts {name}: the conditions on the way to it can't all be true"
            yield Finding(
                Fault("unreachable_node", ("nodes", name), message, "mend the conditions, or remove the node")
            )


def _without_else(flow: Flow) -> Iterator[Finding]:
    """Nodes after which nothing may follow although something should."""
    for name in flow.order:
        edges = [edge for edge in flow.workflow.nodes[name].edges if not edge.on_error]
        if not edges or any(edge.when is None for edge in edges):
            continue
        taken = [flow.taken[name, edge.target, False] for edge in edges]
        example = flow.formulas.example(flow.ends_well(name), *(-edge for edge in taken))
        if example is None:
            continue
        flow.formulas.claim(-flow.ends_well(name), *taken)  # so that what follows from it is not told as well
        asked = " and ".join(f"`{edge.when.text}`" for edge in edges if edge.when)
        are = {1: "is", 2: "are both"}.get(len(edges), "are all")
        message = f"if {asked:.300} {are} false, nothing follows {name}: what comes after it is skipped without a word"
        path = ("edges", edge_index(flow.workflow, name, edges[0].target, on_error=False))
        hint = f"add an edge from {name} with `else: true`, to where such a run should go"
        yield Finding(Fault("missing_else", path, message, hint), flow, example)


def _missing(flow: Flow, place: Place) -> Iterator[Finding]:
    """What an expression looks at that may not be there."""
    if not flow.formulas.possible(place.when):
        return
    reader = Reader(flow, place.node, place.decided)
    told: set[Reference] = set()
    for need in reader.needs(place.expression.tree, place.when):
        example = flow.formulas.example(need.when, -reader.there(need.what))
        if example is not None and need.what not in told:
            told.add(need.what)
            yield Finding(_maybe_not_run(flow, place, need, example), flow, example)


def _maybe_not_run(flow: Flow, place: Place, need: Need, example: Example) -> Fault:
    what = need.what
    seen = f"{what.variable}.{what.node}"
    whole = f"{seen}.{what.field}" if what.field else seen
    if what.variable == "previous":
        message = f"in the first round there is no {whole}: the expression fails, and the node with it"
        return Fault("maybe_not_run", place.path, message, f"ask first: has({seen}) ? {whole} : …")
    if what.field == "error" and not any(edge.on_error for edge in flow.workflow.nodes[what.node].edges):
        message = f"there never is a {whole}: when {what.node} fails, the run does"
        return Fault("maybe_not_run", place.path, message, f"add an edge from {what.node} with `on_error: true`")
    asked = f"has({seen}) && has({whole})" if _may_fail(flow, what) else f"has({seen})"
    message = (
        f"{whole} may not be there: {_reason(flow, place, what, example)}; the expression fails, and the run with it"
    )
    return Fault("maybe_not_run", place.path, message, f"ask first: {asked} ? {whole} : …")


def _may_fail(flow: Flow, what: Reference) -> bool:
    return bool(what.field) and any(edge.on_error for edge in flow.workflow.nodes[what.node].edges)


def _reason(flow: Flow, place: Place, what: Reference, example: Example) -> str:
    """Why a node that is looked at has not led to anything, or not to this, in an example."""
    if what.node not in place.decided:
        where = place.node if place.node == OUTPUT else f"node {place.node}"
        return f"{what.node} may still be under way when {where} is reached by another edge"
    if holds(example, flow.runs[what.node]):
        return f"{what.node} may {'fail' if what.field == 'output' else 'end well'}"
    return f"{what.node} is skipped if {_untaken(flow, what.node, example)}"


def _untaken(flow: Flow, name: str, example: Example) -> str:
    """Which condition keeps a run from a node in an example."""
    node = flow.workflow.nodes[name]
    if (node.needed or 1) > 1:
        return f"fewer than {node.needed} of the edges to {name} are taken"
    for source in node.sources:
        if not holds(example, flow.runs[source]):
            continue
        for edge in flow.workflow.nodes[source].edges:
            if edge.target == name and not holds(example, flow.taken[source, name, edge.on_error]):
                return _why_not(source, edge.when.text if edge.when else "", edge.otherwise, edge.on_error)
    return _untaken(flow, next(source for source in node.sources if not holds(example, flow.runs[source])), example)


def _why_not(source: str, when: str, otherwise: bool, on_error: bool) -> str:
    if on_error:
        return f"{source} ends well"
    if otherwise:
        return f"a condition beside the `else` of {source} is true"
    return f"`{when:.200}` is false" if when else f"{source} fails"


def _dead_ends(workflow: CompiledWorkflow, expressions: list[Place]) -> Iterator[Fault]:
    """Nodes that work for nobody: no edge leads on, and nothing reads what they put out."""
    read = {name for place in expressions for name in (*place.expression.nodes, *place.expression.previous)}
    for name, node in workflow.nodes.items():
        ends = not node.edges and name not in workflow.loops
        if ends and name not in read and not NODE_TYPES[node.spec.type].routed and not _only(workflow, node):
            message = f"nothing reads what {name} puts out, and no edge leads on from it: it works for nobody"
            hint = f"use nodes.{name}.output in the workflow's output, or remove the node"
            yield Fault("dead_end", ("nodes", name), message, hint)


def _only(workflow: CompiledWorkflow, node: Node) -> bool:
    """Whether a node is all there is."""
    return len(workflow.nodes) == 1 and not node.sources


def _too_long(workflow: CompiledWorkflow) -> Iterator[Fault]:
    """Nodes that may take longer than the run."""
    most = workflow.spec.timeout_ms
    for name, node in workflow.nodes.items():
        given = node.spec.timeout_ms
        if given is not None and given > most:
            message = (
                f"{name} may take {given} ms, and the whole run {most} ms: the run ends before the node's time is up"
            )
            hint = f"give the workflow a longer timeout_ms than {given}, or the node a shorter one"
            yield Fault("timeouts_cannot_hold", ("nodes", name, "timeout_ms"), message, hint)
        elif node.spec.type == DELAY and (ms := _constant(node)) is not None and ms > most:
            message = f"{name} lasts {ms:g} ms, and the whole run {most} ms: the run ends before it is over"
            hint = f"give the workflow a longer timeout_ms than {ms:g}"
            yield Fault("timeouts_cannot_hold", ("nodes", name, "input", "ms"), message, hint)


def _constant(node: Node) -> float | None:
    value = getattr(dict(node.input)["ms"].tree, "value", None)
    return value if isinstance(value, int | float) else None
