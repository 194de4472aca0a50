"""What the adapter behind the port `Chat` makes of providers that misbehave, over real sockets."""

import socket
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import httpx
import pytest

from headrace.resource.model import Secret
from model_invoke.model import Completion, Tokens
from model_invoke.ports import ProviderFault
from model_invoke.provider.chat import HttpChat
from model_invoke.provider.exchange import LARGEST_ANSWER
from tests.providers import behaviours as providers
from tests.providers.behaviours import Behaviour
from tests.providers.loopback import loopback
from tests.providers.question import KEY, PATIENCE_S, question


@pytest.fixture
def chat(http: httpx.AsyncClient) -> HttpChat:
    return HttpChat(http, {"PROVIDER_API_KEY": KEY})


async def fault_of(
    chat: HttpChat, url: str, timeout_s: float = PATIENCE_S, credential: Secret | None = None
) -> ProviderFault:
    with pytest.raises(ProviderFault) as caught:
        await chat.complete(replace(question(url), credential=credential), timeout_s)
    return caught.value


class TestMisbehaviour:
    @pytest.mark.parametrize(
        ("behaviour", "code", "said", "worked"),
        [
            (
                providers.answers({"error": {"message": "boom"}}, 500),
                "provider_unavailable",
                "answered 500: boom",
                False,
            ),
            (providers.says(b"<h1>Bad gateway</h1>", "text/html", 502), "provider_unavailable", "502: <h1>Bad", False),
            (providers.answers({}, 429, {"Retry-After": "17"}), "provider_rate_limited", r"Retry-After: 17\)", False),
            (providers.answers({}, 408), "provider_timeout", "answered 408", False),
            (providers.resets, "provider_unavailable", "broke off", False),
            (providers.breaks_off, "provider_unavailable", "broke off", True),
            (providers.says(b'{"choices": [', "application/json"), "provider_answer_invalid", "Invalid JSON", True),
            (providers.says(b"", "application/json"), "provider_answer_invalid", "Invalid JSON", True),
            (providers.says(b"<p>Hi</p>", "text/html"), "provider_answer_invalid", "text/html", True),
            (providers.says(b"data: {}\n\n", "text/event-stream"), "provider_answer_invalid", "event-stream", True),
            (providers.says(b"\xff\xfe", "application/json"), "provider_answer_invalid", "no completion", True),
            (providers.says(b"[" * 100_000, "application/json"), "provider_answer_invalid", "recursion", True),
            (providers.answers([]), "provider_answer_invalid", "no completion", True),
            (providers.answers({}), "provider_answer_invalid", "no choices", True),
            (providers.answers({"choices": [{}]}), "provider_answer_invalid", "choices.0.message", True),
            (providers.answers(providers.completion(None)), "provider_answer_invalid", "no text", True),
            (providers.floods, "provider_answer_invalid", str(LARGEST_ANSWER), True),
            (
                providers.says(b"no gzip", "application/json", headers={"Content-Encoding": "gzip"}),
                "provider_answer_invalid",
                "can't be read",
                True,
            ),
        ],
    )
    async def test_a_fault_that_another_attempt_may_get_past(
        self, chat: HttpChat, behaviour: Behaviour, code: str, said: str, worked: bool
    ) -> None:
        async with loopback(behaviour) as server:
            fault = await fault_of(chat, server.url)

        assert (fault.code, fault.retryable, fault.worked) == (code, True, worked)
        with pytest.raises(ProviderFault, match=said):
            raise fault

    @pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 422])
    async def test_a_refusal_is_final(self, chat: HttpChat, status: int) -> None:
        behaviour = providers.answers({"error": {"message": "no such model"}}, status, {"Location": "http://x/"})
        async with loopback(behaviour) as server:
            fault = await fault_of(chat, server.url)

        assert (fault.code, fault.retryable, fault.worked) == ("provider_refused", False, False)
        words = "" if status in {401, 403} else ": no such model"  # about a credential nothing is repeated
        asked = " (asked for the model 'a-model')" if status == 404 else ""
        assert str(fault) == f"the provider answered {status}{words}{asked}"
        assert len(server.bodies) == 1

    @pytest.mark.parametrize("behaviour", [providers.hangs, providers.drips])
    async def test_one_that_does_not_end_is_left_in_time(self, chat: HttpChat, behaviour: Behaviour) -> None:
        async with loopback(behaviour) as server:
            began = time.monotonic()
            fault = await fault_of(chat, server.url, 0.3)
            took = time.monotonic() - began

        assert (fault.code, fault.retryable, fault.worked) == ("provider_timeout", True, True)
        assert 0.3 <= took < 3

    async def test_one_that_is_not_there(self, chat: HttpChat) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as taken:
            port = taken.getsockname()[1]

        fault = await fault_of(chat, f"http://127.0.0.1:{port}/v1")

        assert (fault.code, fault.retryable, fault.worked) == ("provider_unavailable", True, False)
        assert f"127.0.0.1:{port} does not answer" in str(fault)

    async def test_one_that_takes_no_connection_was_not_paid(self, chat: HttpChat, deaf: str) -> None:
        fault = await fault_of(chat, deaf, 0.3)

        assert (fault.code, fault.worked) == ("provider_timeout", False)

    async def test_a_model_that_refuses_was_paid(self, chat: HttpChat) -> None:
        answer = providers.completion()
        answer["choices"][0]["message"] = {"role": "assistant", "content": None, "refusal": "I can't help with that."}
        async with loopback(providers.answers(answer)) as server:
            fault = await fault_of(chat, server.url)

        assert (fault.code, fault.retryable, fault.worked) == ("model_refused", False, True)
        assert fault.tokens == Tokens(21, 8)

    async def test_an_answer_without_choices_was_paid(self, chat: HttpChat) -> None:
        async with loopback(providers.answers(providers.completion(choices=[]))) as server:
            assert (await fault_of(chat, server.url)).tokens == Tokens(21, 8)

    @pytest.mark.parametrize(
        "usage",
        [
            None,
            {},
            "many",
            {"prompt_tokens": 0, "completion_tokens": 8},
            {"prompt_tokens": 21, "completion_tokens": 0},
            {"prompt_tokens": -1, "completion_tokens": 8},
            {"prompt_tokens": 10**30, "completion_tokens": 8},
        ],
    )
    async def test_usage_that_is_missing_or_nonsense_is_unknown_and_the_answer_good(
        self, chat: HttpChat, usage: object
    ) -> None:
        async with loopback(providers.answers(providers.completion(usage=usage))) as server:
            answer = await chat.complete(question(server.url), PATIENCE_S)

        assert answer == Completion(providers.TEXT, "stop", None)

    async def test_a_good_answer_that_is_too_long_is_not_taken(self, chat: HttpChat) -> None:
        async with loopback(providers.answers(providers.completion("x" * LARGEST_ANSWER))) as server:
            fault = await fault_of(chat, server.url)

        assert (fault.code, fault.worked) == ("provider_answer_invalid", True)

    async def test_json_under_another_content_type_is_still_an_answer(self, chat: HttpChat) -> None:
        body = b'{"choices": [{"message": {"content": "yes"}}]}'
        async with loopback(providers.says(body, "text/plain")) as server:
            assert await chat.complete(question(server.url), PATIENCE_S) == Completion("yes")

    async def test_after_a_fault_the_next_question_is_answered(self, chat: HttpChat) -> None:
        async with loopback(providers.resets) as server:
            await fault_of(chat, server.url)
            server.behave(providers.well)
            assert (await chat.complete(question(server.url), PATIENCE_S)).text == providers.TEXT

    @pytest.mark.parametrize("behaviour", [providers.resets, providers.closes])
    async def test_a_connection_that_the_server_was_closing_is_no_fault_of_a_call(
        self, chat: HttpChat, behaviour: Behaviour
    ) -> None:
        async with loopback() as server:
            await chat.complete(question(server.url), PATIENCE_S)
            server.behave(behaviour, times=1)
            answer = await chat.complete(question(server.url), PATIENCE_S)

        assert answer.text == providers.TEXT
        assert len(server.connections) == 2
        assert len(server.bodies) == 3

    @pytest.mark.parametrize("behaviour", [providers.resets, providers.closes])
    async def test_a_server_that_never_answers_is_asked_once_on_a_connection_of_the_call_s_own(
        self, chat: HttpChat, behaviour: Behaviour
    ) -> None:
        async with loopback() as server:
            await chat.complete(question(server.url), PATIENCE_S)
            server.behave(behaviour)
            asked = [str(await fault_of(chat, server.url)) and len(server.bodies) for _ in range(2)]

        assert asked == [3, 4]

    async def test_a_server_that_may_have_worked_is_not_asked_again(self, chat: HttpChat) -> None:
        async with loopback() as server:
            await chat.complete(question(server.url), PATIENCE_S)
            server.behave(providers.works_in_vain)
            fault = await fault_of(chat, server.url)

        assert (fault.code, len(server.bodies)) == ("provider_unavailable", 2)


