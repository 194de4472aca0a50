"""The walk-through of examples/prompts-and-models, executed as it is written, in one shell."""

import os
import shutil
import socket
import subprocess
from itertools import pairwise
from pathlib import Path

from tests.conftest import TOP_LEVEL, Stack
from tests.contract.pages import Block, blocks
from tests.e2e.commands import HEADRACE

PAGE = Path("examples/prompts-and-models/README.md")
PORT = "18473"
"""The provider's, as the page has it; the test takes a free one."""
MARK = "--- block {} ---"
WAIT_S = 400.0


def free_port() -> str:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return str(listening.getsockname()[1])


def copied(folder: Path, port: str) -> None:
    """The example, with another port for its provider."""
    shutil.copytree(TOP_LEVEL / "examples", folder / "examples")
    for file in (folder / "examples").rglob("*.yaml"):
        file.write_text(file.read_text(encoding="utf-8").replace(PORT, port), encoding="utf-8")


def executed(steps: list[Block], folder: Path, port: str, stack: Stack) -> list[str]:
    """What each step printed, in one shell that stops at the first error."""
    script = "".join(f"echo '{MARK.format(number)}'\n{step.text}" for number, step in enumerate(steps))
    env = {**os.environ, **stack.env, "HEADRACE_ACTOR": "ada", "COLUMNS": "200", "NO_COLOR": "1"}
    env["PATH"] = f"{HEADRACE.parent}:{env['PATH']}"
    if stack.home:
        env["HEADRACE_HOME"] = str(stack.home.path)
    ended = "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n"
    command = ["bash", "-euc", ended + script.replace(PORT, port)]
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=WAIT_S,
        env=env,
        cwd=folder,
    )
    assert done.returncode == 0, done.stdout
    printed = done.stdout
    parts = []
    for number in range(len(steps)):
        _, _, printed = printed.partition(MARK.format(number))
        parts.append(printed.partition(MARK.format(number + 1))[0])
    return parts


def missing(expected: str, printed: str) -> list[str]:
    """What a block of the page promises and was not printed in this order; `…` stands for anything."""
    left, absent = " ".join(printed.split()), []
    for words in filter(None, (" ".join(promised.split()) for promised in expected.split("…"))):
        before, found, behind = left.partition(words)
        left = behind if found else before
        absent += [] if found else [words]
    return absent


def test_the_walk_through_does_and_prints_what_it_says(stack: Stack, tmp_path: Path) -> None:
    page = blocks(TOP_LEVEL / PAGE)
    steps = [block for block in page if block.words == ("sh",)]
    promised = {before.line: after.text for before, after in pairwise(page) if after.words == ("text",)}
    assert len(steps) == len(promised) >= 6, "each step has what it prints"

    port = free_port()
    copied(tmp_path, port)
    printed = executed(steps, tmp_path, port, stack)

    faults = {str(step): missing(promised[step.line], text) for step, text in zip(steps, printed, strict=True)}
    assert not any(faults.values()), (faults, printed)
