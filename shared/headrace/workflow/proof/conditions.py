"""Conditions as formulas: what is the same in two of them is the same variable, and what they compare is in order."""

from collections import defaultdict
from collections.abc import Callable
from typing import NamedTuple

from headrace.expression import Expression
from headrace.expression.tree import Call, Constant, Member, Name, Tree
from headrace.workflow.proof.formulas import Formulas

Leaf = Callable[[Tree], int | None]
"""What a part of a condition stands for, if it is more than a variable: such as has(nodes.a)."""

_OPPOSITES = {"_<_": "_>_", "_<=_": "_>=_", "_>_": "_<_", "_>=_": "_<=_", "_==_": "_==_", "_!=_": "_!=_"}


class Limit(NamedTuple):
    """A constant that a value is compared with; less: whether the value is below it, equal: whether it is the same."""

    less: int
    equal: int


class Conditions:
    """Formulas of conditions. `facts`: what each variable says, in CEL, for people."""

    def __init__(self, formulas: Formulas) -> None:
        self._formulas = formulas
        self._variables: dict[str, int] = {}
        self._limits: dict[str, dict[str | float, Limit]] = defaultdict(dict)
        self.facts: dict[int, str] = {}

    def formula(self, expression: Expression, leaf: Leaf = lambda _: None) -> int:
        """A condition, whose parts may stand for something."""
        return self.of(expression.tree, leaf)

    def of(self, tree: Tree, leaf: Leaf) -> int:
        """The formula of a tree that is true or false."""
        if (known := leaf(tree)) is not None:
            return known
        match tree:
            case Constant(kind="bool"):
                return self._formulas.true if tree.number else -self._formulas.true
            case Call("_&&_" | "_||_" | "!_" | "_?_:_"):
                return self._joined(tree.function, [self.of(part, leaf) for part in tree.args])
            case Call(function, (left, right)) if function in _OPPOSITES:
                return self._comparison(function, left, right)
        return self._variable(tree)

    def _joined(self, function: str, parts: list[int]) -> int:
        match function:
            case "_&&_":
                return self._formulas.both(*parts)
            case "_||_":
                return self._formulas.either(*parts)
            case "!_":
                return -parts[0]
        asked, yes, no = parts
        return self._formulas.either(self._formulas.both(asked, yes), self._formulas.both(-asked, no))

    def _comparison(self, function: str, left: Tree, right: Tree) -> int:
        if isinstance(left, Constant) and not isinstance(right, Constant):
            return self._comparison(_OPPOSITES[function], right, left)
        if not isinstance(right, Constant) or right.value is None:
            return self._variable(Call(function, (left, right)))
        if isinstance(right.value, bool):
            same = self._variable(left) if right.value else -self._variable(left)
            return {"_==_": same, "_!=_": -same}.get(function, self._variable(Call(function, (left, right))))
        limit = self._limit(left, right)
        below_or_same = self._formulas.either(limit.less, limit.equal)
        return {
            "_==_": limit.equal,
            "_!=_": -limit.equal,
            "_<_": limit.less,
            "_>=_": -limit.less,
            "_<=_": below_or_same,
            "_>_": -below_or_same,
        }[function]

    def _limit(self, value: Tree, constant: Constant) -> Limit:
        """What it means that a value is below a constant, or the same, beside others that it is compared with."""
        known = self._limits[repr(value)]
        here = constant.value
        assert here is not None
        if here in known:
            return known[here]
        limit = Limit(self._formulas.variable(), self._formulas.variable())
        name, other = shown(value), shown(constant)
        self.facts |= {limit.less: f"{name} < {other}", limit.equal: f"{name} == {other}"}
        self._formulas.claim(-limit.less, -limit.equal)
        for there, beside in known.items():
            if isinstance(there, str) == isinstance(here, str):
                low, high = (beside, limit) if there < here else (limit, beside)  # type: ignore[operator]  # both are one
                self._formulas.claim(-low.less, high.less)
                self._formulas.claim(-low.equal, high.less)
            else:
                self._formulas.claim(-limit.equal, -beside.equal)
        known[here] = limit
        return limit

    def _variable(self, tree: Tree) -> int:
        key = repr(tree)
        if key not in self._variables:
            variable = self._variables[key] = self._formulas.variable()
            self.facts[variable] = shown(tree)
        return self._variables[key]


_SIGNS = {name: name.strip("_") for name in (*_OPPOSITES, "_&&_", "_||_", "_+_", "_-_", "_*_", "_/_", "_%_")}


def shown(tree: Tree) -> str:
    """A tree as CEL, as far as it is simple."""
    match tree:
        case Constant():
            return _constant(tree.value)
        case Name(name):
            return name
        case Member(of, field, test):
            return f"has({shown(of)}.{field})" if test else f"{shown(of)}.{field}"
        case Call():
            return _called(tree.function, [shown(part) for part in tree.args])
    return "…"


def _called(function: str, parts: list[str]) -> str:
    if function in _SIGNS:
        return f" {_SIGNS[function]} ".join(parts)
    if function == "_[_]":
        return f"{parts[0]}[{parts[1]}]"
    return f"!{parts[0]}" if function == "!_" else f"{function}({', '.join(parts)})"


def _constant(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if value is not None else "null"
