"""Conditions as formulas: what is the same in two of them is the same variable, and what they compare is in order.

Pure. Two conditions that are each other's opposite are so as formulas: `c` and `!(c)`, `x < 5` and `x >= 5`. Where a
schema says which values there are, or that they are whole numbers, conditions that leave none of them out are complete.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from headrace.expression.shown import constant, inner, shown
from headrace.expression.tree import Call, Collection, Constant, Member, Name, Tree, renamed, walk
from headrace.workflow.proof.domains import ANYTHING, Domain, Value
from headrace.workflow.proof.formulas import Formulas

Leaf = Callable[[Tree], int | None]
"""What a part of a condition stands for, if it is more than a variable: such as has(nodes.a)."""
MOST_VALUES = 50
"""Constants that one value is put in order among; what it is compared with beyond them is on its own."""

_JOINING = {"_&&_", "_||_", "!_", "_?_:_"}
_TURNED = {"_<_": "_>_", "_<=_": "_>=_", "_>_": "_<_", "_>=_": "_<=_", "_==_": "_==_", "_!=_": "_!=_"}


class Limit(NamedTuple):
    """A constant that a value is compared with; less: whether the value is below it, equal: whether it is the same."""

    less: int
    equal: int


class Conditions:
    """Formulas of conditions. facts: what each variable says, in CEL. domain: what is known of a value's values."""

    def __init__(self, formulas: Formulas, domain: Callable[[Tree], Domain] = lambda _: ANYTHING) -> None:
        self._formulas = formulas
        self._domain = domain
        self._variables: dict[Tree, int] = {}
        self._limits: dict[Tree, dict[Value, Limit]] = defaultdict(dict)
        self._booleans: dict[Tree, int] = {}
        self.facts: dict[int, str] = {}

    def of(self, tree: Tree, leaf: Leaf) -> int:
        """The formula of a tree that is true or false, or else fails."""
        if (known := leaf(tree)) is not None:
            return known
        match tree:
            case Constant(value=bool()):
                return self._formulas.true if tree.value else -self._formulas.true
            case Call(function, args) if function in _JOINING:
                return self._joined(function, [self.of(part, leaf) for part in args])
            case Call(function, (left, right)) if function in _TURNED:
                return self._comparison(function, left, right)
            case Call("@in", (value, Collection(items, keyed=False))) if all(isinstance(i, Constant) for i in items):
                return self._formulas.either(*(self._comparison("_==_", value, item) for item in items))
        return self._boolean(_plainly(tree))

    def _joined(self, function: str, parts: Sequence[int]) -> int:
        match function:
            case "_&&_":
                return self._formulas.both(*parts)
            case "_||_":
                return self._formulas.either(*parts)
            case "!_":
                return -parts[0]
        when, yes, no = parts
        return self._formulas.either(self._formulas.both(when, yes), self._formulas.both(-when, no))

    def _boolean(self, tree: Tree) -> int:
        """A value that must be true or false where it is asked for."""
        if tree not in self._booleans:
            whole = self._booleans[tree] = self._variable(tree)
            if false := self._limits.get(tree, {}).get((bool, False)):
                self._formulas.claim(whole, false.equal)
        return self._booleans[tree]

    def _comparison(self, function: str, left: Tree, right: Tree) -> int:
        if isinstance(left, Constant) and not isinstance(right, Constant):
            return self._comparison(_TURNED[function], right, left)
        if not isinstance(right, Constant) or isinstance(left, Constant) or right.kind == "bytes":
            return self._of_two(function, left, right)
        limit = self._limit(left, right)
        if limit is None:
            return self._of_two(function, left, right)
        at_most = self._formulas.either(limit.less, limit.equal)
        return {
            "_==_": limit.equal,
            "_!=_": -limit.equal,
            "_<_": limit.less,
            "_>=_": -limit.less,
            "_<=_": at_most,
            "_>_": -at_most,
        }[function]

    def _of_two(self, function: str, left: Tree, right: Tree) -> int:
        """Two values that are both unknown: one variable says that they are equal, two others which one is less."""
        if function in {"_==_", "_!=_"}:
            one, other = sorted((left, right), key=repr)
            same = self._variable(Call("_==_", (one, other)))
            return same if function == "_==_" else -same
        if function in {"_>_", "_<=_"}:
            return self._of_two(_TURNED[function], right, left)
        less = self._variable(Call("_<_", (left, right)))
        return less if function == "_<_" else -less

    def _limit(self, value: Tree, constant: Constant) -> Limit | None:
        """What it means that a value is below a constant or the same."""
        known = self._limits[value]
        key = _key(constant)
        if key in known or len(known) >= MOST_VALUES:
            return known.get(key)
        if not known:
            self._begin(value)
        return known[key] if key in known else self._add(value, key)

    def _begin(self, value: Tree) -> None:
        """Put what is known of a value in order before anything else."""
        domain = self._domain(value)
        ends = [end for end in (domain.least, domain.most) if end is not None]
        for each in (*ends, *domain.values):
            if _key_of(each) not in self._limits[value]:
                self._add(value, _key_of(each))
        if domain.values:
            self._formulas.claim(*(self._limits[value][_key_of(each)].equal for each in domain.values))
        if domain.least is not None:
            self._formulas.claim(-self._limits[value][_key_of(domain.least)].less)
        if domain.most is not None:
            most = self._limits[value][_key_of(domain.most)]
            self._formulas.claim(most.less, most.equal)

    def _add(self, value: Tree, key: Value) -> Limit:
        less = self._formulas.variable()
        equal = self._variable(value) if key == (bool, True) else self._formulas.variable()
        limit = Limit(less, equal)
        text = constant(key[1])
        seen = self._seen(value)
        self.facts |= {less: f"{inner(seen)} < {text}", equal: f"{inner(seen)} == {text}"}
        self._formulas.claim(-less, -equal)
        if key[0] in {bool, type(None)}:
            self.facts.pop(less)
        if key == (bool, True):
            self.facts[equal] = shown(seen)
        self._relate(value, key, limit)
        self._limits[value][key] = limit
        if key == (bool, False) and (whole := self._booleans.get(value)):
            self._formulas.claim(whole, equal)
        return limit

    def _relate(self, value: Tree, key: Value, limit: Limit) -> None:
        """A value is the same as one constant at most, and what is below one is below all greater ones."""
        same_kind = [(other, there) for other, there in self._limits[value].items() if other[0] is key[0]]
        for there in self._limits[value].values():
            self._formulas.claim(-limit.equal, -there.equal)
        if key[0] not in {float, str}:
            return
        for other, there in same_kind:
            low, high = (there, limit) if other[1] < key[1] else (limit, there)  # type: ignore[operator]
            self._formulas.claim(-low.less, high.less)
            self._formulas.claim(-low.equal, high.less)
        if key[0] is float and self._domain(value).whole:
            for other, _ in same_kind:
                self._close(value, (other, key), limit)

    def _close(self, value: Tree, ends: Iterable[Value], limit: Limit) -> None:
        """Between two whole numbers that are neighbours there is no third."""
        low, high = sorted(ends, key=lambda end: end[1])  # type: ignore[arg-type, return-value]
        if high[1] - low[1] != 1 or low[1] % 1:  # type: ignore[operator]
            return
        known = {**self._limits[value]}
        below, above = known.get(low, limit), known.get(high, limit)
        self._formulas.claim(-above.less, below.less, below.equal)

    def _variable(self, tree: Tree) -> int:
        if tree not in self._variables:
            variable = self._variables[tree] = self._formulas.variable()
            self.facts[variable] = shown(self._seen(tree))
        return self._variables[tree]

    def _seen(self, tree: Tree) -> Tree:
        """A tree as facts show it."""
        return tree


