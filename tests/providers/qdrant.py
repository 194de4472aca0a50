"""Qdrant's REST API on loopback, as far as Headrace speaks it: its own client's memory storage behind HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from pydantic import BaseModel
from qdrant_client import QdrantClient, models

from tests.support.serving import answering, serving


@dataclass
class QdrantServer:
    """The server. `headers` are what it was sent; the next answers have the statuses in `faults`."""

    storage: QdrantClient = field(default_factory=lambda: QdrantClient(":memory:"))
    url: str = ""
    headers: list[dict[str, str]] = field(default_factory=list)
    faults: list[int] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        """Fail if told to; else what the storage says, as the server says it."""
        self.headers.append(dict(request.headers))
        if self.faults:
            return web.json_response({"status": {"error": "told to"}}, status=self.faults.pop(0))
        body = await request.json() if request.can_read_body else {}
        result = self._result((request.method, *request.path.strip("/").split("/")), body)
        return web.json_response({"result": result, "status": "ok", "time": 0.0})

    def _result(self, asked: tuple[str, ...], body: Any) -> Any:  # noqa: PLR0911  # one for each route
        match asked:
            case ("GET", "collections"):
                return _plain(self.storage.get_collections())
            case ("GET", "collections", name):
                return _plain(self.storage.get_collection(name))
            case ("GET", "collections", name, "exists"):
                return {"exists": self.storage.collection_exists(name)}
            case ("PUT", "collections", name):
                return self.storage.create_collection(name, vectors_config=models.VectorParams(**body["vectors"]))
            case ("PUT", "collections", name, "points"):
                points = [models.PointStruct(**point) for point in body["points"]]
                return _plain(self.storage.upsert(name, points))
            case ("POST", "collections", name, "points"):
                return [_plain(record) for record in self.storage.retrieve(name, body["ids"], with_payload=True)]
            case ("POST", "collections", name, "points", "delete"):
                return _plain(self.storage.delete(name, body["points"]))
            case ("POST", "collections", name, "points", "query"):
                return _plain(self.storage.query_points(name, query=body["query"]["nearest"], limit=body["limit"]))
        raise web.HTTPNotFound


def _plain(model: BaseModel) -> Any:
    return model.model_dump(mode="json", exclude_none=True)


@asynccontextmanager
async def qdrant_server() -> AsyncIterator[QdrantServer]:
    """A server for the length of a test."""
    server = QdrantServer()
    with closing(server.storage):
        async with serving(answering(server.handle)) as server.url:
            yield server
