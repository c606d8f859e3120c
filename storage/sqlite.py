"""SQLite: one writing connection, readers that cannot write or checkpoint, online backup.

Releases up to 3.51.2 can corrupt a WAL database when two connections commit and checkpoint at the same instant
(https://www.sqlite.org/wal.html, "The WAL-Reset Bug"), and Python ships such releases. Hence a single connection
commits and checkpoints, and every other one is opened with `mode=ro`, where a checkpoint is refused.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import aiosqlite
from sqlalchemy import event
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, StaticPool

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.ext.asyncio import AsyncEngine

READERS = 4
_WRITER_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "busy_timeout=5000",
    "temp_store=MEMORY",
    "journal_size_limit=67108864",
)
_READER_PRAGMAS = ("busy_timeout=5000", "temp_store=MEMORY")


def writer_engine(path: Path) -> AsyncEngine:
    """An engine with exactly one connection, whose transactions start with BEGIN IMMEDIATE."""
    return _engine(path, "rwc", "BEGIN IMMEDIATE", _WRITER_PRAGMAS)


def reader_engine(path: Path) -> AsyncEngine:
    """An engine of a few read-only connections; each transaction sees one snapshot."""
    return _engine(path, "ro", "BEGIN", _READER_PRAGMAS)


def _engine(path: Path, mode: str, begin: str, pragmas: tuple[str, ...]) -> AsyncEngine:
    async def connect() -> aiosqlite.Connection:
        return await _uncancellable_connect(path, mode, pragmas)

    options: dict[str, Any] = {"poolclass": AsyncAdaptedQueuePool, "pool_size": READERS, "max_overflow": 0}
    if mode == "rwc":
        # The writer ends every transaction itself: the pool's rollback would be one more thread hop for nothing.
        options = {"poolclass": StaticPool, "pool_reset_on_return": None}
    engine = create_async_engine("sqlite+aiosqlite://", async_creator=connect, **options)

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Connection) -> None:
        # Straight to the driver: one thread hop, where a statement of SQLAlchemy's takes three.
        adapted: Any = connection.connection.dbapi_connection
        adapted.run_async(lambda driver: driver.execute_fetchall(begin))

    return engine


async def _uncancellable_connect(path: Path, mode: str, pragmas: tuple[str, ...]) -> aiosqlite.Connection:
    """A cancelled connect would leak its thread: let it finish, then close it."""
    opening = asyncio.ensure_future(_connect(path, mode, pragmas))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        opened = await asyncio.gather(opening, return_exceptions=True)
        if isinstance(opened[0], aiosqlite.Connection):
            await opened[0].close()
        raise


async def _connect(path: Path, mode: str, pragmas: tuple[str, ...]) -> aiosqlite.Connection:
    opening = aiosqlite.connect(_uri(path, mode), uri=True, isolation_level=None)
    try:
        connection = await opening
    except BaseException:
        # aiosqlite 0.22 leaves its thread to end by itself, which fails loudly if the event loop closes first.
        await asyncio.to_thread(opening._thread.join)
        raise
    try:
        for pragma in pragmas:
            await connection.execute_fetchall(f"PRAGMA {pragma}")
    except BaseException:
        await connection.close()
        raise
    return connection


def _uri(path: Path, mode: str) -> str:
    return f"file:{quote(str(path.absolute()))}?mode={mode}"


async def backup(path: Path, target: Path) -> None:
    """Writes a consistent copy while the database is in use; `target` appears whole or not at all."""
    partial = target.with_name(f".{target.name}.partial")
    partial.unlink(missing_ok=True)
    source = await _uncancellable_connect(path, "ro", _READER_PRAGMAS)
    try:
        # VACUUM INTO, because sqlite3_backup in steps starts again at every commit and may never end.
        await source.execute("VACUUM INTO ?", (str(partial.absolute()),))
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    finally:
        await source.close()
    await asyncio.to_thread(_settle, partial, target)


def _settle(partial: Path, target: Path) -> None:
    for name in (partial, partial.parent):
        descriptor = os.open(name, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    partial.replace(target)
