"""How long a rollback takes until it is so everywhere: from the command to the last router's acknowledgement."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from headrace.changes import Change, changing
from headrace.client import Client
from headrace.events.resource import CreateVersion, MovePointer
from headrace.kafka import KafkaSettings
from headrace.topics import DOMAINS

ROUTERS = 3
WARM_MOVES, MOVES = 20, 200
NAME = "bench-rollback"
WAIT_S = 30.0


async def milliseconds(kafka: KafkaSettings, env: Mapping[str, str]) -> list[float]:
    """One time a move of a pointer back and forth, with ROUTERS routers that follow."""
    async with Client.connect(kafka, env["SCHEMA_REGISTRY_URL"]) as client:
        for text in ("old", "new"):
            spec = json.dumps({"messages": [{"role": "user", "template": text}]})
            command = CreateVersion(kind="Prompt", spec=spec, pointer="production", actor="benchmark")
            await client.send(DOMAINS["prompt"].commands, NAME, command)
        with _more_routers(env):
            async with asyncio.timeout(120), changing(client, DOMAINS["prompt"], NAME) as changed:
                while await _move(changed, 1) is None:
                    pass
                times = [await _move(changed, 1 + number % 2) for number in range(WARM_MOVES + MOVES)]
    return [time for time in times[WARM_MOVES:] if time is not None]


async def _move(changed: Change, version: int) -> float | None:
    """Milliseconds; None while not all routers are there."""
    done = await changed(MovePointer(pointer="production", version=version, actor="benchmark"), WAIT_S)
    return done.ms if done.routers == ROUTERS else None


@contextmanager
def _more_routers(env: Mapping[str, str]) -> Iterator[None]:
    """Routers beside the stack's own."""
    command = [sys.executable, "-m", "workflow_router"]
    started = [
        subprocess.Popen(command, env={**os.environ, **env}, stderr=subprocess.DEVNULL) for _ in range(1, ROUTERS)
    ]
    try:
        yield
    finally:
        for process in started:
            process.terminate()
            process.wait(20)
