"""Named points at which a test stops or kills a process: what may happen between any two steps of a loop."""

from collections.abc import Awaitable, Sequence
from typing import Protocol


class Probe(Protocol):
    """Awaited at each point, with the sends that may not be acknowledged yet."""

    async def __call__(self, point: str, under_way: Sequence[Awaitable[object]] = ()) -> None:
        """Return, unless this is where the process ends."""


async def no_probe(point: str, under_way: Sequence[Awaitable[object]] = ()) -> None:
    """Let it live."""
