"""What the log says of bodies that were erased: who ordered it, when, why, and how far it is. Pure."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from headrace.events.resource import BodyErased, BodyUnusable, ErasureOrdered
from headrace.seen import Seen


class Erasure(NamedTuple):
    """How a version's body was erased. ordered: the first order; erased: None while it is not destroyed."""

    ordered: ErasureOrdered
    erased: BodyErased | None = None
    failed: BodyUnusable | None = None

    def __str__(self) -> str:
        """As `its body was erased at 2026-01-01 00:00:00 UTC, as ada ordered: asked to`."""
        done = f"was erased at {_clock(self.erased.at)}" if self.erased else "is about to be erased"
        failed = f" (it fails since {_clock(self.failed.at)}: {self.failed.message})" if self.failed else ""
        who, why = self.ordered.actor or "somebody who gave no name", self.ordered.reason or "no reason given"
        return f"its body {done}{failed}, as {who} ordered at {_clock(self.ordered.at)}: {why}"


def orders_of(history: Iterable[Seen]) -> dict[str, ErasureOrdered]:
    """The order by which each body was erased, by its digest: the first, for a later one only repeats it."""
    found: dict[str, ErasureOrdered] = {}
    for seen in history:
        if isinstance(seen.event, ErasureOrdered):
            found.setdefault(seen.event.digest, seen.event)
    return found


def erasure_of(history: Iterable[Seen], version: int) -> Erasure | None:
    """How the body of a version was erased; None when nobody ordered it."""
    found: Erasure | None = None
    for seen in history:
        match seen.event:
            case ErasureOrdered(versions=versions) as order if version in versions:
                found = Erasure(found.ordered if found else order)
            case BodyErased(versions=versions) as event if found and version in versions:
                found = Erasure(found.ordered, event)
            case BodyUnusable(run="", digest=digest) as event if found and digest == found.ordered.digest:
                found = found._replace(failed=event)
    return found


def _clock(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
