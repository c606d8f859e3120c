"""What storage raises, and which driver errors mean that the database cannot be reached or written."""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout


class StorageError(Exception):
    """Root of this package's own errors; its text says what to do."""


class DatabaseUnavailable(StorageError):
    """The database cannot be reached or written now: disk full, connection refused, locked. Try again later."""


class NoDatabase(StorageError):
    """There is no database yet where one was to be read."""


class InboxFull(StorageError):
    """More work waits than the inbox takes; the sender should come back."""


class LeaseLost(StorageError):
    """Somebody else holds the job by now: nothing of this transaction may count."""


_SQLITE_TRANSIENT = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
    }
)
# PostgreSQL's error classes (appendix A of its manual): connection, invalid authorization, insufficient resources,
# operator intervention, system error; 40 are deadlocks and serialization failures, 55P03 is a lock timeout,
# 3D000 a database that does not exist (yet).
_SQLSTATE_TRANSIENT = ("08", "28", "40", "53", "55P03", "57", "58", "3D000")


def is_unavailable(error: BaseException) -> bool:
    """Whether the error speaks of the database's state rather than of our statement."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or (error.orig is not None and is_unavailable(error.orig))
    if isinstance(error, sqlite3.OperationalError):
        # The low byte is the primary code; extended codes say more than is needed here.
        return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _SQLITE_TRANSIENT
    state = getattr(error, "sqlstate", None)
    if isinstance(state, str):
        return state.startswith(_SQLSTATE_TRANSIENT)
    if type(error).__name__ in ("InterfaceError", "ConnectionDoesNotExistError"):
        return "connection" in str(error).lower()
    return isinstance(error, OSError | PoolTimeout | TimeoutError)


def is_unique_violation(error: BaseException) -> bool:
    """Whether a unique index refused the row (SQLite's constraint code, PostgreSQL's 23505)."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        return is_unique_violation(error.orig)
    if isinstance(error, sqlite3.IntegrityError):
        return getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_CONSTRAINT_UNIQUE
    return getattr(error, "sqlstate", None) == "23505"
