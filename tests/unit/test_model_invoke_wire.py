"""What formats make of answers, event by event: only what no test server on a socket has to say."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from model_invoke.model import Completion, Tokens, ToolCall
from model_invoke.ports import ProviderFault
from model_invoke.provider.wire import FORMATS, fault_of
from model_invoke.provider.wire.fault import retry_after_s

NOW = 1_795_000_000.0
"""2026-11-18 11:06:40 UTC."""


def as_it_is(text: str) -> str:
    return text


def whole(provider: str, answer: object) -> Completion:
    return FORMATS[provider].completion(json.dumps(answer).encode(), "application/json", as_it_is)


def streamed(provider: str, *events: object) -> Completion:
    assembly = FORMATS[provider].assembly(as_it_is)
    for event in events:
        assembly.take(event if isinstance(event, str) else json.dumps(event))
    return assembly.completion()


def raised(make: Callable[[], object]) -> ProviderFault:
    with pytest.raises(ProviderFault) as caught:
        make()
    return caught.value


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("headers", "expected"),
        [
            ({}, None),
            ({"retry-after": "17"}, 17.0),
            ({"retry-after": "0.5"}, 0.5),
            ({"retry-after": "Wed, 18 Nov 2026 11:07:10 GMT"}, 30.0),
            ({"retry-after": "Wed, 18 Nov 2026 11:00:00 GMT"}, 0.0),
            ({"retry-after": "Wed, 18 Nov 2099 11:00:00 GMT"}, 3600.0),
            ({"retry-after": "-3"}, 0.0),
            ({"retry-after": "1e9"}, 3600.0),
            ({"retry-after": "nan"}, None),
            ({"retry-after": "soon"}, None),
            ({"retry-after": ""}, None),
            ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
            ({"retry-after-ms": "soon", "retry-after": "2"}, 2.0),
        ],
    )
    def test_seconds_or_a_date(self, headers: dict[str, str], expected: float | None) -> None:
        assert retry_after_s(headers, NOW) == expected

    def test_a_busy_server_may_ask_for_it_too(self) -> None:
        assert fault_of("m", 503, {"retry-after": "9"}, b"busy", as_it_is, NOW).retry_after_s == 9


def message(content: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    usage = {"input_tokens": 3, "output_tokens": 2}
    return {"type": "message", "content": content, "stop_reason": "end_turn", "usage": usage, **fields}


TEXT = {"type": "text", "text": "Wet."}


class TestAnthropic:
    @pytest.mark.parametrize(
        ("said", "ours"),
        [
            ("end_turn", "stop"),
            ("stop_sequence", "stop"),
            ("max_tokens", "length"),
            ("model_context_window_exceeded", "length"),
            ("tool_use", "tool_calls"),
            ("pause_turn", "pause_turn"),
        ],
    )
    def test_why_it_ends_in_openai_s_words(self, said: str, ours: str) -> None:
        assert whole("anthropic", message([TEXT], stop_reason=said)).finish_reason == ours

    def test_texts_are_joined_and_what_was_thought_is_left_out(self) -> None:
        content = [{"type": "thinking", "thinking": "Hm.", "signature": "x"}, TEXT, {"type": "text", "text": " Yes."}]
        assert whole("anthropic", message(content)).text == "Wet. Yes."

    def test_a_text_and_a_call_may_come_together(self) -> None:
        call = {"type": "tool_use", "id": "t1", "name": "depth", "input": {"river": "Po"}}
        answer = whole("anthropic", message([TEXT, call], stop_reason="tool_use"))
        assert answer == Completion("Wet.", "tool_calls", Tokens(3, 2), (ToolCall("t1", "depth", '{"river": "Po"}'),))

    @pytest.mark.parametrize(
        ("usage", "tokens"),
        [
            ({"input_tokens": 3, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 7}, Tokens(15, 2, 5)),
            ({"input_tokens": 0, "cache_read_input_tokens": 5}, Tokens(5, 2, 5)),
            ({"input_tokens": 3, "cache_read_input_tokens": None}, Tokens(3, 2)),
            ({"input_tokens": 0}, None),
            ({"input_tokens": -1}, None),
            ({"input_tokens": "many"}, None),
            ({}, None),
        ],
    )
    def test_the_input_is_all_that_was_read(self, usage: dict[str, Any], tokens: Tokens | None) -> None:
        assert whole("anthropic", message([TEXT], usage={"output_tokens": 2, **usage})).tokens == tokens

    def test_a_refusal_was_paid(self) -> None:
        fault = raised(lambda: whole("anthropic", message([], stop_reason="refusal")))
        assert (fault.code, fault.retryable, fault.worked, fault.tokens) == (
            "model_refused",
            False,
            True,
            Tokens(3, 2),
        )

    @pytest.mark.parametrize("answer", [[], {}, {"content": "Wet."}, {"content": []}, {"content": [{"text": "Wet."}]}])
    def test_what_is_no_message(self, answer: object) -> None:
        assert raised(lambda: whole("anthropic", answer)).code == "provider_answer_invalid"

    def test_counts_of_a_stream_replace_those_before(self) -> None:
        answer = streamed(
            "anthropic",
            {"type": "message_start", "message": message([], usage={"input_tokens": 1, "output_tokens": 1})},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "We"}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "t."}},
            {"type": "something_new", "index": 0},
            {
                "type": "message_delta",
                "delta": {"stop_reason": "end_turn"},
                "usage": {"input_tokens": 3, "cache_read_input_tokens": 4, "output_tokens": 2},
            },
        )
        assert answer == Completion("Wet.", "stop", Tokens(7, 2, 4))

    def test_the_output_of_a_stream_that_is_counted_at_its_beginning_only_is_not_counted(self) -> None:
        answer = streamed(
            "anthropic",
            {"type": "message_start", "message": message([], usage={"input_tokens": 3, "output_tokens": 1})},
            {"type": "content_block_start", "index": 0, "content_block": TEXT},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
        )
        assert answer == Completion("Wet.", "stop", None)

    def test_arguments_that_were_cut_off_are_given_as_they_came(self) -> None:
        opening = {"type": "tool_use", "id": "t1", "name": "depth", "input": {}}
        answer = streamed(
            "anthropic",
            {"type": "content_block_start", "index": 1, "content_block": opening},
            {"type": "content_block_delta", "index": 1, "delta": {"partial_json": '{"river": "P'}},
            {"type": "message_delta", "delta": {"stop_reason": "max_tokens"}},
        )
        assert answer.tool_calls == (ToolCall("t1", "depth", '{"river": "P'),)


def chunk(delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}], "usage": None}


class TestOpenAI:
    def test_calls_of_several_functions_are_put_together_by_their_index(self) -> None:
        def part(index: int, **fields: Any) -> dict[str, Any]:
            return chunk({"tool_calls": [{"index": index, **fields}]})

        answer = streamed(
            "openai",
            part(0, id="a", function={"name": "depth", "arguments": ""}),
            part(1, id="b", function={"name": "width", "arguments": "{"}),
            part(0, function={"arguments": "{}"}),
            part(1, function={"arguments": "}"}),
            chunk({}, "tool_calls"),
            "[DONE]",
        )
        assert answer.tool_calls == (ToolCall("a", "depth", "{}"), ToolCall("b", "width", "{}"))

    def test_a_refusal_that_is_streamed(self) -> None:
        events = (chunk({"refusal": "I "}), chunk({"refusal": "won't."}), chunk({}, "stop"), "[DONE]")
        fault = raised(lambda: streamed("openai", *events))
        assert (fault.code, str(fault)) == ("model_refused", "the model refuses: I won't.")

    def test_a_stream_that_says_nothing_at_all(self) -> None:
        assert raised(lambda: streamed("openai", "[DONE]")).code == "provider_answer_invalid"

    def test_more_cached_tokens_than_tokens_are_no_count(self) -> None:
        usage = {"prompt_tokens": 3, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}
        answer = {"choices": [{"message": {"content": "Wet."}}], "usage": usage}
        assert whole("openai", answer) == Completion("Wet.")


class TestToldFaults:
    @pytest.mark.parametrize(
        ("provider", "event", "code", "said"),
        [
            ("openai", {"error": {"message": "m", "code": 503}}, "provider_unavailable", ": m"),
            ("openai", {"error": {"message": "m", "code": "rate_limit_exceeded"}}, "provider_rate_limited", ": m"),
            ("openai", {"error": {"message": "m", "type": "invalid_request_error"}}, "provider_refused", ": m"),
            ("openai", {"error": "m"}, "provider_unavailable", ": m"),
            ("anthropic", {"type": "error", "error": {"type": "overloaded_error"}}, "provider_unavailable", ""),
            ("anthropic", {"type": "error", "error": {"type": "rate_limit_error"}}, "provider_rate_limited", ""),
            ("anthropic", {"type": "error", "error": {"type": "timeout_error"}}, "provider_timeout", ""),
            ("anthropic", {"type": "error", "error": {"type": "authentication_error"}}, "provider_refused", ""),
            ("anthropic", {"type": "error"}, "provider_unavailable", ""),
        ],
    )
    def test_by_their_kind(self, provider: str, event: object, code: str, said: str) -> None:
        fault = raised(lambda: streamed(provider, event))
        assert (fault.code, fault.worked) == (code, True)
        assert str(fault).startswith(f"the provider broke off the stream{said}")

    def test_about_a_credential_nothing_is_repeated(self) -> None:
        event = {"type": "error", "error": {"type": "authentication_error", "message": "bad key sk-123"}}
        assert str(raised(lambda: streamed("anthropic", event))) == "the provider broke off the stream"
