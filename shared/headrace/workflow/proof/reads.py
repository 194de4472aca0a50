"""What an expression needs to be there, and under which condition it comes to look at it."""

from collections.abc import Iterator
from typing import NamedTuple

from headrace.expression.tree import Call, Loop, Member, Tree, children
from headrace.workflow.proof.flow import Flow, Reference, reference


class Need(NamedTuple):
    """Something that must be there whenever `when` is true."""

    what: Reference
    when: int


class Reader:
    """Needs of expressions at one place, where these nodes are decided."""

    def __init__(self, flow: Flow, place: str, decided: frozenset[str]) -> None:
        self._flow = flow
        self._place = place
        self._decided = decided
        self._leaf = flow.leaf(place, decided)

    def there(self, what: Reference) -> int:
        """It is there."""
        return self._flow.there(self._place, self._decided, what)

    def needs(self, tree: Tree, when: int) -> Iterator[Need]:
        """What a tree needs that is looked at when this is true."""
        if (found := reference(tree)) is not None:
            yield from self._mentioned(found, when)
            return
        match tree:
            case Call("_?_:_", (asked, yes, no)):
                holds = self._holds(asked)
                yield from self.needs(asked, when)
                yield from self.needs(yes, self._both(when, holds))
                yield from self.needs(no, self._both(when, -holds))
            case Call(("_&&_" | "_||_") as function, parts):
                sign = 1 if function == "_&&_" else -1
                for part in parts:  # what is wrong on one side does not matter when the other one decides
                    others = [sign * self._holds(other) for other in parts if other is not part]
                    yield from self.needs(part, self._both(when, *others))
            case Member(of, _, True) if isinstance(of, Member):
                yield from self.needs(of, when)
            case Loop():
                yield from self._loop(tree, when)
            case _:
                for child in children(tree):
                    yield from self.needs(child, when)

    def _loop(self, tree: Loop, when: int) -> Iterator[Need]:
        for part in (tree.range, tree.first, tree.step, tree.result):
            yield from self.needs(part, when)

    def _mentioned(self, found: Reference, when: int) -> Iterator[Need]:
        """has(nodes.a) needs nothing, has(nodes.a.output) needs nodes.a, and all else what it says."""
        if not found.has:
            yield Need(found, when)
        elif found.field:
            yield Need(Reference(found.variable, found.node, "", False), when)

    def _holds(self, tree: Tree) -> int:
        return self._flow.conditions.of(tree, self._leaf)

    def _both(self, *parts: int) -> int:
        return self._flow.formulas.both(*parts)
