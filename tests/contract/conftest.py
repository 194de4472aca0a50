"""What the suites of a port share."""

from collections.abc import AsyncIterator
from typing import cast

import httpx
import pytest

from model_invoke.provider.chat import http_client
from tests.providers.question import Provider


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """The client with which providers are called."""
    async with http_client(4) as client:
        yield client


@pytest.fixture(params=["openai", "anthropic"])
def provider(request: pytest.FixtureRequest) -> Provider:
    """Each format."""
    return cast("Provider", request.param)


@pytest.fixture(params=["whole", "streamed"])
def streamed(request: pytest.FixtureRequest) -> bool:
    """Each way of an answer."""
    return bool(request.param == "streamed")
