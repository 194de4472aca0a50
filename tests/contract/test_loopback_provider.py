"""The misbehaving provider in a process of its own: told over HTTP how to behave, and asked how often it was called."""

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.conftest import TOP_LEVEL
from tests.providers.behaviours import NAMED

PATIENCE_S = 30.0


@pytest.fixture(scope="module")
async def provider() -> AsyncIterator[httpx.AsyncClient]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.providers.provider", "0"), stdout=asyncio.subprocess.PIPE, cwd=TOP_LEVEL
    )
    assert process.stdout
    try:
        url = (await asyncio.wait_for(process.stdout.readline(), PATIENCE_S)).decode().strip()
        async with httpx.AsyncClient(base_url=url.removesuffix("/v1"), timeout=PATIENCE_S) as http:
            yield http
    finally:
        process.terminate()
        assert await asyncio.wait_for(process.wait(), PATIENCE_S) == 0


async def ask(provider: httpx.AsyncClient, model: str, path: str = "/v1/chat/completions") -> int:
    asked = {"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": "Why?"}]}
    return (await provider.post(path, json=asked)).status_code


async def behave(provider: httpx.AsyncClient, model: str, **told: Any) -> httpx.Response:
    return await provider.put(f"/behaviours/{model}", json=told)


async def test_it_answers_well_until_it_is_told_otherwise(provider: httpx.AsyncClient) -> None:
    assert [await ask(provider, "a", path) for path in ("/v1/chat/completions", "/v1/messages")] == [200, 200]


async def test_a_model_fails_so_many_times_and_others_do_not(provider: httpx.AsyncClient) -> None:
    await behave(provider, "b", **{"is": "error", "status": 503, "times": 2})

    assert [await ask(provider, model) for model in ("b", "c", "b", "b")] == [503, 200, 503, 200]


async def test_everybody_fails_but_the_one_that_is_named_until_that_is_taken_back(provider: httpx.AsyncClient) -> None:
    await behave(provider, "*", **{"is": "error", "status": 500})
    await behave(provider, "d", **{"is": "well"})
    try:
        assert [await ask(provider, model) for model in ("d", "e")] == [200, 500]
        await provider.delete("/behaviours/d")
        assert await ask(provider, "d") == 500
    finally:
        await provider.delete("/behaviours/*")
    assert await ask(provider, "d") == 200


async def test_a_call_that_hangs_is_answered_when_the_provider_is_told_to_behave(provider: httpx.AsyncClient) -> None:
    await behave(provider, "f", **{"is": "hangs"})
    hanging = asyncio.create_task(ask(provider, "f"))
    while (await provider.get("/calls")).json().get("f") != 1:
        assert not hanging.done()

    await provider.delete("/behaviours/f")

    assert await hanging == 200


async def test_it_counts_the_calls_of_each_model(provider: httpx.AsyncClient) -> None:
    await provider.delete("/calls")
    for model in ("g", "g", "h"):
        await ask(provider, model)

    assert (await provider.get("/calls")).json() == {"g": 2, "h": 1}


@pytest.mark.parametrize("told", [{"is": "kind"}, {"is": "error"}, {"is": "well", "often": 1}, {}])
async def test_what_it_does_not_know_it_refuses(provider: httpx.AsyncClient, told: dict[str, Any]) -> None:
    answer = await behave(provider, "i", **told)

    assert answer.status_code == 400
    assert set(NAMED) >= {"well", "error"}
    assert "behaviours: [" in answer.json()["error"]
