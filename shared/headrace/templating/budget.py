"""How much work a rendering may take: counted, not timed, so that the same template has the same outcome everywhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from jinja2.exceptions import SecurityError

LARGEST_TEXT = 262_144
"""Characters of the longest text that a template may make."""
MOST_STEPS = 1_000_000
"""Steps of one rendering, or of several together; a step is an operation, or a few characters copied: about 0.2 s."""

_STEP = 16
"""Characters that can be copied in the time of one operation."""
_SLOT = 8
"""Characters that the smallest value counts for."""
_CALL_STEPS = 20
"""Steps of a call, whatever it does."""
_VALUE_STEPS = 4
"""Steps to look at one value in a list or an object."""


class Budget:
    """What is left of the steps of a rendering, or of several."""

    def __init__(self) -> None:
        self._left = MOST_STEPS

    def spend(self, steps: float) -> None:
        """Take steps. Raises SecurityError when none are left."""
        self._left -= int(steps)
        if self._left < 0:
            raise SecurityError("this takes too much work; loop over less")


_current: ContextVar[Budget] = ContextVar("budget")


@contextmanager
def within(budget: Budget) -> Iterator[None]:
    """What follows takes its steps from a budget."""
    token = _current.set(budget)
    try:
        yield
    finally:
        _current.reset(token)


def spend(steps: float) -> None:
    """Take steps of the rendering under way."""
    _current.get().spend(steps)


def spend_on(*values: Any) -> None:
    """Take the steps that it takes to look at everything in some values."""
    spend(_CALL_STEPS)
    for value in values:
        size, count = measure(value)
        spend(size / _STEP + count * _VALUE_STEPS)


def size_of(value: Any) -> int:
    """Characters of a value, roughly."""
    return measure(value)[0]


def measure(value: Any) -> tuple[int, int]:
    """Characters of a value, roughly, and how many values are in it; counting ends where every rendering does."""
    size, count, left = 0, 0, [value]
    while left and count * _VALUE_STEPS <= MOST_STEPS:
        here = left.pop()
        count += 1
        size += _SLOT
        if isinstance(here, str):
            size += len(here)
        elif isinstance(here, dict):
            size += sum(_SLOT + len(str(key)) for key in here)
            left.extend(here.values())
        elif isinstance(here, list | tuple):
            left.extend(here)
        elif isinstance(here, range):
            count += len(here)
            size += _SLOT * len(here)
    return size, count


def check_size(size: int) -> None:
    """Refuse to make a text of so many characters."""
    if size > LARGEST_TEXT:
        raise SecurityError(f"a text would have more than {LARGEST_TEXT} characters")
    spend(size / _STEP)
