"""Databases of a test's own, and sessions in them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from tests.support.names import unique


@asynccontextmanager
async def database(server: str, name: str = "") -> AsyncIterator[str]:
    """The DSN of an empty database, for the length of a test."""
    name = name or unique("test")
    async with connected(server) as session:
        await session.execute(f'create database "{name}"')
    try:
        yield on(server, name)
    finally:
        async with connected(server) as session:
            await session.execute(f'drop database "{name}" with (force)')


def on(server: str, name: str) -> str:
    """The DSN of a database that may not be there yet."""
    return urlsplit(server)._replace(path=f"/{name}").geturl()


@asynccontextmanager
async def connected(dsn: str) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    """A session beside those of the code under test."""
    session = await asyncpg.connect(dsn)
    try:
        yield session
    finally:
        await session.close()


async def fetch(dsn: str, query: str, *arguments: object) -> list[tuple[Any, ...]]:
    """The rows of a query in a session of its own."""
    async with connected(dsn) as session:
        return [tuple(row) for row in await session.fetch(query, *arguments)]
