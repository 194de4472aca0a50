"""Waiting for a condition, with a deadline."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

T = TypeVar("T")

LOOK_S = 0.05


@overload
async def until(look: Callable[[], Awaitable[T]], within_s: float = ..., every_s: float = ...) -> T: ...
@overload
async def until(look: Callable[[], T], within_s: float = ..., every_s: float = ...) -> T: ...
async def until(look: Callable[[], Any], within_s: float = 30.0, every_s: float = LOOK_S) -> Any:
    """What `look` answers, at once or awaited, as soon as that is true. Raises TimeoutError with its last answer."""
    return await _watch(look, bool, "something true", within_s, every_s)


async def until_equal(look: Callable[[], Any], expected: object, within_s: float = 60.0) -> None:
    """Wait until `look` answers what is expected. Raises TimeoutError with both."""
    await _watch(look, lambda seen: seen == expected, repr(expected), within_s, LOOK_S)


async def _watch(
    look: Callable[[], Any], good: Callable[[Any], bool], expected: str, within_s: float, every_s: float
) -> Any:
    deadline = time.monotonic() + within_s
    while not good(seen := await _answer(look)):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {within_s:.0f} s: {expected:.2000}; last seen: {seen!r:.2000}")
        await asyncio.sleep(every_s)
    return seen


async def _answer(look: Callable[[], Any]) -> Any:
    found = look()
    return await found if inspect.isawaitable(found) else found
