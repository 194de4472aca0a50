"""Parts that the environment names are somebody else's; a stack says so when they do not answer."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace.errors import StackError
from headrace.stack.home import Home, free_base
from headrace.stack.parts import Plan

NOWHERE = "127.0.0.1:9"


@pytest.fixture
def listening() -> Iterator[str]:
    """An address of this machine where somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def refusal(folder: Path, given: dict[str, str], *parts: str) -> str:
    """Why a stack with this environment is not started; empty if it is."""
    try:
        Plan(Home(folder), 20_000, given).refuse_silent(parts)
    except StackError as error:
        return str(error)
    return ""


def test_a_whole_exported_stack_that_has_ended_is_named_variable_by_variable(tmp_path: Path) -> None:
    env = Plan(Home(tmp_path), free_base(), {}).env
    told = refusal(tmp_path, env)
    variables = "KAFKA_BOOTSTRAP_SERVERS SCHEMA_REGISTRY_URL DATABASE_URL S3_ENDPOINT_URL"
    assert "no kafka, no registry, no postgres" in told
    assert f"`unset {variables} MODEL_BASE_URL EMBEDDING_BASE_URL`" in told


def test_a_database_is_needed_by_services_only_and_its_password_is_not_told(tmp_path: Path) -> None:
    given = {"DATABASE_URL": f"postgresql://ada:secret@{NOWHERE}/db"}
    assert "DATABASE_URL" in (told := refusal(tmp_path, given))
    assert "secret" not in told
    assert refusal(tmp_path, given, "kafka") == ""


@pytest.mark.parametrize(
    "servers",
    ["broker.example:9092", f"{NOWHERE},broker.example:9092", "127.0.0.1", "127.0.0.1:many"],
)
def test_what_is_not_all_on_this_machine_is_left_to_its_client(tmp_path: Path, servers: str) -> None:
    assert refusal(tmp_path, {"KAFKA_BOOTSTRAP_SERVERS": servers}) == ""


def test_one_that_listens_and_a_model_that_may_come_later_are_fine(tmp_path: Path, listening: str) -> None:
    given = {"KAFKA_BOOTSTRAP_SERVERS": f"{NOWHERE},{listening}", "MODEL_BASE_URL": f"http://{NOWHERE}/v1"}
    assert refusal(tmp_path, given) == ""


async def test_a_broker_that_does_not_answer_is_told_with_the_variable_that_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Plan(Home(tmp_path), 20_000, {"KAFKA_BOOTSTRAP_SERVERS": NOWHERE})
    with pytest.raises(StackError, match="sets KAFKA_BOOTSTRAP_SERVERS, so no kafka is started here; `unset KAFKA_B"):
        await plan.prepare_outside()
