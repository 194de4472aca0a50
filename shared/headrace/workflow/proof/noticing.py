"""What has() finds of nodes that may still be running: when it can, and when it must. Pure.

Whether a node that need not be waited for has ended is free, within what order demands: claims about one variable for
each node and each place that asks for it. A node's input may be looked at late: when it is tried again, or was held.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING

from headrace.workflow.proof.places import Place, View

if TYPE_CHECKING:
    from headrace.workflow.proof.world import World


def claim(world: "World", name: str, place: Place) -> None:
    """What is certain about a node that is asked for at a place."""
    assert place.node is not None
    noticed, started = world.noticed[name, place], world.all.started[name]
    early = world.reached(place, world.hanging(name, place.node))
    world.formulas.claim(-noticed, started)
    world.formulas.claim(-world.reached(place, world.all), -started, early, noticed)
    for other in world.claimed[place]:
        _in_order(world, name, other, place)
        _in_order(world, other, name, place)
    for there in world.claimed_of[name]:
        _still(world, name, place, there)
        _still(world, name, there, place)
    world.claimed[place].append(name)
    world.claimed_of[name].append(place)


def recall(world: "World", before: "World", later: int, body: Collection[str], recalled: set[tuple[int, int]]) -> None:
    """What was noticed in the round before is so in the next one; outside of the loop, both are the same moment.

    recalled: the pairs of variables that this was claimed of.
    """
    for (name, place), earlier in before.noticed.items():
        for (other, there), now in world.noticed.items():
            if other != name or (earlier, now) in recalled:
                continue
            recalled.add((earlier, now))
            if place == there and place.node not in body:
                world.formulas.claim(-earlier, now)
                world.formulas.claim(earlier, -now)
            elif place.node in body and there.node in body and name not in body:
                world.formulas.claim(-later, -earlier, -world.reached(there, world.all), now)


def _in_order(world: "World", name: str, later: str, place: Place) -> None:
    """Where a node is noticed, so is each that it had to wait for."""
    if name in world.flow.before[later]:
        early = world.hanging(name, later).started[later]
        known, noticed = world.noticed[later, place], world.noticed[name, place]
        world.formulas.claim(-known, -world.all.started[name], early, noticed)


def _still(world: "World", name: str, place: Place, later: Place) -> None:
    """What is noticed at one place is so at each that is reached after it."""
    assert place.node is not None
    assert later.node is not None
    noticed, known = world.noticed[name, place], world.noticed[name, later]
    if place.node == later.node and later.ended and not place.ended:
        world.formulas.claim(-noticed, -world.reached(later, world.all), known)
    elif place.node in world.flow.before[later.node]:
        early = world.reached(later, world.hanging(place.node, later.node))
        both = (-world.reached(place, world.all), -world.reached(later, world.all))
        world.formulas.claim(-noticed, *both, early, known)


def because(world: "World", names: Collection[str], place: Place, view: View) -> int:
    """Joins on the way from nodes to a place were completed by what is noticed there."""
    if place.node is None:
        return world.formulas.true
    ways = {
        each for name in names if name in world.flow.before[place.node] for each in world.flow.between(name, place.node)
    }
    parts = []
    for name in sorted(ways):
        needed = world.flow.needed(name)
        if needed is not None:
            passed = view.started[name] if name == place.node else world.notices(name, place, view)
            by = [
                world.formulas.both(world.notices(source, place, view), view.taken[source, name])
                for source in world.flow.sources[name]
            ]
            parts.append(world.formulas.either(-passed, world.formulas.at_least(needed, by)))
    return world.formulas.both(*parts)
