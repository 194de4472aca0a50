"""For how long a process may take itself for the one that counts."""

import time
from collections.abc import Callable

from headrace.errors import HeadraceError


class SessionLost(HeadraceError):
    """This process stood still for so long that another may count by now."""


class Session:
    """The session with the consumer group, by this process's own clock: no broker is asked.

    seconds: the session's time-out. clock: seconds that go on while the process is stopped.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._seen = clock()

    def renew(self) -> None:
        """Say that this process runs. Raises SessionLost when it said so last before the time-out."""
        before, self._seen = self._seen, self._clock()
        if (still := self._seen - before) > self._seconds:
            raise SessionLost(
                f"this process stood still for {still:.1f} s, longer than its session of {self._seconds:.1f} s; "
                "what it did not publish is dropped, for another may have counted more"
            )
