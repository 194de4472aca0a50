"""The call journal in Postgres: a paid or effectful call is noted before and its answer after.

A process holds an advisory lock, its owner number, for as long as its session lives: so everybody can tell whether the
owner of a pending call is alive, without clocks or heartbeats.
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from headrace.errors import HeadraceError, NodeError
from headrace.sql import load_queries

BUSY_S = 0.2
"""Between looks at a call that a living process is making."""
LOCK_CLASS = 0x48_52
"""First key of our advisory locks."""

_SQL = load_queries(Path(__file__).with_suffix(".sql"))
_AWAY = (OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.CannotConnectNowError, TimeoutError)


class JournalUnavailable(HeadraceError):
    """Postgres does not answer; nothing was lost, try again."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A call as the journal knows it.

    text: the answer as JSON text, None while there is none. ambiguous: its owner died and it may have been made.
    """

    text: str | None = None
    ambiguous: bool = False

    @property
    def done(self) -> bool:
        """Whether the answer is known."""
        return self.text is not None

    def answer(self) -> Any:
        """The stored answer. Raises the stored NodeError if the call failed."""
        stored = msgspec.json.decode(self.text or "{}")
        if "error" in stored:
            raise NodeError(**stored["error"])
        return stored["answer"]


class Journal:
    """The journal of one process."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._session: asyncpg.Connection[asyncpg.Record] | None = None
        self._owner = 0
        self._opening = asyncio.Lock()

    async def begin(self, key: str) -> Entry:
        """Note a call before it is made, or find what became of it; waits while a living process is making it.

        Raises JournalUnavailable.
        """
        while True:
            try:
                entry = await self._begin(key)
            except _AWAY as error:
                raise JournalUnavailable(f"the call journal does not answer: {error}") from error
            if entry is not None:
                return entry
            await asyncio.sleep(BUSY_S)

    async def done(self, key: str, answer: Any) -> None:
        """Note the answer; keeps trying, for the call has been paid."""
        await self._finish(key, {"answer": answer})

    async def failed(self, key: str, error: NodeError) -> None:
        """Note that the call ended badly."""
        stored = {"code": error.code, "message": str(error), "retryable": error.retryable}
        await self._finish(key, {"error": stored})

    async def close(self) -> None:
        """Give up the lock and the connections."""
        if self._session:
            await self._session.close()
        if self._pool:
            await self._pool.close()

    async def _begin(self, key: str) -> Entry | None:
        pool = await self._open()
        if await pool.fetchval(_SQL["claim"], key, self._owner):
            return Entry()
        found = await pool.fetchrow(_SQL["find"], key)
        if found is None:
            return None
        if found["answer"] is not None:
            return Entry(found["answer"])
        if await self._alive(found["owner"]):
            return None
        taken = await pool.fetchval(_SQL["take_over"], key, found["owner"], self._owner)
        return Entry(ambiguous=True) if taken else None

    async def _alive(self, owner: int) -> bool:
        if owner == self._owner:
            return True
        pool = await self._open()
        async with pool.acquire() as connection:
            free = await connection.fetchval("select pg_try_advisory_lock($1, $2)", LOCK_CLASS, owner)
            if free:
                await connection.execute("select pg_advisory_unlock($1, $2)", LOCK_CLASS, owner)
        return not free

    async def _finish(self, key: str, stored: dict[str, Any]) -> None:
        text = msgspec.json.encode(stored).decode()
        while True:
            try:
                await (await self._open()).execute(_SQL["finish"], key, text)
            except _AWAY:
                await asyncio.sleep(BUSY_S)
            else:
                return

    async def _open(self) -> "asyncpg.Pool[asyncpg.Record]":
        """The pool; opens it, and holds the lock again after the session that held it was lost."""
        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(self._dsn, min_size=1, max_size=4, command_timeout=10)
                await self._pool.execute(_SQL["schema"])
            if self._session is None or self._session.is_closed():
                self._session = await asyncpg.connect(self._dsn)
                self._owner = self._owner or int(await self._session.fetchval(_SQL["new_owner"]))
                await self._session.execute("select pg_advisory_lock($1, $2)", LOCK_CLASS, self._owner)
            return self._pool
