"""Each format, whole and streamed, against a provider that misbehaves: the same of both, for they are one port.

The provider is the test server: what a format's own provider says in such a case is written there, by its documents.
"""

import asyncio
import time
from dataclasses import dataclass, field, replace

import httpx
import pytest

from model_invoke.model import Completion, Tokens
from model_invoke.ports import ProviderFault
from model_invoke.provider.chat import HttpChat
from model_invoke.provider.exchange import LARGEST_STREAM
from tests.providers import behaviours
from tests.providers.behaviours import TEXT, Behaviour
from tests.providers.loopback import loopback
from tests.providers.question import PATIENCE_S, TOOL, Provider, question


@dataclass
class Way:
    """A format, and whether the answer is streamed; `heard` is what came of it."""

    chat: HttpChat
    provider: Provider
    streamed: bool
    heard: list[str] = field(default_factory=list)

    async def ask(self, url: str, timeout_s: float = PATIENCE_S) -> Completion:
        asked = question(url, provider=self.provider)
        return await self.chat.complete(asked, timeout_s, self.heard.append if self.streamed else None)

    async def fault(self, behaviour: Behaviour, timeout_s: float = PATIENCE_S) -> ProviderFault:
        async with loopback(behaviour) as server:
            with pytest.raises(ProviderFault) as caught:
                await self.ask(server.url, timeout_s)
        return caught.value


@pytest.fixture
def way(http: httpx.AsyncClient, provider: Provider, streamed: bool) -> Way:
    return Way(HttpChat(http, {}), provider, streamed)


@pytest.fixture
def stream(http: httpx.AsyncClient, provider: Provider) -> Way:
    return Way(HttpChat(http, {}), provider, streamed=True)


class TestBothWays:
    @pytest.mark.parametrize(
        ("behaviour", "code", "said", "worked"),
        [
            (behaviours.error(500), "provider_unavailable", "answered 500: told to", False),
            (behaviours.error(529, "Overloaded"), "provider_unavailable", "answered 529: Overloaded", False),
            (behaviours.error(429), "provider_rate_limited", "answered 429: told to", False),
            (behaviours.error(408), "provider_timeout", "answered 408: told to", False),
            (behaviours.resets, "provider_unavailable", "broke off", False),
            (behaviours.breaks_off, "provider_unavailable", "broke off", True),
            (behaviours.broken_json, "provider_answer_invalid", "Invalid JSON", True),
        ],
    )
    async def test_a_fault_that_another_attempt_may_get_past(
        self, way: Way, behaviour: Behaviour, code: str, said: str, worked: bool
    ) -> None:
        fault = await way.fault(behaviour)

        assert (fault.code, fault.retryable, fault.worked) == (code, True, worked)
        assert said in str(fault)

    async def test_a_model_that_does_not_exist_is_named(self, way: Way) -> None:
        fault = await way.fault(behaviours.no_such_model)

        assert (fault.code, fault.retryable) == ("provider_refused", False)
        assert str(fault).endswith("(asked for the model 'a-model')")

    @pytest.mark.parametrize("behaviour", [behaviours.hangs, behaviours.drips])
    async def test_one_that_does_not_end_is_left_in_time(self, way: Way, behaviour: Behaviour) -> None:
        began = time.monotonic()
        fault = await way.fault(behaviour, 0.3)

        assert (fault.code, fault.worked) == ("provider_timeout", True)
        assert 0.3 <= time.monotonic() - began < 3

    async def test_the_time_for_which_a_provider_wants_to_be_left_alone(self, way: Way) -> None:
        fault = await way.fault(behaviours.error(429, retry_after="17"))

        assert fault.retry_after_s == 17
        assert "(Retry-After: 17)" in str(fault)

    async def test_usage_that_is_missing_is_unknown_and_the_answer_good(self, way: Way) -> None:
        async with loopback(behaviours.no_usage) as server:
            assert await way.ask(server.url) == Completion(TEXT, "stop", None)

    async def test_tokens_that_were_in_the_cache_are_a_part_of_the_input(self, way: Way) -> None:
        async with loopback() as server:
            usual = (await way.ask(server.url)).tokens
            server.behave(behaviours.cached(9))
            cached = (await way.ask(server.url)).tokens

        assert usual
        assert cached == Tokens(usual.input, usual.output, 9)

    async def test_another_model_s_name_in_the_answer_is_fine(self, way: Way) -> None:
        async with loopback(behaviours.other_model()) as server:
            assert (await way.ask(server.url)).text == TEXT

    async def test_after_faults_the_next_question_is_answered(self, way: Way) -> None:
        async with loopback() as server:
            server.behave(behaviours.resets, "a-model", times=2)
            for _ in range(2):
                with pytest.raises(ProviderFault):
                    await way.ask(server.url)

            assert (await way.ask(server.url)).text == TEXT
            assert server.calls["a-model"] == 3


