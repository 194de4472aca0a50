"""A chat provider on loopback, for both formats, that behaves as it is told: in the test, or over HTTP.

POST   /v1/chat/completions, /v1/messages   what providers answer
PUT    /behaviours/MODEL                    {"is": "error", "status": 503, "times": 3}: from now on, or so many times
DELETE /behaviours/MODEL                    as `*` again, `*` well again
GET    /calls                               how often each model was called
DELETE /calls                               counts from 0 again

MODEL is the provider's name of a model, or `*` for those that are not named.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from aiohttp import web

from tests.providers.behaviours import NAMED, Behaviour, well
from tests.providers.call import Call
from tests.providers.wire import WIRES, Wire
from tests.support.serving import serving

ANY = "*"


@dataclass
class Script:
    """What a model does from now on, or so many times; over when another takes its place."""

    behaviour: Behaviour
    times: int | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def over(self) -> bool:
        return self.ended.is_set()

    async def wait(self) -> None:
        await self.ended.wait()

    def take(self) -> bool:
        """Whether it holds for one more call, which is counted."""
        if self.times is not None:
            self.times -= 1
        return self.times is None or self.times >= 0


@dataclass
class Loopback:
    """The provider. `bodies`, `paths` and `headers` are what it was sent, `calls` how often for each model; `asked` is
    set by the first request; `connections` are its peers' ports.
    """

    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    scripts: dict[str, Script] = field(default_factory=dict)
    connections: set[int] = field(default_factory=set)

    def behave(self, behaviour: Behaviour, model: str = ANY, times: int | None = None) -> None:
        """Behave so from now on, or so many times."""
        if before := self.scripts.get(model):
            before.ended.set()
        self.scripts[model] = Script(behaviour, times)

    def close(self) -> None:
        """Keep nobody waiting any more."""
        for script in self.scripts.values():
            script.ended.set()

    def app(self) -> web.Application:
        """Its routes."""
        app = web.Application()
        app.router.add_post("/v1/chat/completions", partial(self._answer, WIRES["openai"]))
        app.router.add_post("/v1/messages", partial(self._answer, WIRES["anthropic"]))
        app.router.add_put("/behaviours/{model}", self._switch)
        app.router.add_delete("/behaviours/{model}", self._switch_back)
        app.router.add_get("/calls", self._count)
        app.router.add_delete("/calls", self._forget)
        return app

    async def _answer(self, wire: Wire, request: web.Request) -> web.StreamResponse:
        assert request.transport
        body = await request.json()
        self.bodies.append(body)
        self.paths.append(request.path)
        self.headers.append(dict(request.headers))
        self.calls[body["model"]] += 1
        self.connections.add(request.transport.get_extra_info("peername")[1])
        self.asked.set()
        script = self._script(body["model"])
        return await script.behaviour(Call(request, body, wire, script))

    def _script(self, model: str) -> Script:
        """The first of its own and everybody's that holds."""
        named = (self.scripts.get(model), self.scripts.get(ANY))
        return next((script for script in named if script and script.take()), Script(well))

    async def _switch(self, request: web.Request) -> web.Response:
        told = await request.json()
        times = told.pop("times", None)
        try:
            behaviour = NAMED[told.pop("is")](**told)
        except (KeyError, TypeError) as error:
            return web.json_response({"error": f"{error!r}; behaviours: {sorted(NAMED)}"}, status=400)
        self.behave(behaviour, request.match_info["model"], times)
        return web.json_response({})

    async def _switch_back(self, request: web.Request) -> web.Response:
        script = self.scripts.pop(request.match_info["model"], None)
        if script:
            script.ended.set()
        return web.json_response({})

    async def _count(self, _: web.Request) -> web.Response:
        return web.json_response(self.calls)

    async def _forget(self, _: web.Request) -> web.Response:
        self.calls.clear()
        return web.json_response({})


@asynccontextmanager
async def loopback(behaviour: Behaviour = well, port: int = 0) -> AsyncIterator[Loopback]:
    """A provider for the length of a test; `url` ends with /v1."""
    provider = Loopback()
    provider.behave(behaviour)
    async with serving(provider.app(), port) as url:
        provider.url = f"{url}/v1"
        try:
            yield provider
        finally:
            provider.close()
