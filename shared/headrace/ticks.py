"""Records as they come, and a sign whenever none does."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable

from headrace.seen import Seen


async def ticking(records: AsyncIterator[Seen], every_s: float) -> AsyncGenerator[Seen | None, None]:
    """Records as they come, for ever, and None whenever none has come for this time; close it when you leave it."""
    while True:
        coming = asyncio.ensure_future(anext(records))
        try:
            while not (await asyncio.wait({coming}, timeout=every_s))[0]:
                yield None
            yield await coming
        finally:
            coming.cancel()


async def after(came: Iterable[Seen], records: AsyncIterator[Seen]) -> AsyncGenerator[Seen, None]:
    """What came already, and then what comes."""
    for seen in came:
        yield seen
    async for seen in records:
        yield seen
