"""How a provider on loopback may behave: well, or as badly as a test wants it."""

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from aiohttp import web

from tests.providers.wire import OpenAIWire, Reply, Wire

TEXT = "Headrace runs workflows over Kafka."
FIRST_EVENTS = 5
"""Events of a stream that come before it breaks: some text is among them."""


class Patience(Protocol):
    """Until when a call may be kept waiting."""

    @property
    def over(self) -> bool:
        """Whether the provider stops, or was told to behave otherwise."""

    async def wait(self) -> None:
        """Until it is over."""


@dataclass(frozen=True)
class Call:
    """One request, and how long it may wait."""

    request: web.Request
    body: dict[str, Any]
    wire: Wire
    patience: Patience

    @property
    def streamed(self) -> bool:
        """Whether the answer is to come as a stream."""
        return bool(self.body.get("stream"))

    @property
    def credential(self) -> str:
        """The header that holds it, word for word."""
        headers = self.request.headers
        return str(headers.get("Authorization") or headers.get("x-api-key"))


Behaviour = Callable[[Call], Awaitable[web.StreamResponse]]


def completion(text: str | None = TEXT, **fields: Any) -> dict[str, Any]:
    """An answer as OpenAI has it; fields given replace its own, and None removes them."""
    answer = OpenAIWire().whole(Reply("a-model", text or "")) | fields
    if text is None:
        answer["choices"][0]["message"]["content"] = None
    return {name: value for name, value in answer.items() if value is not None}


async def well(call: Call) -> web.StreamResponse:
    """As many words as may be; JSON if a schema, a function's call if one is demanded. A token is a word."""
    return await reply(call, _good(call))


def texts(text: str) -> Behaviour:
    """This text."""

    async def behave(call: Call) -> web.StreamResponse:
        return await reply(call, _good(call, text))

    return behave


def error(status: int, message: str = "told to", retry_after: str | None = None) -> Behaviour:
    """A refusal in the format's words."""

    async def behave(call: Call) -> web.StreamResponse:
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        return web.json_response(call.wire.error(status, message), status=status, headers=headers)

    return behave


