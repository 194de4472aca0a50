"""What the environment says to this service."""

from pathlib import Path

from pydantic import Field, SecretStr

from headrace.settings import ServiceSettings


class Settings(ServiceSettings):
    """Where the embedding server and Qdrant are.

    Qdrant is a folder, which one process may open, unless QDRANT_URL names a server.
    """

    embedding_base_url: str = Field(default="http://127.0.0.1:19084/v1", validation_alias="EMBEDDING_BASE_URL")
    """An OpenAI-compatible API; `/embeddings` is appended."""
    embedding_model: str = Field(default="multilingual-e5-small-q4", validation_alias="EMBEDDING_MODEL")
    embedding_api_key: SecretStr | None = Field(default=None, validation_alias="EMBEDDING_API_KEY")
    embedding_batch: int = Field(default=4, ge=1, le=2_048, validation_alias="EMBEDDING_BATCH")
    """Passages in one call; on a server that does one call at a time, a query waits for as many at the most."""
    query_type: str = Field(default="query", validation_alias="EMBEDDING_QUERY_TYPE")
    """The `input_type` of queries, for models of two sides such as e5; empty leaves it out, as OpenAI's own need."""
    passage_type: str = Field(default="passage", validation_alias="EMBEDDING_PASSAGE_TYPE")
    qdrant_path: Path = Field(default=Path(".headrace/data/qdrant"), validation_alias="QDRANT_PATH")
    qdrant_url: str | None = Field(default=None, validation_alias="QDRANT_URL")
    qdrant_api_key: SecretStr | None = Field(default=None, validation_alias="QDRANT_API_KEY")
