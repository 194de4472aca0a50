"""Answers of models: asked for again when they are wrong, and told in pieces as they come."""

import pytest

from headrace.events.model import ModelCalled
from headrace.events.run import TokensStreamed, Usage
from headrace.prompting import ChatMessage
from model_invoke.attempt.pieces import LARGEST_PIECE
from model_invoke.model import ChatRequest, Completion, ToolCall
from model_invoke.ports import Heard
from tests.unit.asking import ASKS_FOR_JSON, COUNTED, TOOL, answering, down, pinned, said, work


class TestSecondChance:
    async def test_an_answer_that_is_wrong_is_asked_for_again_with_what_is_wrong(self) -> None:
        world = answering({"a": [Completion('{"n": "3"}', "stop", COUNTED), Completion('{"n": 3}', "stop", COUNTED)]})

        done = await world.done(work(pinned("a", capabilities=["json_schema"]), prompt=ASKS_FOR_JSON))

        assert done.output["json"] == {"n": 3}
        assert [call.outcome for call in done.calls] == ["output_invalid", "ok"]
        assert [call.id for call in world.told.of(ModelCalled)] == ["r/n/0/1/0", "r/n/0/1/1"]
        assert done.usage == Usage(input_tokens=2_000, output_tokens=1_000, cost="0.9", currency="EUR")
        first, second = world.models.asked
        assert second.messages[:2] == (*first.messages, ChatMessage("assistant", '{"n": "3"}'))
        assert 'does not meet the response_schema: at n: "3" is not of type "integer"' in second.messages[2].content

    async def test_there_is_no_third_one_and_nobody_else_is_asked(self) -> None:
        world = answering({"a": Completion("no JSON", "stop", COUNTED)})

        error = await world.fails(work(pinned("a", capabilities=["json_schema"]), pinned("b"), prompt=ASKS_FOR_JSON))

        assert said(error) == ("output_invalid", True, [("a@1", "output_invalid")] * 2)
        assert str(error).startswith("the model's answer is no JSON")
        assert error.usage == Usage(input_tokens=2_000, output_tokens=1_000, cost="0.9", currency="EUR")

    async def test_a_model_that_fails_at_it_is_followed_by_the_next(self) -> None:
        world = answering(
            {"a": [Completion("no JSON", "stop", COUNTED), down()], "b": Completion('{"n": 3}', "stop", COUNTED)}
        )
        models = [pinned(name, capabilities=["json_schema"]) for name in "ab"]

        done = await world.done(work(*models, prompt=ASKS_FOR_JSON))

        assert [call.outcome for call in done.calls] == ["output_invalid", "provider_unavailable", "ok"]

    async def test_functions_are_called_with_values(self) -> None:
        call = ToolCall("c1", "add", '{"n": 3}')
        world = answering({"a": Completion("", "tool_calls", COUNTED, (call,))})

        done = await world.done(
            work(pinned("a", capabilities=["function_calling"]), prompt={"parameters": {"tools": [TOOL]}})
        )

        assert done.output["tool_calls"] == [{"id": "c1", "name": "add", "arguments": {"n": 3}}]

    @pytest.mark.parametrize(
        ("call", "why"),
        [
            (ToolCall("c", "add", '{"n": "3"}'), 'calls add with what does not meet the parameters: at n: "3"'),
            (ToolCall("c", "add", '{"n": '), "calls add with what is no JSON"),
            (ToolCall("c", "sub", "{}"), "calls the function 'sub', which there is not"),
        ],
    )
    async def test_functions_that_are_called_wrong_are_asked_for_again(self, call: ToolCall, why: str) -> None:
        right = Completion("", "tool_calls", COUNTED, (ToolCall("c", "add", '{"n": 3}'),))
        world = answering({"a": [Completion("", "tool_calls", COUNTED, (call,)), right]})

        done = await world.done(
            work(pinned("a", capabilities=["function_calling"]), prompt={"parameters": {"tools": [TOOL]}})
        )

        assert why in (done.calls[0].reason or "")
        assert done.output["tool_calls"][0]["arguments"] == {"n": 3}
        assert why in world.models.asked[1].messages[-1].content


class TestStreams:
    async def test_are_sent_in_pieces_and_begin_anew_on_the_next_candidate(self) -> None:
        async def breaks(_: ChatRequest, heard: Heard | None) -> Completion:
            assert heard
            heard("Because ")
            heard("of")
            raise down(worked=True)

        async def speaks(_: ChatRequest, heard: Heard | None) -> Completion:
            assert heard
            for piece in ("x" * 64, "y", "z"):
                heard(piece)
            return Completion("x" * 64 + "yz", "stop", COUNTED)

        world = answering({"a": breaks, "b": speaks})
        models = [pinned(name, capabilities=["streaming"]) for name in "ab"]

        done = await world.done(work(*models, stream=True))

        pieces = [(piece.model, piece.restart, piece.seq, piece.text) for piece in world.told.of(TokensStreamed)]
        assert pieces == [("a@1", 0, 0, "Because of"), ("b@1", 1, 0, "x" * 64), ("b@1", 1, 1, "yz")]
        assert done.output["text"] == "x" * 64 + "yz"

    async def test_an_answer_that_comes_all_at_once_is_told_in_pieces_that_topics_take(self) -> None:
        async def at_once(_: ChatRequest, heard: Heard | None) -> Completion:
            assert heard
            heard("x" * (2 * LARGEST_PIECE) + "y")
            return Completion("x", "stop", COUNTED)

        world = answering({"a": at_once})

        await world.done(work(pinned("a", capabilities=["streaming"]), stream=True))

        told = [(piece.seq, len(piece.text)) for piece in world.told.of(TokensStreamed)]
        assert told == [(0, LARGEST_PIECE), (1, LARGEST_PIECE), (2, 1)]

    @pytest.mark.parametrize(("stream", "capabilities"), [(False, ["streaming"]), (True, [])])
    async def test_are_not_asked_for_unless_the_node_wants_it_and_the_model_can(
        self, stream: bool, capabilities: list[str]
    ) -> None:
        async def listens(_: ChatRequest, heard: Heard | None) -> Completion:
            assert heard is None
            return Completion("yes", "stop", COUNTED)

        world = answering({"a": listens})

        await world.done(work(pinned("a", capabilities=capabilities), stream=stream))

        assert world.told.of(TokensStreamed) == []
