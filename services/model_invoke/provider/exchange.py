"""One request to a provider and its answer, in one piece or as a stream, within bounds of time and size."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from typing import Any

import httpx
from httpx_sse import EventSource

from headrace.http import send
from model_invoke.model import Completion
from model_invoke.ports import Heard, ProviderFault
from model_invoke.provider.redaction import RedactedPieces, Redaction
from model_invoke.provider.wire import Assembly, Format

LARGEST_ANSWER = 4_194_304
"""Bytes of an answer in one piece that are read."""
LARGEST_STREAM = 33_554_432
"""Bytes of a stream that are read: a token takes some 250 of them."""
EVENT_STREAM = "text/event-stream"
LINGER_S = 0.1
"""How long after its last event a stream may take to end: a connection that is read to its end can be used again."""


class Exchange:
    """How far one request and its answer came.

    sent: the request has left. succeeding: an answer has begun that is a success.
    """

    def __init__(self, wire: Format, redact: Redaction, heard: Heard | None) -> None:
        self._wire = wire
        self._redact = redact
        self._heard = heard
        self._assembly: Assembly | None = None
        self.sent = False
        self.succeeding = False

    @property
    def finished(self) -> bool:
        """Whether a stream has said all of its text: what breaks then breaks nothing."""
        return self._assembly is not None and self._assembly.finished

    async def read(self, http: httpx.AsyncClient, request: httpx.Request) -> tuple[httpx.Response, bytes]:
        """The answer, and its body unless it is a stream. Raises ProviderFault, and what httpx does."""
        answer = await send(http, request, stream=True)
        try:
            self.succeeding = answer.is_success
            if self._is_stream(answer):
                await self._hear(answer)
                return answer, b""
            return answer, b"".join([chunk async for chunk in self._chunks(answer, LARGEST_ANSWER)])
        finally:
            await answer.aclose()

    def completion(self, body: bytes = b"", content_type: str = "") -> Completion:
        """What a successful answer says; a stream needs no body. Raises ProviderFault."""
        if self._assembly:
            return self._assembly.completion()
        completion = self._wire.completion(body, content_type, self._redact)
        if self._heard and completion.text:
            self._heard(completion.text)
        return completion

    async def trace(self, event: str, _: Mapping[str, Any]) -> None:
        """Note when the request has left: httpcore tells of each step."""
        self.sent = self.sent or event.endswith("send_request_body.complete")

    def _is_stream(self, answer: httpx.Response) -> bool:
        """A provider that does not stream though it was asked to still answers."""
        streamed = answer.headers.get("content-type", "").partition(";")[0].strip().lower() == EVENT_STREAM
        return self._heard is not None and answer.is_success and streamed

    async def _hear(self, answer: httpx.Response) -> None:
        """Pass the pieces on while they come."""
        self._assembly = assembly = self._wire.assembly(self._redact)
        pieces = RedactedPieces(self._redact)
        chunks = self._chunks(answer, LARGEST_STREAM)
        async with aclosing(_events(chunks)) as events:
            async for data in events:
                self._say(pieces.take(assembly.take(data)))
                if assembly.done:
                    break
        if assembly.finished:
            self._say(pieces.rest())
            await _linger(chunks)

    def _say(self, piece: str) -> None:
        if self._heard and piece:
            self._heard(piece)

    async def _chunks(self, answer: httpx.Response, most: int) -> AsyncGenerator[bytes, None]:
        """The body, unpacked. Raises ProviderFault for one that does not end."""
        size = 0
        async for chunk in answer.aiter_bytes():
            size += len(chunk)
            if size > most:
                message = f"the answer has more than {most} bytes"
                raise ProviderFault("provider_answer_invalid", message, worked=answer.is_success)
            yield chunk


async def _events(chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[str, None]:
    """The data of each event of a stream, read through the bounds of its chunks."""
    source = EventSource(httpx.Response(200, headers={"Content-Type": EVENT_STREAM}, content=chunks))
    async with aclosing(source.aiter_sse()) as events:
        async for event in events:
            if event.data:
                yield event.data


async def _linger(chunks: AsyncGenerator[bytes, None]) -> None:
    with suppress(TimeoutError, httpx.RequestError, ProviderFault):
        async with asyncio.timeout(LINGER_S), aclosing(chunks):
            async for _ in chunks:
                pass
