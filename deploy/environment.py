"""Make .venv what deploy/lock/dev.lock says, with Headrace in it: `make setup`. Needs Python 3.11 or newer, no more.

uv installs, pip only fetches uv: with nothing cached and 118 packages, uv took 16 s where pip took 73 s (2 cores). uv
reads no settings of pip's, so they are translated: whoever has a mirror, a proxy or certificates has told pip. Bytecode
is left to the first import, which compiles what is used: compiling everything took as long as installing it.
"""

import ast
import fcntl
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOP_LEVEL = HERE.parent
VENV = TOP_LEVEL / ".venv"
PYTHON = VENV / "bin/python"
UV = VENV / "bin/uv"
HOME = VENV / "home"
"""Holds the path at which .venv was made."""
UNFINISHED = VENV / "unfinished"
"""Is there while packages are installed: one of them may be half there. What was fetched is in uv's cache."""
NEEDED_BYTES = 1_500_000_000
SETTINGS = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "proxy": "ALL_PROXY",
}
"""What pip calls a setting, and uv's variable for it."""
NO_CONNECTION = ("Max retries exceeded", "NewConnectionError", "NameResolutionError", "timed out", "ProxyError")


def main() -> None:
    """Do what is missing. An interrupted installation is made again, from uv's cache."""
    if not _works():
        _say(f"1/4 making .venv with Python {sys.version.split()[0]}")
        _make_venv()
        HOME.write_text(str(VENV), encoding="utf-8")
    UNFINISHED.touch()
    _say("2/4 fetching the installer")
    _fetch_uv()
    count = (HERE / "lock/dev.lock").read_text(encoding="utf-8").count("==")
    _say(f"3/4 installing what dev.lock names, {count} packages at most (about 300 MB when nothing is cached)")
    environment = uv_environment(PYTHON)
    _uv(environment, "sync", "--require-hashes", str(HERE / "lock/dev.lock"))
    _say("4/4 installing Headrace, editable")
    _uv(environment, "install", "--offline", "--no-deps", "--no-build-isolation", "--editable", ".")
    UNFINISHED.unlink()
    _say("done")


def _works() -> bool:
    """Whether .venv is finished, where it was made (its programs name that place), and has a Python that runs."""
    try:
        if UNFINISHED.exists() or HOME.read_text(encoding="utf-8") != str(VENV):
            return False
        done = subprocess.run([PYTHON, "-c", "import pip"], check=False, capture_output=True)  # noqa: S603  # ours
    except OSError:
        return False
    return done.returncode == 0


def _make_venv() -> None:
    free = shutil.disk_usage(TOP_LEVEL).free
    if free < NEEDED_BYTES:
        _give_up(f"no room in {TOP_LEVEL}: {free >> 20} MiB free, {NEEDED_BYTES >> 20} MiB needed")
    try:
        venv.create(VENV, clear=True, with_pip=True, symlinks=True)
    except subprocess.CalledProcessError:
        _give_up(f"{sys.executable} can't make environments; on Debian and Ubuntu, install python3-venv")
    except OSError as error:
        _give_up(f"{VENV} can't be made: {error}")


def _fetch_uv() -> None:
    options = ("--quiet", "--no-input", "--retries", "2", "--disable-pip-version-check", "--require-hashes")
    command: list[str | Path] = [PYTHON, "-m", "pip", "install", *options, "-r", HERE / "lock/tools.lock"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603  # our own words
    if done.returncode == 0:
        return
    if any(sign in done.stderr for sign in NO_CONNECTION):
        _give_up("no package index answers; is there a connection?")
    lines = done.stderr.strip().splitlines() or ["pip said nothing"]
    _give_up(f"pip can't install deploy/lock/tools.lock: {lines[-1]}")


def _uv(environment: dict[str, str], *arguments: str) -> None:
    quiet = () if sys.stderr.isatty() else ("--quiet",)  # a progress display is for people
    command: list[str | Path] = [UV, "pip", arguments[0], "--python", PYTHON, *quiet, *arguments[1:]]
    done = subprocess.run(command, check=False, cwd=TOP_LEVEL, env=environment)  # noqa: S603  # our own words
    if done.returncode:
        _give_up("the packages are not all there, uv says above why; what has come is kept for the next call")


def uv_environment(python: Path) -> dict[str, str]:
    """What uv needs to reach what this Python's pip reaches; its own variables win."""
    command: list[str | Path] = [python, "-m", "pip", "config", "list"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603  # our own words
    return {"UV_SYSTEM_CERTS": "1", **translated(done.stdout), **os.environ}


def translated(listed: str) -> dict[str, str]:
    """What `pip config list` printed, as uv's variables: pip's files first, its own variables last, which win."""
    found = {}
    for line in sorted(listed.splitlines(), key=lambda line: line.startswith(":env:")):
        name, _, value = line.partition("=")
        section, _, key = name.rpartition(".")
        words = [word for word in str(ast.literal_eval(value)).split() if key != "find-links" or _is_there(word)]
        if section in {"global", "install", ":env:"} and key in SETTINGS and words:
            found[SETTINGS[key]] = ("," if key == "find-links" else " ").join(words)
    return found


def _is_there(place: str) -> bool:
    """uv refuses a folder that is not there, pip passes it over."""
    return "://" in place or Path(place).exists()


def _say(line: str) -> None:
    print(f"setup {line}", flush=True)  # noqa: T201  # the program's output


def _give_up(why: str) -> None:
    sys.exit(f"setup: {why}")


if __name__ == "__main__":
    with Path(__file__).open(encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second call waits, and finds all done
        try:
            main()
        except KeyboardInterrupt:
            _give_up("interrupted; the next call goes on")
