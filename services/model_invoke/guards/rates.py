"""How often and how many at once this process calls a model: its limits, and what its provider asks for."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from aiolimiter import AsyncLimiter

from headrace.resource.model import Limits
from model_invoke.ports import Rejected

MINUTE_S = 60.0


class Rate:
    """One model's turns."""

    def __init__(self, name: str, limits: Limits) -> None:
        self._name = name
        self._requests = AsyncLimiter(limits.requests_per_minute, MINUTE_S) if limits.requests_per_minute else None
        self._tokens = AsyncLimiter(limits.tokens_per_minute, MINUTE_S) if limits.tokens_per_minute else None
        self._places = asyncio.Semaphore(limits.concurrency) if limits.concurrency else None
        self._not_before = 0.0

    def leave_alone(self, seconds: float) -> None:
        """Give no turn for so long: the provider asks for it (Retry-After)."""
        self._not_before = max(self._not_before, time.monotonic() + seconds)

    @asynccontextmanager
    async def turn(self, tokens: int, patience_s: float) -> AsyncIterator[None]:
        """A turn for a call with so many tokens, waited for at most so long.

        Raises Rejected: retry_after and rate_limited_locally.
        """
        async with AsyncExitStack() as held:
            try:
                async with asyncio.timeout(patience_s):
                    if self._places is not None:
                        await held.enter_async_context(self._places)
                    await self._acquire(tokens)
            except TimeoutError:
                message = f"model {self._name} had no turn within {patience_s:.1f} s: its limits allow no more calls"
                raise Rejected("rate_limited_locally", message, retryable=True) from None
            self._check_left_alone()
            yield

    async def _acquire(self, tokens: int) -> None:
        self._check_left_alone()
        if self._tokens is not None:
            if tokens > self._tokens.max_rate:
                message = f"the call needs {tokens} tokens, more than tokens_per_minute of model {self._name}"
                raise Rejected("rate_limited_locally", message)
            await self._tokens.acquire(tokens)
        if self._requests is not None:
            await self._requests.acquire()

    def _check_left_alone(self) -> None:
        if (seconds := self._not_before - time.monotonic()) > 0:
            message = f"the provider asked to leave model {self._name} alone for another {seconds:.1f} s (Retry-After)"
            raise Rejected("retry_after", message, retryable=True)


class Rates:
    """All models' turns in this process."""

    def __init__(self) -> None:
        self._rates: dict[str, Rate] = {}

    def of(self, name: str, limits: Limits) -> Rate:
        """One model's, by its name@version, whose limits never change."""
        if name not in self._rates:
            self._rates[name] = Rate(name, limits)
        return self._rates[name]
