"""A provider that repeats the credential wherever it can: it is in no error, answer, piece, trace or log."""

import logging
import traceback
from dataclasses import replace

import httpx
import pytest
from aiohttp import web

from headrace.resource.model import Secret
from model_invoke.ports import ProviderFault
from model_invoke.provider.chat import HttpChat
from tests.providers import behaviours
from tests.providers.behaviours import Behaviour
from tests.providers.call import Call
from tests.providers.loopback import loopback
from tests.providers.question import PATIENCE_S, Provider, question
from tests.providers.wire import Reply

KEY = "sk-planted-0123456789abcdef"


async def in_a_tool_call(call: Call) -> web.StreamResponse:
    tool = (call.credential.split()[-1], f'{{"key":"{call.credential}"}}')
    return await call.reply(Reply("a-model", "", "tool_calls", tool))


async def in_the_finish_reason(call: Call) -> web.StreamResponse:
    return await call.reply(Reply("a-model", "water", call.credential))


async def in_broken_json(call: Call) -> web.StreamResponse:
    said = f'{{"choices": "{call.credential}", "type": {{"{call.credential}": 1}}, "content": "{call.credential}"}}'
    streamed = call.streamed
    body, kind = (f"data: {said}\n\n", "text/event-stream") if streamed else (said, f"x/{call.credential}")
    return web.Response(body=body.encode(), headers={"Content-Type": kind})


async def in_a_header(call: Call) -> web.StreamResponse:
    headers = {"Retry-After": call.credential, "X-Key": call.credential}
    return web.json_response(call.wire.error(503, "later"), status=503, headers=headers)


@pytest.mark.parametrize(
    "behaviour",
    [
        *(behaviours.echoes_the_key(status) for status in (200, 400, 401, 404, 429, 500)),
        behaviours.echoes_the_key_in_an_event,
        in_a_tool_call,
        in_the_finish_reason,
        in_broken_json,
        in_a_header,
    ],
)
async def test_a_planted_key_comes_out_nowhere(
    http: httpx.AsyncClient,
    provider: Provider,
    streamed: bool,
    behaviour: Behaviour,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.INFO)
    heard: list[str] = []
    chat = HttpChat(http, {"PROVIDER_API_KEY": KEY})
    async with loopback(behaviour) as server:
        asked = replace(
            question(server.url, provider=provider), credential=Secret(secret="PROVIDER_API_KEY"), max_tokens=99
        )
        try:
            said = repr(await chat.complete(asked, PATIENCE_S, heard.append if streamed else None))
        except ProviderFault as fault:
            said = "".join(traceback.format_exception(fault)) + repr(fault.__cause__) + repr(vars(fault))

    assert KEY in str(server.headers[0]), "it was sent"
    everything = said + "".join(heard) + caplog.text + "".join(capfd.readouterr())
    assert KEY not in everything
    assert KEY[:12] not in everything, "not the beginning of it either"


async def test_an_answer_that_ends_as_the_key_begins_is_heard_to_its_end(
    http: httpx.AsyncClient, provider: Provider
) -> None:
    heard: list[str] = []
    chat = HttpChat(http, {"PROVIDER_API_KEY": KEY})
    async with loopback(behaviours.texts(f"Keys begin with {KEY[:7]}")) as server:
        asked = replace(question(server.url, provider=provider), credential=Secret(secret="PROVIDER_API_KEY"))
        answer = await chat.complete(asked, PATIENCE_S, heard.append)

    assert answer.text == "".join(heard) == f"Keys begin with {KEY[:7]}"
