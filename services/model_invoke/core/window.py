"""The sliding window of a circuit breaker: what share of a model's calls failed lately."""

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Threshold:
    """When a breaker opens, and for how long.

    share: of calls that fail, at least `calls` of them within `window_s` seconds. open_s: seconds until a probe.
    """

    share: float = 0.5
    calls: int = 10
    window_s: float = 30.0
    open_s: float = 15.0


class Window:
    """The calls of the last seconds. Times are seconds of any clock that only goes forward."""

    def __init__(self, threshold: Threshold) -> None:
        self._threshold = threshold
        self._calls: deque[tuple[float, bool]] = deque()
        self._failures = 0

    def add(self, now: float, *, failed: bool) -> None:
        """Note a call that ended now."""
        self._calls.append((now, failed))
        self._failures += failed
        self._forget(now)

    def clear(self) -> None:
        """Forget all calls."""
        self._calls.clear()
        self._failures = 0

    def counts(self, now: float) -> tuple[int, int]:
        """Calls, and those of them that failed."""
        self._forget(now)
        return len(self._calls), self._failures

    def is_over(self, now: float) -> bool:
        """Whether too many failed."""
        calls, failures = self.counts(now)
        return calls >= self._threshold.calls and failures >= self._threshold.share * calls

    def _forget(self, now: float) -> None:
        while self._calls and self._calls[0][0] <= now - self._threshold.window_s:
            _, failed = self._calls.popleft()
            self._failures -= failed
