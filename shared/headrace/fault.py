"""A fault in something that a user wrote: what, where, and how to mend it."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from types import UnionType
from typing import Any, TypeGuard, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

Path = tuple[str | int, ...]

MOST_COMPARED = 100
"""Names that a misspelt one is compared with: each takes 60 µs, and the router gives hints while others wait."""
MOST_SHOWN = 20
LONGEST_WORD = 100

CONFIDENTIAL = {"credential", "endpoint", "body"}
"""Keys below which a value is never repeated: someone may have written a secret there, and faults reach the log."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. `path` leads to it from the top of the spec, such as ("nodes", "search", "config")."""

    code: str
    path: Path
    message: str
    hint: str = ""

    def below(self, *prefix: str | int) -> "Fault":
        """The same fault, seen from further up."""
        return Fault(self.code, (*prefix, *self.path), self.message, self.hint)

    def __str__(self) -> str:
        """One line for people."""
        place = ".".join(str(step) for step in self.path)
        hint = f" ({self.hint})" if self.hint else ""
        return f"{place}: {self.message}{hint}" if place else f"{self.message}{hint}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint with the nearest known word, or with those that are known."""
    names = sorted(known)
    near = get_close_matches(word[:LONGEST_WORD], _neighbours(word, names), n=1)
    if near:
        return f"did you mean {near[0]}?"
    more = f" and {len(names) - MOST_SHOWN} more" if len(names) > MOST_SHOWN else ""
    return f"known: {', '.join(names[:MOST_SHOWN])}{more}" if names else ""


def _neighbours(word: str, names: Sequence[str]) -> Sequence[str]:
    """Those of sorted names that are worth comparing: all, or the alphabetical neighbours when there are many."""
    start = max(0, min(bisect_left(names, word) - MOST_COMPARED // 2, len(names) - MOST_COMPARED))
    return names[start : start + MOST_COMPARED]


def from_pydantic(error: ValidationError, model: type[BaseModel]) -> list[Fault]:
    """Pydantic's findings about a model's input as faults."""
    return [_fault(detail, model) for detail in error.errors(include_url=False)]


def _fault(detail: Any, model: type[BaseModel]) -> Fault:
    path: Path = detail["loc"]
    if detail["type"] == "extra_forbidden":
        hint = did_you_mean(str(path[-1]), _keys(model, path[:-1]))
        return Fault("unknown_key", path, f"unknown key {path[-1]!s:.80}", hint)
    if detail["type"] == "missing":
        return Fault("missing_key", path, f"{path[-1]} is required")
    if path[-1:] == ("[key]",):
        return Fault("invalid_key", path[:-1], f"{path[-2]!r:.80} is no name here: {detail['msg']}")
    said = detail["msg"].removeprefix("Value error, ")
    given = "" if detail["type"] == "value_error" or CONFIDENTIAL & set(path) else f", not {detail['input']!r:.80}"
    return Fault("invalid_value", path, f"{said}{given}")


def _keys(model: type[BaseModel], path: Path) -> list[str]:
    """The keys that a model allows at a path of its input."""
    here: Any = model
    for step in path:
        here = _below(here, step)
    if not _is_model(here):  # one, where a list may stand
        here = _below(here, 0)
    fields = here.model_fields if _is_model(here) else {}
    return [field.alias or name for name, field in fields.items()]


def _below(annotation: Any, step: str | int) -> Any:
    """The type of a part of a value of this type; None when that can't be told."""
    if _is_model(annotation):
        fields = annotation.model_fields.items()
        found = next((field.annotation for name, field in fields if step in {name, field.alias}), None)
    else:
        found = get_args(annotation)[-1] if get_args(annotation) else None
    options = [option for option in get_args(found) if option is not type(None)]
    optional = get_origin(found) in {Union, UnionType}
    return options[0] if optional else found


def _is_model(annotation: Any) -> TypeGuard[type[BaseModel]]:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
