"""The two formats in which providers speak, seen from the provider's side: what tests expect is written here, anew."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

PIECE = 4
"""Characters of a text in one event of a stream: words and keys are split."""


@dataclass(frozen=True)
class Reply:
    """What a provider answers. finish_reason: in OpenAI's words. tool: name and arguments of a function to call."""

    model: str
    text: str
    finish_reason: str = "stop"
    tool: tuple[str, str] | None = None
    sent: int = 21
    taken: int = 8
    cached: int = 0
    counted: bool = True

    @property
    def pieces(self) -> Iterator[str]:
        """The text, as a stream brings it."""
        return _pieces(self.text)


class Wire(Protocol):
    """A format."""

    def whole(self, reply: Reply) -> dict[str, Any]:
        """The body of an answer."""

    def events(self, reply: Reply) -> list[bytes]:
        """The same answer as a stream."""

    def error(self, status: int, message: str) -> dict[str, Any]:
        """The body of a refusal."""

    def error_event(self, message: str) -> bytes:
        """A fault that is told in a stream."""

    def schema(self, body: dict[str, Any]) -> Any:
        """The JSON Schema that a request asks for, if any."""

    def tool(self, body: dict[str, Any]) -> tuple[str, str] | None:
        """The call of a function that a request demands, if any."""


class OpenAIWire:
    """Chat completions."""

    def whole(self, reply: Reply) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": reply.text}
        if reply.tool:
            name, arguments = reply.tool
            call = {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}
            message |= {"content": None, "tool_calls": [call]}
        choice = {"index": 0, "message": message, "finish_reason": reply.finish_reason}
        answer = {"id": "chatcmpl-1", "object": "chat.completion", "model": reply.model, "choices": [choice]}
        return answer | ({"usage": self._usage(reply)} if reply.counted else {})

    def events(self, reply: Reply) -> list[bytes]:
        deltas = [{"role": "assistant", "content": ""}, *self._deltas(reply)]
        chunks = [self._chunk(reply, delta) for delta in deltas]
        chunks.append(self._chunk(reply, {}, reply.finish_reason))
        if reply.counted:
            chunks.append({"model": reply.model, "choices": [], "usage": self._usage(reply)})
        return [*(_event(chunk) for chunk in chunks), b"data: [DONE]\n\n"]

    def error(self, status: int, message: str) -> dict[str, Any]:
        return {"error": {"message": message, "type": "server_error" if status >= 500 else "invalid_request_error"}}

    def error_event(self, message: str) -> bytes:
        return _event(self.error(500, message))

    def schema(self, body: dict[str, Any]) -> Any:
        return body.get("response_format")

    def tool(self, body: dict[str, Any]) -> tuple[str, str] | None:
        if body.get("tool_choice") != "required":
            return None
        function = body["tools"][0]["function"]
        return function["name"], _arguments(function["parameters"])

    def _deltas(self, reply: Reply) -> Iterator[dict[str, Any]]:
        if not reply.tool:
            yield from ({"content": piece} for piece in reply.pieces)
            return
        name, arguments = reply.tool
        opening = {"index": 0, "id": "call_1", "type": "function", "function": {"name": name, "arguments": ""}}
        yield {"tool_calls": [opening]}
        for piece in _pieces(arguments):
            yield {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}

    def _chunk(self, reply: Reply, delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        return {"object": "chat.completion.chunk", "model": reply.model, "choices": [choice]}

    def _usage(self, reply: Reply) -> dict[str, Any]:
        usage: dict[str, Any] = {"prompt_tokens": reply.sent, "completion_tokens": reply.taken}
        return usage | ({"prompt_tokens_details": {"cached_tokens": reply.cached}} if reply.cached else {})


REASONS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "not_found_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}


class AnthropicWire:
    """Messages. Its `input_tokens` are those that were in no cache."""

    def whole(self, reply: Reply) -> dict[str, Any]:
        block: dict[str, Any] = {"type": "text", "text": reply.text}
        if reply.tool:
            block = {"type": "tool_use", "id": "call_1", "name": reply.tool[0], "input": json.loads(reply.tool[1])}
        return self._message(reply) | {"content": [block], "stop_reason": self._reason(reply)}

    def events(self, reply: Reply) -> list[bytes]:
        usage = {"usage": {"output_tokens": reply.taken}} if reply.counted else {}
        told: list[dict[str, Any]] = [
            {"type": "message_start", "message": self._message(reply)},
            {"type": "content_block_start", "index": 0, "content_block": self._opening(reply)},
            {"type": "ping"},
            *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in self._deltas(reply)),
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": self._reason(reply)}, **usage},
            {"type": "message_stop"},
        ]
        return [_event(one, str(one["type"])) for one in told]

    def error(self, status: int, message: str) -> dict[str, Any]:
        return {"type": "error", "error": {"type": KINDS.get(status, "api_error"), "message": message}}

    def error_event(self, message: str) -> bytes:
        return _event(self.error(529, message), "error")

    def schema(self, body: dict[str, Any]) -> Any:
        return body.get("output_config")

    def tool(self, body: dict[str, Any]) -> tuple[str, str] | None:
        if body.get("tool_choice", {}).get("type") != "any":
            return None
        return body["tools"][0]["name"], _arguments(body["tools"][0]["input_schema"])

    def _message(self, reply: Reply) -> dict[str, Any]:
        message = {"id": "msg_1", "type": "message", "role": "assistant", "model": reply.model, "content": []}
        usage = {
            "input_tokens": reply.sent - reply.cached,
            "cache_read_input_tokens": reply.cached,
            "cache_creation_input_tokens": 0,
            "output_tokens": reply.taken,
        }
        return message | {"stop_reason": None} | ({"usage": usage} if reply.counted else {})

    def _opening(self, reply: Reply) -> dict[str, Any]:
        if reply.tool:
            return {"type": "tool_use", "id": "call_1", "name": reply.tool[0], "input": {}}
        return {"type": "text", "text": ""}

    def _deltas(self, reply: Reply) -> Iterator[dict[str, Any]]:
        if reply.tool:
            yield from ({"type": "input_json_delta", "partial_json": piece} for piece in _pieces(reply.tool[1]))
        else:
            yield from ({"type": "text_delta", "text": piece} for piece in reply.pieces)

    def _reason(self, reply: Reply) -> str:
        return REASONS.get(reply.finish_reason, reply.finish_reason)


WIRES: dict[str, Wire] = {"openai": OpenAIWire(), "anthropic": AnthropicWire()}
"""By the name that models give as their provider."""


def _pieces(text: str) -> Iterator[str]:
    return (text[start : start + PIECE] for start in range(0, len(text), PIECE))


def _event(value: Any, name: str = "") -> bytes:
    opening = f"event: {name}\n" if name else ""
    return f"{opening}data: {json.dumps(value)}\n\n".encode()


def _arguments(schema: dict[str, Any]) -> str:
    """Arguments with a word for each property."""
    return json.dumps(dict.fromkeys(schema.get("properties", {}), "water"), separators=(",", ":"))
