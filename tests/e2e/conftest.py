"""What end-to-end tests share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conftest import Stack
from tests.e2e.installation import Installation


@pytest.fixture
async def installation(stack: Stack, tmp_path: Path) -> AsyncIterator[Installation]:
    async with Installation.of(stack, tmp_path) as found:
        yield found