class TestStreams:
    async def test_the_answer_is_the_same_as_in_one_piece(self, stream: Way) -> None:
        async with loopback(behaviours.cached(3)) as server:
            whole = await replace(stream, streamed=False).ask(server.url)
            assert await stream.ask(server.url) == whole

        assert len(stream.heard) > 3
        assert "".join(stream.heard) == whole.text

    async def test_so_is_the_call_of_a_function(self, stream: Way) -> None:
        async with loopback() as server:
            asked = replace(question(server.url, provider=stream.provider), tools=(TOOL,), tool_choice="required")
            whole = await stream.chat.complete(asked, PATIENCE_S)
            assert await stream.chat.complete(asked, PATIENCE_S, stream.heard.append) == whole

        assert whole.tool_calls
        assert (whole.text, stream.heard) == ("", [])

    async def test_pieces_are_heard_while_the_answer_comes(self, stream: Way) -> None:
        heard = asyncio.Event()
        async with loopback(behaviours.stalls) as server:
            asked = question(server.url, provider=stream.provider)
            asking = asyncio.create_task(stream.chat.complete(asked, PATIENCE_S, lambda _: heard.set()))
            await asyncio.wait_for(heard.wait(), PATIENCE_S)
            assert not asking.done()
            server.behave(behaviours.well)
            assert (await asking).text == TEXT

    @pytest.mark.parametrize("behaviour", [behaviours.ends_early, behaviours.breaks_off])
    async def test_one_that_is_cut_may_have_cost_something(self, stream: Way, behaviour: Behaviour) -> None:
        fault = await stream.fault(behaviour)

        assert (fault.code, fault.retryable, fault.worked) == ("provider_unavailable", True, True)
        assert stream.heard
        assert TEXT.startswith("".join(stream.heard))

    async def test_a_fault_that_it_tells_of_is_understood(self, stream: Way) -> None:
        fault = await stream.fault(behaviours.error_event)

        assert (fault.code, fault.retryable, fault.worked) == ("provider_unavailable", True, True)
        assert str(fault) == "the provider broke off the stream: told to"

    async def test_one_that_lacks_its_last_event_is_whole_if_the_text_is(self, stream: Way) -> None:
        async with loopback(behaviours.forgets_the_end) as server:
            assert (await stream.ask(server.url)).text == TEXT

    async def test_one_that_stays_open_after_the_text_is_given_up_and_whole(self, stream: Way) -> None:
        async with loopback(behaviours.never_closes) as server:
            assert (await stream.ask(server.url, 1.0)).text == TEXT

    async def test_a_provider_that_does_not_stream_still_answers(self, stream: Way) -> None:
        async with loopback(behaviours.never_streams) as server:
            assert (await stream.ask(server.url)).text == TEXT

        assert stream.heard == [TEXT]

    async def test_one_that_does_not_end_is_left(self, stream: Way) -> None:
        fault = await stream.fault(behaviours.floods)

        assert (fault.code, fault.worked) == ("provider_answer_invalid", True)
        assert f"more than {LARGEST_STREAM} bytes" in str(fault)

    async def test_a_connection_is_used_again(self, stream: Way) -> None:
        async with loopback() as server:
            for _ in range(3):
                await stream.ask(server.url)

        assert len(server.connections) == 1
