"""The call journal in Postgres: a paid or effectful call is noted before and its answer after.

A process holds an advisory lock, its owner number, for as long as its session lives: so everybody can tell whether the
owner of a pending call is alive, without clocks or heartbeats.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec

from headrace.database import Database
from headrace.errors import DatabaseUnavailable, NodeError
from headrace.events.run import Call, Usage
from headrace.sql import load_queries
from headrace.waiting import stopped_within

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

BUSY_S = 0.2
"""Between looks at a call that a living process is making."""
HOLD_S = 1.0
"""Between looks at whether the lock is still held."""
LOCK_CLASS = 0x48_52
"""First key of our advisory locks."""

_SQL = load_queries(Path(__file__).with_suffix(".sql"))


class _Failure(msgspec.Struct, omit_defaults=True):
    """A NodeError as it is stored: what it cost must be counted after a repetition as well."""

    code: str
    message: str
    retryable: bool = False
    usage: Usage | None = None
    calls: tuple[Call, ...] = ()


class _Stored(msgspec.Struct, omit_defaults=True):
    """The text of an entry: one of the two."""

    answer: Any = None
    error: _Failure | None = None


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
        stored = msgspec.json.decode(self.text or "{}", type=_Stored)
        if (error := stored.error) is not None:
            raise NodeError(error.code, error.message, retryable=error.retryable, usage=error.usage, calls=error.calls)
        return stored.answer


def stored_answer(answer: Any) -> str:
    """The text of an entry whose call was answered."""
    return msgspec.json.encode(_Stored(answer=answer)).decode()


def stored_failure(error: NodeError) -> str:
    """The text of an entry whose call failed."""
    failure = _Failure(error.code, str(error), error.retryable, error.usage, error.calls)
    return msgspec.json.encode(_Stored(error=failure)).decode()


class Journal:
    """The journal of one process."""

    def __init__(self, dsn: str) -> None:
        self._database = Database(dsn, "the call journal", _SQL["schema"])
        self._session: asyncpg.Connection[asyncpg.Record] | None = None
        self._owner = 0
        self._locking = asyncio.Lock()
        self._under_way: set[str] = set()
        self._taken_over: set[str] = set()

    async def begin(self, key: str) -> Entry:
        """Note a call before it is made, or find what became of it; waits while a living process is making it.

        Raises DatabaseUnavailable.
        """
        while True:
            if key not in self._under_way and (entry := await self._begun(key)):
                return entry
            await asyncio.sleep(BUSY_S)

    async def find(self, key: str) -> Entry:
        """What became of a call; nothing is noted. Raises DatabaseUnavailable."""
        async with self._connection() as connection:
            found = await connection.fetchrow(_SQL["find"], key)
        return Entry(found["answer"] if found else None)

    async def done(self, key: str, answer: Any) -> None:
        """Note the answer; keeps trying, for the call has been paid."""
        await self._finish(key, stored_answer(answer))

    async def failed(self, key: str, error: NodeError) -> None:
        """Note that the call ended badly, and what it cost all the same."""
        await self._finish(key, stored_failure(error))

    @property
    def held(self) -> bool:
        """Whether Postgres answered, and others can tell that this process lives."""
        return self._session is not None and not self._session.is_closed()

    async def hold(self, stopping: asyncio.Event) -> None:
        """Hold the lock until told to stop: from the start, and again soon after the session was lost."""
        while not stopping.is_set():
            with contextlib.suppress(DatabaseUnavailable):
                await self._lock()
            await stopped_within(stopping, HOLD_S)

    async def close(self) -> None:
        """Give up the lock and the connections."""
        if self._session:
            await self._session.close()
        await self._database.close()

    async def _begun(self, key: str) -> Entry | None:
        """The entry, once for a call that is to be made; None while somebody else makes it."""
        self._under_way.add(key)
        entry = None
        try:
            entry = await self._begin(key)
        finally:
            if entry is None or entry.done:
                self._under_way.discard(key)
        return entry

    async def _begin(self, key: str) -> Entry | None:
        async with self._connection() as connection:
            if await connection.fetchval(_SQL["claim"], key, self._owner):
                return Entry()
            found = await connection.fetchrow(_SQL["find"], key)
            if found is None:
                return None
            if found["answer"] is not None:
                self._taken_over.discard(key)
                return Entry(found["answer"])
            if found["owner"] == self._owner:  # noted, but the connection broke before we heard of it: nobody calls
                return Entry(ambiguous=key in self._taken_over)
            if await _alive(connection, found["owner"]):
                return None
            self._taken_over.add(key)
            taken = await connection.fetchval(_SQL["take_over"], key, found["owner"], self._owner)
            return Entry(ambiguous=True) if taken else None

    async def _finish(self, key: str, text: str) -> None:
        while True:
            try:
                async with self._connection() as connection:
                    await connection.execute(_SQL["finish"], key, text)
            except DatabaseUnavailable:
                await asyncio.sleep(BUSY_S)
            else:
                self._under_way.discard(key)
                self._taken_over.discard(key)
                return

    @asynccontextmanager
    async def _connection(self) -> "AsyncIterator[PoolConnectionProxy[asyncpg.Record]]":
        """A connection, while the lock is held. Raises DatabaseUnavailable."""
        await self._lock()
        async with self._database.connection() as connection:
            yield connection

    async def _lock(self) -> None:
        """Hold the lock, again if the session that held it was lost. Raises DatabaseUnavailable."""
        async with self._locking:
            if not self.held:
                self._session = await self._locked()

    async def _locked(self) -> "asyncpg.Connection[asyncpg.Record]":
        async with self._database.connection():
            pass  # the tables are there now
        async with self._database.session() as session:
            self._owner = self._owner or int(await session.fetchval(_SQL["new_owner"]))
            await session.execute("select pg_advisory_lock($1, $2)", LOCK_CLASS, self._owner)
            return session


async def _alive(connection: "PoolConnectionProxy[asyncpg.Record]", owner: int) -> bool:
    free = await connection.fetchval("select pg_try_advisory_lock($1, $2)", LOCK_CLASS, owner)
    if free:
        await connection.execute("select pg_advisory_unlock($1, $2)", LOCK_CLASS, owner)
    return not free
