"""The settings that every service has, read once in its `__main__`."""

import os
import socket

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from headrace.kafka import KafkaSettings


def _instance() -> str:
    return f"{socket.gethostname()}-{os.getpid()}"


class ServiceSettings(BaseSettings):
    """One service's settings, from the environment; a service adds its own by inheriting."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    kafka: KafkaSettings = Field(default_factory=KafkaSettings)
    schema_registry_url: str = Field(
        default="http://127.0.0.1:19081/apis/ccompat/v7", validation_alias="SCHEMA_REGISTRY_URL"
    )
    instance: str = Field(default_factory=_instance, validation_alias="HEADRACE_INSTANCE")
    """Stable name of this process among its replicas: with one, a restart is no rebalance, and a stop is noticed after
    the session time-out; without, others take over as soon as it has stopped."""
    http_host: str = Field(default="127.0.0.1", validation_alias="HTTP_HOST")
    http_port: int = Field(default=0, validation_alias="HTTP_PORT")
    """Port of /healthz, /readyz and /metrics; 0 takes a free one."""
    log_level: str = Field(default="info", validation_alias="LOG_LEVEL")

    @property
    def member(self) -> str | None:
        """Name of this process as a static member of its groups (KIP-345); None without a stable one."""
        return self.instance if "instance" in self.model_fields_set else None
