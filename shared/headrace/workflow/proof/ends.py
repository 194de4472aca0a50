"""Nodes of which nothing comes. Pure.

A node counts if the run's output reads it; if a node or an edge that counts reads it; or if an edge leads from it to a
node that counts, since it decides whether and when that starts. What else counts is what a run waits for though nobody
reads it: nodes of type `wait`, `delay` and `workflow`; and where an edge with `else` or `on_error` leads, since such an
edge must lead somewhere. If the output reads no node at all, a workflow is run for what its nodes do: all count.
"""

from collections.abc import Iterator

from headrace.fault import Fault
from headrace.nodes import NODE_TYPES
from headrace.workflow.graph import reachable
from headrace.workflow.proof.examples import Finding
from headrace.workflow.proof.flow import Flow
from headrace.workflow.proof.world import World


def end_faults(world: World, never: dict[str, bool]) -> Iterator[Finding]:
    """The last nodes of paths of which nothing comes; what leads only to them is told with them."""
    flow = world.flow
    counted = _counted(flow)
    for name in flow.order:
        if name not in counted and not flow.graph[name] and name not in never:
            yield Finding(_fault(flow, name, counted))


def _fault(flow: Flow, name: str, counted: set[str]) -> Fault:
    wasted = [each for each in flow.order if each in flow.before[name] and each not in counted]
    also = f", nor of {', '.join(wasted)}, which only leads there" if wasted else ""
    message = (
        f"nothing comes of {name}{also}: neither the output nor a node that leads to it reads it, so its time and cost"
        " are for nothing"
    )
    return Fault("dead_end", ("nodes", name), message, f"read nodes.{name}.output somewhere, or remove {name}")


def _counted(flow: Flow) -> set[str]:
    """Nodes that count: whatever leads to one, by an edge or because it is read, counts too."""
    read = {name for text in flow.output() for name in text.expression.nodes} & flow.graph.keys()
    if not read:
        return set(flow.graph)
    needs = _needs(flow)
    begin = read | {name for name, node in flow.spec.nodes.items() if (of := NODE_TYPES.get(node.type)) and of.routed}
    begin |= {way.spec.target for ways in flow.ways.values() for way in ways if way.spec.otherwise or way.spec.on_error}
    return reachable({**needs, "": sorted(begin)}, "")


def _needs(flow: Flow) -> dict[str, list[str]]:
    """What each node needs: those that lead to it, and those that it, or its edges, read."""
    needs = {name: list(flow.sources[name]) for name in flow.graph}
    for way in flow.back:
        needs[way.spec.target].append(way.spec.source)
    for name in flow.graph:
        for text in flow.inputs(name):
            needs[name] += text.expression.nodes | text.expression.previous
        for way in [*flow.ways[name], *(way for way in flow.back if way.spec.source == name)]:
            if way.when is not None:
                needs[name] += way.when.nodes | way.when.previous
    return {name: [each for each in found if each in needs] for name, found in needs.items()}
