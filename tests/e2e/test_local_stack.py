"""Local stacks of their own: other ports on the same data, and how a stack that was started in a terminal ends."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from headrace.stack import control
from headrace.stack.home import Home, free_base, taken_ports
from headrace.stack.parts import Plan
from tests.e2e.commands import HEADRACE

TOPIC = "kept"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A folder for a stack that is not the one of the other tests."""
    home = Home(tmp_path / "home")
    for variable in (*Plan(home, 0, {}).env, "HEADRACE_PORT_BASE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HEADRACE_HOME", str(home.path))
    yield home
    control.stop(home)


@contextmanager
def running(home: Home, base: int) -> Iterator[str]:
    """Kafka alone, on ports from `base`; where it is."""
    state = control.start(home, base, ("kafka",), lambda _: None)
    try:
        yield state.env["KAFKA_BOOTSTRAP_SERVERS"]
    finally:
        control.stop(home)


async def write(servers: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    await admin.create_topics([NewTopic(TOPIC, 1, 1)])
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=servers) as producer:
        await producer.send_and_wait(TOPIC, b"a record")


async def read(servers: str) -> object:
    async with AIOKafkaConsumer(TOPIC, bootstrap_servers=servers, auto_offset_reset="earliest") as consumer:
        record = await consumer.getone()
    return record.value


@pytest.mark.timeout(180)
async def test_the_same_data_starts_on_other_ports_and_a_normal_start_logs_nothing(home: Home) -> None:
    control.install(("kafka",), print)
    first = free_base()
    with running(home, first) as servers:
        await write(servers)
    second = next(base for base in range(first + 200, 60_000, 200) if not taken_ports(base))
    with running(home, second) as servers:
        assert servers.endswith(str(second + 92))
        assert await read(servers) == b"a record"
    assert (home.logs / "kafka.log").read_text(encoding="utf-8") == ""


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([str(HEADRACE), *arguments], capture_output=True, text=True, check=False, timeout=120)


@contextmanager
def in_a_terminal() -> "Iterator[subprocess.Popen[str]]":
    """`headrace up` with one small part, when it is up; it stays until the stack ends."""
    command = [str(HEADRACE), "up", "--port-base", "auto", "--part", "s3"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr
            assert any("Ctrl-C stops it" in line for line in process.stderr)
            yield process
        finally:
            process.kill()


@pytest.mark.usefixtures("home")
def test_up_that_is_stopped_from_elsewhere_was_stopped() -> None:
    with in_a_terminal() as up:
        again = run("up", "--detach")
        assert "It keeps the environment that it was started with" in again.stderr
        assert run("down").returncode == 0
        _, told = up.communicate(timeout=30)
    assert up.returncode == 0, told
    assert told.endswith("stopped\n")


def test_up_whose_supervisor_dies_ended_by_itself(home: Home) -> None:
    with in_a_terminal() as up:
        state = home.running()
        assert state
        os.kill(state.pid, signal.SIGKILL)
        _, told = up.communicate(timeout=30)
    assert up.returncode == 3, told
    assert "the stack ended by itself" in told


def test_up_after_an_export_of_a_stack_that_has_ended_says_what_to_unset(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in Plan(home, free_base(), {}).env.items():
        monkeypatch.setenv(variable, value)
    up = run("up", "--detach", "--port-base", "auto")
    assert up.returncode == 3
    assert "`unset KAFKA_BOOTSTRAP_SERVERS SCHEMA_REGISTRY_URL DATABASE_URL" in up.stderr
    asked = run("get", "workflow")
    assert asked.returncode == 3
    assert "SCHEMA_REGISTRY_URL in the environment names it" in asked.stderr
