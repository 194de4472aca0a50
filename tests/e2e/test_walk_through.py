"""The walk-throughs of examples/, each executed as it is written, in one shell."""

import os
import shutil
import socket
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import pytest

from tests.conftest import TOP_LEVEL, Stack
from tests.contract.pages import Block, blocks
from tests.e2e.commands import HEADRACE

WALKS = sorted(TOP_LEVEL.glob("examples/*/README.md"))
PORTS = ("18473", "18474")
"""Of providers, as the pages have them; the test takes free ones."""
MARK = "--- block {} ---"
WAIT_S = 400.0


def free_ports() -> tuple[str, ...]:
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in PORTS]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return tuple(str(one.getsockname()[1]) for one in sockets)


def with_ports(text: str, ports: Sequence[str]) -> str:
    for written, port in zip(PORTS, ports, strict=True):
        text = text.replace(written, port)
    return text


def copied(folder: Path, ports: Sequence[str]) -> None:
    """The example, with other ports for its providers."""
    shutil.copytree(TOP_LEVEL / "examples", folder / "examples")
    for file in (folder / "examples").rglob("*.yaml"):
        file.write_text(with_ports(file.read_text(encoding="utf-8"), ports), encoding="utf-8")


def executed(steps: list[Block], folder: Path, ports: Sequence[str], stack: Stack) -> list[str]:
    """What each step printed, in one shell that stops at the first error."""
    script = "".join(f"echo '{MARK.format(number)}'\n{step.text}" for number, step in enumerate(steps))
    env = {**os.environ, **stack.env, "HEADRACE_ACTOR": "ada", "COLUMNS": "200", "NO_COLOR": "1"}
    env["PATH"] = f"{HEADRACE.parent}:{env['PATH']}"
    if stack.home:
        env["HEADRACE_HOME"] = str(stack.home.path)
    ended = "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n"
    command = ["bash", "-euc", ended + with_ports(script, ports)]
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


@pytest.mark.timeout(WAIT_S + 60)
@pytest.mark.parametrize("walk", WALKS, ids=lambda walk: walk.parent.name)
def test_the_walk_through_does_and_prints_what_it_says(stack: Stack, tmp_path: Path, walk: Path) -> None:
    page = blocks(walk)
    steps = [block for block in page if block.words == ("sh",)]
    promised = {before.line: after.text for before, after in pairwise(page) if after.words == ("text",)}
    assert len(steps) == len(promised) >= 6, "each step has what it prints"

    ports = free_ports()
    copied(tmp_path, ports)
    printed = executed(steps, tmp_path, ports, stack)

    faults = {str(step): missing(promised[step.line], text) for step, text in zip(steps, printed, strict=True)}
    assert not any(faults.values()), (faults, printed)
