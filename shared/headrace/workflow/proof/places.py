"""Where expressions stand, and what happens by then. Pure."""

from dataclasses import dataclass, field
from typing import NamedTuple

Pair = tuple[str, str]


@dataclass(slots=True)
class View:
    """Formulas. started, decided: whether a node starts, and whether it is known what it leads to; taken: where.

    slow: the node that hangs. known: nodes after it that this has been worked out for.
    """

    slow: str | None = None
    started: dict[str, int] = field(default_factory=dict)
    decided: dict[str, int] = field(default_factory=dict)
    taken: dict[Pair, int] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)


class Place(NamedTuple):
    """Where an expression stands: at a node that begins, at its end (`ended`, `failed` or not), or at the run's end."""

    node: str | None = None
    ended: bool = False
    failed: bool = False


END = Place()
