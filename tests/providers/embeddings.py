"""An embedding server on loopback: texts with words in common are near to each other."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.support.serving import answering, serving

DIMENSIONS = 256


@dataclass
class EmbeddingServer:
    """The server. `asked` and `headers` are what it was sent; the next answers are `faults`: status and body.

    Status 0 closes the connection instead.
    """

    url: str = ""
    dimensions: int = DIMENSIONS
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    faults: list[tuple[int, str]] = field(default_factory=list)
    away: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def texts(self) -> list[str]:
        """Every text that it embedded."""
        return [text for asked in self.asked for text in asked["input"]]

    async def handle(self, request: web.Request) -> web.Response:
        """Answer, well or badly."""
        if self.away.is_set():
            return web.Response(status=503)
        self.headers.append(dict(request.headers))
        asked = await request.json()
        if self.faults:
            status, body = self.faults.pop(0)
            if not status and request.transport:
                request.transport.close()
            return web.Response(status=status, text=body, content_type="application/json")
        self.asked.append(asked)
        vectors = [self._vector(text, asked.get("input_type", "")) for text in asked["input"]]
        data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)]
        tokens = sum(len(text.split()) for text in asked["input"])
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return web.json_response({"object": "list", "data": data[::-1], "model": asked["model"], "usage": usage})

    def _vector(self, text: str, input_type: str) -> list[float]:
        vector = [0.0] * self.dimensions
        for word in _words(text):
            vector[_place(word, self.dimensions)] += 1.0
        vector[_place(input_type, self.dimensions)] += 0.5
        return vector


@asynccontextmanager
async def embedding_server(dimensions: int = DIMENSIONS) -> AsyncIterator[EmbeddingServer]:
    """A server for the length of a test."""
    server = EmbeddingServer(dimensions=dimensions)
    async with serving(answering(server.handle, "POST", "/v1/embeddings")) as url:
        server.url = f"{url}/v1"
        yield server


def _words(text: str) -> Iterable[str]:
    return (word.strip(".,?!#").lower() for word in text.split())


def _place(word: str, dimensions: int) -> int:
    return int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big") % dimensions
