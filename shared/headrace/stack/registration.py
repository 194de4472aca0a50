"""Our contracts in the stack's own registry, which is slow to answer while the whole stack starts on a busy machine."""

import asyncio
import time
from pathlib import Path

from headrace.contracts import publish
from headrace.errors import RegistryUnavailable, StackError

LIMIT_S = 100.0
"""How long a registry that times out or fails is asked again."""
READ_S = 30.0
"""How long one answer may take."""
PAUSE_S = 1.0


async def register(
    url: str, log: Path, limit_s: float = LIMIT_S, read_s: float = READ_S, pause_s: float = PAUSE_S
) -> None:
    """Register every schema, again and again while the registry is away. Raises StackError, which names its log."""
    until = time.monotonic() + limit_s
    while True:
        try:
            return await publish(url, read_s)
        except RegistryUnavailable as error:
            if time.monotonic() + pause_s > until:
                message = f"{error}; see {log}. Start again: what is registered is not registered twice"
                raise StackError(message) from error
        await asyncio.sleep(pause_s)
