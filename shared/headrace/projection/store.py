"""Postgres, as a projection sees it: the schema, the positions, and the transaction that moves them with the rows."""

import contextlib
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
from aiokafka import TopicPartition

from headrace.errors import DatabaseUnavailable, HeadraceError
from headrace.probe import Probe, no_probe
from headrace.projection.batch import Batch, Entry
from headrace.projection.model import DROP, SCHEMA, Projection
from headrace.sql import AWAY, is_away, load_queries

CONNECT_S = 10.0
COMMAND_S = 30.0
"""Longer than IDLE_MS, for that is how long a stopped owner can keep a position locked."""
IDLE_MS = 10_000
"""How long Postgres lets our transaction stand still. A process that is stopped inside one loses its session then, and
its locks: the next owner goes on without it."""
SCHEMA_LOCK = (0x48_53, 0)
"""The advisory lock under which tables are created."""

_SQL = load_queries(Path(__file__).with_suffix(".sql"))
_SESSION = {
    "application_name": "headrace projection",
    "idle_in_transaction_session_timeout": str(IDLE_MS),
    # A crash of Postgres may take the last commits back; it takes rows and position together, and the log has both.
    "synchronous_commit": "off",
}
_REFUSED = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.ProgramLimitExceededError)


class Fenced(HeadraceError):
    """The positions are not where we left them: another owner has moved on, or somebody has started over."""


class RowsRefused(HeadraceError):
    """Postgres does not take the rows of some record, and never will."""


class Store:
    """One process's session. A session that fails is replaced by the next call."""

    def __init__(self, dsn: str, projection: Projection, probe: Probe = no_probe) -> None:
        self._dsn = dsn
        self._projection = projection
        self._probe = probe
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._created = False

    async def positions(self, places: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        """The stored next offset of each of these partitions. Raises DatabaseUnavailable."""
        wanted = (self._projection.name, [place.topic for place in places], [place.partition for place in places])
        async with self._session() as connection:
            if not self._created:
                await self._create(connection)
            await connection.execute(_SQL["enter"], *wanted)
            found = await connection.fetch(_SQL["find"], *wanted)
        return {TopicPartition(row["topic"], row["partition"]): row["next_offset"] for row in found}

    async def write(self, batch: Batch) -> None:
        """Write a batch's rows and move its positions, all or nothing.

        Raises Fenced, RowsRefused, and DatabaseUnavailable: then it may all the same have been committed, which only
        the stored positions tell.
        """
        try:
            async with self._session() as connection, connection.transaction():  # 4, 7
                await self._probe("begun")
                await self._advance(connection, batch)  # 5
                await self._probe("positions")
                for query, values in batch.writes():  # 6
                    await connection.executemany(self._projection.queries[query], values)
                    await self._probe(query)
                await self._probe("before_commit")
        except _REFUSED as error:
            raise RowsRefused(str(error)) from error
        await self._probe("after_commit")

    async def refused(self, batch: Batch) -> list[tuple[Entry, Exception]]:
        """Which entries Postgres does not take, and why: tried one by one, and nothing of it is kept."""
        found: list[tuple[Entry, Exception]] = []
        async with self._session() as connection:
            trial = connection.transaction()
            await trial.start()
            for entry in batch.entries:
                try:
                    async with connection.transaction():
                        for row in entry.rows:
                            await connection.execute(self._projection.queries[row.query], *row.values)
                except _REFUSED as error:
                    found.append((entry, error))
            await trial.rollback()
        return found

    async def start_over(self) -> None:
        """Drop rows and positions in one transaction. Owners find their positions gone and read from the beginning."""
        async with self._session() as connection, connection.transaction():
            await self._come_forward(connection)
            await connection.execute(_SQL["hold_off"])
            await connection.execute(_SQL["forget"], self._projection.name)
            await connection.execute(self._projection.queries[DROP])
            await connection.execute(self._projection.queries[SCHEMA])

    async def close(self) -> None:
        """End the session."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(*AWAY, asyncpg.InterfaceError):
                await connection.close(timeout=CONNECT_S)

    async def _create(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        """Create the tables that are missing."""
        async with connection.transaction():
            await self._come_forward(connection)
            await connection.execute(self._projection.queries[SCHEMA])
        self._created = True

    async def _come_forward(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        """Be the only session that creates tables until the transaction ends; the positions have theirs then."""
        await connection.execute(_SQL["one_at_a_time"], *SCHEMA_LOCK)
        await connection.execute(_SQL[SCHEMA])

    async def _advance(self, connection: "asyncpg.Connection[asyncpg.Record]", batch: Batch) -> None:
        """Move all positions; in one order everywhere, so that two owners never wait for each other in a circle."""
        moves = [(self._projection.name, *place, *move) for place, move in sorted(batch.moves.items())]
        moved = await connection.fetchmany(_SQL["advance"], moves)
        if len(moved) < len(moves):
            raise Fenced(f"{len(moves) - len(moved)} of {len(moves)} positions are not where we left them")

    @asynccontextmanager
    async def _session(self) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
        try:
            if self._connection is None or self._connection.is_closed():
                self._connection = await asyncpg.connect(
                    self._dsn, timeout=CONNECT_S, command_timeout=COMMAND_S, server_settings=_SESSION
                )
            yield self._connection
        except (*AWAY, asyncpg.InterfaceError) as error:
            if not is_away(error, self._connection):
                raise
            raise self._lost(error) from error

    def _lost(self, error: Exception) -> DatabaseUnavailable:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()
        return DatabaseUnavailable(f"Postgres does not answer: {str(error) or type(error).__name__}")


async def start_over(projection: Projection, dsn: str) -> None:
    """Drop a projection's rows and positions, so that it is made again from the log. Raises DatabaseUnavailable."""
    store = Store(dsn, projection)
    try:
        await store.start_over()
    finally:
        await store.close()
