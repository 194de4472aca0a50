"""Further processes of the usage meter, beside that of the stack."""

import asyncio
import os
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import Stack


@dataclass(frozen=True)
class Meter:
    """A process, and what it logs."""

    process: Process
    log: Path

    async def last_turn(self) -> str:
        """What it said last of its turn: that it counts, or stands by."""
        said = [word for word in ("counting", "standing by") if word in self.log.read_text()]
        return max(said, key=self.log.read_text().rindex, default="nothing")


@asynccontextmanager
async def another_meter(stack: Stack, name: str, folder: Path) -> AsyncIterator[Meter]:
    """A meter of this name; it is killed in the end."""
    env = {**os.environ, **stack.env, "HEADRACE_INSTANCE": name, "HTTP_PORT": "0"}
    log = folder / f"{name}.log"
    with log.open("w") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "usage_meter", env=env, stderr=errors, cwd=folder
        )
    try:
        yield Meter(process, log)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
