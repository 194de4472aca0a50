"""The schema registry over its Confluent-compatible REST API, and the publication of our contracts in it."""

import asyncio
from types import TracebackType
from typing import Any, Self

import httpx

from headrace import topics
from headrace.codec import subject
from headrace.errors import RegistryRefused, RegistryUnavailable

TIMEOUT_S = 10.0
TRY_AGAIN = {
    httpx.codes.REQUEST_TIMEOUT,
    httpx.codes.TOO_EARLY,
    httpx.codes.TOO_MANY_REQUESTS,
}
COMPATIBILITY = "FULL_TRANSITIVE"
"""Old readers read new records and new readers old ones, across all versions."""


class SchemaRegistry:
    """A client of a Confluent-compatible schema registry at a base URL. read_s: how long it waits for an answer."""

    def __init__(self, url: str, read_s: float = TIMEOUT_S) -> None:
        try:
            base = httpx.URL(url.rstrip("/"))
        except httpx.InvalidURL:
            raise RegistryRefused("SCHEMA_REGISTRY_URL is no URL; is a # or / in a password not escaped?") from None
        self.url = str(base.copy_with(userinfo=b"", query=None))  # for messages: secrets in it are nobody's business
        headers = {"Content-Type": "application/vnd.schemaregistry.v1+json"}
        timeout = httpx.Timeout(read_s, connect=min(read_s, TIMEOUT_S))
        self._http = httpx.AsyncClient(base_url=base, timeout=timeout, headers=headers)

    async def __aenter__(self) -> Self:
        """Use as a context to close the connections at the end."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def register(self, subject: str, schema: str) -> int:
        """Register a schema under a subject, or find it there; return its id. Raises RegistryRefused."""
        answer = await self._call("POST", f"/subjects/{subject}/versions", json={"schema": schema})
        return int(self._field(answer, "id"))

    async def schema(self, schema_id: int) -> str | None:
        """The schema with this id as JSON text; None when the registry has none."""
        answer = await self._call("GET", f"/schemas/ids/{schema_id}", missing_ok=True)
        return None if answer.status_code == httpx.codes.NOT_FOUND else str(self._field(answer, "schema"))

    async def require_compatibility(self, level: str = COMPATIBILITY) -> None:
        """Make the registry refuse changes that break readers or writers."""
        await self._call("PUT", "/config", json={"compatibility": level})

    def _field(self, answer: httpx.Response, name: str) -> Any:
        try:
            return answer.json()[name]
        except (ValueError, LookupError, TypeError) as error:  # a proxy's page, perhaps
            raise RegistryUnavailable(
                f"what answers at {self.url} is no schema registry: {answer.text:.200}"
            ) from error

    async def _call(self, method: str, path: str, *, missing_ok: bool = False, **options: Any) -> httpx.Response:
        try:
            answer = await self._http.request(method, path, **options)
        except httpx.TransportError as error:
            raise RegistryUnavailable(
                f"the schema registry at {self.url} does not answer ({str(error) or type(error).__name__})"
            ) from error
        if answer.is_success or (missing_ok and answer.status_code == httpx.codes.NOT_FOUND):
            return answer
        if answer.is_server_error or answer.status_code in TRY_AGAIN:
            raise RegistryUnavailable(f"the schema registry at {self.url} failed: {answer.status_code} {answer.text}")
        raise RegistryRefused(f"the schema registry refused {method} {path}: {answer.status_code} {answer.text}")


async def publish(registry_url: str, read_s: float = TIMEOUT_S) -> None:
    """Register every schema of every topic; safe to repeat. Raises RegistryUnavailable or RegistryRefused."""
    async with SchemaRegistry(registry_url, read_s) as registry:
        await registry.require_compatibility()
        pairs = [(subject(topic, event), event.SCHEMA) for topic in topics.ALL for event in topic.records]
        calls = (registry.register(name, schema) for name, schema in pairs)
        answers = await asyncio.gather(*calls, return_exceptions=True)  # one that fails does not break off the others
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
