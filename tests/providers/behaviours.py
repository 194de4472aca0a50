"""How a provider on loopback may behave: well, or as badly as a test wants it."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from aiohttp import web

from headrace.http import CLOSING_S
from tests.providers.call import FIRST_EVENTS, Call
from tests.providers.wire import OpenAIWire, Reply

TEXT = "Headrace runs workflows over Kafka."

Behaviour = Callable[[Call], Awaitable[web.StreamResponse]]


def completion(text: str | None = TEXT, **fields: Any) -> dict[str, Any]:
    """An answer as OpenAI has it; fields given replace its own, and None removes them."""
    answer = OpenAIWire().whole(Reply("a-model", text or "")) | fields
    if text is None:
        answer["choices"][0]["message"]["content"] = None
    return {name: value for name, value in answer.items() if value is not None}


async def well(call: Call) -> web.StreamResponse:
    """As many words as may be; JSON if a schema, a function's call if one is demanded. A token is a word."""
    return await call.reply(call.good(TEXT))


def texts(text: str) -> Behaviour:
    """This text."""

    async def behave(call: Call) -> web.StreamResponse:
        return await call.reply(call.good(text))

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
    response = await call.begin()
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
        response = await call.begin()
        for part in call.parts(call.good(TEXT)):
            await asyncio.sleep(milliseconds / 1000)
            await response.write(part)
        return response

    return behave


async def resets(call: Call) -> web.StreamResponse:
    """Answers with a TCP reset."""
    call.reset()
    return web.Response()


async def closes(call: Call) -> web.StreamResponse:
    """Closes the connection instead of an answer, as one that was closing it when the request came."""
    assert call.request.transport is not None
    call.request.transport.close()
    return web.Response()


async def works_in_vain(call: Call) -> web.StreamResponse:
    """Works for longer than a connection takes to break, and closes it instead of an answer."""
    await asyncio.sleep(CLOSING_S + 0.2)
    return await closes(call)


async def breaks_off(call: Call) -> web.StreamResponse:
    """Begins a good answer and resets the connection in the middle of it."""
    response = await call.begin(call.half(call.good(TEXT)))
    call.reset()
    return response


async def ends_early(call: Call) -> web.StreamResponse:
    """Begins a good answer and ends it in the middle, as if that were all."""
    return await call.begin(call.half(call.good(TEXT)))


async def stalls(call: Call) -> web.StreamResponse:
    """Begins a good answer, and goes on when it is told to behave otherwise."""
    parts = call.parts(call.good(TEXT))
    response = await call.begin(parts[:FIRST_EVENTS])
    await call.patience.wait()
    for part in parts[FIRST_EVENTS:]:
        await response.write(part)
    return response


async def forgets_the_end(call: Call) -> web.StreamResponse:
    """A stream without its last event."""
    return await call.begin(call.parts(call.good(TEXT))[:-1])


async def never_closes(call: Call) -> web.StreamResponse:
    """A stream without its last event, and without an end."""
    response = await forgets_the_end(call)
    await call.patience.wait()
    return response


async def never_streams(call: Call) -> web.StreamResponse:
    """A good answer in one piece, whatever was asked for."""
    return web.json_response(call.wire.whole(call.good(TEXT)))


async def broken_json(call: Call) -> web.StreamResponse:
    """A good answer in which a part is no JSON."""
    if not call.streamed:
        return await call.begin([b'{"cho'])
    return await call.begin([*call.half(call.good(TEXT)), b'data: {"cho\n\n'])


async def error_event(call: Call) -> web.StreamResponse:
    """A stream that begins well and then tells of a fault; without a stream, that fault."""
    if not call.streamed:
        return await error(503)(call)
    return await call.begin([*call.half(call.good(TEXT)), call.wire.error_event("told to")])


async def floods(call: Call) -> web.StreamResponse:
    """An answer without an end, as fast as it is taken."""
    response = await call.begin()
    while not call.patience.over:
        try:
            await response.write(b" " * 65_536)
        except ConnectionError:
            break
    return response


async def no_usage(call: Call) -> web.StreamResponse:
    """A good answer that does not count its tokens."""
    return await call.reply(replace(call.good(TEXT), counted=False))


def cached(tokens: int) -> Behaviour:
    """A good answer for which this much of the input was in the provider's cache."""

    async def behave(call: Call) -> web.StreamResponse:
        return await call.reply(replace(call.good(TEXT), cached=tokens))

    return behave


def other_model(model: str = "another-model") -> Behaviour:
    """A good answer under the name of another model."""

    async def behave(call: Call) -> web.StreamResponse:
        return await call.reply(replace(call.good(TEXT), model=model))

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
        return await call.reply(call.good(said))

    return behave


async def echoes_the_key_in_an_event(call: Call) -> web.StreamResponse:
    """Repeats the credential's header in the fault that a stream tells of."""
    if not call.streamed:
        return await echoes_the_key(503)(call)
    return await call.begin([*call.half(call.good(TEXT)), call.wire.error_event(f"bad key {call.credential}")])


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
