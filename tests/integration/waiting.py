"""Waiting for a condition, with a deadline."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

LOOK_S = 0.05


async def until(look: Callable[[], Awaitable[T]], within_s: float = 30.0, every_s: float = LOOK_S) -> T:
    """What `look` answers as soon as that is true. Raises TimeoutError, which holds its last answer."""
    deadline = time.monotonic() + within_s
    while not (seen := await look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {within_s:.0f} s; last seen: {seen!r:.2000}")
        await asyncio.sleep(every_s)
    return seen
