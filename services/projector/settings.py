"""What this service needs beside what every service has."""

from pydantic import Field

from headrace.settings import ServiceSettings


class ProjectorSettings(ServiceSettings):
    """Settings of projector, from the environment: where the rows go."""

    database_url: str = Field(
        default="postgresql://postgres@127.0.0.1:19032/postgres", validation_alias="DATABASE_URL", repr=False
    )
