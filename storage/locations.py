"""DATABASE_URL, taken apart."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from storage.errors import StorageError


@dataclass(frozen=True, slots=True)
class SqliteFile:
    """A SQLite database in a file."""

    path: Path


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A PostgreSQL database; `pooled` when a transaction-mode pooler stands before it."""

    url: URL
    pooled: bool


def parse_url(url: str) -> SqliteFile | PostgresServer:
    """Reads `sqlite:///relative.db`, `sqlite:////absolute.db`, `postgres://…` or `postgresql://…`.

    Raises:
        StorageError: it is neither; the text never repeats the URL, which may hold a password.
    """
    if url.startswith("sqlite:"):
        return SqliteFile(_sqlite_path(url))
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StorageError(
            "DATABASE_URL is not a URL: use sqlite:///pipeline.db or postgresql://user:password@host/name"
        ) from None
    if parsed.get_backend_name() not in ("postgres", "postgresql"):
        raise StorageError(
            f"DATABASE_URL names {parsed.drivername!r}; known are sqlite:///FILE and postgresql://HOST/NAME"
        )
    pooled = parsed.query.get("pool_mode") == "transaction"
    return PostgresServer(_for_asyncpg(parsed), pooled)


def _sqlite_path(url: str) -> Path:
    name = unquote(url.removeprefix("sqlite:///"))
    if name == url or name in ("", ":memory:"):
        raise StorageError(
            "DATABASE_URL must name a file: sqlite:///pipeline.db, or sqlite:////var/lib/pipeline.db for an "
            "absolute path"
        )
    return Path(name)


def _for_asyncpg(url: URL) -> URL:
    """libpq's `sslmode`, as platforms set it, is asyncpg's `ssl`; what asyncpg does not know is left out."""
    ssl = url.query.get("ssl", url.query.get("sslmode"))
    query = {name: url.query[name] for name in ("host", "port") if name in url.query}
    if ssl is not None:
        query["ssl"] = ssl
    return url.set(drivername="postgresql+asyncpg", query=query)