def answers(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Behaviour:
    """Always this JSON."""
    return says(json.dumps(value).encode(), "application/json", status, headers)


def says(body: bytes, content_type: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Behaviour:
    """Always these bytes."""

    async def behave(_: Call) -> web.StreamResponse:
        return web.Response(body=body, status=status, headers={"Content-Type": content_type, **(headers or {})})

    return behave


async def hangs(call: Call) -> web.StreamResponse:
    """Takes the request and says nothing, until it is told to behave otherwise; then it answers well."""
    await call.patience.wait()
    return await well(call)


async def drips(call: Call) -> web.StreamResponse:
    """Begins an answer, and goes on with one byte at a time, for ever."""
    response = await _begun(call)
    while not call.patience.over:
        try:
            await response.write(b" ")
            await asyncio.wait_for(call.patience.wait(), 0.02)
        except TimeoutError:
            continue
        except ConnectionError:
            break
    return response


def slow(milliseconds: int) -> Behaviour:
    """A good answer, each part of it after this time."""

    async def behave(call: Call) -> web.StreamResponse:
        response = await _begun(call)
        for part in _parts(call, _good(call)):
            await asyncio.sleep(milliseconds / 1000)
            await response.write(part)
        return response

    return behave


async def resets(call: Call) -> web.StreamResponse:
    """Answers with a TCP reset."""
    _reset(call.request)
    return web.Response()


async def breaks_off(call: Call) -> web.StreamResponse:
    """Begins a good answer and resets the connection in the middle of it."""
    response = await _begun(call)
    for part in _half(call):
        await response.write(part)
    _reset(call.request)
    return response


async def ends_early(call: Call) -> web.StreamResponse:
    """Begins a good answer and ends it in the middle, as if that were all."""
    response = await _begun(call)
    for part in _half(call):
        await response.write(part)
    return response


async def stalls(call: Call) -> web.StreamResponse:
    """Begins a good answer, and goes on when it is told to behave otherwise."""
    response = await _begun(call)
    parts = _parts(call, _good(call))
    for part in parts[:FIRST_EVENTS]:
        await response.write(part)
    await call.patience.wait()
    for part in parts[FIRST_EVENTS:]:
        await response.write(part)
    return response


async def forgets_the_end(call: Call) -> web.StreamResponse:
    """A stream without its last event."""
    response = await _begun(call)
    for part in _parts(call, _good(call))[:-1]:
        await response.write(part)
    return response


async def never_closes(call: Call) -> web.StreamResponse:
    """A stream without its last event, and without an end."""
    response = await forgets_the_end(call)
    await call.patience.wait()
    return response


async def never_streams(call: Call) -> web.StreamResponse:
    """A good answer in one piece, whatever was asked for."""
    return web.json_response(call.wire.whole(_good(call)))


async def broken_json(call: Call) -> web.StreamResponse:
    """A good answer in which a part is no JSON."""
    response = await _begun(call)
    parts = [*_half(call), b'data: {"cho\n\n'] if call.streamed else [b'{"cho']
    for part in parts:
        await response.write(part)
    return response


async def error_event(call: Call) -> web.StreamResponse:
    """A stream that begins well and then tells of a fault; without a stream, that fault."""
    if not call.streamed:
        return await error(503)(call)
    response = await _begun(call)
    for part in (*_half(call), call.wire.error_event("told to")):
        await response.write(part)
    return response


async def floods(call: Call) -> web.StreamResponse:
    """An answer without an end, as fast as it is taken."""
    response = await _begun(call)
    while not call.patience.over:
        try:
            await response.write(b" " * 65_536)
        except ConnectionError:
            break
    return response


async def no_usage(call: Call) -> web.StreamResponse:
    """A good answer that does not count its tokens."""
    return await reply(call, replace(_good(call), counted=False))


def cached(tokens: int) -> Behaviour:
    """A good answer for which this much of the input was in the provider's cache."""

    async def behave(call: Call) -> web.StreamResponse:
        return await reply(call, replace(_good(call), cached=tokens))

    return behave


def other_model(model: str = "another-model") -> Behaviour:
    """A good answer under the name of another model."""

    async def behave(call: Call) -> web.StreamResponse:
        return await reply(call, replace(_good(call), model=model))

    return behave


async def no_such_model(call: Call) -> web.StreamResponse:
    """It has no model of that name."""
    return await error(404, f"The model `{call.body['model']}` does not exist")(call)


def echoes_the_key(status: int = 200) -> Behaviour:
    """Repeats the credential's header, in a refusal's message or in its answer."""

    async def behave(call: Call) -> web.StreamResponse:
        said = f"Incorrect API key provided: {call.credential}."
        if status >= 400:
            return await error(status, said)(call)
        return await reply(call, _good(call, said))

    return behave


async def echoes_the_key_in_an_event(call: Call) -> web.StreamResponse:
    """Repeats the credential's header in the fault that a stream tells of."""
    if not call.streamed:
        return await echoes_the_key(503)(call)
    response = await _begun(call)
    for part in (*_half(call), call.wire.error_event(f"bad key {call.credential}")):
        await response.write(part)
    return response


NAMED: Mapping[str, Callable[..., Behaviour]] = {
    "well": lambda: well,
    "texts": texts,
    "error": error,
    "hangs": lambda: hangs,
    "drips": lambda: drips,
    "slow": slow,
    "resets": lambda: resets,
    "breaks_off": lambda: breaks_off,
    "ends_early": lambda: ends_early,
    "stalls": lambda: stalls,
    "broken_json": lambda: broken_json,
    "error_event": lambda: error_event,
    "floods": lambda: floods,
    "no_usage": lambda: no_usage,
    "cached": cached,
    "other_model": other_model,
    "no_such_model": lambda: no_such_model,
    "echoes_the_key": echoes_the_key,
}
"""Behaviours by name, for those who switch them over HTTP; their parameters are the keys beside the name."""


def _good(call: Call, text: str = TEXT) -> Reply:
    body, wire = call.body, call.wire
    sent = sum(len(json.dumps(message).split()) for message in body["messages"]) + 10
    if tool := wire.tool(body):
        return Reply(body["model"], "", "tool_calls", tool, sent)
    words = ['{"answer":"yes"}'] if wire.schema(body) else text.split()
    taken = words[: body["max_tokens"]]
    return Reply(body["model"], " ".join(taken), "stop" if taken == words else "length", None, sent, len(taken))


def _parts(call: Call, reply: Reply) -> list[bytes]:
    return call.wire.events(reply) if call.streamed else [json.dumps(call.wire.whole(reply)).encode()]


def _half(call: Call) -> Iterable[bytes]:
    parts = _parts(call, _good(call))
    return parts[:FIRST_EVENTS] if call.streamed else [parts[0][:20]]


async def reply(call: Call, said: Reply) -> web.StreamResponse:
    """This answer, whole or as a stream."""
    response = await _begun(call)
    for part in _parts(call, said):
        await response.write(part)
    return response


async def _begun(call: Call) -> web.StreamResponse:
    content_type = "text/event-stream" if call.streamed else "application/json"
    response = web.StreamResponse(headers={"Content-Type": content_type})
    await response.prepare(call.request)
    return response


def _reset(request: web.Request) -> None:
    assert request.transport is not None
    connection = request.transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.transport.abort()
