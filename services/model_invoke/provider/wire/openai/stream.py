"""What an OpenAI-compatible provider streams: chunks, up to [DONE]; the last before it has the usage."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field

from model_invoke.model import Completion
from model_invoke.provider.wire.answer import Believed, Outside, cut, parsed
from model_invoke.provider.wire.fault import told
from model_invoke.provider.wire.format import Redact
from model_invoke.provider.wire.openai.answer import Answer, Call, Choice, Function, Message, Usage, understood

DONE = "[DONE]"
MOST_CALLS = 128
"""Functions that one answer may call."""


class _FunctionDelta(Outside):
    name: str | None = None
    arguments: str | None = None


class _CallDelta(Outside):
    index: int = Field(default=0, ge=0, lt=MOST_CALLS)
    id: str | None = None
    function: _FunctionDelta = _FunctionDelta()


class _Delta(Outside):
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[_CallDelta] | None = None


class _Part(Outside):
    index: int = 0
    delta: _Delta = _Delta()
    finish_reason: str | None = None


class _Chunk(Outside):
    choices: list[_Part] = Field(default=[])
    usage: Believed[Usage] = None
    error: Any = None


@dataclass
class _Calling:
    """A call of a function as far as it came."""

    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)

    def take(self, delta: _CallDelta) -> None:
        self.id = delta.id or self.id
        self.name = delta.function.name or self.name
        self.arguments.append(delta.function.arguments or "")

    def whole(self) -> Call:
        return Call(id=self.id, function=Function(name=self.name, arguments="".join(self.arguments)))


class _Assembly:
    def __init__(self, redact: Redact) -> None:
        self._redact = redact
        self._begun = self._done = False
        self._content: list[str] = []
        self._refusal: list[str] = []
        self._calls: defaultdict[int, _Calling] = defaultdict(_Calling)
        self._finish_reason: str | None = None
        self._usage: Usage | None = None

    @property
    def finished(self) -> bool:
        return self._done or self._finish_reason is not None

    @property
    def done(self) -> bool:
        return self._done

    def take(self, data: str) -> str:
        if data.strip() == DONE:
            self._done = True
            return ""
        chunk = parsed(_Chunk, data, "an event of the stream", self._redact)
        if chunk.error:
            raise told(chunk.error, self._redact)
        self._usage = chunk.usage or self._usage
        return "".join(self._said(part) for part in chunk.choices if part.index == 0)

    def completion(self) -> Completion:
        if not self.finished:
            raise cut()
        calls = [self._calls[index].whole() for index in sorted(self._calls)]
        content = "".join(self._content) if self._content else None
        message = Message(content=content, refusal="".join(self._refusal), tool_calls=calls)
        choices = [Choice(message=message, finish_reason=self._finish_reason)] if self._begun else []
        return understood(Answer(choices=choices, usage=self._usage), self._redact)

    def _said(self, part: _Part) -> str:
        self._begun = True
        self._finish_reason = part.finish_reason or self._finish_reason
        self._refusal.append(part.delta.refusal or "")
        for call in part.delta.tool_calls or ():
            self._calls[call.index].take(call)
        if part.delta.content is not None:
            self._content.append(part.delta.content)
        return part.delta.content or ""


def assembly(redact: Redact) -> _Assembly:
    """See Format."""
    return _Assembly(redact)
