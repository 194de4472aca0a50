"""From an expression's syntax tree to its type, and to what can't go well in it whatever the data are."""

from collections.abc import Iterator, Mapping, Sequence

from headrace.expression.tree import Call, Collection, Constant, Loop, Member, Name, Tree
from headrace.fault import Fault
from headrace.workflow.typing.fields import field_fault
from headrace.workflow.typing.operators import OVERLOADS, results, takes
from headrace.workflow.typing.types import (
    ANY,
    KINDS,
    NEVER,
    NUMBERS,
    Type,
    list_of,
    only,
    overlap,
    record,
    union,
    words,
)
from headrace.workflow.typing.wording import operator, valued

Scope = Mapping[str, Type]
"""Types by the names of variables."""

_CONSTANTS = {kind: only(kind) for kind in KINDS}
_EQUALITY = {"_==_": "false", "_!=_": "true"}
_ARITHMETIC = {"_+_", "_-_", "_*_", "_/_", "_%_"}


def infer(tree: Tree, scope: Scope) -> tuple[Type, list[Fault]]:
    """The type of an expression over variables of these types; names that are not among them may be anything."""
    inference = _Inference()
    return inference.type_of(tree, scope), inference.faults


class _Inference:
    """Collects faults on the way; where one is, the type is ANY, so that it does not lead to others."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def type_of(self, tree: Tree, scope: Scope) -> Type:
        """The type of a part of an expression."""
        match tree:
            case Constant():
                return _CONSTANTS.get(tree.kind, ANY)
            case Name():
                return scope.get(tree.name, ANY)
            case Member():
                found = self._field(tree.of, self.type_of(tree.of, scope), tree.field)
                return only("bool") if tree.test else found
            case Collection():
                return self._collection(tree, scope)
            case Call():
                return self._call(tree, [self.type_of(arg, scope) for arg in tree.args])
        return self._loop(tree, scope)

    def _mismatch(self, message: str, hint: str = "") -> Type:
        self.faults.append(Fault("type_mismatch", (), message, hint))
        return ANY

    def _field(self, of: Tree, type_: Type, name: str) -> Type:
        if "map" not in type_.kinds:
            return self._mismatch(f"{valued(of, type_)} has no fields, so no {name:.80}") if type_.kinds else ANY
        if fault := field_fault(of, type_, name):
            self.faults.append(fault)
            return ANY
        return type_.at(name)

    def _collection(self, tree: Collection, scope: Scope) -> Type:
        types = [self.type_of(item, scope) for item in tree.items]
        if not tree.keyed:
            return list_of(union(types) if types else ANY)
        keys = [key.text for key in tree.items[::2] if isinstance(key, Constant) and key.text is not None]
        return record(dict(zip(keys, types[1::2], strict=True))) if len(keys) * 2 == len(types) else ANY

    def _call(self, call: Call, args: Sequence[Type]) -> Type:
        if call.function == "_?_:_":
            self._truth(call, args)
            return union(args[1:])
        if call.function == "_[_]":
            return self._index(call, *args)
        if call.function in _EQUALITY or call.function == "@in":
            return self._equality(call, *args)
        if call.function not in OVERLOADS or not all(arg.kinds for arg in args):
            return ANY
        kinds = results(call.function, tuple(arg.kinds for arg in args))
        if not kinds:
            return self._no_overload(call, args)
        lists = [arg.items for arg in args if "list" in arg.kinds]
        return Type(kinds, element=union(lists)) if "list" in kinds else only(*kinds)

    def _truth(self, call: Call, args: Sequence[Type]) -> None:
        if args[0].kinds and "bool" not in args[0].kinds:
            self._mismatch(f"{valued(call.args[0], args[0])} decides here; a condition must be true or false", _COMPARE)

    def _no_overload(self, call: Call, args: Sequence[Type]) -> Type:
        given = " and ".join(valued(arg, type_) for arg, type_ in zip(call.args, args, strict=True))
        return self._mismatch(f"{operator(call.function)} does not take {given}", _mending(call, args))

    def _index(self, call: Call, of: Type, at: Type) -> Type:
        key = call.args[1]
        if not of.kinds or not at.kinds:
            return ANY
        if isinstance(key, Constant) and key.text is not None and "list" not in of.kinds:
            return self._field(call.args[0], of, key.text)
        ways = [("list", NUMBERS, of.items), ("map", {"string"}, of.rest if of.rest and not of.fields else ANY)]
        found = [held for kind, keys, held in ways if kind in of.kinds and at.kinds & keys]
        if found:
            return union(found)
        hint = "a list is indexed by a whole number, an object by a text"
        return self._mismatch(f"{valued(call.args[0], of)} can't be indexed by {valued(key, at)}", hint)

    def _equality(self, call: Call, first: Type, second: Type) -> Type:
        if call.function == "@in":
            if second.kinds and not second.kinds & {"list", "map"}:
                hint = "write text.contains(part) to look into a text" if "string" in second.kinds else ""
                return self._mismatch(f"{valued(call.args[1], second)} holds nothing for `in` to look for", hint)
            second = union(_held(second))
        if _comparable(first, second):
            return only("bool")
        answer = _EQUALITY.get(call.function, "false")
        given = f"{valued(call.args[0], first)} is never equal to {valued(call.args[1], second)}"
        return self._mismatch(f"this is always {answer}: {given}", _mending(call, (first, second)))

    def _loop(self, loop: Loop, scope: Scope) -> Type:
        over = self.type_of(loop.range, scope)
        if over.kinds and not over.kinds & {"list", "map"}:
            over = self._mismatch(f"{valued(loop.range, over)} can't be gone through; that takes a list or an object")
        first = self.type_of(loop.first, scope)
        total = list_of(NEVER) if isinstance(loop.first, Collection) else first
        variable = union(_held(over)) if len(loop.variables) == 1 else ANY
        inside = {**scope, **dict.fromkeys(loop.variables, variable), loop.total: total}
        self.type_of(loop.condition, inside)
        step = self.type_of(loop.step, inside)
        return self.type_of(loop.result, {**scope, loop.total: step})


_COMPARE = "compare it with something, such as != ''"


def _held(type_: Type) -> Iterator[Type]:
    """What a loop over a value sees: elements, or the names of fields."""
    if "list" in type_.kinds:
        yield type_.items
    if "map" in type_.kinds:
        yield only("string") if type_.kinds != KINDS else ANY


def _comparable(first: Type, second: Type) -> bool:
    """Whether the values may be equal. To ask for null is always allowed."""
    unknown = not first.kinds or not second.kinds or "null" in first.kinds | second.kinds
    return unknown or overlap(first.kinds, second.kinds)


def _mending(call: Call, args: Sequence[Type]) -> str:
    """What to write instead."""
    kinds = [arg.kinds for arg in args]
    if call.function in _ARITHMETIC and all(each <= NUMBERS for each in kinds):
        return "both must be whole or both fractions: write double(...) around each, and 1.0 for 1"
    if any(each == {"string"} for each in kinds) and any(each <= NUMBERS for each in kinds):
        return "write string(...) around the number, or int(...) or double(...) around the text"
    if call.function in OVERLOADS:
        wanted = {place: takes(call.function, place) for place, each in enumerate(kinds)}
        return next((f"it takes {words(each)}" for place, each in wanted.items() if not each & kinds[place]), "")
    return ""
