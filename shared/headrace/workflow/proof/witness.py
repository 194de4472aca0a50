"""Whether there are values of which conditions hold, or don't, together: by trying some. Pure.

Formulas know little of what operators do: to them, none of `a < b`, `a == b` and `a > b` may hold. So values are looked
for that bear an example out: those that its conditions and the schemas name, their neighbours, and a few simple ones.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy, deepcopy
from itertools import chain
from typing import Any, NamedTuple

from headrace.expression import Data, Expression, ExpressionError, compile_expression
from headrace.expression.tree import Call, Constant, Loop, Member, Name, Tree, paths, walk
from headrace.workflow.proof.schemas import schema_of
from headrace.workflow.spec import WorkflowSpec

MOST_TRIED = 3_000
"""Conditions that are evaluated to bear out one example; then it counts as borne out."""
MOST_TRIED_IN_ALL = 30_000
"""The same for all examples of a workflow: less than a second."""
LONGEST_MADE = 1_000
"""Characters or elements of what is made to have a size; of larger ones nothing is said."""

_NAMES = frozenset({"input", "nodes", "previous", "run"})
_UNDERSTOOD = frozenset(
    {
        *("_<_", "_<=_", "_>_", "_>=_", "_==_", "_!=_", "@in", "_&&_", "_||_", "!_", "_?_:_", "_[_]"),
        *("_+_", "_-_", "_*_", "_/_", "_%_", "-_", "size", "contains", "startsWith", "endsWith"),
        *("string", "int", "double", "bool", "type"),
    }
)
"""Functions that neighbours of constants are enough for."""
_SIMPLE: tuple[Any, ...] = (0, 1, -1, 2, "", "x", True, False, None, [], ["x"], {}, {"x": "x"}, 0.5)
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
        self._left = MOST_TRIED_IN_ALL

    def refuted(self, facts: Mapping[str, bool]) -> frozenset[str]:
        """Some of these facts, in CEL, of which no values were found; none if they may all be so."""
        for group in _groups(list(_understood(facts))):
            budget = min(MOST_TRIED, self._left)
            search = _Search(
                group, {steps: self._candidates(steps, group) for fact in group for steps in fact.looks}, budget
            )
            found = search.found({})
            self._left -= budget - search.left
            if not found and search.left > 0:
                return frozenset(fact.text for fact in group)
        return frozenset()

    def _candidates(self, steps: Steps, group: Iterable[Fact]) -> list[Any]:
        """Values that something may have, the likelier first."""
        schema = schema_of(self._spec, steps)
        constants = [part for fact in group for part in walk(fact.expression.tree) if isinstance(part, Constant)]
        values = [*schema.named(), *_near([part.value for part in constants if part.kind != "bytes"]), *_SIMPLE]
        different = {repr(value): value for value in values}.values()
        fitting = [value for value in different if schema.allows(value)]
        return fitting if schema.required or isinstance(steps[-1], int) else [*fitting, _ABSENT]


class _Search:
    """Values for all paths, one after the other; what can be evaluated by then must be so. left: what may be tried."""

    def __init__(self, facts: Sequence[Fact], candidates: Mapping[Steps, Sequence[Any]], left: int) -> None:
        self._paths = sorted(candidates, key=lambda steps: (len(steps), repr(steps)))
        self._candidates = candidates
        self._all = facts
        self._facts = [
            [fact for fact in facts if fact.looks <= {*self._paths[: count + 1]} and path in fact.looks]
            for count, path in enumerate(self._paths)
        ]
        self.left = left

    def found(self, chosen: Mapping[Steps, Any]) -> bool:
        """Whether there are values for the paths that are left; also when nothing more may be tried."""
        path = self._paths[len(chosen)]
        last = len(chosen) + 1 == len(self._paths)
        facts = self._all if last else self._facts[len(chosen)]
        for value in self._candidates[path]:
            more = {**chosen, path: value}
            data = _data(more)
            if data is not None and all(self._holds(fact, data) for fact in facts) and (last or self.found(more)):
                return True
            if self.left <= 0:
                return True
        return False

    def _holds(self, fact: Fact, data: Data) -> bool:
        self.left -= 1
        try:
            return (fact.expression.evaluate(data) is True) is fact.holds  # `x` also stands for `x == true`
        except ExpressionError:
            return False


def _understood(facts: Mapping[str, bool]) -> Iterator[Fact]:
    """Facts that say something about values that can be made."""
    for text, holds in facts.items():
        try:
            expression = compile_expression(text)
        except ExpressionError:  # it was too long to be shown whole
            continue
        looks = frozenset(steps for path in paths(expression.tree, _NAMES) if (steps := _steps(path)))
        if looks and expression.names <= _NAMES and _is_understood(expression.tree):
            yield Fact(text, expression, holds, looks)


def _is_understood(tree: Tree) -> bool:
    parts = list(walk(tree))
    called = {part.function for part in parts if isinstance(part, Call)}
    numbers = (part.number or 0 for part in parts if isinstance(part, Constant))
    too_long = "size" in called and any(abs(number) >= LONGEST_MADE for number in numbers)
    return called <= _UNDERSTOOD and not too_long and not any(isinstance(part, Loop) for part in parts)


def _steps(path: Tree) -> Steps:
    """A path such as nodes.a.output.d[0], step by step."""
    match path:
        case Name(name):
            return (name,)
        case Member(of, field):
            return (*_steps(of), field)
        case Call("_[_]", (of, Constant(value=str() | int() as key))):
            return (*_steps(of), key)
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
    """Whether one looks at something in what the other looks at."""
    return any(left[: len(right)] == right or right[: len(left)] == left for left in one.looks for right in other.looks)


def _data(chosen: Mapping[Steps, Any]) -> Data | None:
    """The data in which paths hold these values; None if they don't fit into each other."""
    data: dict[str, Any] = {}
    for steps, value in chosen.items():
        if value is not _ABSENT and not _put(data, steps, deepcopy(value)):
            return None
    return Data(**data)


def _put(data: dict[str, Any], steps: Steps, value: Any) -> bool:
    here: Any = data
    for step, following in zip(steps, (*steps[1:], None), strict=True):
        inside = value if following is None else [] if isinstance(following, int) else {}
        if isinstance(here, dict) and isinstance(step, str):
            here[step] = here.get(step, inside) if following is not None else inside
        elif isinstance(here, list) and isinstance(step, int) and 0 <= step < LONGEST_MADE:
            here += [copy(inside) for _ in range(len(here), step + 1)]
            here[step] = here[step] if following is not None else inside
        else:
            return False
        here = here[step]
    return True


def _near(constants: Sequence[Any]) -> Iterator[Any]:
    """Constants, their neighbours, and what has sizes near them."""
    texts = [each for each in constants if isinstance(each, str)]
    numbers = [each for each in constants if isinstance(each, int | float) and not isinstance(each, bool)]
    sizes = sorted({int(n) + more for n in numbers if 0 <= n < LONGEST_MADE for more in (-1, 0, 1)} - {-1})
    yield from constants
    for number in numbers:
        yield from (number + 1, number - 1, number + 0.5, number - 0.5)
        yield from (str(number), str(number + 1), str(number - 1))
    for text in texts[:6]:
        yield from (f"{text}x", f"x{text}")
        yield from (f"{text}{other}" for other in texts[:6])
        yield [text]
        yield from (text.ljust(size, "x") for size in sizes[:9])
    for size in sizes:
        yield from ("x" * size, ["x"] * size, [{}] * size)
