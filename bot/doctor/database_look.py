"""Reads the database as it is, without changing or creating anything."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from bot.doctor.database_checks import DatabaseFacts, QueueFacts
from storage import inbox_admin, installations, migrate
from storage.database import Database
from storage.errors import StorageError
from storage.locations import PostgresServer, SqliteFile, parse_url

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

MOST_DEAD = 10_000
_POSTGRES_SETTINGS = ("fsync", "full_page_writes", "synchronous_commit")


@dataclass(frozen=True, slots=True)
class Look:
    """The database, its queue (None where it cannot be read), and a repository it knows, the newest one."""

    facts: DatabaseFacts
    queue: QueueFacts | None = None
    repository: str | None = None


async def look(url: str) -> Look:
    """What is to be seen; a database that cannot be opened is a fact too."""
    try:
        location = parse_url(url)
    except StorageError as error:
        return Look(DatabaseFacts("DATABASE_URL", "sqlite", fault=str(error)))
    if isinstance(location, SqliteFile) and not location.path.exists():
        return Look(_absent(location.path))
    try:
        database = await Database.open(url, readonly=True, any_version=True)
    except (StorageError, SQLAlchemyError) as error:
        return Look(_facts(location, fault=_first_line(error)))
    try:
        async with database.read() as conn:
            return await _seen(conn, location)
    except (StorageError, SQLAlchemyError) as error:
        return Look(_facts(location, fault=_first_line(error)))
    finally:
        await database.close()


def _first_line(error: Exception) -> str:
    said = str(getattr(error, "orig", None) or error).strip()
    return said.splitlines()[0] if said else type(error).__name__


def _facts(location: SqliteFile | PostgresServer, *, fault: str) -> DatabaseFacts:
    if isinstance(location, SqliteFile):
        return DatabaseFacts(str(location.path), "sqlite", sqlite3.sqlite_version_info, fault=fault)
    return DatabaseFacts(_server(location), "postgresql", fault=fault)


def _server(location: PostgresServer) -> str:
    return f"{location.url.database} on {location.url.host or 'this machine'}"


def _absent(path: Path) -> DatabaseFacts:
    folder = path.absolute().parent
    fault = ""
    if not folder.is_dir():
        fault = f"there is no folder {folder}"
    elif not os.access(folder, os.W_OK):
        fault = f"this user may not write in {folder}"
    free = shutil.disk_usage(folder).free if not fault else None
    return DatabaseFacts(str(path), "sqlite", sqlite3.sqlite_version_info, fault=fault, exists=False, free=free)


async def _seen(conn: AsyncConnection, location: SqliteFile | PostgresServer) -> Look:
    current = await migrate.is_current(conn)
    if isinstance(location, SqliteFile):
        facts = await _sqlite_facts(conn, location, current=current)
    else:
        facts = await _postgres_facts(conn, location, current=current)
    if not current:
        return Look(facts)
    return Look(facts, await _queue(conn), await installations.newest_name(conn))


async def _sqlite_facts(conn: AsyncConnection, location: SqliteFile, *, current: bool) -> DatabaseFacts:
    path = location.path.absolute()
    mode = (await conn.execute(text("PRAGMA journal_mode"))).scalar_one()
    log = path.with_name(path.name + "-wal")
    fault = "" if os.access(path, os.W_OK) and os.access(path.parent, os.W_OK) else "this user may only read it"
    return DatabaseFacts(
        str(location.path),
        "sqlite",
        sqlite3.sqlite_version_info,
        fault=fault,
        current=current,
        settings={"journal_mode": str(mode), "synchronous": "full"},
        size=path.stat().st_size + (log.stat().st_size if log.exists() else 0),
        free=shutil.disk_usage(path.parent).free,
    )


async def _postgres_facts(conn: AsyncConnection, location: PostgresServer, *, current: bool) -> DatabaseFacts:
    number = int((await conn.execute(text("SHOW server_version_num"))).scalar_one())
    settings = {name: str((await conn.execute(text(f"SHOW {name}"))).scalar_one()) for name in _POSTGRES_SETTINGS}
    size = (await conn.execute(text("SELECT pg_database_size(current_database())"))).scalar_one()
    version = (number // 10_000, number % 10_000)
    return DatabaseFacts(_server(location), "postgresql", version, current=current, settings=settings, size=int(size))


async def _queue(conn: AsyncConnection) -> QueueFacts:
    census = await inbox_admin.census(conn)
    dead = await inbox_admin.list_jobs(conn, "dead", MOST_DEAD) if census.dead else []
    oldest = census.oldest_ready_ms
    return QueueFacts(
        census.ready,
        census.running,
        census.dead,
        None if oldest is None else max(0.0, time.time() - oldest / 1000),
        Counter(job.last_error for job in dead),
    )
