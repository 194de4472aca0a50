"""Sub-workflows: whether they end up where they came from, how deep they go, and how long they may take."""

from collections.abc import Iterator
from typing import NamedTuple

from headrace.fault import Fault
from headrace.links.known import Child, Known

DEEPEST = 8
"""Workflows below each other, the first one not counted; the router refuses more."""


def child_faults(known: Known) -> Iterator[Fault]:
    """Sub-workflows that may take longer than their node waits."""
    for child in known.children:
        waits = child.spec.timeout_ms or known.workflow.timeout_ms
        if child.workflow.timeout_ms > waits:
            message = (
                f"workflow {child.found} may take {child.workflow.timeout_ms} ms, and node {child.node} waits {waits} "
                "ms for it: a run of it that is in time by its own measure is cut off"
            )
            hint = f"raise timeout_ms here or of this workflow, or lower that of {child.found.name}"
            yield Fault("timeouts_cannot_hold", ("nodes", child.node, "timeout_ms"), message, hint)


class _Way(NamedTuple):
    """Workflows below one another, by title. circle: whether the last one was there before."""

    titles: tuple[str, ...]
    circle: bool = False

    def below(self, title: str) -> "_Way":
        return _Way((title, *self.titles), self.circle)


def nesting_faults(known: Known, name: str) -> Iterator[Fault]:
    """Nodes that lead to workflows in a circle, by their names as the router sees it, or too deep."""
    ways = _Ways(name)
    for child in known.children:
        way = ways.longest(known, child)
        path = ("nodes", child.node, "config", "workflow")
        if way.circle:
            message = f"workflows run each other in a circle: {' → '.join((name, *way.titles))}; it would never end"
            yield Fault("workflow_recursion", path, message, "run a workflow that does not lead back, or use a loop")
        elif len(way.titles) > DEEPEST:
            message = f"{len(way.titles)} workflows below each other: {' → '.join(way.titles)}"
            yield Fault("workflow_recursion", path, message, f"at most {DEEPEST} are allowed: put some into one")


class _Ways:
    """The longest way down from each workflow, found once. above: the names of those on the way here."""

    def __init__(self, name: str) -> None:
        self._above = [name]
        self._found: dict[str, _Way] = {}

    def longest(self, known: Known, child: Child) -> _Way:
        """The longest way that begins with a sub-workflow, or one that is a circle."""
        name, title = child.found.name, str(child.found)
        if name in self._above:
            return _Way((title,), circle=True)
        if title not in self._found:
            self._above.append(name)
            below = known.below(child)
            ways = [self.longest(below, one) for one in below.children]
            self._above.pop()
            longest = max(ways, key=lambda way: (way.circle, len(way.titles)), default=_Way(()))
            self._found[title] = longest.below(title)
        return self._found[title]
