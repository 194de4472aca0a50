"""One request to a provider on loopback, and the means to answer it."""

import json
import socket
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from aiohttp import web

from tests.providers.wire import Reply, Wire

FIRST_EVENTS = 5
"""Events of a stream that come before it breaks: some text is among them."""
FIRST_BYTES = 20
"""The same of an answer in one piece."""


class Patience(Protocol):
    """Until when a call may be kept waiting."""

    @property
    def over(self) -> bool:
        """Whether the provider stops, or was told to behave otherwise."""

    async def wait(self) -> None:
        """Until it is over."""


@dataclass(frozen=True)
class Call:
    """One request, and how long it may wait."""

    request: web.Request
    body: dict[str, Any]
    wire: Wire
    patience: Patience

    @property
    def streamed(self) -> bool:
        """Whether the answer is to come as a stream."""
        return bool(self.body.get("stream"))

    @property
    def credential(self) -> str:
        """The header that holds it, word for word."""
        headers = self.request.headers
        return str(headers.get("Authorization") or headers.get("x-api-key"))

    def good(self, text: str) -> Reply:
        """As many words as may be; JSON if a schema, a function's call if one is demanded. A token is a word."""
        sent = sum(len(json.dumps(message).split()) for message in self.body["messages"]) + 10
        if tool := self.wire.tool(self.body):
            return Reply(self.body["model"], "", "tool_calls", tool, sent)
        words = ['{"answer":"yes"}'] if self.wire.schema(self.body) else text.split()
        taken = words[: self.body["max_tokens"]]
        reason = "stop" if taken == words else "length"
        return Reply(self.body["model"], " ".join(taken), reason, None, sent, len(taken))

    def parts(self, reply: Reply) -> Sequence[bytes]:
        """What is sent: events, or the whole."""
        return self.wire.events(reply) if self.streamed else [json.dumps(self.wire.whole(reply)).encode()]

    def half(self, reply: Reply) -> Sequence[bytes]:
        """The beginning of it."""
        parts = self.parts(reply)
        return parts[:FIRST_EVENTS] if self.streamed else [parts[0][:FIRST_BYTES]]

    async def begin(self, parts: Iterable[bytes] = ()) -> web.StreamResponse:
        """An answer that begins with these; it ends when it is returned."""
        content_type = "text/event-stream" if self.streamed else "application/json"
        response = web.StreamResponse(headers={"Content-Type": content_type})
        await response.prepare(self.request)
        for part in parts:
            await response.write(part)
        return response

    async def reply(self, reply: Reply) -> web.StreamResponse:
        """This answer, whole or as a stream."""
        return await self.begin(self.parts(reply))

    def reset(self) -> None:
        """Close the connection with a TCP reset."""
        assert self.request.transport is not None
        connection = self.request.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.request.transport.abort()
