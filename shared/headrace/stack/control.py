"""Start, look at and stop a local stack from another process."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import psutil

from headrace.errors import StackError
from headrace.stack import downloads
from headrace.stack.home import Home, Running, free_base, taken_ports
from headrace.stack.parts import Plan

LOOK_S = 0.1
STOP_S = 30.0
START_S = 300.0

Watch = Callable[[Running], None]
"""Called with the state of the stack while it starts."""


def install(parts: Sequence[str], progress: downloads.Progress, sizes: downloads.Sizes | None = None) -> None:
    """Fetch what these parts need (all parts when there are none); what is there already is not fetched again."""
    ours = set(Plan(Home.default(), 0, os.environ).outside)
    wanted = (set(parts) or {"kafka", "registry", "model"}) - ours
    if wanted & {"kafka", "registry"}:
        downloads.install_java(progress, sizes)
    if "model" in wanted:
        downloads.install_model(progress, sizes)


def start(home: Home, base: int | None, parts: Sequence[str], watch: Watch) -> Running:
    """Start a stack and wait until all of it is well; one that runs already is left as it is.

    base: None takes a free range of ports. Raises StackError.
    """
    if home.running() is not None:
        return _await_ready(home, None, watch)
    base = free_base() if base is None else base
    Plan(home, base, os.environ).refuse_silent(parts)
    _refuse_taken_ports(base)
    home.forget()
    supervisor = _spawn(home, base, parts)
    try:
        running = _await_ready(home, supervisor, watch)
    except BaseException:  # an interrupt, too: what was started for this caller ends with it
        sys.stderr.write("\nstopping what was started …\n")
        supervisor.terminate()
        supervisor.wait(STOP_S)
        raise
    supervisor.returncode = 0  # it lives on without us: Popen is not to warn of that
    return running


def _await_ready(home: Home, supervisor: "subprocess.Popen[bytes] | None", watch: Watch) -> Running:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        running = home.running()
        if running:
            watch(running)
            if running.ready:
                return running
        if (supervisor is None and running is None) or (supervisor is not None and supervisor.poll() is not None):
            raise StackError(_why(home))
        time.sleep(LOOK_S)
    raise StackError(f"the stack was not ready after {START_S:.0f} s; see {home.logs}")


def stop(home: Home) -> bool:
    """Stop the stack, if one is running; whether one was."""
    running = home.running()
    if running is None:
        return False
    supervisor = psutil.Process(running.pid)
    supervisor.send_signal(signal.SIGTERM)
    try:
        supervisor.wait(STOP_S)
    except psutil.TimeoutExpired as error:
        raise StackError(f"the supervisor (process {running.pid}) did not end within {STOP_S:.0f} s") from error
    return True


def is_well(running: Running) -> bool:
    """Whether every part does its work now."""
    return running.ready and all(part.status in {"well", "outside"} for part in running.parts.values())


def rss_mb(pid: int | None) -> float | None:
    """Resident memory of a process and its children, MiB; None when it is gone."""
    try:
        process = psutil.Process(pid or -1)
        family = [process, *process.children(recursive=True)]
        return float(round(sum(member.memory_info().rss for member in family) / (1 << 20), 1))
    except (psutil.NoSuchProcess, ValueError):
        return None


def _spawn(home: Home, base: int, parts: Sequence[str]) -> "subprocess.Popen[bytes]":
    home.make()
    options = ["--home", str(home.path), "--base", str(base), "--parts", ",".join(parts)]
    with (home.logs / "supervisor.log").open("wb") as log:
        return subprocess.Popen(  # noqa: S603  # our own words
            [sys.executable, "-m", "headrace.stack.supervisor", *options],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _refuse_taken_ports(base: int) -> None:
    if taken := taken_ports(base):
        named = ", ".join(f"{port} ({name})" for name, port in taken.items())
        raise StackError(
            f"somebody listens on {named}; is another checkout's stack running? Stop it there with `headrace down`, "
            "or take other ports: `HEADRACE_PORT_BASE=auto make demo`, `headrace up --port-base auto`"
        )


def _why(home: Home) -> str:
    text = (home.logs / "supervisor.log").read_text(encoding="utf-8", errors="replace").strip()
    last = text.splitlines()[-1] if text else "it printed nothing"
    return last.removeprefix("headrace: ") or f"the supervisor ended; see {home.logs}"
