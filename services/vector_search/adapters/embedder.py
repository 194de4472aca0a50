"""Embeddings from any server with OpenAI's `/embeddings`."""

from array import array
from collections.abc import Sequence

import httpx
from pydantic import BaseModel, Field, ValidationError

from headrace.errors import NodeError
from headrace.http import send
from headrace.limits import MOST_TOKENS
from vector_search.model import Embedded
from vector_search.ports import EMBEDDING_REFUSED
from vector_search.settings import Settings

QUERY_TIMEOUT_S = 30.0
PASSAGES_TIMEOUT_S = 120.0
"""A small server on a busy machine takes seconds for a passage, and has others to serve."""
OF_THE_TEXT = {httpx.codes.BAD_REQUEST, httpx.codes.REQUEST_ENTITY_TOO_LARGE, httpx.codes.UNPROCESSABLE_ENTITY}
"""Answers that say that the text is at fault, such as one that is too long; any other is a fault of the service."""


class _Item(BaseModel):
    index: int
    embedding: list[float]


class _Usage(BaseModel):
    prompt_tokens: int = Field(ge=0, le=MOST_TOKENS)


class _Answer(BaseModel):
    data: list[_Item]
    usage: _Usage | None = None


class HttpEmbedder:
    """An embedder behind HTTP."""

    def __init__(self, settings: Settings) -> None:
        self.model = settings.embedding_model
        self._types = {"passage": settings.passage_type, "query": settings.query_type}
        self._url = f"{settings.embedding_base_url.rstrip('/')}/embeddings"
        key = settings.embedding_api_key
        self._http = httpx.AsyncClient(headers={"Authorization": f"Bearer {key.get_secret_value()}"} if key else {})

    async def passages(self, texts: Sequence[str]) -> Embedded:
        """Embed texts that are to be found."""
        return await self._embed(texts, self._types["passage"], PASSAGES_TIMEOUT_S)

    async def query(self, text: str) -> Embedded:
        """Embed a text that is to find others."""
        return await self._embed((text,), self._types["query"], QUERY_TIMEOUT_S)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _embed(self, texts: Sequence[str], input_type: str, timeout_s: float) -> Embedded:
        asked = {"model": self.model, "input": list(texts)} | ({"input_type": input_type} if input_type else {})
        try:
            answer = await send(self._http, self._http.build_request("POST", self._url, json=asked, timeout=timeout_s))
        except httpx.HTTPError as error:
            raise self._unavailable(f"does not answer ({str(error) or type(error).__name__})") from error
        if answer.status_code in OF_THE_TEXT:
            message = f"{self.model} refused the text: {answer.status_code} {answer.text[:200]}"
            raise NodeError(EMBEDDING_REFUSED, message)
        if not answer.is_success:
            raise self._unavailable(f"answered {answer.status_code} {answer.text[:200]}")
        return self._read(answer.content, len(texts))

    def _read(self, content: bytes, count: int) -> Embedded:
        try:
            answer = _Answer.model_validate_json(content)
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False)[0]["msg"]
            raise self._unavailable(f"does not speak OpenAI's language: {fault}") from error
        items = sorted(answer.data, key=lambda item: item.index)
        if [item.index for item in items] != list(range(count)) or not all(item.embedding for item in items):
            raise self._unavailable(f"answered with {len(items)} embeddings for {count} texts, or with empty ones")
        vectors = [array("f", item.embedding) for item in items]
        return Embedded(vectors, answer.usage.prompt_tokens if answer.usage else None)

    def _unavailable(self, what: str) -> NodeError:
        return NodeError("embedder_unavailable", f"the embedding server at {self._url} {what}", retryable=True)
