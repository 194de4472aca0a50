"""What this service needs beside what every service has."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from headrace.settings import ServiceSettings
from model_invoke.core.window import Threshold

CONCURRENCY = 8
OWN = frozenset({"QDRANT_API_KEY", "EMBEDDING_API_KEY"})
"""Keys of our own services: no model is sent them, whatever the patterns say."""


class ModelInvokeSettings(ServiceSettings):
    """Settings of model_invoke, from the environment."""

    database_url: str = Field(
        default="postgresql://postgres@127.0.0.1:19032/postgres", validation_alias="DATABASE_URL", repr=False
    )
    concurrency: int = Field(default=CONCURRENCY, ge=1, validation_alias="MODEL_INVOKE_CONCURRENCY")
    """Calls under way at once in this process."""
    breaker_share: float = Field(default=0.5, gt=0, le=1, validation_alias="MODEL_INVOKE_BREAKER_SHARE")
    """Share of a model's calls that fail before its circuit breaker opens."""
    breaker_calls: int = Field(default=10, ge=1, validation_alias="MODEL_INVOKE_BREAKER_CALLS")
    """Calls within the window before that share says anything."""
    breaker_window_s: float = Field(default=30.0, gt=0, validation_alias="MODEL_INVOKE_BREAKER_WINDOW_S")
    """Seconds for which a call counts."""
    breaker_open_s: float = Field(default=15.0, gt=0, validation_alias="MODEL_INVOKE_BREAKER_OPEN_S")
    """Seconds for which an open breaker lets no call through."""
    variables: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("*_API_KEY", "*_BASE_URL"), validation_alias="MODEL_INVOKE_VARIABLES"
    )
    """Environment variables that models may refer to: names or patterns, with commas between them.

    A model names its credential's variable and where to send it, so whoever registers models could read any other.
    """

    @field_validator("variables", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(filter(None, value.replace(" ", "").split(","))) if isinstance(value, str) else value

    @property
    def breaker(self) -> Threshold:
        """When circuit breakers open, and for how long."""
        return Threshold(self.breaker_share, self.breaker_calls, self.breaker_window_s, self.breaker_open_s)

    def provider_variables(self, environment: Mapping[str, str]) -> Mapping[str, str]:
        """The part of an environment that models may refer to, frozen."""
        allowed = {
            name: value
            for name, value in environment.items()
            if name not in OWN and any(fnmatchcase(name, pattern) for pattern in self.variables)
        }
        return MappingProxyType(allowed)
