"""Prompts that are too long for a model: who has room for them, and what is left out."""

import asyncio
from typing import ClassVar

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.asking import (
    World,
    pinned,
    question,
    work,
)


class TestOverflow:
    PROMPT: ClassVar = {
        "messages": [
            {"role": "system", "template": "S"},
            {"role": "user", "template": "{% for d in documents %}{{ d.text }}{% endfor %}"},
            {"role": "assistant", "template": "A"},
            {"role": "user", "template": "Q"},
        ],
        "variables": {"documents": {"schema": {"type": "array"}, "default": []}},
    }

    async def test_the_next_candidate_may_have_more_room(self) -> None:
        small = pinned("a", limits={"context_window": 110, "max_output_tokens": 100})

        done = await World().done(work(small, pinned("b"), prompt=self.PROMPT))

        assert [call.outcome for call in done.calls] == ["context_window_exceeded", "ok"]
        assert "and model a@1 has room for 10" in (done.calls[0].reason or "")

    async def test_the_oldest_messages_go_first_and_never_the_systems_or_the_last(self) -> None:
        given = {"documents": [{"text": "x" * 4_000}]}

        done = await World().done(work(prompt=self.PROMPT, given=given, on_overflow="drop_oldest_messages"))
        asked = question(work(prompt=self.PROMPT, given=given, on_overflow="drop_oldest_messages"))

        assert done.output["dropped"] == {"messages": 1}
        assert [message.content for message in asked.messages] == ["S", "A", "Q"]

    @given(st.lists(st.tuples(st.integers(1, 2_000), st.integers(0, 3)), max_size=12))
    def test_the_lowest_documents_go_first_and_as_few_as_may_be(self, documents: list[tuple[int, int]]) -> None:
        given = {"documents": [{"text": "x" * size, "score": score} for size, score in documents]}
        asked = work(prompt=self.PROMPT, given=given, on_overflow="drop_lowest_documents")

        done = asyncio.run(World().done(asked))

        dropped = set(done.output.get("dropped", {}).get("documents", []))
        kept = [document for place, document in enumerate(documents) if place not in dropped]
        room = 900 - 3 - 4 * 4 - 3  # less the reply, four messages, and the texts S, A, Q
        assert -(-sum(size for size, _ in kept) // 4) <= room
        order = [(score, -place) for place, (_, score) in enumerate(documents)]
        assert all(
            order[gone] < order[stays] for gone in dropped for stays in range(len(order)) if stays not in dropped
        )
        if dropped:
            best = max(dropped, key=lambda place: (documents[place][1], -place))
            assert -(-(sum(size for size, _ in kept) + documents[best][0]) // 4) > room

    async def test_what_can_not_be_made_to_fit_says_so(self) -> None:
        prompt = {"messages": [{"role": "user", "template": "x" * 4_000}]}

        error = await World().fails(work(prompt=prompt, on_overflow="drop_lowest_documents", documents="passages"))

        assert error.code == "context_window_exceeded"
        assert "leaving out 0 items of the input passages, a list of objects with a `score`, is not enough" in str(
            error
        )
