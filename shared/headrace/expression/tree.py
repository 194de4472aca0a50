"""The syntax tree of a checked CEL expression, read from its serialised form.

The form: a google.protobuf.Any that holds a cel.expr.CheckedExpr (google/cel-spec, proto/cel/expr/checked.proto and
syntax.proto). Only the fields that say what an expression handles are read.
"""

import struct
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal; `size` in bytes, `kind` as CEL names it, `text` or `number` if it is one; true and false are too."""

    size: int
    text: str | None = None
    kind: str = "string"
    number: float | None = None

    @property
    def value(self) -> str | float | None:
        """Text, a number or a truth value; None for null and for bytes."""
        return self.number if self.text is None else self.text


@dataclass(frozen=True, slots=True)
class Name:
    """A variable."""

    name: str


@dataclass(frozen=True, slots=True)
class Member:
    """`of.field`; `test` when it only asks whether the field is there: has()."""

    of: "Tree"
    field: str
    test: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A function or an operator; a method's target is its first argument."""

    function: str
    args: tuple["Tree", ...]


@dataclass(frozen=True, slots=True)
class Collection:
    """A list, or when `keyed` a map with its keys and values in turn."""

    items: tuple["Tree", ...]
    keyed: bool = False


@dataclass(frozen=True, slots=True)
class Loop:
    """A comprehension, which macros such as map() and exists() become: folds `range` into the variable `total`."""

    variables: tuple[str, ...]
    range: "Tree"
    total: str
    first: "Tree"
    condition: "Tree"
    step: "Tree"
    result: "Tree"


Tree = Constant | Name | Member | Call | Collection | Loop

_Fields = dict[int, list[bytes]]

_ANY_VALUE, _CHECKED_EXPR = 2, 4
_CONSTANT, _NAME, _MEMBER, _CALL, _LIST, _STRUCT, _LOOP = 3, 4, 5, 6, 7, 8, 9
_STRING, _BYTES = 6, 7
_KINDS = {1: "null", 2: "bool", 3: "int", 4: "uint", 5: "double", _STRING: "string", _BYTES: "bytes"}
_NUMBERS: Mapping[str, Callable[[bytes], float]] = {
    "bool": lambda data: data[0] != 0,
    "int": lambda data: int.from_bytes(data, "little", signed=True),
    "uint": lambda data: int.from_bytes(data, "little"),
    "double": lambda data: float(struct.unpack("<d", data)[0]),
}
_VARINT, _FIXED64, _SIZED, _FIXED32 = 0, 1, 2, 5


def parse(serialised: bytes) -> Tree:
    """The tree of a serialised program."""
    return _tree(_only(_fields(_only(_fields(serialised), _ANY_VALUE)), _CHECKED_EXPR))


def walk(tree: Tree) -> Iterator[Tree]:
    """A tree and everything in it."""
    yield tree
    for child in children(tree):
        yield from walk(child)


def free(tree: Tree, own: frozenset[str] = frozenset()) -> Iterator[str]:
    """Names in a tree that are not the variables of a loop in it, as often as they are there."""
    match tree:
        case Name():
            if tree.name not in own:
                yield tree.name
        case Loop():
            yield from free(tree.range, own)
            inside = own | {*tree.variables, tree.total}
            for part in (tree.first, tree.condition, tree.step, tree.result):
                yield from free(part, inside)
        case _:
            for child in children(tree):
                yield from free(child, own)


def renamed(tree: Tree, old: str, new: str) -> Tree:
    """A tree in which a variable has another name."""
    match tree:
        case Name(name):
            return Name(new) if name == old else tree
        case Member(of=of):
            return replace(tree, of=renamed(of, old, new))
        case Call(args=args):
            return replace(tree, args=tuple(renamed(arg, old, new) for arg in args))
        case Collection(items=items):
            return replace(tree, items=tuple(renamed(item, old, new) for item in items))
        case Loop():
            parts = ("range", "first", "condition", "step", "result")
            inside: dict[str, Any] = {part: renamed(getattr(tree, part), old, new) for part in parts}
            return replace(tree, **inside)
    return tree


