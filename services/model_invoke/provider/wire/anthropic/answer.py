"""What Anthropic answers in one piece."""

import json
from typing import Any

from model_invoke.model import Completion, Tokens, ToolCall
from model_invoke.provider.wire.answer import (
    LARGEST_COUNT,
    Believed,
    Count,
    Outside,
    completed,
    invalid,
    refused,
    whole,
)
from model_invoke.provider.wire.format import Redact

REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
}
"""Why an answer ends, in OpenAI's words; other words stay as they are."""
REFUSAL = "refusal"


class Block(Outside):
    """A part of the content. Kinds that are not known, such as `thinking`, say nothing to the caller."""

    type: str
    text: str = ""
    id: str = ""
    name: str = ""
    input: Any = None


class Usage(Outside):
    """`input_tokens` are those that were neither read from the cache nor written to it."""

    input_tokens: Count | None = None
    cache_read_input_tokens: Count | None = None
    cache_creation_input_tokens: Count | None = None
    output_tokens: Count | None = None

    @property
    def tokens(self) -> Tokens | None:
        """In our words: input is all of it. None if it does not count, or counts a prompt of no tokens."""
        cached = self.cache_read_input_tokens or 0
        sent = (self.input_tokens or 0) + cached + (self.cache_creation_input_tokens or 0)
        if self.output_tokens is None or not 0 < sent <= LARGEST_COUNT:
            return None
        return Tokens(sent, self.output_tokens, cached)


class Answer(Outside):
    """The whole."""

    content: list[Block]
    stop_reason: str | None = None
    usage: Believed[Usage] = None

    @property
    def tokens(self) -> Tokens | None:
        """What the call took, if that is said."""
        return self.usage.tokens if self.usage else None


def completion(body: bytes, content_type: str, redact: Redact) -> Completion:
    """See Format."""
    return understood(whole(Answer, body, content_type, redact), redact)


def understood(answer: Answer, redact: Redact) -> Completion:
    """The completion, however the answer came. Raises ProviderFault: provider_answer_invalid or model_refused."""
    tokens = answer.tokens
    text = "".join(block.text for block in answer.content if block.type == "text")
    calls = tuple(ToolCall(block.id, block.name, _json(block)) for block in answer.content if block.type == "tool_use")
    if answer.stop_reason == REFUSAL:
        raise refused(text, tokens, redact)
    if answer.stop_reason is None and not answer.content:
        raise invalid("the answer has no content", tokens)
    reason = answer.stop_reason and REASONS.get(answer.stop_reason, answer.stop_reason)
    return completed(text, reason, tokens, calls, redact)


def _json(block: Block) -> str:
    """Arguments as text; a stream that was cut off by max_tokens leaves text that is no JSON."""
    return block.input if isinstance(block.input, str) else json.dumps(block.input or {}, ensure_ascii=False)