class OtherRound(Conditions):
    """Conditions in the round before: those on nodes that its loop repeats are others, the rest the same.

    Facts about them are such of `previous`.
    """

    def __init__(
        self, same: Conditions, formulas: Formulas, domain: Callable[[Tree], Domain], body: frozenset[str]
    ) -> None:
        super().__init__(formulas, domain)
        self._same = same
        self._body = body

    def of(self, tree: Tree, leaf: Leaf) -> int:
        """The formula of a tree that is true or false, or else fails."""
        joins = isinstance(tree, Call) and tree.function in _JOINING
        return super().of(tree, leaf) if joins or self._changes(tree) else self._same.of(tree, leaf)

    def _seen(self, tree: Tree) -> Tree:
        return renamed(tree, "nodes", "previous")

    def _changes(self, tree: Tree) -> bool:
        parts = list(walk(tree))
        own = (part for part in parts if isinstance(part, Member) and part.of == Name("nodes"))
        return Name("previous") in parts or any(part.field in self._body for part in own)


def _plainly(tree: Tree) -> Tree:
    """`'x' in input` asks the same as has(input.x)."""
    match tree:
        case Call("@in", (Constant(value=str() as name), Name("input"))):
            return Member(Name("input"), name, test=True)
    return tree


def _key(constant: Constant) -> Value:
    return _key_of(constant.value)


def _key_of(value: object) -> Value:
    """A constant and what it can be put in order with; numbers of all kinds are compared with each other."""
    if isinstance(value, bool) or value is None:
        return type(value), value
    return (float, value) if isinstance(value, int | float) else (str, value)
