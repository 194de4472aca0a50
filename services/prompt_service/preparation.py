"""What is done in the object store before a decision: a body is read, or destroyed."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from headrace.errors import BodyFault, StoreUnavailable
from headrace.events import resource
from headrace.machine import Message, Tick
from headrace.resource import erasure
from headrace.resource.state import State
from prompt_service import core
from prompt_service.core import Prepared
from prompt_service.ports import Store

LONGEST_S = 2.0
"""Seconds that a decision waits for the store: the other prompts of its partition wait with it."""
REST_S = 8.0
"""Seconds for which the store is not asked after it has taken longer; else each command in a row would wait."""


class BodyPreparation:
    """Reads the body that a new version names, and destroys what is ordered to be erased.

    clock: seconds that only go up.
    """

    def __init__(self, store: Store, longest_s: float = LONGEST_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._longest_s = longest_s
        self._clock = clock
        self._rests_until = clock()

    async def prepare(self, state: State, message: Message) -> Prepared:
        """The body that a decision is about, or why it can't be used, or is not known now."""
        try:
            match message:
                case resource.CreateVersion() if body := core.stored_body(state, message):
                    if not core.gone(state, body.sha256):
                        async with self._patience():
                            return await self._store.get(state.name, body)
                case Tick(now) if digest := erasure.next_digest(state, now):
                    async with self._patience():
                        await self._store.destroy(state.name, digest)
        except BodyFault as fault:
            return fault
        return None

    @asynccontextmanager
    async def _patience(self) -> AsyncIterator[None]:
        """Ask the store, unless it rests. Raises StoreUnavailable when it takes too long or did so a moment ago."""
        if self._clock() < self._rests_until:
            raise StoreUnavailable(f"the object store hung a moment ago, it is asked again within {REST_S:g} s")
        try:
            async with asyncio.timeout(self._longest_s):
                yield
        except TimeoutError as error:
            self._rests_until = self._clock() + REST_S
            raise StoreUnavailable(f"the object store does not answer within {self._longest_s:g} s") from error
