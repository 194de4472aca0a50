"""Waiting that ends when a service is told to stop."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence

from headrace.codec import Codec
from headrace.errors import RegistryUnavailable

RETRY_S = 0.5
"""Between attempts while a part that we need is away."""


async def stopped_within(stopping: asyncio.Event, seconds: float) -> bool:
    """Sleep, unless told to stop; whether we are."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stopping.wait(), seconds)
    return stopping.is_set()


async def learned(
    codec: Codec, values: Sequence[bytes | None], stopping: asyncio.Event, away: Callable[[RegistryUnavailable], None]
) -> bool:
    """Fetch writers' schemas that are new to us; while the registry is away, wait: the records can't help it.

    away: called with each failure. False when told to stop before.
    """
    ids = codec.unknown(values)  # once: learning many may take longer than one that is missing stays so
    while ids:
        try:
            await codec.learn(ids)
        except RegistryUnavailable as error:
            away(error)
            if await stopped_within(stopping, RETRY_S):
                return False
        else:
            return True
    return True
