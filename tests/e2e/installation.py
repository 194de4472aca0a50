"""A running installation as end-to-end tests use it: deploy YAML, start runs, read their logs."""

import json
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace import audit
from headrace.apply import apply, await_readers
from headrace.client import Client, Result, new_run_id
from headrace.events.run import StartRun
from headrace.resource.files import load
from headrace.seen import Seen
from headrace.starting import result_of
from headrace.topics import RUN_EVENTS, RUN_RESULTS
from tests.conftest import Stack

WAIT_S = 90.0


@dataclass(frozen=True)
class Installation:
    """A client, and a folder for YAML files."""

    client: Client
    folder: Path

    @classmethod
    @asynccontextmanager
    async def of(cls, stack: Stack, folder: Path) -> AsyncIterator["Installation"]:
        async with Client.connect(stack.kafka, stack.registry_url) as client:
            yield cls(client, folder)

    async def deploy(self, text: str) -> None:
        """Deploy resources, and wait until the routers know them."""
        file = self.folder / f"{uuid.uuid4().hex}.yaml"
        file.write_text(text, encoding="utf-8")
        loaded = load([file])
        assert not loaded.faults, [str(fault) for fault in loaded.faults]
        outcomes = apply(
            self.client, loaded.resources, [], pointer="production", actor="test", reason=None, timeout_s=WAIT_S
        )
        refused = [one async for one in outcomes if one.outcome == "refused"]
        assert not refused, refused
        await await_readers(self.client, loaded.resources, WAIT_S)

    async def start(
        self, workflow: str, given: dict[str, Any] | None = None, run_id: str | None = None, sticky: str | None = None
    ) -> str:
        request = StartRun(workflow=workflow, input=json.dumps(given or {}), sticky=sticky)
        run_id = run_id or new_run_id()
        await self.client.start_run(request, run_id)
        return run_id

    async def result(self, run_id: str) -> Result:
        return await result_of(self.client, run_id, WAIT_S)

    async def run(self, workflow: str, given: dict[str, Any] | None = None) -> tuple[Result, Sequence[Any]]:
        """Start a run and await its end: the result, and the events of its log, which was found to be whole."""
        run_id = await self.start(workflow, given)
        result = await self.result(run_id)
        return result, await self.events(run_id)

    async def events(self, run_id: str) -> list[Any]:
        """The events of a run's log, which must be whole."""
        log = await self.client.read_all(RUN_EVENTS, key=run_id)
        assert audit.faults(log) == []
        return [seen.event for seen in log]

    async def logs(self) -> dict[str, list[Seen]]:
        """All runs' records of run.events, by run."""
        return _by_key(await self.client.read_all(RUN_EVENTS))

    async def results(self) -> dict[str, list[Seen]]:
        """All runs' records of run.results, by run."""
        return _by_key(await self.client.read_all(RUN_RESULTS))


def _by_key(records: Sequence[Seen]) -> dict[str, list[Seen]]:
    found: dict[str, list[Seen]] = {}
    for seen in records:
        found.setdefault(seen.key, []).append(seen)
    return found
