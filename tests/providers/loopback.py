"""A chat provider on loopback that answers well, or misbehaves as it is told."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Behaviour = Callable[["Loopback", web.Request], Awaitable[web.StreamResponse]]

TEXT = "Headrace runs workflows over Kafka."
USAGE = {"prompt_tokens": 21, "completion_tokens": 8, "total_tokens": 29}


@dataclass
class Loopback:
    """The provider. `bodies` and `headers` are what it was sent; `asked` is set by the first request."""

    behaviour: Behaviour
    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(await request.json())
        self.headers.append(dict(request.headers))
        self.asked.set()
        return await self.behaviour(self, request)


@asynccontextmanager
async def loopback(behaviour: Behaviour | None = None) -> AsyncIterator[Loopback]:
    """A provider for the length of a test."""
    provider = Loopback(behaviour or well)
    app = web.Application()
    app.router.add_post("/v1/chat/completions", provider.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    provider.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    try:
        yield provider
    finally:
        provider.closing.set()
        await runner.cleanup()


def completion(text: str | None = TEXT, **fields: Any) -> dict[str, Any]:
    """An answer as the API has it; fields given replace its own, and None removes them."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    answer = {"id": "chatcmpl-1", "object": "chat.completion", "choices": [choice], "usage": USAGE, **fields}
    return {name: value for name, value in answer.items() if value is not None}


async def well(provider: Loopback, _: web.Request) -> web.StreamResponse:
    """As the API says: as many words as may be, or JSON for the one schema that tests have; a token is a word."""
    body = provider.bodies[-1]
    words = ['{"answer":"yes"}'] if "response_format" in body else TEXT.split()
    taken = words[: body["max_tokens"]]
    sent = sum(len(message["content"].split()) + 5 for message in body["messages"])
    answer = completion(" ".join(taken), usage={"prompt_tokens": sent, "completion_tokens": len(taken)})
    answer["choices"][0]["finish_reason"] = "stop" if taken == words else "length"
    return web.json_response(answer)


def answers(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Behaviour:
    """Always this JSON."""
    return says(json.dumps(value).encode(), "application/json", status, headers)


def says(body: bytes, content_type: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Behaviour:
    """Always these bytes."""

    async def behave(_: Loopback, __: web.Request) -> web.StreamResponse:
        return web.Response(body=body, status=status, headers={"Content-Type": content_type, **(headers or {})})

    return behave


async def hangs(provider: Loopback, _: web.Request) -> web.StreamResponse:
    """Takes the request and says nothing."""
    await provider.closing.wait()
    return web.Response()


async def drips(provider: Loopback, request: web.Request) -> web.StreamResponse:
    """Begins an answer, and goes on with one byte at a time, for ever."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    while not provider.closing.is_set():
        try:
            await response.write(b" ")
            await asyncio.wait_for(provider.closing.wait(), 0.02)
        except TimeoutError:
            continue
        except ConnectionError:
            break
    return response


async def resets(_: Loopback, request: web.Request) -> web.StreamResponse:
    """Answers with a TCP reset."""
    _reset(request)
    return web.Response()


async def breaks_off(_: Loopback, request: web.Request) -> web.StreamResponse:
    """Begins a good answer and resets the connection in the middle of it."""
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"choices": [')
    _reset(request)
    return response


async def floods(provider: Loopback, request: web.Request) -> web.StreamResponse:
    """An answer without an end, as fast as it is taken."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    while not provider.closing.is_set():
        try:
            await response.write(b" " * 65_536)
        except ConnectionError:
            break
    return response


def echoes_the_key(status: int) -> Behaviour:
    """Refuses, and repeats the whole Authorization header in its message."""

    async def behave(_: Loopback, request: web.Request) -> web.StreamResponse:
        said = f"Incorrect API key provided: {request.headers.get('Authorization')}."
        return web.json_response({"error": {"message": said, "code": "invalid_api_key"}}, status=status)

    return behave


def _reset(request: web.Request) -> None:
    assert request.transport is not None
    connection = request.transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.transport.abort()
