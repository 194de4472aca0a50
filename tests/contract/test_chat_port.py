"""What every provider behind the port `Chat` does, and what it is sent."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import httpx
import pytest

from headrace.errors import NodeError
from headrace.prompting import ChatMessage
from headrace.resource.model import Endpoint, Secret
from model_invoke.model import ChatRequest, Completion, ResponseSchema
from model_invoke.ports import ProviderFault
from model_invoke.provider.chat import HttpChat
from tests.providers.loopback import loopback
from tests.providers.question import KEY, PATIENCE_S, SCHEMA, TOOL, Provider, question


@pytest.fixture
def chat(http: httpx.AsyncClient) -> HttpChat:
    return HttpChat(http, {"PROVIDER_API_KEY": KEY})


@dataclass(frozen=True)
class Asked:
    """One implementation of the contract, asked in one of the ways."""

    url: str
    provider: Provider
    streamed: bool
    heard: list[str] = field(default_factory=list)

    def question(self, text: str = "Is water wet? Answer in one word.") -> ChatRequest:
        return question(self.url, text, self.provider)

    async def ask(self, chat: HttpChat, request: ChatRequest, timeout_s: float = PATIENCE_S) -> Completion:
        self.heard.clear()
        answer = await chat.complete(request, timeout_s, self.heard.append if self.streamed else None)
        assert "".join(self.heard) == (answer.text if self.streamed else "")
        return answer


@pytest.fixture(params=["loopback", pytest.param("local model", marks=pytest.mark.stack)])
async def url(request: pytest.FixtureRequest, provider: Provider) -> AsyncIterator[str]:
    """The local model's server stands for one format only; it can't do all that it can be asked for."""
    if request.param == "local model" and provider == "anthropic":
        pytest.skip("the local model's server dropped connections of /v1/messages; no real one of that format is here")
    if request.param == "loopback":
        async with loopback() as server:
            yield server.url
    else:
        yield request.getfixturevalue("stack").env["MODEL_BASE_URL"]


@pytest.fixture
def asked(url: str, provider: Provider, streamed: bool) -> Asked:
    return Asked(url, provider, streamed)


class TestContract:
    async def test_a_question_is_answered_and_its_tokens_are_counted(self, chat: HttpChat, asked: Asked) -> None:
        answer = await asked.ask(chat, asked.question())

        assert answer.text.strip()
        assert answer.finish_reason == "stop"
        assert answer.tokens
        assert answer.tokens.input > 10
        assert answer.tokens.output > 0

    async def test_a_longer_question_has_more_tokens(self, chat: HttpChat, asked: Asked) -> None:
        short, long = [
            await asked.ask(chat, replace(asked.question(text), max_tokens=1))
            for text in ("Water.", "Water, water, everywhere. " * 5)
        ]

        assert short.tokens
        assert long.tokens
        assert long.tokens.input > short.tokens.input

    async def test_an_answer_that_is_cut_off_says_so(self, chat: HttpChat, asked: Asked) -> None:
        answer = await asked.ask(chat, replace(asked.question("Count from one to fifty, in words."), max_tokens=3))

        assert answer.finish_reason == "length"
        assert answer.text

    async def test_an_answer_meets_the_schema_that_was_asked_for(
        self, chat: HttpChat, url: str, streamed: bool
    ) -> None:
        """As OpenAI has it; for Anthropic the local server takes no schema, see below."""
        asked = Asked(url, "openai", streamed)

        answer = await asked.ask(chat, replace(asked.question(), response=ResponseSchema("wet", SCHEMA)))

        assert answer.text.replace(" ", "").replace("\n", "") in {'{"answer":"yes"}', '{"answer":"no"}'}

    async def test_questions_travel_together(self, chat: HttpChat, asked: Asked) -> None:
        others = [replace(asked, heard=[]) for _ in range(4)]

        answers = await asyncio.gather(
            *(one.ask(chat, replace(one.question(f"Say {n}."), max_tokens=4)) for n, one in enumerate(others))
        )

        assert all(answer.text for answer in answers)

    async def test_no_time_is_a_time_out(self, chat: HttpChat, asked: Asked) -> None:
        with pytest.raises(ProviderFault, match="did not answer within") as caught:
            await asked.ask(chat, asked.question(), 0.0)
        assert caught.value.code == "provider_timeout"
        assert caught.value.retryable


class TestCapabilities:
    """What the local model can't do, with the test server."""

    async def test_an_answer_meets_the_schema_that_was_asked_for(
        self, chat: HttpChat, provider: Provider, streamed: bool
    ) -> None:
        async with loopback() as server:
            asked = Asked(server.url, provider, streamed)
            answer = await asked.ask(chat, replace(asked.question(), response=ResponseSchema("wet", SCHEMA)))

        assert answer.text == '{"answer":"yes"}'

    async def test_a_function_that_must_be_called_is_called(
        self, chat: HttpChat, provider: Provider, streamed: bool
    ) -> None:
        async with loopback() as server:
            asked = Asked(server.url, provider, streamed)
            answer = await asked.ask(chat, replace(asked.question(), tools=(TOOL,), tool_choice="required"))

        assert answer.finish_reason == "tool_calls"
        assert [(call.id, call.name) for call in answer.tool_calls] == [("call_1", "depth")]
        assert json.loads(answer.tool_calls[0].arguments) == {"river": "water"}


