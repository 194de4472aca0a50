"""What an expression reads of nodes and of the input, and what must be true for it to get there. Pure.

`a ? b : c` reads b only if a is true. `a && b` does not fail if b fails and a is false, in whatever order they stand,
and `a || b` not if a is true: so each side guards the other (google/cel-spec, "Logical Operators").
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from headrace.expression.tree import Call, Constant, Member, Name, Tree, children

Guards = tuple[tuple[Tree, bool], ...]
"""Conditions, each with what it must be."""
Part = Literal["output", "error", ""]


class Reading(NamedTuple):
    """A part of a node that is looked at: of `nodes` or of `previous`. An empty part: the node as a whole.

    Or a property of the `input`.
    """

    of: str
    node: str
    part: Part = ""

    def __str__(self) -> str:
        """As it stands in the expression."""
        return ".".join(filter(None, self))


class Use(NamedTuple):
    """A reading that fails if there is nothing to read, and what guards it."""

    reading: Reading
    guards: Guards


def uses(tree: Tree, guards: Guards = ()) -> Iterator[Use]:
    """All uses in a tree."""
    if (asked := asks(tree)) and not asked.part:
        return
    if found := _reading(tree):
        yield Use(found, guards)
        return
    match tree:
        case Call("_?_:_", (when, yes, no)):
            yield from uses(when, guards)
            yield from uses(yes, (*guards, (when, True)))
            yield from uses(no, (*guards, (when, False)))
        case Call("_&&_" | "_||_" as function, (left, right)):
            yield from uses(left, (*guards, (right, function == "_&&_")))
            yield from uses(right, (*guards, (left, function == "_&&_")))
        case _:
            for child in children(tree):
                yield from uses(child, guards)


def asks(tree: Tree) -> Reading | None:
    """What has() asks for, if it asks for a node or for its output or error, or for a property of the input."""
    match tree:
        case Member(Name("input"), name, test=True):
            return Reading("input", name)
        case Member(Name("nodes" | "previous" as of), node, test=True):
            return Reading(of, node)
        case Member(Member(Name("nodes" | "previous" as of), node, test=False), "output" | "error" as part, test=True):
            return Reading(of, node, part)
    return None


def asked(tree: Tree) -> Iterator[Reading]:
    """All that has() asks for in a tree."""
    if found := asks(tree):
        yield found
    for child in children(tree):
        yield from asked(child)


def _reading(tree: Tree) -> Reading | None:
    """What a tree itself reads; of what it only asks for, the node around it."""
    match tree:
        case Member(Member(Name("nodes" | "previous" as of), node), "output" | "error" as part, test=False):
            return Reading(of, node, part)
        case Call("_[_]", (Member(Name("nodes" | "previous" as of), node), Constant(value="output" | "error" as part))):
            return Reading(of, node, part)
        case Member(Name("nodes" | "previous" | "input" as of), node):
            return Reading(of, node)
        case Call("_[_]", (Name("input"), Constant(value=str() as name))):
            return Reading("input", name)
    return None
