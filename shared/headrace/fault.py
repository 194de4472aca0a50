"""A fault in something that a user wrote: what, where, and how to mend it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

Path = tuple[str | int, ...]


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
    """A hint with the nearest known word, or with all that are known."""
    names = sorted(known)
    near = get_close_matches(word, names, n=1)
    if near:
        return f"did you mean {near[0]}?"
    return f"known: {', '.join(names)}" if names else ""


def from_pydantic(error: ValidationError, known: Mapping[str, Sequence[str]] | None = None) -> list[Fault]:
    """Pydantic's findings as faults. `known` maps a dotted path to the keys that are allowed there, for hints."""
    return [_fault(detail, known or {}) for detail in error.errors(include_url=False)]


def _fault(detail: Any, known: Mapping[str, Sequence[str]]) -> Fault:
    path: Path = detail["loc"]
    if detail["type"] == "extra_forbidden":
        parent = ".".join(str(step) for step in path[:-1])
        return Fault("unknown_key", path, f"unknown key {path[-1]}", did_you_mean(str(path[-1]), known.get(parent, ())))
    if detail["type"] == "missing":
        return Fault("missing_key", path, f"{path[-1]} is required")
    return Fault("invalid_value", path, f"{detail['msg']}, not {detail['input']!r:.80}")
