"""A fault in something that a user wrote: what, where, and how to mend it."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

Path = tuple[str | int, ...]

MOST_COMPARED = 100
"""Names that a misspelt one is compared with: each takes 60 µs, and the router gives hints while others wait."""
MOST_SHOWN = 20
LONGEST_WORD = 100


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

    def coded(self) -> str:
        """`code: place: what and why (how to mend it)`, as commands print it."""
        return f"{self.code}: {self}"

    def __str__(self) -> str:
        """One line for people."""
        place = ".".join(str(step) for step in self.path)
        hint = f" ({self.hint})" if self.hint else ""
        return f"{place}: {self.message}{hint}" if place else f"{self.message}{hint}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint with the nearest known word, or with those that are known."""
    names = sorted(known)
    if near := nearest(word, names):
        return f"did you mean {near}?"
    more = f" and {len(names) - MOST_SHOWN} more" if len(names) > MOST_SHOWN else ""
    return f"known: {', '.join(names[:MOST_SHOWN])}{more}" if names else ""


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that is most like this one, or nothing when none is like it."""
    near = get_close_matches(word[:LONGEST_WORD], _neighbours(word, sorted(known)), n=1)
    return near[0] if near else ""


def _neighbours(word: str, names: Sequence[str]) -> Sequence[str]:
    """Those of sorted names that are worth comparing: all, or the alphabetical neighbours when there are many."""
    start = max(0, min(bisect_left(names, word) - MOST_COMPARED // 2, len(names) - MOST_COMPARED))
    return names[start : start + MOST_COMPARED]
