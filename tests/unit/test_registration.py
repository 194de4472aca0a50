"""Schemas are registered while the registry is slow or fails, and what is said when it stays so."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from headrace.codec import EVENTS
from headrace.errors import StackError
from headrace.stack.registration import register
from tests.support.serving import answering, serving

LOG = Path("logs/registry.log")


class Registry:
    """Takes schemas; the first request for each of some subjects gets no answer, or an error."""

    def __init__(self, *, silent: int = 0, failing: int = 0) -> None:
        self._silent, self._failing = silent, failing
        self.taken: set[str] = set()

    async def answer(self, request: web.Request) -> web.Response:
        if request.method == "PUT":
            return web.json_response({})
        if self._silent:
            self._silent -= 1
            await asyncio.Event().wait()
        if self._failing:
            self._failing -= 1
            return web.json_response({"message": "not now"}, status=503)
        self.taken.add(request.path)
        return web.json_response({"id": 1})


@pytest.mark.parametrize("registry", [Registry(silent=2), Registry(failing=2)], ids=["silent", "failing"])
async def test_a_registry_that_is_away_for_a_while_gets_every_schema(registry: Registry) -> None:
    async with serving(answering(registry.answer)) as url:
        await register(url, LOG, limit_s=30, read_s=1, pause_s=0.01)
    assert len(registry.taken) >= len(EVENTS)


async def test_a_registry_that_stays_away_is_told_with_its_log_and_that_to_repeat_is_safe() -> None:
    async with serving(answering(Registry(failing=1_000_000).answer)) as url:
        with pytest.raises(StackError) as told:
            await register(url, LOG, limit_s=0.05, pause_s=0.01)
    assert "503" in str(told.value)
    assert str(told.value).endswith(f"see {LOG}. Start again: what is registered is not registered twice")
