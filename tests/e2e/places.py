"""Every place where something that nobody may see could come out: topics, tables, logs, metrics."""

from collections.abc import AsyncIterator

import asyncpg
import httpx

from headrace.stack.home import Running
from headrace.stack.parts import SERVICES
from headrace.topics import ALL
from tests.conftest import Stack
from tests.support.topics import read

TABLES = "SELECT table_schema, table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE'"


async def places_of(stack: Stack, marker: str) -> list[str]:
    """Where a text stands, by name; empty when it is nowhere."""
    wanted = marker.encode()
    return [name async for name, data in _everything(stack) if wanted in data]


async def _everything(stack: Stack) -> AsyncIterator[tuple[str, bytes]]:
    for topic in ALL:
        for record in await read(stack.kafka, topic):
            yield topic.name, b"\n".join((record.key or b"", record.value or b"", *_headers(record.headers)))
    async for table in _tables(stack):
        yield table
    assert stack.home
    for path in (stack.home.path / "logs").iterdir():
        yield path.name, path.read_bytes()
    async for metrics in _metrics(stack.running):
        yield metrics


def _headers(headers: tuple[tuple[str, bytes | None], ...]) -> list[bytes]:
    return [part for name, value in headers for part in (name.encode(), value or b"")]


async def _tables(stack: Stack) -> AsyncIterator[tuple[str, bytes]]:
    connection = await asyncpg.connect(stack.env["DATABASE_URL"])
    try:
        for schema, table in await connection.fetch(TABLES):
            if schema not in {"pg_catalog", "information_schema"}:
                rows = await connection.fetch(f'SELECT t::text FROM "{schema}"."{table}" t')  # its own names
                yield f"table {schema}.{table}", "\n".join(row[0] or "" for row in rows).encode()
    finally:
        await connection.close()


async def _metrics(running: Running) -> AsyncIterator[tuple[str, bytes]]:
    async with httpx.AsyncClient() as http:
        for service in SERVICES:
            answer = await http.get(f"http://127.0.0.1:{running.parts[service].port}/metrics")
            yield f"metrics of {service}", answer.raise_for_status().content
