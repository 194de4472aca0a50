"""What a partition knows between two batches: its keys' states, what is due, and how far its inputs are read."""

import heapq
from collections.abc import Iterable, Mapping
from typing import Generic

from headrace.event import Event
from headrace.events.control import Position
from headrace.machine.model import POSITION_KEY, Machine, S

SPARE = 1_024
"""Outdated times that are kept beside those that are still noted."""


class Memory(Generic[S]):
    """A partition's state: what its keys are, what is due, and the next offset of each input topic."""

    def __init__(self, machine: Machine[S], entries: Mapping[str, Event]) -> None:
        self._machine = machine
        self.states: dict[str, S] = {}
        self.finished: set[str] = set()
        self.position: dict[str, int] = {}
        self._due: list[tuple[int, str]] = []
        self._noted: dict[str, int] = {}
        self._again: dict[str, tuple[int, int]] = {}
        for key, parts in _grouped(entries).items():
            head = parts.get("")
            if key == POSITION_KEY and isinstance(head, Position):
                self.position = dict(head.offsets)
            else:
                self.keep(key, machine.restore(key, parts))

    def keep(self, key: str, state: S) -> None:
        """Make this a key's current state."""
        if self._machine.finished(state):
            self.states.pop(key, None)
            self._noted.pop(key, None)
            self._again.pop(key, None)
            self.finished.add(key)
            return
        self.states[key] = state
        due = self._machine.due(state)
        self._note(key, self._put_off(key, due) if self._again else due)

    def repeat(self, key: str, state: S, now: int) -> None:
        """Look at a key again for which a Tick has led to nothing, if the machine wants it."""
        due, again = self._machine.due(state), self._machine.again(state, now)
        if due is not None and again is not None:
            self._again[key] = due, again
            self._note(key, again)

    @property
    def next_due(self) -> int | None:
        """Epoch milliseconds at which something may be due."""
        return self._due[0][0] if self._due else None

    def pop_due(self, now: int) -> Iterable[str]:
        """Keys for which something is due."""
        while self._due and self._due[0][0] <= now:
            noted, key = heapq.heappop(self._due)
            if self._noted.get(key) != noted:
                continue
            del self._noted[key]
            due = self._machine.due(self.states[key])
            if due is not None and due <= now:
                yield key
            else:
                self._note(key, due)

    def _put_off(self, key: str, due: int | None) -> int | None:
        """When to look at a key: what a Tick has led to nothing for waits until it is to be repeated."""
        put_off, again = self._again.get(key, (None, None))
        if put_off == due:
            return again
        self._again.pop(key, None)
        return due

    def _note(self, key: str, due: int | None) -> None:
        """Look at a key when it is due. A time that moves away is found out then: most do, and few are reached."""
        if due is not None and due < self._noted.get(key, due + 1):
            self._noted[key] = due
            heapq.heappush(self._due, (due, key))
            if len(self._due) > 2 * len(self._noted) + SPARE:  # the rest are times of keys that have finished
                self._due = [(due, key) for key, due in self._noted.items()]
                heapq.heapify(self._due)


def _grouped(entries: Mapping[str, Event]) -> dict[str, dict[str, Event]]:
    """State entries by aggregate: `<key>` is its head, `<key>/<part>` a part."""
    grouped: dict[str, dict[str, Event]] = {}
    for name, event in entries.items():
        key, _, part = name.partition("/")
        grouped.setdefault(key, {})[part] = event
    return grouped
