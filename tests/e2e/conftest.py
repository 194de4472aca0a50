"""What end-to-end tests share."""

import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient

from tests.conftest import Stack
from tests.e2e.commands import HEADRACE, Run
from tests.e2e.installation import Installation
from tests.e2e.outsider import Outsider


@pytest.fixture
async def installation(stack: Stack, tmp_path: Path) -> AsyncIterator[Installation]:
    async with Installation.of(stack, tmp_path) as found:
        yield found


@pytest.fixture
def headrace(stack: Stack, tmp_path: Path) -> Run:
    """Runs the command against the stack, as the user ada."""
    return run_as("ada", stack, tmp_path)


@pytest.fixture
def headrace_as_bob(stack: Stack, tmp_path: Path) -> Run:
    """Runs the command against the stack, as the user bob."""
    return run_as("bob", stack, tmp_path)


def run_as(actor: str, stack: Stack, folder: Path) -> Run:
    env = {**os.environ, **stack.env, "HEADRACE_ACTOR": actor, "COLUMNS": "200", "NO_COLOR": "1"}
    if stack.home:
        env["HEADRACE_HOME"] = str(stack.home.path)

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [str(HEADRACE), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=env, cwd=folder)

    return run


@pytest.fixture(scope="module")
def outsider(stack: Stack) -> Iterator[Outsider]:
    with SchemaRegistryClient({"url": stack.env["SCHEMA_REGISTRY_URL"]}) as registry:
        yield Outsider(stack.env["KAFKA_BOOTSTRAP_SERVERS"], registry)
