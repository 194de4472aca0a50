"""Nodes that no run starts, joins that nothing completes, and conditions that can all be false. Pure."""

from collections.abc import Iterator

from headrace.fault import Fault
from headrace.workflow.proof.examples import Finding, example_of
from headrace.workflow.proof.world import World


def never_started(world: World) -> dict[str, bool]:
    """Nodes that can't start, and whether each is so because of its own edges or join, not of a node before it."""
    found: dict[str, bool] = {}
    for name in world.flow.order:
        if world.formulas.possible(world.all.started[name]) is False:
            found[name] = not any(source in found for source in world.flow.sources[name])
    return found


def start_faults(world: World, never: dict[str, bool]) -> Iterator[Finding]:
    """Nodes that can't start, where it begins: what comes after them can't either, and is not told."""
    for name, own in never.items():
        needed, sources = world.flow.needed(name) or 1, world.flow.sources[name]
        if own and needed <= len(sources):
            yield Finding(_join(world, name, needed) if needed > 1 else _unreachable(world, name))


def _unreachable(world: World, name: str) -> Fault:
    sources = ", ".join(world.flow.sources[name])
    whens = [
        f"`{way.spec.when}`"
        for each in world.flow.sources[name]
        for way in world.flow.ways[each]
        if way.spec.target == name and way.spec.when
    ]
    why = f" ({', '.join(whens)} can't be true there)" if whens else ""
    message = f"no combination of conditions starts {name}: no edge from {sources} can be taken{why}, so it never runs"
    return Fault("unreachable_node", ("nodes", name), message, f"mend the conditions that lead to {name}, or remove it")


def _join(world: World, name: str, needed: int) -> Fault:
    sources = world.flow.sources[name]
    taken = [world.all.taken[source, name] for source in sources]
    most = next(
        (most for most in range(needed - 1, 0, -1) if world.formulas.possible(world.formulas.at_least(most, taken))), 0
    )
    message = (
        f"{name} waits for {needed} of the edges from {', '.join(sources)}, and at most {most} of them can be taken in"
        " one run: their conditions exclude each other, so it never runs"
    )
    hint = f"ask for {most}, or mend the conditions" if most else "mend the conditions"
    return Fault("join_never_completes", ("nodes", name, "join"), message, hint)


def else_faults(world: World, never: dict[str, bool]) -> Iterator[Finding]:
    """Nodes that can end well and lead nowhere, though they have edges: all conditions are false."""
    for name in world.flow.order:
        ways = [way for way in world.flow.ways[name] if not way.spec.on_error]
        if name in never or not ways or any(way.spec.when is None or way.when is None for way in ways):
            continue
        follows = [world.follows(way, world.all) for way in ways]
        ends = world.ends(name, world.all)
        nowhere = world.formulas.both(ends, *(-way for way in follows))
        if (example := example_of(world, nowhere, world.all)) is not None:
            whens = " and ".join(f"`{way.spec.when}`" for way in ways)
            first = f"{example}{name} ends and leads nowhere" if str(example) else f"{name} leads nowhere"
            message = f"{first}: {whens} can{' all' * (len(ways) > 1)} be false, and the run stops short there"
            hint = f"add an edge from {name} with `else: true`"
            yield Finding(Fault("missing_else", ("edges", ways[0].number), message, hint), example)
