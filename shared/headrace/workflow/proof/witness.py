"""Whether there are values of which conditions hold, or don't, together: by trying some. Pure.

Formulas know little of what operators do: to them, none of `a < b`, `a == b` and `a > b` may hold. So values are looked
for that bear an example out: those that its conditions and the schemas name, their neighbours, and a few simple ones. A
condition for which these may not be enough is left out: only what none of them makes true together is refuted.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from itertools import chain
from math import lcm
from typing import Any, NamedTuple

from headrace.expression import Data, Expression, ExpressionError, compile_expression
from headrace.expression.tree import Call, Collection, Constant, Member, Name, Tree, paths, walk
from headrace.workflow.proof.schemas import Schema, schema_of
from headrace.workflow.spec import WorkflowSpec

MOST_TRIED = 20_000
"""Values that are tried to bear out one example; then it counts as borne out."""
MOST_TRIED_IN_ALL = 100_000
"""The same for all examples of a workflow: a second or two."""
LARGEST_SIZE = 1_000
"""Characters or elements of what is made to have a size; of conditions on larger ones nothing is said."""
LARGEST_MODULUS = 100
"""Every remainder of a division by so much is tried."""
MOST_PATHS = 4
"""Values that conditions are about together; of those about more nothing is said."""
MOST_NUMBERS = 12
"""Numbers whose sums and differences are tried."""
MOST_TEXTS = 3
"""Texts that are put together in every order; of conditions that look for more nothing is said."""

_NAMES = frozenset({"input", "nodes", "previous", "run"})
_BETWEEN = frozenset({"_<_", "_<=_", "_>_", "_>=_", "_==_", "_!=_", "_+_", "_-_", "-_", "_&&_", "_||_", "!_", "_?_:_"})
_WITHIN = frozenset({"contains", "startsWith", "endsWith"})
_SIMPLE: tuple[Any, ...] = (0, 1, -1, 2, "", "x", "!", "y", "z", True, False, None, [], ["x"], {}, {"x": "x"}, 0.5)
_ABSENT = object()

Steps = tuple[str | int, ...]


class Fact(NamedTuple):
    """What is said of values: a condition, whether it holds, and what it looks at."""

    text: str
    expression: Expression
    holds: bool
    looks: frozenset[Steps]


class Witnesses:
    """Looks for values, for a while."""

    def __init__(self, spec: WorkflowSpec) -> None:
        self._spec = spec
        self._schemas: dict[Steps, Schema] = {}
        self._left = MOST_TRIED_IN_ALL

    def refuted(self, facts: Mapping[str, bool]) -> frozenset[str]:
        """Some of these facts, in CEL, of which no values were found; none if they may all be so."""
        understood = [fact for fact in _understood(facts) if not any(self._of(steps).hard for steps in fact.looks)]
        for group in _groups(understood):
            looked_at = {steps for fact in group for steps in fact.looks}
            if len(looked_at) > MOST_PATHS:
                continue
            candidates = self._candidates(sorted(looked_at, key=lambda steps: (len(steps), repr(steps))), group)
            if not all(candidates.values()):
                continue
            budget = min(MOST_TRIED, self._left)
            search = _Search(group, candidates, budget)
            found = search.found({})
            self._left -= budget - search.left
            if not found:
                return frozenset(fact.text for fact in group)
        return frozenset()

    def _of(self, steps: Steps) -> Schema:
        if steps not in self._schemas:
            self._schemas[steps] = schema_of(self._spec, steps)
        return self._schemas[steps]

    def _candidates(self, looked_at: Sequence[Steps], group: Sequence[Fact]) -> dict[Steps, list[Any]]:
        """Values that each of these may have, the likelier first."""
        constants, sizes, moduli = _named_in(group)
        bounds = [value for steps in looked_at for value in self._of(steps).named()]
        likely = [*_near(constants, sizes, moduli), *_spread([*constants, *bounds], len(looked_at))]
        return {steps: self._fitting(steps, likely, sizes) for steps in looked_at}

    def _fitting(self, steps: Steps, likely: Iterable[Any], sizes: Iterable[int]) -> list[Any]:
        schema = self._of(steps)
        lists = (schema.list_of(size) for size in (0, 1, 2, *sizes, *schema.sizes))
        different = {repr(value): value for value in (*schema.named(), *likely, *lists, *_SIMPLE)}.values()
        fitting = [value for value in different if schema.allows(value)]
        return fitting if schema.required or isinstance(steps[-1], int) else [*fitting, _ABSENT]


class _Search:
    """Values for all paths, one after the other; what can be evaluated by then must be so. left: what may be tried."""

    def __init__(self, facts: Sequence[Fact], candidates: Mapping[Steps, Sequence[Any]], left: int) -> None:
        self._paths = list(candidates)
        self._candidates = candidates
        self._all = facts
        final = [fact for fact in facts if not any(_lies_in(path, look) for look in fact.looks for path in self._paths)]
        self._facts = [
            [fact for fact in final if fact.looks <= {*self._paths[: count + 1]} and path in fact.looks]
            for count, path in enumerate(self._paths)
        ]
        self.left = left

    def found(self, chosen: Mapping[Steps, Any]) -> bool:
        """Whether there are values for the paths that are left; also when nothing more may be tried."""
        path = self._paths[len(chosen)]
        last = len(chosen) + 1 == len(self._paths)
        facts = self._all if last else self._facts[len(chosen)]
        for value in self._candidates[path]:
            self.left -= 1
            if self.left < 0:
                return True
            more = {**chosen, path: value}
            data = _data(more)
            if data is not None and all(_holds(fact, data) for fact in facts) and (last or self.found(more)):
                return True
        return False


def _holds(fact: Fact, data: Data) -> bool:
    try:
        return (fact.expression.evaluate(data) is True) is fact.holds  # `x` also stands for `x == true`
    except ExpressionError:
        return False


def _understood(facts: Mapping[str, bool]) -> Iterator[Fact]:
    """Facts that say something about values that can be made."""
    for text, holds in facts.items():
        try:
            expression = compile_expression(text)
        except ExpressionError:  # a part of it can't be shown as CEL
            continue
        looks = frozenset(steps for path in paths(expression.tree, _NAMES) if (steps := _steps(path)))
        if looks and expression.names <= _NAMES and _is_understood(expression.tree) and not _is_large(expression.tree):
            yield Fact(text, expression, holds, looks)


def _is_understood(tree: Tree) -> bool:
    """Whether constants, their neighbours and their like are enough to make a condition true, and to make it false."""
    if _steps(tree) or isinstance(tree, Constant) or (isinstance(tree, Name) and tree.name not in _NAMES):
        return True  # a path, a constant, or a type such as string
    match tree:
        case Call("size" | "type", (value,)):
            return bool(_steps(value))
        case Call(function, (value, Constant())) if function in _WITHIN:
            return bool(_steps(value))
        case Call("@in", (value, Collection(items, keyed=False))) if all(isinstance(item, Constant) for item in items):
            return _is_understood(value)
        case Call("_%_", (value, Constant(number=modulus))) if modulus and 0 < modulus <= LARGEST_MODULUS:
            return _is_understood(value)
    return isinstance(tree, Call) and tree.function in _BETWEEN and all(map(_is_understood, tree.args))


def _is_large(tree: Tree) -> bool:
    """Whether it asks for larger sizes, or for more texts in a text, than are made."""
    parts = list(walk(tree))
    called = [part.function for part in parts if isinstance(part, Call)]
    numbers = (part.number or 0 for part in parts if isinstance(part, Constant))
    sized = "size" in called and any(abs(number) >= LARGEST_SIZE for number in numbers)
    return sized or sum(function in _WITHIN for function in called) > MOST_TEXTS


def _steps(path: Tree) -> Steps:
    """A path such as nodes.a.output.d[0], step by step."""
    match path:
        case Name(name):
            return (name,) if name in _NAMES else ()
        case Member(of, field):
            return (*before, field) if (before := _steps(of)) else ()
        case Call("_[_]", (of, Constant(value=str() | int() as key))):
            return (*before, key) if (before := _steps(of)) else ()
    return ()


def _groups(facts: Sequence[Fact]) -> Iterator[list[Fact]]:
    """Facts that look at the same, directly or by way of others."""
    groups: list[list[Fact]] = []
    for fact in facts:
        near = [group for group in groups if any(_meet(fact, other) for other in group)]
        groups = [group for group in groups if group not in near]
        groups.append([fact, *chain.from_iterable(near)])
    yield from groups


def _meet(one: Fact, other: Fact) -> bool:
    """Whether one looks at the same as the other, or at something in it."""
    pairs = [(left, right) for left in one.looks for right in other.looks]
    return any(left == right or _lies_in(left, right) or _lies_in(right, left) for left, right in pairs)


def _lies_in(inner: Steps, outer: Steps) -> bool:
    return len(inner) > len(outer) and inner[: len(outer)] == outer


def _data(chosen: Mapping[Steps, Any]) -> Data | None:
    """The data in which paths hold these values; None if they don't fit into each other."""
    data: dict[str, Any] = {}
    for steps, value in chosen.items():
        if value is not _ABSENT and not _put(data, steps, value):
            return None
    return Data(**data)


