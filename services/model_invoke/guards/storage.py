"""What a circuit breaker of `aiobreaker` keeps: its state, and a window in the place of a count."""

import time
from datetime import datetime
from typing import Any

from aiobreaker import CircuitBreakerState
from aiobreaker.storage.base import CircuitBreakerStorage

from model_invoke.core.window import Threshold, Window


class Storage(CircuitBreakerStorage):  # type: ignore[misc]  # aiobreaker has no types
    """The state, and a window in the place of aiobreaker's count of failures in a row.

    What is noted while the breaker is not closed is of calls that began before, and changes nothing. period: how often
    the state was set: a call that began in another one says nothing of this one, however it ends.
    """

    def __init__(self, name: str, threshold: Threshold) -> None:
        super().__init__(name)
        self.window = Window(threshold)
        self.period = 0
        self._state = CircuitBreakerState.CLOSED
        self._opened_at: datetime | None = None

    @property
    def state(self) -> Any:
        """The state, as aiobreaker has it."""
        return self._state

    @state.setter
    def state(self, state: Any) -> None:
        self._state = state
        self.period += 1
        self.window.clear()

    @property
    def counter(self) -> int:
        """1 when the breaker must open: compared with fail_max, which is 1."""
        return int(self._state is CircuitBreakerState.CLOSED and self.window.is_over(time.monotonic()))

    def increment_counter(self) -> None:
        """A call failed."""
        self._note(failed=True)

    def reset_counter(self) -> None:
        """A call was answered."""
        self._note(failed=False)

    @property
    def opened_at(self) -> datetime | None:
        """UTC without a time zone, as aiobreaker compares it."""
        return self._opened_at

    @opened_at.setter
    def opened_at(self, opened_at: datetime) -> None:
        self._opened_at = opened_at

    def _note(self, *, failed: bool) -> None:
        if self._state is CircuitBreakerState.CLOSED:
            self.window.add(time.monotonic(), failed=failed)
