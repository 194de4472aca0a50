"""docker-compose.yml and `headrace up` describe one stack. Nothing here needs Docker, or proves that it runs there."""

import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
import yaml

from headrace.kafka import KafkaSettings
from headrace.service import Service, serve
from headrace.settings import ServiceSettings
from headrace.stack import downloads, maven, model_server
from headrace.stack.home import DEFAULT_BASE, OFFSETS, Home
from headrace.stack.parts import CLUSTER_ID, SERVICES, Part, Plan
from headrace.topics import PARTITIONS

TOP_LEVEL = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((TOP_LEVEL / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
KAFKA: Mapping[str, str] = COMPOSE["kafka"]["environment"]
HTTP_PATH = re.compile(r"(?:127\.0\.0\.1|localhost)(?::\S*?|\S*\})(/[\w/.]+)")


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Part]:
    """The parts of a local stack that nobody's environment bends."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "MODEL_INVOKE_CONCURRENCY"):
        monkeypatch.delenv(name, raising=False)
    return Plan(Home(tmp_path), DEFAULT_BASE, {}).parts()


def published() -> dict[str, tuple[str, int, int]]:
    """Host address, host port and container port of each container that opens one."""
    found = {}
    for name, container in COMPOSE.items():
        for port in container.get("ports", ()):
            address, outside, inside = port.split(":")
            found[name] = (address, int(outside), int(inside))
    return found


def within(text: str) -> str:
    """A local stack's address as another container knows it."""
    addresses = {f"127.0.0.1:{outside}": f"{name}:{inside}" for name, (_, outside, inside) in published().items()}
    listeners = dict(entry.split("://") for entry in KAFKA["KAFKA_ADVERTISED_LISTENERS"].split(","))
    addresses[listeners["HOST"]] = listeners["PLAINTEXT"]
    for outside_address, inside_address in addresses.items():
        text = text.replace(outside_address, inside_address)
    return text


def kafka_properties() -> dict[str, str]:
    text = (Path(downloads.__file__).parent / "kafka.properties").read_text(encoding="utf-8")
    return dict(line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))


def property_name(variable: str) -> str:
    """The rule of Kafka's image, without its three special cases, which Headrace doesn't meet."""
    return variable.removeprefix("KAFKA_").lower().replace("_", ".")


def postgres_settings(command: Sequence[str]) -> set[str]:
    return {value for option, value in pairwise(command) if option == "-c"}


def needed(name: str) -> set[str]:
    """The containers that must be well, or done, before this one starts; those that they wait for, too."""
    direct = set(COMPOSE[name].get("depends_on", ()))
    return direct.union(*(needed(other) for other in direct))


def health_path(name: str) -> str:
    found = HTTP_PATH.search(COMPOSE[name]["healthcheck"]["test"][-1])
    assert found, f"{name} is not checked over HTTP"
    return found[1]


