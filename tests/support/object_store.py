"""The stack's object store: as Headrace uses it, and as somebody else could."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import boto3

from headrace.bodies import BodyStore
from headrace.object_store.settings import LOCAL_SECRET, StoreSettings
from tests.conftest import Stack


def settings(stack: Stack, **fields: str) -> StoreSettings:
    """Where it is; fields given replace its own."""
    found = StoreSettings(endpoint_url=stack.env["S3_ENDPOINT_URL"])
    return found.model_copy(update={"access_key_id": LOCAL_SECRET, "secret_access_key": LOCAL_SECRET, **fields})


def body_store(stack: Stack, **fields: str) -> BodyStore:
    """As services have it."""
    return BodyStore(settings(stack, **fields))


@contextmanager
def s3_of(stack: Stack) -> Iterator[Any]:
    """A stock client."""
    client = boto3.client(
        "s3",
        endpoint_url=stack.env["S3_ENDPOINT_URL"],
        region_name="us-east-1",
        aws_access_key_id=LOCAL_SECRET,
        aws_secret_access_key=LOCAL_SECRET,
    )
    with closing(client):
        yield client