def paths(tree: Tree, names: Set[str]) -> Iterator[Tree]:
    """What a tree reads of these variables, as far as it goes: `input.a.b`, `nodes.c.output.d[0]`, of has() too."""
    match tree:
        case Member(of=of) | Call("_[_]", (of, Constant())) if _beginning(of) in names:
            yield Member(of, tree.field) if isinstance(tree, Member) else tree
        case _:
            for child in children(tree):
                yield from paths(child, names)


def _beginning(tree: Tree) -> str | None:
    """The variable that a path begins with."""
    match tree:
        case Name(name):
            return name
        case Member(of=of) | Call("_[_]", (of, Constant())):
            return _beginning(of)
    return None


def children(tree: Tree) -> tuple[Tree, ...]:
    """The parts of a tree."""
    match tree:
        case Member():
            return (tree.of,)
        case Call():
            return tree.args
        case Collection():
            return tree.items
        case Loop():
            return (tree.range, tree.first, tree.condition, tree.step, tree.result)
    return ()


def _tree(data: bytes) -> Tree:
    fields = _fields(data)
    kind = next(number for number in (_CONSTANT, _NAME, _MEMBER, _CALL, _LIST, _STRUCT, _LOOP) if number in fields)
    return _READ[kind](_fields(fields[kind][-1]))


def _constant(fields: _Fields) -> Tree:
    data = b"".join(fields.get(_STRING, fields.get(_BYTES, [])))
    place, kind = next(((place, name) for place, name in _KINDS.items() if place in fields), (0, ""))
    number = _NUMBERS[kind](_only(fields, place)) if kind in _NUMBERS else None
    return Constant(len(data), data.decode() if _STRING in fields else None, kind, number)


def _member(fields: _Fields) -> Tree:
    return Member(_tree(_only(fields, 1)), _only(fields, 2).decode(), 3 in fields)


def _call(fields: _Fields) -> Tree:
    return Call(_only(fields, 2).decode(), tuple(map(_tree, [*fields.get(1, ()), *fields.get(3, ())])))


def _struct(fields: _Fields) -> Tree:
    entries = map(_fields, fields.get(2, ()))
    return Collection(tuple(_tree(part) for entry in entries for key in (3, 4) for part in entry.get(key, ())), True)


def _loop(fields: _Fields) -> Tree:
    variables = tuple(_only(fields, number).decode() for number in (1, 8) if number in fields)
    parts = [_tree(_only(fields, number)) for number in (2, 4, 5, 6, 7)]
    return Loop(variables, parts[0], _only(fields, 3).decode(), *parts[1:])


_READ = {
    _CONSTANT: _constant,
    _NAME: lambda fields: Name(_only(fields, 1).decode()),
    _MEMBER: _member,
    _CALL: _call,
    _LIST: lambda fields: Collection(tuple(map(_tree, fields.get(1, ())))),
    _STRUCT: _struct,
    _LOOP: _loop,
}


def _only(fields: _Fields, number: int) -> bytes:
    """A field's value; protobuf leaves empty text out."""
    return fields.get(number, [b""])[-1]


def _fields(data: bytes) -> _Fields:
    """A protobuf message's fields by number; whole numbers as 8 bytes, the least first (protobuf.dev, Encoding)."""
    fields: _Fields = {}
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        size = {_FIXED64: 8, _FIXED32: 4}.get(wire, 0)
        if wire == _VARINT:
            value, at = _varint(data, at)
        elif wire == _SIZED:
            size, at = _varint(data, at)
        found = value.to_bytes(8, "little") if wire == _VARINT else data[at : at + size]
        fields.setdefault(number, []).append(found)
        at += size
    return fields


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at
