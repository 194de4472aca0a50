"""What CEL's operators and functions take, and what they make of it (google/cel-spec, doc/langdef.md).

Both numbers of an arithmetic operator must be of the same kind, while comparisons mix them. So a JSON `number`, which
may be an int in one run and a double in the next, can be compared, but not added before double() has been asked.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from itertools import product

from headrace.workflow.typing.types import KINDS, NUMBERS

Overloads = Mapping[tuple[str, ...], str]
"""By the kinds of the arguments, the kind of the result."""

_TIMES = ("timestamp", "duration")


def _same(*kinds: str) -> Overloads:
    return {(kind, kind): kind for kind in kinds}


def _made(result: str, *kinds: str) -> Overloads:
    return {(kind,): result for kind in kinds}


def _of_text(*others: str) -> Overloads:
    return {("string", *others): "bool"}


_ORDERED: Overloads = {
    **dict.fromkeys(product(NUMBERS, NUMBERS), "bool"),
    **{(kind, kind): "bool" for kind in ("string", "bool", "bytes", *_TIMES)},
}

OVERLOADS: Mapping[str, Overloads] = {
    "_+_": {
        **_same("int", "uint", "double", "string", "bytes", "list", "duration"),
        ("timestamp", "duration"): "timestamp",
        ("duration", "timestamp"): "timestamp",
    },
    "_-_": {
        **_same("int", "uint", "double", "duration"),
        ("timestamp", "timestamp"): "duration",
        ("timestamp", "duration"): "timestamp",
    },
    "_*_": _same("int", "uint", "double"),
    "_/_": _same("int", "uint", "double"),
    "_%_": _same("int", "uint"),
    "-_": {(kind,): kind for kind in ("int", "double", "number")},
    "_<_": _ORDERED,
    "_<=_": _ORDERED,
    "_>_": _ORDERED,
    "_>=_": _ORDERED,
    "_&&_": _same("bool"),
    "_||_": _same("bool"),
    "!_": _made("bool", "bool"),
    "@not_strictly_false": _made("bool", *KINDS),
    "size": _made("int", "string", "bytes", "list", "map"),
    "contains": _of_text("string"),
    "startsWith": _of_text("string"),
    "endsWith": _of_text("string"),
    "matches": _of_text("string"),
    "bool": _made("bool", "bool", "string"),
    "int": _made("int", "bool", *NUMBERS, "string", "timestamp"),
    "uint": _made("uint", *NUMBERS, "string"),
    "double": _made("double", *NUMBERS, "string"),
    "string": _made("string", "bool", *NUMBERS, "string", "bytes", *_TIMES),
    "bytes": _made("bytes", "bytes", "string"),
    "timestamp": _made("timestamp", "timestamp", "int", "string"),
    "duration": _made("duration", "duration", "string"),
    "type": _made("type", *KINDS),
}
"""What is not here, such as the parts of a timestamp, is not checked."""


@cache
def results(function: str, args: tuple[frozenset[str], ...]) -> frozenset[str]:
    """Kinds that a call may have; none when there is no way to call it so. Raises KeyError."""
    return frozenset(result for kinds, result in OVERLOADS[function].items() if _fits(kinds, args))


def takes(function: str, place: int) -> frozenset[str]:
    """Kinds that a function takes at a place of its arguments."""
    return frozenset(kinds[place] for kinds in OVERLOADS[function] if place < len(kinds))


def _fits(kinds: Iterable[str], args: tuple[frozenset[str], ...]) -> bool:
    given = tuple(kinds)
    return len(given) == len(args) and all(kind in arg for kind, arg in zip(given, args, strict=True))
