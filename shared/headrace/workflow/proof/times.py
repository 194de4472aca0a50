"""Time-outs that can't hold: a part that may take longer than the whole. Pure."""

from collections.abc import Iterator

from headrace.expression.tree import Constant
from headrace.fault import Fault
from headrace.nodes import DELAY
from headrace.workflow.proof.examples import Finding
from headrace.workflow.proof.flow import Flow
from headrace.workflow.proof.world import World

CODE = "timeouts_cannot_hold"


def time_faults(world: World, never: dict[str, bool]) -> Iterator[Finding]:
    """Nodes that may take longer than the run, and those that can begin only after the run's time."""
    flow = world.flow
    for name in flow.order:
        if fault := _own(flow, name):
            yield Finding(fault)
    yield from _delays(world, never)


def _own(flow: Flow, name: str) -> Fault | None:
    node, most = flow.spec.nodes[name], flow.spec.timeout_ms
    if node.timeout_ms is None or node.type == DELAY or node.timeout_ms <= most:
        return None
    message = (
        f"{name} may take {node.timeout_ms} ms, and the run at most {most} ms: the run times out before {name} does"
    )
    hint = f"raise the workflow's timeout_ms, or lower that of {name}"
    return Fault(CODE, ("nodes", name, "timeout_ms"), message, hint)


def _delays(world: World, never: dict[str, bool]) -> Iterator[Finding]:
    """Delays that end after the run's time, alone or after those that must come before them; the first on each path."""
    flow, most = world.flow, world.flow.spec.timeout_ms
    delays = {name: ms for name in flow.order if (ms := _delay(flow, name))}
    if sum(delays.values()) <= most:
        return
    ends: dict[str, float] = {}
    late: set[str] = set()
    for name in flow.order:
        start = _earliest(world, name, ends) if name not in never else 0.0
        ends[name] = start + delays.get(name, 0)
        late |= {name} if late & set(flow.sources[name]) else set()
        if ends[name] > most and name not in late and name in delays and name not in never:
            late.add(name)
            before = f" and begins after {start:.0f} ms at the earliest" if start else ""
            message = (
                f"{name} takes {delays[name]:.0f} ms{before}, and the run at most {most} ms: every run that gets there"
                " times out"
            )
            hint = f"raise the workflow's timeout_ms, or shorten {name}"
            yield Finding(Fault(CODE, ("nodes", name, "input", "ms"), message, hint))


def _earliest(world: World, name: str, ends: dict[str, float]) -> float:
    """Milliseconds of delays that must have gone by when a node starts."""
    sources = world.flow.sources[name]
    if not sources:
        return 0.0
    if world.flow.needed(name) is not None:
        return sorted(ends[source] for source in sources)[min((world.flow.needed(name) or 1), len(sources)) - 1]
    surely = [
        ends[source]
        for source in sources
        if world.formulas.possible(world.all.started[name], -world.all.started[source]) is False
    ]
    return max(surely, default=0.0) if surely else min(ends[source] for source in sources)


def _delay(flow: Flow, name: str) -> float:
    """The milliseconds of a delay, if its input is a literal."""
    if flow.spec.nodes[name].type != DELAY:
        return 0
    for text in flow.inputs(name):
        tree = text.expression.tree
        if text.path[-1] == "ms" and isinstance(tree, Constant) and tree.kind in {"int", "uint", "double"}:
            return float(tree.value or 0)
    return 0