def _put(data: dict[str, Any], steps: Steps, value: Any) -> bool:
    here: Any = data
    for step, following in zip(steps, (*steps[1:], None), strict=True):
        inside = value if following is None else [] if isinstance(following, int) else {}
        if isinstance(here, dict) and isinstance(step, str):
            if following is None or step not in here:
                here[step] = deepcopy(inside)
        elif isinstance(here, list) and isinstance(step, int) and 0 <= step < LARGEST_SIZE:
            here += [deepcopy(inside) for _ in range(len(here), step + 1)]
            if following is None:
                here[step] = deepcopy(inside)
        else:
            return False
        here = here[step]
    return True


def _named_in(group: Iterable[Fact]) -> tuple[list[Any], list[int], list[int]]:
    """Constants of conditions, sizes near them, and what they divide by."""
    parts = [part for fact in group for part in walk(fact.expression.tree)]
    constants: list[Any] = [part.value for part in parts if isinstance(part, Constant) and part.kind != "bytes"]
    small = {int(number) for number in constants if _is_number(number) and 0 <= number < LARGEST_SIZE}
    sizes = {size + more for size in small for more in (-1, 0, 1)} - {-1}
    divided = [part.args[1] for part in parts if isinstance(part, Call) and part.function == "_%_"]
    moduli = {int(by.number) for by in divided if isinstance(by, Constant) and by.number}
    together = lcm(*moduli)
    return constants, sorted(sizes), [together] if moduli and together <= LARGEST_MODULUS else sorted(moduli)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _near(constants: Sequence[Any], sizes: Sequence[int], moduli: Sequence[int]) -> Iterator[Any]:
    """Constants, their neighbours, and what has sizes near them."""
    yield from constants
    for number in filter(_is_number, constants):
        yield from (number + 1, number - 1, number + 0.5, number - 0.5)
        yield from (number + rest for modulus in moduli for rest in range(-modulus, modulus + 2))
    texts = list(dict.fromkeys(each for each in constants if isinstance(each, str)))[: 2 * MOST_TEXTS]
    for text in texts:
        yield from (f"{text}x", f"x{text}", f"!{text}", text[:-1])
        yield from (f"{text}{other}{third}" for other in texts for third in ("", *texts[:MOST_TEXTS]))
        yield from (made for size in sizes for made in (text.ljust(size, "x"), text.rjust(size, "x")))
        yield from (f"{text}{'x' * (size - len(text + other))}{other}" for other in texts for size in sizes)
    for size in sizes:
        yield from ("x" * size, [{} for _ in range(size)])


def _spread(values: Iterable[Any], count: int) -> Iterator[Any]:
    """Numbers around these and around their sums, enough for so many values to be in any order."""
    numbers = list(dict.fromkeys(value for value in values if _is_number(value)))[:MOST_NUMBERS]
    sums = [one + sign * other for one in numbers for other in numbers for sign in (1, -1)] if count > 1 else []
    for number in dict.fromkeys([*numbers, *sums]):
        yield from (number + step for step in range(-count, count + 1))
