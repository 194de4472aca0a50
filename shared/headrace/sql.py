"""SQL in `.sql` files: statements by name, and what their failures mean."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import asyncpg

from headrace.errors import DatabaseUnavailable

AWAY = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InvalidCatalogNameError,  # the database is not there yet
    asyncpg.OperatorInterventionError,  # shutting down, starting up, a statement was cancelled
    asyncpg.InsufficientResourcesError,  # too many connections, or no disk
    asyncpg.ReadOnlySQLTransactionError,  # a standby that is not promoted yet
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.TransactionRollbackError,
)


class Session(Protocol):
    """A connection, as far as `is_away` asks."""

    def is_closed(self) -> bool:
        """Whether it has ended."""


def load_queries(path: Path) -> dict[str, str]:
    """The statements of a file by name; each begins with a line `-- name: <name>`."""
    queries: dict[str, str] = {}
    for block in path.read_text(encoding="utf-8").split("-- name: ")[1:]:
        name, _, statement = block.partition("\n")
        queries[name.strip()] = statement.strip()
    return queries


def is_away(error: BaseException, session: Session | None = None) -> bool:
    """Whether Postgres is away: the same statement may do later, on a new session.

    asyncpg's InterfaceError says so only if the session has ended. Else it is a mistake in the DSN or in a query, which
    waiting does not mend.
    """
    if isinstance(error, asyncpg.InterfaceError):
        return session is not None and _ended(session)
    return isinstance(error, AWAY)


@contextmanager
def reaching(what: str, session: Session | None = None) -> Iterator[None]:
    """Raises DatabaseUnavailable, which names what does not answer, when it turns out inside that Postgres is away."""
    try:
        yield
    except Exception as error:
        if not is_away(error, session):
            raise
        raise DatabaseUnavailable(f"{what} does not answer: {str(error) or type(error).__name__}") from error


def _ended(session: Session) -> bool:
    try:
        return session.is_closed()
    except asyncpg.InterfaceError:  # a pool has taken it back, as it does when a connection ends
        return True