@pytest.fixture
def deaf() -> Iterator[str]:
    """A port whose queue of connections is full: one more is neither taken nor refused."""
    with closing(socket.create_server(("127.0.0.1", 0), backlog=0)) as server:
        address = server.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        try:
            for connection in waiting:
                connection.setblocking(False)
                connection.connect_ex(address)
            yield f"http://127.0.0.1:{address[1]}/v1"
        finally:
            for connection in waiting:
                connection.close()


class TestCredential:
    CREDENTIAL = Secret(secret="PROVIDER_API_KEY")

    @pytest.mark.parametrize("status", [400, 429, 500])
    async def test_a_provider_that_repeats_the_key_does_not_get_it_into_an_error(
        self, chat: HttpChat, status: int
    ) -> None:
        async with loopback(providers.echoes_the_key(status)) as server:
            fault = await fault_of(chat, server.url, credential=self.CREDENTIAL)

        assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
        assert str(fault) == (f"the provider answered {status}: Incorrect API key provided: Bearer [credential].")

    @pytest.mark.parametrize(
        "body",
        [
            f'{{"error": {{"message": "{"x" * 290} {KEY}"}}}}'.encode(),
            f'{{"error": "{KEY}"}}'.encode(),
            f'{{"detail": {{"key": "{KEY}"}}}}'.encode(),
            f"<html>{KEY}</html>".encode(),
            KEY.encode(),
        ],
    )
    async def test_wherever_it_stands_it_is_taken_out_before_the_text_is_cut(self, chat: HttpChat, body: bytes) -> None:
        async with loopback(providers.says(body, "application/json", 400)) as server:
            fault = await fault_of(chat, server.url, credential=self.CREDENTIAL)

        assert "[cred" in str(fault)
        assert KEY[:8] not in str(fault)

    async def test_it_is_in_no_error_of_a_connection_that_breaks(self, chat: HttpChat) -> None:
        async with loopback(providers.resets) as server:
            fault = await fault_of(chat, server.url, credential=self.CREDENTIAL)

        assert KEY not in str(fault)
        assert KEY not in repr(fault.__cause__)

    async def test_words_of_a_provider_are_shortened_and_made_unicode(self, chat: HttpChat) -> None:
        body = b'{"error": {"message": "half a pair \\ud800 ' + b"and so on " * 1_000 + b'"}}'
        async with loopback(providers.says(body, "application/json", 400)) as server:
            fault = await fault_of(chat, server.url)

        assert len(str(fault)) < 400
        assert str(fault).encode().startswith(b"the provider answered 400: half a pair ? and so on")
