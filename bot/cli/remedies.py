"""The next step after errors of the first hour that the machine raises itself: they say what, not what to do."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from pathlib import Path

DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
REFUSED = "is the PostgreSQL of DATABASE_URL running, and are its host and port right?"
BY_SQLSTATE = {
    "28": "are user and password of DATABASE_URL right?",
    "3D": "create the database that DATABASE_URL names",
}
"""By the class of PostgreSQL's error code (its manual, appendix A)."""


def remedy(error: BaseException) -> str:
    """What to do about an error or what caused it; empty where that is not known."""
    return next((found for each in _chain(error) if (found := _of(each))), "")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, what it was raised from, and the driver's own that SQLAlchemy carries along."""
    at: BaseException | None = error
    while at is not None:
        yield at
        inner = getattr(at, "orig", None)
        if isinstance(inner, BaseException):
            yield inner
        at = at.__cause__


def _of(error: BaseException) -> str:
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_NOTADB:
        return "DATABASE_URL names a file that is no SQLite database; move it away, or name another"
    state = getattr(error, "sqlstate", None)
    if isinstance(state, str):
        return BY_SQLSTATE.get(state[:2], "")
    if isinstance(error, ConnectionRefusedError) or "Multiple exceptions" in str(error):
        return REFUSED
    if isinstance(error, OSError) and isinstance(error.filename, str) and error.filename.endswith(".lock"):
        return _of_folder(error, Path(error.filename).absolute().parent)
    return ""


def _of_folder(error: OSError, folder: Path) -> str:
    """The lock beside a SQLite file is the first thing that is written there."""
    if error.errno in DENIED:
        return f"give this user write permission on the folder {folder}, or name another file in DATABASE_URL"
    if error.errno == errno.ENOENT:
        return f"make the folder {folder}, or name another file in DATABASE_URL"
    return ""
