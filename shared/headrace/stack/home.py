"""Where a local stack lives: one folder with its data, its logs and a note of what is running."""

import contextlib
import fcntl
import json
import os
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from headrace.errors import StackError

DEFAULT_BASE = 19_000
OFFSETS: Mapping[str, int] = {
    "kafka": 92,
    "kafka-controller": 93,
    "registry": 81,
    "postgres": 32,
    "s3": 66,
    "model": 80,
    "embedding": 84,
    "prompt_service": 101,
    "model_registry": 102,
    "workflow_router": 103,
    "template": 104,
    "model_invoke": 105,
    "vector_search": 106,
    "projector": 107,
    "usage_meter": 108,
}
"""Port of each part, above the stack's base port."""


@dataclass(slots=True)
class PartState:
    """A part as the supervisor last saw it."""

    status: str = "waiting"
    pid: int | None = None
    port: int | None = None
    restarts: int = 0
    detail: str = ""


@dataclass(slots=True)
class Running:
    """What the supervisor notes about its stack. `env` is what a client needs."""

    pid: int
    created: float
    base: int
    ready: bool = False
    failed: str = ""
    env: dict[str, str] = field(default_factory=dict)
    parts: dict[str, PartState] = field(default_factory=dict)

    @property
    def alive(self) -> bool:
        """Whether the supervisor that wrote this lives; another process with its number does not count."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.created) < 1.0
            return same and process.status() != psutil.STATUS_ZOMBIE  # dead, and its parent has not looked yet
        except psutil.NoSuchProcess:
            return False


class Home:
    """The folder of one stack."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.data = path / "data"
        self.logs = path / "logs"
        self._note = path / "stack.json"
        self._lock = path / "lock"

    @classmethod
    def default(cls) -> "Home":
        """HEADRACE_HOME, or the `.headrace` of this folder or of the nearest one above; a new one is made here."""
        given = os.environ.get("HEADRACE_HOME")
        here = Path.cwd()
        above = (folder / ".headrace" for folder in (here, *here.parents))
        return cls(Path(given) if given else next((path for path in above if path.is_dir()), here / ".headrace"))

    def running(self) -> Running | None:
        """The stack that is running here, if one is."""
        noted = self.noted()
        return noted if noted and noted.alive else None

    def noted(self) -> Running | None:
        """The stack that is running here, or that failed here last."""
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        parts = {name: PartState(**part) for name, part in note.pop("parts").items()}
        return Running(**note, parts=parts)

    def note(self, running: Running) -> None:
        """Write down what is running, in one step."""
        new = self._note.with_suffix(".new")
        new.write_text(json.dumps(running, default=_fields, indent=2), encoding="utf-8")
        new.replace(self._note)

    def make(self) -> None:
        """Its folders, for nobody else's eyes: prompts, answers and passwords are in there."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.path.chmod(0o700)
        self.logs.mkdir(exist_ok=True)
        self.data.mkdir(exist_ok=True)

    def forget(self) -> None:
        """Nothing is running here any more."""
        self._note.unlink(missing_ok=True)

    def wipe(self) -> None:
        """Remove everything of a stack; what else is in the folder stays, for HEADRACE_HOME may name any."""
        for folder in (self.data, self.logs):
            shutil.rmtree(folder, ignore_errors=True)
        for file in (self._note, self._note.with_suffix(".new"), self._lock):
            file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.path.rmdir()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only supervisor of this folder. Raises StackError if there is one."""
        self.make()
        with self._lock.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise StackError(f"another supervisor is at work in {self.path}") from error
            yield


def _fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}


def free_base() -> int:
    """A base port above which every part's port is free right now."""
    for base in range(20_000, 60_000, 200):
        if not taken_ports(base):
            return base
    raise StackError("no range of free ports between 20000 and 60000")


def taken_ports(base: int) -> dict[str, int]:
    """Parts whose port somebody listens on."""
    return {name: base + offset for name, offset in OFFSETS.items() if is_open(base + offset)}


def is_open(port: int) -> bool:
    """Whether somebody listens on a port of the loopback interface."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
