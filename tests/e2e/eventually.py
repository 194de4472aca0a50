"""Wait for a condition, with a deadline."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

DEADLINE_S = 60.0
LOOK_S = 0.05


async def eventually(look: Callable[[], Awaitable[T]], expected: T, deadline_s: float = DEADLINE_S) -> None:
    """Look until what is seen equals what is expected; fails with the last sight."""
    until = time.monotonic() + deadline_s
    while (seen := await look()) != expected:
        assert time.monotonic() < until, f"after {deadline_s:.0f} s it is {seen!r}, not {expected!r}"
        await asyncio.sleep(LOOK_S)
