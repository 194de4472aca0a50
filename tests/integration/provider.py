"""Something outside that costs money: it counts how often it was called for what, and answers when it is told to."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from tests.support.serving import answering, serving
from tests.support.waiting import until


class Provider:
    """Answers each name at once, unless it holds that name's answer back."""

    def __init__(self) -> None:
        self.url = ""
        self.calls: Counter[str] = Counter()
        self._held: dict[str, asyncio.Event] = {}

    def hold(self, name: str) -> None:
        """Take calls for this name, and let them wait."""
        self._held[name] = asyncio.Event()

    def release(self, name: str) -> None:
        """Answer those that wait, and all that come."""
        self._held.pop(name).set()

    async def called(self, name: str, times: int = 1) -> None:
        """Wait for a call."""

        await until(lambda: self.calls[name] >= times)

    async def handle(self, request: web.Request) -> web.Response:
        """One call."""
        name = (await request.json())["name"]
        self.calls[name] += 1
        answer = {"name": name, "call": self.calls[name]}
        if name in self._held:
            await self._held[name].wait()
        return web.json_response(answer)

    def close(self) -> None:
        """Let nobody wait any more."""
        for name in list(self._held):
            self.release(name)


@asynccontextmanager
async def provider() -> AsyncIterator[Provider]:
    """For the length of a test."""
    made = Provider()
    async with serving(answering(made.handle, "POST", "/")) as made.url:
        try:
            yield made
        finally:
            made.close()
