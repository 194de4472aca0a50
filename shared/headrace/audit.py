"""Checks that the log of a run is whole: nothing missing, nothing twice, nothing changed, nothing after its end."""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from headrace.limits import GENESIS
from headrace.seen import Seen
from headrace.topics import TERMINAL


def faults(log: Sequence[Seen]) -> list[str]:
    """Everything that is wrong with one run's records of run.events, in the order of the topic; none: it is whole.

    Each record must hold the next sequence number and the SHA-256 of the value before it (ARCHITECTURE 5.1), so
    whoever changes, drops or swaps a record has to change all that follow.
    """
    return [*_unreadable(log), *_sequence(log), *_chain(log), *_after_end(log)]


def _unreadable(log: Sequence[Seen]) -> Iterator[str]:
    yield from (f"{seen.place} can't be read: {seen.fault or 'it has no value'}" for seen in log if not seen.event)


def _sequence(log: Sequence[Seen]) -> Iterator[str]:
    for expected, seen in enumerate(log):
        if seen.event and _of(seen).seq != expected:
            yield f"{seen.place} has seq {_of(seen).seq} where {expected} belongs"


def _chain(log: Sequence[Seen]) -> Iterator[str]:
    if log and log[0].event and _of(log[0]).prev != GENESIS:
        yield f"{log[0].place} is the first record but names one before it"
    for before, seen in pairwise(log):
        if seen.event and _of(seen).prev != hashlib.sha256(before.value or b"").digest():
            yield f"{seen.place} does not hold the digest of {before.place}"


def _after_end(log: Sequence[Seen]) -> Iterator[str]:
    for before, seen in pairwise(log):
        if isinstance(before.event, TERMINAL):
            yield f"{seen.place} follows the end of the run"


def _of(seen: Seen) -> Any:
    """The record's event; all records of run.events have seq and prev."""
    return seen.event
