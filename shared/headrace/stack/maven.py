"""Files of a Maven repository by name and sha256, without Maven; where Maven has settings, its mirror is used.

The repository is Maven Central, or the mirror of it that settings.xml names, in ~/.m2 or else in MAVEN_HOME's conf.
"""

import errno
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree

from headrace.errors import StackError

LOCK = Path(__file__).with_name("java.lock")

Arrived = Callable[[int], None]
"""Called with the number of bytes of each piece that came."""


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


def artifacts() -> list[Artifact]:
    """The lock file's lines: the registry's application is the one that is not a jar."""
    lines = LOCK.read_text(encoding="utf-8").split("\n")
    return [Artifact(*line.replace(" ", ":").split(":")) for line in lines if line]


def fetch(artifact: Artifact, store: Path, target: Path, arrived: Arrived) -> None:
    """Fetch exactly this artifact, nothing that it depends on. Raises StackError; OSError when the disk is full.

    store: keeps what has come until everything has, so that an interrupted installation goes on.
    """
    for _ in range(2):
        path = _resolve(artifact, store, arrived)
        if sha256(path) == artifact.sha256:
            shutil.copyfile(path, target)
            return
        path.unlink()  # cut off by an interruption: fetched again, once
    raise StackError(f"{artifact} is not what the lock file says: expected sha256 {artifact.sha256}")


def sha256(path: Path) -> str:
    """The digest of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _resolve(artifact: Artifact, store: Path, arrived: Arrived) -> Path:
    from jgo.maven import MavenContext, PythonResolver  # noqa: PLC0415  # slow to import, and only needed here

    @contextmanager
    def progress(_name: str, _size: int) -> Iterator[Arrived]:
        yield arrived

    resolver = PythonResolver(progress_callback=progress)
    context = MavenContext(resolver, repo_cache=store, remote_repos=mirrors(os.environ))
    component = context.project(artifact.group, artifact.name).at_version(artifact.version)
    try:
        return Path(component.artifact(artifact.classifier, artifact.packaging).resolve())
    except Exception as error:  # jgo raises whatever its transport does
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise
        raise StackError(f"{artifact} can't be fetched: {_brief(error)}; is there a connection?") from error


def mirrors(environ: Mapping[str, str]) -> dict[str, str] | None:
    """The mirror of Maven Central that Maven's settings name; None without one. Raises StackError."""
    for folder in (Path.home() / ".m2", *(Path(home) / "conf" for home in [environ.get("MAVEN_HOME")] if home)):
        file = folder / "settings.xml"
        if not file.is_file():
            continue
        try:
            settings = ElementTree.parse(file).getroot()  # noqa: S314  # the user's own file
        except ElementTree.ParseError as error:
            raise StackError(f"{file} is not XML: {error}") from error
        for mirror in settings.iterfind("{*}mirrors/{*}mirror"):
            if _stands_for_central(_text(mirror, "mirrorOf")) and _text(mirror, "blocked") != "true":
                name = _text(mirror, "id")
                return {name: _with_login(_text(mirror, "url").rstrip("/"), settings, name)}
    return None


def _stands_for_central(pattern: str) -> bool:
    """Maven's rule: names, `*`, `external:*` (Central is not on this machine), and `!name` for an exception."""
    words = {word.strip() for word in pattern.split(",")}
    return "!central" not in words and bool(words & {"central", "*", "external:*"})


def _with_login(url: str, settings: ElementTree.Element, name: str) -> str:
    for server in settings.iterfind("{*}servers/{*}server"):
        user, password = _text(server, "username"), _text(server, "password")
        if _text(server, "id") == name and user:
            scheme, rest = url.split("://", 1)
            return f"{scheme}://{quote(user, safe='')}:{quote(password, safe='')}@{rest}"
    return url


def _text(element: ElementTree.Element, name: str) -> str:
    return (element.findtext(f"{{*}}{name}") or "").strip()


def _brief(error: Exception) -> str:
    """The innermost reason, which says the most, without a mirror's login."""
    cause: BaseException = error
    while inner := cause.__cause__ or cause.__context__:
        cause = inner
    text = re.sub(r"//[^/@\s]*@", "//", str(cause)).partition("\n")[0]
    return text[:200] or type(cause).__name__