IMAGE = "data:image/png;base64,iVBORw0KGgo="
PHOTO = "https://example.com/po.jpg"
WHOLE: dict[str, Any] = {
    "messages": (
        ChatMessage("system", "You are brief."),
        ChatMessage("user", "Which river?", (IMAGE, PHOTO)),
        ChatMessage("assistant", "The Po."),
        ChatMessage("system", "Be exact."),
        ChatMessage("user", "How deep?"),
    ),
    "credential": Secret(secret="PROVIDER_API_KEY"),
    "stop": ("\n\n",),
    "response": ResponseSchema("wet", SCHEMA),
    "tools": (TOOL,),
}


class TestWhatIsSent:
    async def test_to_openai_in_full(self, chat: HttpChat) -> None:
        async with loopback() as server:
            await chat.complete(replace(question(server.url), **WHOLE), PATIENCE_S)

        assert server.paths == ["/v1/chat/completions"]
        assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
        assert server.bodies == [
            {
                "model": "a-model",
                "messages": [
                    {"role": "system", "content": "You are brief."},
                    {
                        "role": "user",
                        "content": [
                            {"type": "text", "text": "Which river?"},
                            {"type": "image_url", "image_url": {"url": IMAGE}},
                            {"type": "image_url", "image_url": {"url": PHOTO}},
                        ],
                    },
                    {"role": "assistant", "content": "The Po."},
                    {"role": "system", "content": "Be exact."},
                    {"role": "user", "content": "How deep?"},
                ],
                "temperature": 0.0,
                "max_tokens": 16,
                "stop": ["\n\n"],
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "wet", "strict": True, "schema": SCHEMA},
                },
                "tools": [
                    {
                        "type": "function",
                        "function": {
                            "name": "depth",
                            "description": "How deep a river is",
                            "parameters": TOOL.parameters,
                        },
                    }
                ],
                "tool_choice": "auto",
            }
        ]

    async def test_to_anthropic_in_full(self, chat: HttpChat) -> None:
        async with loopback() as server:
            await chat.complete(replace(question(server.url, provider="anthropic"), **WHOLE), PATIENCE_S)

        assert server.paths == ["/v1/messages"]
        assert server.headers[0]["x-api-key"] == KEY
        assert server.headers[0]["anthropic-version"] == "2023-06-01"
        assert "Authorization" not in server.headers[0]
        assert server.bodies == [
            {
                "model": "a-model",
                "system": "You are brief.\n\nBe exact.",
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {
                                "type": "image",
                                "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="},
                            },
                            {"type": "image", "source": {"type": "url", "url": PHOTO}},
                            {"type": "text", "text": "Which river?"},
                        ],
                    },
                    {"role": "assistant", "content": "The Po."},
                    {"role": "user", "content": "How deep?"},
                ],
                "temperature": 0.0,
                "max_tokens": 16,
                "stop_sequences": ["\n\n"],
                "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}},
                "tools": [
                    {"name": "depth", "description": "How deep a river is", "input_schema": TOOL.parameters},
                ],
                "tool_choice": {"type": "auto"},
            }
        ]

    @pytest.mark.parametrize(("choice", "said"), [("auto", "auto"), ("required", "any"), ("none", "none")])
    async def test_anthropic_has_its_own_words_for_the_choice_of_a_tool(
        self, chat: HttpChat, choice: Literal["auto", "required", "none"], said: str
    ) -> None:
        async with loopback() as server:
            asked = question(server.url, provider="anthropic")
            await chat.complete(replace(asked, tools=(TOOL,), tool_choice=choice), PATIENCE_S)

        assert server.bodies[0]["tool_choice"] == {"type": said}

    async def test_no_temperature_is_sent_where_none_is_given(self, chat: HttpChat, provider: Provider) -> None:
        async with loopback() as server:
            await chat.complete(replace(question(server.url, provider=provider), temperature=None), PATIENCE_S)

        assert "temperature" not in server.bodies[0]

    async def test_a_stream_is_asked_for_with_its_tokens(self, chat: HttpChat) -> None:
        async with loopback() as server:
            await chat.complete(question(server.url), PATIENCE_S, lambda _: None)
            await chat.complete(question(server.url, provider="anthropic"), PATIENCE_S, lambda _: None)

        openai, anthropic = server.bodies
        assert (openai["stream"], openai["stream_options"]) == (True, {"include_usage": True})
        assert anthropic["stream"] is True
        assert "stream_options" not in anthropic

    async def test_anthropic_s_base_url_may_have_the_version_or_not(self, chat: HttpChat) -> None:
        async with loopback() as server:
            for url in (server.url, server.url.removesuffix("/v1"), f"{server.url}/"):
                await chat.complete(question(url, provider="anthropic"), PATIENCE_S)

        assert server.paths == ["/v1/messages"] * 3

    async def test_without_a_credential_none_is_sent(self, chat: HttpChat) -> None:
        async with loopback() as server:
            await chat.complete(question(server.url), PATIENCE_S)
            await chat.complete(question(server.url, provider="anthropic"), PATIENCE_S)

        assert all(sent.keys().isdisjoint({"Authorization", "x-api-key"}) for sent in server.headers)
        assert server.bodies[0].keys() == {"model", "messages", "temperature", "max_tokens"}

    async def test_the_base_url_may_be_in_a_variable_with_or_without_a_slash(self, http: httpx.AsyncClient) -> None:
        async with loopback() as server:
            chat = HttpChat(http, {"PLAIN_BASE_URL": server.url, "SLASH_BASE_URL": f"{server.url}/"})
            for name in ("PLAIN_BASE_URL", "SLASH_BASE_URL"):
                await chat.complete(replace(question(server.url), endpoint=Endpoint(env=name)), PATIENCE_S)

        assert len(server.bodies) == 2

    @pytest.mark.parametrize(
        ("environment", "said"),
        [
            ({}, "P_BASE_URL is not set"),
            ({"P_BASE_URL": " "}, "P_BASE_URL is not set"),
            ({"P_BASE_URL": "localhost:80"}, "P_BASE_URL holds no base URL"),
            ({"P_BASE_URL": f"http://me:{KEY}@127.0.0.1/v1"}, "P_BASE_URL holds no base URL"),
            ({"P_BASE_URL": "http://127.0.0.1:99999999/v1"}, "no URL"),
            ({"P_BASE_URL": "http://provider..example/v1"}, "no URL"),
            ({"P_BASE_URL": f"http://{'p' * 64}.example/v1"}, "no URL"),
            ({"P_BASE_URL": "http://provid\x00er/v1"}, "no URL"),
            ({"P_BASE_URL": "http://127.0.0.1:1/v1"}, "P_API_KEY is not set"),
            (
                {"P_BASE_URL": "http://127.0.0.1:1/v1", "P_API_KEY": f"{KEY}\nX-Evil: 1"},
                "P_API_KEY holds no credential",
            ),
            ({"P_BASE_URL": "http://127.0.0.1:1/v1", "P_API_KEY": f"{KEY}é"}, "P_API_KEY holds no credential"),
        ],
    )
    async def test_what_is_not_configured_is_said_and_no_value_repeated(
        self, http: httpx.AsyncClient, environment: Mapping[str, str], said: str
    ) -> None:
        asked = replace(
            question("http://x"), endpoint=Endpoint(env="P_BASE_URL"), credential=Secret(secret="P_API_KEY")
        )
        whole = {"P_API_KEY": KEY, **environment} if "P_API_KEY" not in said else environment

        with pytest.raises(NodeError, match=said) as caught:
            await HttpChat(http, whole).complete(asked, PATIENCE_S)

        assert (caught.value.code, caught.value.retryable) == ("provider_unconfigured", False)
        assert KEY not in str(caught.value)
