"""What is known of a value before there is one. What is not known is never a fault.

A kind is a type of CEL, or `number`: JSON's, which CEL sees as an int or a double, whichever stands there.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Union

PLAIN = frozenset({"null", "bool", "int", "uint", "double", "number", "string", "list", "map"})
"""Kinds that JSON can hold."""
KINDS = PLAIN | {"bytes", "timestamp", "duration", "type"}
NUMBERS = frozenset({"int", "uint", "double", "number"})
_WORDS = {
    "null": "null",
    "bool": "true or false",
    "int": "a whole number",
    "uint": "an unsigned number",
    "double": "a fraction",
    "number": "a number",
    "string": "a text",
    "list": "a list",
    "map": "an object",
    "bytes": "bytes",
    "timestamp": "a timestamp",
    "duration": "a duration",
    "type": "a type",
}


@dataclass(frozen=True, slots=True)
class Type:
    """What a value may be.

    kinds: one of these. fields, of an object: those of which something is known; required: those that are always
    there; closed: there are no others; rest: what others hold; silent: nobody said whether there are others.
    element: what a list holds. None stands for anything.
    """

    kinds: frozenset[str] = KINDS
    fields: Mapping[str, "Type"] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    closed: bool = False
    silent: bool = True
    rest: Union["Type", None] = None
    element: Union["Type", None] = None

    def at(self, name: str) -> "Type":
        """What a field holds; NEVER when there can't be one."""
        return self.fields.get(name) or (self.rest or ANY if self.allows(name) else NEVER)

    def allows(self, name: str) -> bool:
        """Whether there may be such a field."""
        return not self.closed or name in self.fields

    @property
    def items(self) -> "Type":
        """What a list holds."""
        return self.element or ANY

    def __str__(self) -> str:
        """Its kinds for people."""
        return words(self.kinds)


ANY = Type()
NEVER = Type(frozenset())


def only(*kinds: str) -> Type:
    """A type of which no more than its kinds is known."""
    return Type(frozenset(kinds))


def list_of(element: Type) -> Type:
    """A list."""
    return Type(frozenset({"list"}), element=element)


def record(fields: Mapping[str, Type]) -> Type:
    """An object with exactly these fields."""
    return Type(frozenset({"map"}), fields, frozenset(fields), closed=True)


def union(types: Iterable[Type]) -> Type:
    """One of these; NEVER if there are none."""
    return reduce(_either, types, NEVER)


def meet(first: Type, second: Type) -> Type:
    """Both at once. What can't be both is anything: it is not ours to say that a schema has no values."""
    kinds = _common(first.kinds, second.kinds)
    if first is ANY or second is ANY or not kinds:
        return second if first is ANY else first if second is ANY else ANY
    names = [name for name in {**first.fields, **second.fields} if first.allows(name) and second.allows(name)]
    rest = second.rest if first.rest is None else first.rest if second.rest is None else meet(first.rest, second.rest)
    return Type(
        kinds,
        {name: meet(first.at(name), second.at(name)) for name in names},
        first.required | second.required,
        first.closed or second.closed,
        first.silent and second.silent,
        rest,
        meet(first.items, second.items),
    )


def overlap(first: frozenset[str], second: frozenset[str]) -> bool:
    """Whether a value of one of the first kinds may equal one of the second."""
    return not first.isdisjoint(second) or not (NUMBERS.isdisjoint(first) or NUMBERS.isdisjoint(second))


def words(kinds: Iterable[str]) -> str:
    """Kinds for people, such as `a text or null`."""
    known = set(kinds)
    if known >= PLAIN:
        return "anything" if known >= KINDS else "what JSON can hold"
    return " or ".join(word for kind, word in _WORDS.items() if kind in known)


def _either(first: Type, second: Type) -> Type:
    if first is ANY or second is ANY:
        return ANY
    if not first.kinds or not second.kinds:
        return first if first.kinds else second
    kinds = first.kinds | second.kinds
    with_items = [each.items for each in (first, second) if "list" in each.kinds]
    objects = [each for each in (first, second) if "map" in each.kinds]
    element = union(with_items) if with_items else None
    if len(objects) < 2:  # not both
        return replace(objects[0], kinds=kinds, element=element) if objects else Type(kinds, element=element)
    return Type(
        kinds,
        {name: union((first.at(name), second.at(name))) for name in {**first.fields, **second.fields}},
        first.required & second.required,
        first.closed and second.closed,
        all(each.closed or each.silent for each in objects),
        union(each.rest or ANY for each in objects if not each.closed),
        element,
    )


def _common(first: frozenset[str], second: frozenset[str]) -> frozenset[str]:
    """Kinds that are in both; a number may turn out to be an int or a double."""
    both = _widened(first) & _widened(second)
    unknown = first & second >= {"int", "double"}
    return both - {"int", "double"} if "number" in both and not unknown else both


def _widened(kinds: frozenset[str]) -> frozenset[str]:
    return kinds | {"int", "double"} if "number" in kinds else kinds
