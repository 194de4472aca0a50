"""Which runs have ended, as far as anybody needs to remember. Pure."""

MOST = 10_000
"""Runs that are remembered, the newest ones."""
KEPT_S = 600.0
"""Seconds for which a run is remembered: work that comes later is done, and its outcome ignored."""


class EndedRuns:
    """Runs in the order in which their end was heard of. Times are seconds of one clock, which never goes back."""

    def __init__(self, most: int = MOST, kept_s: float = KEPT_S) -> None:
        self._most = most
        self._kept_s = kept_s
        self._heard: dict[str, float] = {}

    def add(self, run: str, now: float) -> bool:
        """Remember a run; false when it is known already. The oldest are forgotten."""
        if self.has(run, now):
            return False
        self._heard.pop(run, None)
        self._heard[run] = now
        while len(self._heard) > self._most or not self._is_kept(next(iter(self._heard)), now):
            del self._heard[next(iter(self._heard))]
        return True

    def has(self, run: str, now: float) -> bool:
        """Whether a run is known to have ended."""
        return run in self._heard and self._is_kept(run, now)

    def _is_kept(self, run: str, now: float) -> bool:
        return now - self._heard[run] < self._kept_s
