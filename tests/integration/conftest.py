"""What integration tests share: the stack's object store, and a bucket of a test's own."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import Stack
from tests.support.object_store import s3_of


@pytest.fixture
def s3(stack: Stack) -> Iterator[Any]:
    with s3_of(stack) as client:
        yield client


@pytest.fixture
def bucket(s3: Any) -> str:
    name = f"test-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    return name