def test_the_file_follows_the_compose_specification() -> None:
    checker = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run(
        [*checker, str(TOP_LEVEL / "docker-compose.yml")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_same_parts_listen_on_the_same_ports_of_loopback_only() -> None:
    expected = {name: DEFAULT_BASE + offset for name, offset in OFFSETS.items() if name != "kafka-controller"}
    assert {name: outside for name, (_, outside, _) in published().items()} == expected
    assert {address for address, _, _ in published().values()} == {"127.0.0.1"}
    assert not [name for name, container in COMPOSE.items() if container.get("network_mode") == "host"]


def test_kafka_has_the_same_settings() -> None:
    # given the settings of the local broker, where one more way in needs one more entry in the map of protocols
    expected = kafka_properties()
    expected["listener.security.protocol.map"] += ",HOST:PLAINTEXT"
    # when the image turns its variables into properties
    theirs = {property_name(name): str(value) for name, value in KAFKA.items() if name.startswith("KAFKA_")}
    # then all that is not said of its own network, storage and processor is the same
    own = {"heap.opts", "jvm.performance.opts", "log.dirs", "listeners", "advertised.listeners"}
    assert {name: value for name, value in theirs.items() if name not in own | {"controller.quorum.voters"}} == expected


def test_kafka_is_the_same_cluster_with_the_same_memory(local: dict[str, Part]) -> None:
    flags = [word for word in local["kafka"].command if word.startswith("-X")]
    assert f"{KAFKA['KAFKA_HEAP_OPTS']} {KAFKA['KAFKA_JVM_PERFORMANCE_OPTS']}".split() == flags
    assert KAFKA["CLUSTER_ID"] == CLUSTER_ID


def test_the_registry_has_the_same_settings(local: dict[str, Part]) -> None:
    ours = {name: within(value) for name, value in local["registry"].env.items() if not name.startswith("QUARKUS_")}
    assert COMPOSE["registry"]["environment"] == ours


def test_postgres_has_the_same_settings(local: dict[str, Part]) -> None:
    ours = postgres_settings(local["postgres"].command) - {"unix_socket_directories="}
    assert postgres_settings(COMPOSE["postgres"]["command"]) == ours


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_told_the_same(name: str, local: dict[str, Part]) -> None:
    # given what a service of the local stack is told; its vectors are in a folder, in Docker in a server
    ours = {variable: within(value) for variable, value in local[name].env.items() if variable != "QDRANT_PATH"}
    # then its container is told no less and no more
    theirs = {variable: str(value) for variable, value in COMPOSE[name]["environment"].items()}
    assert theirs.pop("QDRANT_URL") == "http://qdrant:6333"
    assert theirs == ours


@pytest.mark.parametrize("name", ["registry", *SERVICES])
def test_a_part_waits_for_the_same_parts(name: str, local: dict[str, Part]) -> None:
    assert set(local[name].after) <= needed(name)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_starts_when_topics_and_schemas_are_there(name: str) -> None:
    assert COMPOSE[name]["depends_on"]["install"] == {"condition": "service_completed_successfully"}


def test_topics_are_created_from_the_same_table_with_the_same_partitions() -> None:
    # given the variables of the container that creates them, by the code that the local stack calls
    assert COMPOSE["install"]["build"]["args"] == {"SERVICE": "headrace.install"}
    given = {name: value for name, value in COMPOSE["install"]["environment"].items() if "KAFKA" in name}
    assert not [name for name in COMPOSE["install"]["environment"] if name.startswith("HEADRACE_")]
    # then their number and copies are those of the local stack
    settings = KafkaSettings(**given)
    assert (settings.partitions, settings.replication_factor) == (PARTITIONS, 1)
    assert settings.bootstrap_servers == within(f"127.0.0.1:{DEFAULT_BASE + OFFSETS['kafka']}")


def test_the_model_is_the_same_file_served_in_the_same_way(local: dict[str, Part]) -> None:
    command: list[str] = COMPOSE["model"]["command"]
    options = dict(pairwise(command))
    cache = COMPOSE["model-file"]["environment"]["HEADRACE_CACHE"]
    assert options["--model"] == f"{cache}/{downloads.MODEL_NAME}"
    assert COMPOSE["model-file"]["volumes"] == [f"models:{cache}"]
    assert COMPOSE["model"]["volumes"] == [f"models:{cache}:ro"]
    slots = int(local["model"].command[-1])
    assert slots == int(options["--parallel"])
    assert slots * model_server.CONTEXT_TOKENS == int(options["--ctx-size"])
    assert {int(options["--threads"]), int(options["--threads-batch"])} == {model_server.THREADS}
    assert "--no-warmup" in command


def test_the_embedding_server_gets_the_same_options(local: dict[str, Part]) -> None:
    ours = [Path(local["embedding"].command[0]).name, *local["embedding"].command[1:]]
    _, outside, inside = published()["embedding"]
    expected = [{"127.0.0.1": "0.0.0.0", str(outside): str(inside)}.get(word, word) for word in ours]
    assert COMPOSE["embedding"]["command"] == expected
    assert COMPOSE["embedding"]["environment"] == local["embedding"].env


@pytest.mark.parametrize("name", SERVICES)
async def test_a_service_answers_where_its_container_is_checked(name: str) -> None:
    # given a running service that is ready
    service = Service(name, ServiceSettings())
    service.started = True
    runner = await serve(service, "127.0.0.1", 0)
    host, port = runner.addresses[0]
    # when it is asked what Docker asks
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"http://{host}:{port}{health_path(name)}")
    await runner.cleanup()
    # then it says that it is ready, which is what the local stack asks, too
    assert (answer.status_code, answer.json()) == (200, {"waiting_for": []})


@pytest.mark.parametrize(("name", "variable", "path"), [
    ("registry", "SCHEMA_REGISTRY_URL", "/subjects"),
    ("model", "MODEL_BASE_URL", "/models"),
])  # fmt: skip
def test_a_part_is_checked_below_the_address_that_its_users_have(name: str, variable: str, path: str) -> None:
    address = httpx.URL(COMPOSE["template"]["environment"][variable])
    assert health_path(name) == f"{address.path}{path}"


def test_images_are_of_the_locked_versions(local: dict[str, Part]) -> None:
    java = {artifact.name: artifact.version for artifact in maven.artifacts()}
    lock = (TOP_LEVEL / "deploy/lock/dev.lock").read_text(encoding="utf-8")
    python = dict(re.findall(r"^([a-z0-9-]+)==([\w.]+)", lock, re.MULTILINE))
    (postgres,) = re.findall(r"/pginstall(\d+)/bin/postgres ", " ".join(local["postgres"].command))
    tags = {name: COMPOSE[name]["image"].partition(":")[2] for name in ("kafka", "registry", "s3", "postgres")}
    assert tags == {
        "kafka": java["kafka_2.13"],
        "registry": java["apicurio-registry-app"],
        "s3": python["moto"],
        "postgres": postgres,
    }
    minor = python["qdrant-client"].rsplit(".", 1)[0]
    assert COMPOSE["qdrant"]["image"].startswith(f"qdrant/qdrant:v{minor}.")


def built() -> list[tuple[str, str]]:
    return [(name, c["build"]["args"]["SERVICE"]) for name, c in COMPOSE.items() if "args" in c.get("build", {})]


@pytest.mark.parametrize(("name", "module"), built(), ids=[name for name, _ in built()])
def test_a_container_of_ours_runs_a_module_that_exists(name: str, module: str) -> None:
    assert find_spec(module) is not None
    assert (name in SERVICES and module == name) or module.startswith("headrace.")
    assert COMPOSE[name]["build"]["dockerfile"] == "deploy/Dockerfile"


def test_what_the_dockerfile_copies_is_there_and_not_ignored() -> None:
    # given the sources of its COPY instructions
    text = (TOP_LEVEL / "deploy/Dockerfile").read_text(encoding="utf-8")
    sources = [word for line in re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE) for word in line.split()]
    assert "shared" in sources
    # when only what the ignore file lets through is sent to the builder
    ignored = (TOP_LEVEL / "deploy/Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    let_through = [line.removeprefix("!") for line in ignored if line.startswith("!")]
    assert "*" in ignored
    # then all of them come
    for source in sources:
        assert (TOP_LEVEL / source).exists(), f"{source} is not there"
        assert any(fnmatch(source, pattern) for pattern in let_through), f"{source} is ignored"


def test_a_service_s_image_holds_no_tools_of_developers() -> None:
    text = (TOP_LEVEL / "deploy/Dockerfile").read_text(encoding="utf-8")
    final = text.rpartition("\nFROM ")[2]
    assert "run.lock" in text
    assert "dev.lock" not in text
    assert re.search(r"^USER (?!root|0\b)\w+$", final, re.MULTILINE)
    assert "/healthz" in final
