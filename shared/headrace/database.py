"""Postgres, as what is needed now and then sees it: a pool that opens at its first use."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg

from headrace.sql import reaching

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

CONNECT_S = 5.0
TIMEOUT_S = 10.0
"""For one statement."""
MOST_CONNECTIONS = 4


class Database:
    """A few connections to Postgres. Its methods raise DatabaseUnavailable while that is away.

    what: what stands there, as errors name it. schema: statements that make its tables, run once before all others.
    """

    def __init__(self, dsn: str, what: str, schema: str) -> None:
        self._dsn = dsn
        self._what = what
        self._schema = schema
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._opening = asyncio.Lock()

    @asynccontextmanager
    async def connection(self) -> "AsyncIterator[PoolConnectionProxy[asyncpg.Record]]":
        """A connection from the pool, for a while."""
        async with self._opening:
            with reaching(self._what):
                self._pool = self._pool or await self._opened()
        with reaching(self._what):
            async with self._pool.acquire() as connection:
                with reaching(self._what, connection):
                    yield connection

    @asynccontextmanager
    async def session(self) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
        """A connection outside of the pool, which is kept when the block ends well."""
        with reaching(self._what):
            session = await asyncpg.connect(self._dsn, timeout=CONNECT_S, command_timeout=TIMEOUT_S)
            try:
                with reaching(self._what, session):
                    yield session
            except BaseException:
                session.terminate()
                raise

    async def close(self) -> None:
        """Give up the connections."""
        if self._pool:
            await self._pool.close()

    async def _opened(self) -> "asyncpg.Pool[asyncpg.Record]":
        pool = await asyncpg.create_pool(
            self._dsn, min_size=1, max_size=MOST_CONNECTIONS, timeout=CONNECT_S, command_timeout=TIMEOUT_S
        )
        try:
            async with pool.acquire() as connection:
                with reaching(self._what, connection):
                    await connection.execute(self._schema)
        except BaseException:
            pool.terminate()
            raise
        return pool
