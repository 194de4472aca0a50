"""How many bytes an evaluation may handle: an upper bound, from the sizes of its data, before anything is evaluated.

A loop's variable stands for the average element: what a body makes of an element grows at most in proportion to it, so
the sum over all elements is that of as many average ones. cel-cpp copies the list that map() and filter() have made so
far for every element that they append, so these cost the square of their length.
"""

import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from headrace.expression.tree import Call, Collection, Constant, Loop, Member, Name, Tree, walk

MOST_ITERATIONS = 10_000
"""cel-cpp's own limit for one evaluation."""
FEW_NAMES = 8
"""Mentions of data that an expression without loops may have before its work is worth an estimate."""

_SLOT = 8
"""Bytes that the smallest value counts for."""
_LAZY = {"_?_:_", "_&&_", "_||_", "!_", "@not_strictly_false", "_[_]"}
"""Operators that pass values on without looking into them."""
_SMALL = {
    *("_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "@in", "_&&_", "_||_", "!_", "@not_strictly_false"),
    *(
        "size",
        "contains",
        "startsWith",
        "endsWith",
        "matches",
        "bool",
        "int",
        "uint",
        "double",
        "timestamp",
        "duration",
    ),
}
"""Functions whose result is a truth value or a number."""

_PATTERN_STATES = 4
"""States of a regular expression that cost as much for each byte of text as a copy of it does."""
_REPEAT = re.compile(r"\{(\d+)(?:,(\d*))?\}")
_MOST_REPEATS = 1_000
"""RE2 refuses patterns that repeat something more often, nested repetitions multiplied."""

Scope = Mapping[str, "Bound"]


class Bound(NamedTuple):
    """What a value can't exceed: bytes, and elements if it is a list or a map."""

    size: float
    length: float


def worth_estimating(tree: Tree) -> bool:
    """Whether the work of evaluating a tree may exceed a few times its data."""
    parts = list(walk(tree))
    heavy = any(isinstance(part, Loop) or is_match(part) for part in parts)
    return heavy or sum(isinstance(part, Name) for part in parts) > FEW_NAMES


def is_match(tree: Tree) -> bool:
    """Whether this is a call of `matches`: a text, then a pattern."""
    return isinstance(tree, Call) and tree.function == "matches"


def estimate(tree: Tree, values: Mapping[str, Any]) -> float:
    """An upper bound of the bytes that an evaluation over these values handles, its result included."""
    work = _Work(values)
    return work.bound(tree, {}, 1).size + work.done


def size_of(value: Any) -> int:
    """Bytes of a value as JSON knows it, roughly."""
    total, left = 0, [value]
    while left:
        here = left.pop()
        total += _SLOT
        if isinstance(here, str):
            total += len(here)
        elif isinstance(here, dict):
            total += sum(_SLOT + len(key) for key in here)
            left.extend(here.values())
        elif isinstance(here, list):
            left.extend(here)
    return total


class _Work:
    """One estimate; `done` counts bytes that functions look at."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        self._known: dict[tuple[str, ...], Bound] = {}
        self.done = 0.0

    def bound(self, tree: Tree, scope: Scope, times: float) -> Bound:
        """The bound of a tree that is evaluated at most `times` times."""
        match tree:
            case Constant():
                return Bound(tree.size + _SLOT, 0)
            case Name() | Member():
                return self._reached(tree, scope, times)
            case Collection():
                parts = [self.bound(item, scope, times) for item in tree.items]
                return Bound(_SLOT + sum(part.size for part in parts), len(parts))
            case Call():
                return self._call(tree, scope, times)
        return self._loop(tree, scope, times)

    def _reached(self, tree: Name | Member, scope: Scope, times: float) -> Bound:
        """A variable, or what a path leads to."""
        path = _path(tree)
        if path and path[0] not in scope:
            return self._measured(path)
        if isinstance(tree, Name):
            return scope[tree.name]
        inside = self.bound(tree.of, scope, times)
        return Bound(_SLOT, 0) if tree.test else Bound(inside.size, inside.size / _SLOT)

    def _measured(self, path: tuple[str, ...]) -> Bound:
        if path not in self._known:
            here: Any = self._values
            for step in path:
                here = here.get(step) if isinstance(here, Mapping) else None
            self._known[path] = Bound(size_of(here), len(here) if isinstance(here, list | dict) else 0)
        return self._known[path]

    def _call(self, call: Call, scope: Scope, times: float) -> Bound:
        args = [self.bound(arg, scope, times) for arg in call.args]
        sizes = sum(arg.size for arg in args)
        if call.function not in _LAZY:
            self.done += times * sizes
        if is_match(call):
            self.done += times * args[0].size * _states(call.args[1]) / _PATTERN_STATES
        if call.function in _SMALL:
            return Bound(_SLOT, 0)
        if call.function == "_?_:_":
            return Bound(max(arg.size for arg in args[1:]), max(arg.length for arg in args[1:]))
        if call.function == "_[_]":
            return Bound(args[0].size, args[0].size / _SLOT)
        return Bound(_SLOT + sizes, sum(arg.length for arg in args))

    def _loop(self, loop: Loop, scope: Scope, times: float) -> Bound:
        over = self.bound(loop.range, scope, times)
        count = max(1.0, min(over.length, MOST_ITERATIONS))
        element = Bound(over.size / count, over.size / count / _SLOT)
        inner = {**scope, **dict.fromkeys(loop.variables, element), loop.total: Bound(0, 0)}
        often = min(times * count, max(times, MOST_ITERATIONS))
        self.bound(loop.condition, inner, often)
        step = self.bound(loop.step, inner, often)
        self.done += often * count * step.length * _SLOT / 2
        first = self.bound(loop.first, scope, times)
        total = Bound(first.size + count * step.size, first.length + count * step.length)
        return self.bound(loop.result, {**scope, loop.total: total}, times)


def _states(pattern: Tree) -> float:
    """At most as many states as RE2 makes of a pattern, each of which it may try for each byte of a text."""
    text = pattern.text if isinstance(pattern, Constant) and pattern.text else ""
    repeats = [int(most or least) for least, most in _REPEAT.findall(text)]
    if ")" in text:  # groups may be repeated, and hold repetitions
        return len(text) * min(math.prod(repeats), _MOST_REPEATS)
    return len(text) + sum(repeats)


def _path(tree: Tree) -> tuple[str, ...]:
    """The names of a plain path such as `input.a.b`; empty for anything else."""
    match tree:
        case Name():
            return (tree.name,)
        case Member(test=False):
            before = _path(tree.of)
            return (*before, tree.field) if before else ()
    return ()
