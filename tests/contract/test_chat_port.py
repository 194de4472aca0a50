"""What every provider behind the port `Chat` does, and what it is sent."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace

import httpx
import pytest

from headrace.errors import NodeError
from headrace.resource.model import Endpoint, Secret
from model_invoke.adapters import HttpChat, http_client
from model_invoke.model import ResponseSchema
from model_invoke.ports import ProviderFault
from tests.providers.loopback import loopback
from tests.providers.question import KEY, PATIENCE_S, SCHEMA, question


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with http_client(4) as client:
        yield client


@pytest.fixture
def chat(http: httpx.AsyncClient) -> HttpChat:
    return HttpChat(http, {"PROVIDER_API_KEY": KEY})


@dataclass
class Provider:
    """One implementation of the contract."""

    url: str


@pytest.fixture(params=["loopback", pytest.param("local model", marks=pytest.mark.stack)])
async def provider(request: pytest.FixtureRequest) -> AsyncIterator[Provider]:
    if request.param == "loopback":
        async with loopback() as server:
            yield Provider(server.url)
    else:
        yield Provider(request.getfixturevalue("stack").env["MODEL_BASE_URL"])


class TestContract:
    async def test_a_question_is_answered_and_its_tokens_are_counted(self, chat: HttpChat, provider: Provider) -> None:
        answer = await chat.complete(question(provider.url), PATIENCE_S)

        assert answer.text.strip()
        assert answer.finish_reason == "stop"
        assert answer.tokens
        assert answer.tokens.input > 10
        assert answer.tokens.output > 0

    async def test_a_longer_question_has_more_tokens(self, chat: HttpChat, provider: Provider) -> None:
        short, long = [
            await chat.complete(replace(question(provider.url, text), max_tokens=1), PATIENCE_S)
            for text in ("Water.", "Water, water, everywhere. " * 5)
        ]

        assert short.tokens
        assert long.tokens
        assert long.tokens.input > short.tokens.input

    async def test_an_answer_that_is_cut_off_says_so(self, chat: HttpChat, provider: Provider) -> None:
        asked = replace(question(provider.url, "Count from one to fifty, in words."), max_tokens=3)

        answer = await chat.complete(asked, PATIENCE_S)

        assert answer.finish_reason == "length"
        assert answer.text

    async def test_an_answer_meets_the_schema_that_was_asked_for(self, chat: HttpChat, provider: Provider) -> None:
        asked = replace(question(provider.url), response=ResponseSchema("wet", SCHEMA))

        answer = await chat.complete(asked, PATIENCE_S)

        assert answer.text.replace(" ", "").replace("\n", "") in {'{"answer":"yes"}', '{"answer":"no"}'}

    async def test_questions_travel_together(self, chat: HttpChat, provider: Provider) -> None:
        asked = [replace(question(provider.url, f"Say {n}."), max_tokens=4) for n in range(4)]

        answers = await asyncio.gather(*(chat.complete(one, PATIENCE_S) for one in asked))

        assert all(answer.text for answer in answers)

    async def test_no_time_is_a_time_out(self, chat: HttpChat, provider: Provider) -> None:
        with pytest.raises(ProviderFault, match="did not answer within") as caught:
            await chat.complete(question(provider.url), 0.0)
        assert caught.value.code == "provider_timeout"
        assert caught.value.retryable


class TestWhatIsSent:
    async def test_the_request_in_full(self, chat: HttpChat) -> None:
        async with loopback() as server:
            asked = replace(
                question(server.url),
                credential=Secret(secret="PROVIDER_API_KEY"),
                stop=("\n\n",),
                response=ResponseSchema("wet", SCHEMA),
            )
            await chat.complete(asked, PATIENCE_S)

        assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
        assert server.bodies == [
            {
                "model": "a-model",
                "messages": [
                    {"role": "system", "content": "You are brief."},
                    {"role": "user", "content": "Is water wet? Answer in one word."},
                ],
                "temperature": 0.0,
                "max_tokens": 16,
                "stop": ["\n\n"],
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "wet", "strict": True, "schema": SCHEMA},
                },
            }
        ]

    async def test_without_a_credential_none_is_sent(self, chat: HttpChat) -> None:
        async with loopback() as server:
            await chat.complete(question(server.url), PATIENCE_S)

        assert "Authorization" not in server.headers[0]
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
