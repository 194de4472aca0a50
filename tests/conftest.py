"""The stack that tests stand on: one that runs already, Docker's where an engine answers, else a local one."""

import os
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

from headrace.kafka import KafkaSettings
from headrace.stack import control
from headrace.stack.home import DEFAULT_BASE, Home, Running
from headrace.stack.parts import Plan

TOP_LEVEL = Path(__file__).parents[1]
PLANTED = "PLANTED_API_KEY"
"""Names a credential of the services of our own stack, which must come out nowhere."""

settings.register_profile("headrace", max_examples=50, deadline=None, derandomize=True)
settings.register_profile("prove", max_examples=5_000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "headrace"))


@dataclass(frozen=True)
class Stack:
    """Where a stack's parts are. `home` is None when it is Docker's."""

    env: Mapping[str, str]
    home: Home | None = None

    @property
    def kafka(self) -> KafkaSettings:
        return KafkaSettings(bootstrap_servers=self.env["KAFKA_BOOTSTRAP_SERVERS"])

    @property
    def registry_url(self) -> str:
        return self.env["SCHEMA_REGISTRY_URL"]

    @property
    def running(self) -> Running:
        """The local stack's parts. Fails for Docker's, whose processes are not ours to look at."""
        running = self.home.running() if self.home else None
        assert running, "this test needs a local stack"
        return running


def pytest_addoption(parser: pytest.Parser) -> None:
    """--write: make the pages that tests make."""
    parser.addoption("--write", action="store_true", help="Write the pages of docs/ that tests make.")


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """All parts and all services. HEADRACE_HOME says where to look for one that runs already."""
    home = Home.default()
    running = home.running()
    if running and running.ready:
        yield Stack(running.env, home)
    elif _docker_answers():
        with _docker_stack() as docker:
            yield docker
    else:
        with tempfile.TemporaryDirectory(prefix="headrace-test-") as folder, _local_stack(Path(folder)) as local:
            yield local


def _docker_answers() -> bool:
    if not (os.environ.get("DOCKER_HOST") or Path("/var/run/docker.sock").exists()):
        return False  # docker's client would leave a socket open, which is an error later, in some test
    import docker  # noqa: PLC0415  # only here, and slow

    try:
        client = docker.from_env(timeout=5)
    except docker.errors.DockerException:
        return False
    client.close()
    return True


@contextmanager
def _docker_stack() -> Iterator[Stack]:
    """docker-compose.yml, whose ports a contract test holds to those of the local stack."""
    from testcontainers.compose import DockerCompose  # noqa: PLC0415  # only here, and slow

    with DockerCompose(str(TOP_LEVEL), build=True, wait=True):
        yield Stack(Plan(Home.default(), DEFAULT_BASE, {}).env)


@contextmanager
def _local_stack(folder: Path) -> Iterator[Stack]:
    os.environ["HEADRACE_HOME"] = str(folder)  # for the command line, when a test runs it
    os.environ[PLANTED] = f"sk-planted-{uuid.uuid4().hex}"
    home = Home(folder)
    control.install((), print)
    try:
        running = control.start(home, None, (), lambda _: None)
        yield Stack(running.env, home)
    finally:
        control.stop(home)
