"""Loops of services in the process of the test."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def running(
    loop: Coroutine[Any, Any, None], stopping: asyncio.Event, within_s: float = 10.0
) -> AsyncIterator[None]:
    """A loop until the end of the block, where it is told to stop. What it raised is raised there."""
    task = asyncio.create_task(loop)
    try:
        yield
    finally:
        stopping.set()
        await asyncio.wait_for(task, within_s)
