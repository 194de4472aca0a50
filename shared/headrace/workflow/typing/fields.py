"""Fields that there can't be, or that hardly anybody meant."""

from headrace.expression.tree import Member, Name, Tree
from headrace.fault import Fault, did_you_mean, nearest
from headrace.workflow.typing.types import Type
from headrace.workflow.typing.wording import path_of

SHORTEST_SLIP = 4
"""Letters of a name that may be a slip of the pen: of shorter ones, too many are one letter apart."""


def field_fault(of: Tree, type_: Type, name: str) -> Fault | None:
    """What is wrong with a field of an object of this type.

    JSON Schema lets an object have fields that its `properties` don't name. So a field that is missing there is a fault
    when others are ruled out, and also when it is one slip away from one that is named, and nothing is said of others:
    nearly always it is a typo, and who means it declares it.
    """
    if name in type_.fields:
        return None
    place = path_of(of)
    owner = f"{place:.80} has" if place else "this object has"
    if type_.closed:
        return Fault("unknown_field", (), f"{owner} no field {name:.80}", _hint(of, type_, name))
    if type_.silent and (near := nearest(name, type_.fields)) and one_slip(name, near):
        hint = f"did you mean {near}? else declare {name:.80} in the schema's properties"
        return Fault("unknown_field", (), f"{owner} no declared field {name:.80}, but {near}", hint)
    return None


def one_slip(word: str, other: str) -> bool:
    """Whether one letter more, less, swapped with the next, or another one makes a word of the other (Damerau 1964)."""
    if min(len(word), len(other)) < SHORTEST_SLIP:
        return False
    start = _alike(word, other)
    end = _alike(word[start:][::-1], other[start:][::-1])
    first, second = word[start : len(word) - end], other[start : len(other) - end]
    if any(letter.isdigit() for letter in first + second):
        return False  # page1 and page2 are both meant
    return max(len(first), len(second)) == 1 or (len(first) == len("ab") and first == second[::-1])


def _alike(word: str, other: str) -> int:
    """How many letters the words begin with alike."""
    return next(
        (at for at, pair in enumerate(zip(word, other, strict=False)) if len({*pair}) > 1), min(len(word), len(other))
    )


def _hint(of: Tree, type_: Type, name: str) -> str:
    match of:
        case Member(of=Name("nodes" | "previous")) if type_.at("output").allows(name):
            return f"write {path_of(of)}.output.{name:.80}"
    return did_you_mean(name, type_.fields) or "it has no fields at all"
