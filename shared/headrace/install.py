"""Make an installation ready: its topics, its schemas and, where S3_ENDPOINT_URL says so, a bucket and a key.

`python -m headrace.install` does it for what the environment names, and may be repeated. docker-compose.yml runs it
before the services; the local stack calls the same functions, each as soon as its part is well.
"""

import asyncio
import sys
from contextlib import closing

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import Field

from headrace.contracts import publish
from headrace.errors import HeadraceError, StackError
from headrace.kafka import create_topics
from headrace.object_store.settings import BUCKET, KMS_ALIAS, LOCAL_SECRET
from headrace.settings import ServiceSettings
from headrace.topics import ALL


class InstallSettings(ServiceSettings):
    """What is to be made ready."""

    s3_endpoint_url: str | None = Field(default=None, validation_alias="S3_ENDPOINT_URL")
    """A local S3; None where bucket and key are somebody else's to make, as on AWS."""


async def install(settings: InstallSettings) -> None:
    """All of it; safe to repeat. Raises HeadraceError."""
    await create_topics(settings.kafka, ALL)
    await publish(settings.schema_registry_url)
    if settings.s3_endpoint_url:
        await asyncio.to_thread(prepare_s3, settings.s3_endpoint_url)


def prepare_s3(endpoint: str) -> None:
    """The bucket and the key of a local S3; safe to repeat. Raises StackError."""
    options = {
        "endpoint_url": endpoint,
        "region_name": "us-east-1",
        "aws_access_key_id": LOCAL_SECRET,
        "aws_secret_access_key": LOCAL_SECRET,
    }
    config = Config(connect_timeout=5, read_timeout=10, retries={"max_attempts": 2})
    try:
        with closing(boto3.client("s3", **options, config=config)) as s3:  # type: ignore[call-overload]
            s3.create_bucket(Bucket=BUCKET)
        with closing(boto3.client("kms", **options, config=config)) as kms:  # type: ignore[call-overload]
            if not any(alias["AliasName"] == KMS_ALIAS for alias in kms.list_aliases()["Aliases"]):
                key = kms.create_key(Description="Headrace, local stack")["KeyMetadata"]["KeyId"]
                kms.create_alias(AliasName=KMS_ALIAS, TargetKeyId=key)
    except (BotoCoreError, ClientError) as error:
        raise StackError(f"the local S3 at {endpoint} does not do its work: {error}") from error


if __name__ == "__main__":
    try:
        asyncio.run(install(InstallSettings()))
    except HeadraceError as fault:
        sys.exit(f"headrace: {fault}")
