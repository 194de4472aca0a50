"""What Anthropic streams: message_start with the input's tokens, blocks in pieces, message_delta with the output's
tokens, message_stop.
"""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from model_invoke.model import Completion
from model_invoke.provider.wire.answer import Believed, Outside, cut, parsed
from model_invoke.provider.wire.anthropic.answer import Answer, Block, Usage, understood
from model_invoke.provider.wire.fault import told
from model_invoke.provider.wire.format import Redact


class _Start(Outside):
    usage: Believed[Usage] = None


class _Delta(Outside):
    text: str = ""
    partial_json: str = ""
    stop_reason: str | None = None


class _Event(Outside):
    type: str
    index: int = 0
    message: _Start = _Start()
    content_block: Block = Block(type="")
    delta: _Delta = _Delta()
    usage: Believed[Usage] = None
    error: Any = None


@dataclass
class _Part:
    """A block as far as it came."""

    opening: Block = field(default_factory=lambda: Block(type="text"))
    text: list[str] = field(default_factory=list)
    json: list[str] = field(default_factory=list)

    def whole(self) -> Block:
        said = {"text": self.opening.text + "".join(self.text), "input": self._input()}
        return self.opening.model_copy(update=said)

    def _input(self) -> Any:
        text = "".join(self.json)
        try:
            return json.loads(text) if text else self.opening.input
        except (ValueError, RecursionError):
            return text


class _Assembly:
    def __init__(self, redact: Redact) -> None:
        self._redact = redact
        self._done = False
        self._parts: defaultdict[int, _Part] = defaultdict(_Part)
        self._stop_reason: str | None = None
        self._counts: dict[str, int] = {}

    @property
    def finished(self) -> bool:
        return self._done or self._stop_reason is not None

    @property
    def done(self) -> bool:
        return self._done

    def take(self, data: str) -> str:
        event = parsed(_Event, data, "an event of the stream", self._redact)
        match event.type:
            case "error":
                raise told(event.error, self._redact)
            case "message_start":
                self._count(event.message.usage, "output_tokens")  # which is not the last word
            case "content_block_start":
                self._parts[event.index].opening = event.content_block
                return self._heard(event.content_block)
            case "content_block_delta":
                return self._said(self._parts[event.index], event.delta)
            case "message_delta":
                self._stop_reason = event.delta.stop_reason or self._stop_reason
                self._count(event.usage)
            case "message_stop":
                self._done = True
        return ""

    def completion(self) -> Completion:
        if not self.finished:
            raise cut()
        content = [self._parts[index].whole() for index in sorted(self._parts)]
        usage = Usage.model_validate(self._counts)
        return understood(Answer(content=content, stop_reason=self._stop_reason, usage=usage), self._redact)

    def _count(self, usage: Usage | None, *without: str) -> None:
        """Counts are for the whole answer so far: later ones replace those before."""
        if usage:
            self._counts |= usage.model_dump(exclude_none=True, exclude=set(without))

    def _said(self, part: _Part, delta: _Delta) -> str:
        part.text.append(delta.text)
        part.json.append(delta.partial_json)
        return delta.text if part.opening.type == "text" else ""

    def _heard(self, opening: Block) -> str:
        return opening.text if opening.type == "text" else ""


def assembly(redact: Redact) -> _Assembly:
    """See Format."""
    return _Assembly(redact)
