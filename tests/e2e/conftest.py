"""What end-to-end tests share."""

import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conftest import Stack
from tests.e2e.commands import HEADRACE, Run
from tests.e2e.installation import Installation


@pytest.fixture
async def installation(stack: Stack, tmp_path: Path) -> AsyncIterator[Installation]:
    async with Installation.of(stack, tmp_path) as found:
        yield found


@pytest.fixture
def headrace(stack: Stack, tmp_path: Path) -> Run:
    """Runs the command against the stack, as the user ada."""
    env = {**os.environ, **stack.env, "HEADRACE_ACTOR": "ada", "COLUMNS": "200", "NO_COLOR": "1"}
    if stack.home:
        env["HEADRACE_HOME"] = str(stack.home.path)

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [str(HEADRACE), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=env, cwd=tmp_path)

    return run
