"""Opens a DATABASE_URL and hands out transactions: one writer and read-only readers on SQLite, a pool on PostgreSQL."""

from __future__ import annotations

import shutil
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from storage import migrate, sqlite
from storage.errors import DatabaseUnavailable, NoDatabase, StorageError, is_unavailable
from storage.locations import PostgresServer, SqliteFile, parse_url
from storage.wakeup import Wakeup, take_mark
from storage.writer import SoleWriter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

T = TypeVar("T")

_AT_START, _IDLE_IN_TRANSACTION = "idle_in_transaction_session_timeout", "1min"
"""Set when a connection is made. A pooler that shares connections refuses it or ignores it: so it is recognised."""
_POOL = 5
"""Connections kept, and as many more under load: small databases of platforms allow 20 for all processes."""

_ROOM = 2**20
"""Bytes that must be free on the disk of a SQLite database: less is soon taken by its log."""


class Database:
    """The one way to the data. Open it with `await Database.open(url)`, close it with `await db.close()`."""

    def __init__(self, location: SqliteFile | PostgresServer, *, readonly: bool) -> None:
        self.location = location
        self.readonly = readonly
        self.wakeup = Wakeup()
        self._writer: SoleWriter | None = None
        self._reading: AsyncEngine
        self._writing: AsyncEngine | None = None
        if isinstance(location, SqliteFile):
            self.dialect = "sqlite"
            self._reading = sqlite.reader_engine(location.path)
            if not readonly:
                self._writing = sqlite.writer_engine(location.path)
                self._writer = SoleWriter(self._writing)
        else:
            self.dialect = "postgresql"
            self._reading = _postgres_engine(location)
            self._writing = None if readonly else self._reading

    @classmethod
    async def open(cls, url: str, *, readonly: bool = False, any_version: bool = False) -> Database:
        """Connects, without creating tables (see `migrate`); `readonly` changes nothing, not even a missing file.

        `any_version` reads a database as well that another version set up, to look at it or to copy it.

        Raises:
            NoDatabase: `readonly`, and there is no file or it is not of this version.
            DatabaseUnavailable: the server refuses, or the file cannot be opened.
            StorageError: the URL is of no known kind.
        """
        location = parse_url(url)
        if readonly and isinstance(location, SqliteFile) and not location.path.is_file():
            raise NoDatabase(f"there is no database {location.path} yet: start `pipeline serve` or `pipeline scan`")
        database = cls(location, readonly=readonly)
        try:
            await database._look_for_a_pooler()
            await (database.require_current() if readonly and not any_version else database.ping())
        except BaseException:
            await database.close()
            raise
        return database

    async def _look_for_a_pooler(self) -> None:
        """A pooler in transaction mode needs another way of speaking; whether one is there shows only once asked."""
        if not isinstance(self.location, PostgresServer) or self.location.pooled:
            return
        try:
            async with self._reading.connect() as connection:
                said = (await connection.execute(text(f"SHOW {_AT_START}"))).scalar_one()
        except Exception as error:  # noqa: BLE001 - whatever else is wrong is told by the first question after this
            if _AT_START not in str(error):
                return
            said = ""
        if said != _IDLE_IN_TRANSACTION:
            await self._reading.dispose()
            self.location = replace(self.location, pooled=True)
            self._reading = _postgres_engine(self.location)
            self._writing = None if self.readonly else self._reading

    @property
    def path(self) -> Path | None:
        """The SQLite file, None on PostgreSQL."""
        return self.location.path if isinstance(self.location, SqliteFile) else None

    async def write(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Runs `work` in one transaction and commits; an exception rolls back and is passed on.

        On SQLite all writers share one task: never call `write` inside `work`. A cancelled caller does not disturb
        the transaction. Raises DatabaseUnavailable where the database, not the statement, is at fault.
        """
        if self._writing is None:
            raise StorageError("the database was opened for reading only")
        with _translated():
            if self._writer is not None:
                result, rings = await self._writer.run(work)
            else:
                result, rings = await _transact(self._writing, work)
        if rings:
            self.wakeup.ring()
        return result

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A read-only transaction that sees one state of the database. Keep it short: it holds up cleaning."""
        async with AsyncExitStack() as stack:
            with _translated():
                connection = await stack.enter_async_context(self._reading.connect())
                if self.dialect == "postgresql":
                    await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
                await stack.enter_async_context(connection.begin())
            # What the caller does besides may fail by itself: only the driver's errors are the database's here.
            with _translated(but=(OSError, TimeoutError)):
                yield connection

    async def migrate(self) -> None:
        """Brings the tables up to this version; several processes may do so at once."""
        await self.write(migrate.upgrade)

    async def ping(self) -> None:
        """Proves that the database answers (and, on SQLite, that it can be written)."""
        if self._writing is None:
            async with self.read() as connection:
                await connection.execute(text("SELECT 1"))
            return
        if self.path is not None:
            # A log that was longer once can still be written on a full disk, until it has to grow.
            with _translated():
                free = shutil.disk_usage(self.path.parent).free
            if free < _ROOM:
                raise DatabaseUnavailable(f"the disk that holds {self.path.name} is full: {free} bytes are left")
        await self.write(_select_one)

    async def backup(self, path: str | Path) -> None:
        """Copies a SQLite database into `path` while it is in use. On PostgreSQL, `pg_dump` is the tool."""
        if not isinstance(self.location, SqliteFile):
            raise StorageError("online backup is for SQLite; back up PostgreSQL with pg_dump")
        with _translated():
            await sqlite.backup(self.location.path, Path(path))

    async def close(self) -> None:
        """Finishes the transaction that runs and closes every connection."""
        if self._writer is not None:
            await self._writer.close()
        await self._reading.dispose()
        if self._writing is not None:
            await self._writing.dispose()

    async def require_current(self) -> None:
        """Raises NoDatabase where the tables are not those of this version."""
        async with self.read() as connection:
            if not await migrate.is_current(connection):
                raise NoDatabase("the database was not set up by this version yet: run `pipeline db upgrade`")


async def _select_one(connection: AsyncConnection) -> None:
    await connection.execute(text("SELECT 1"))


async def _transact(engine: AsyncEngine, work: Callable[[AsyncConnection], Awaitable[T]]) -> tuple[T, bool]:
    async with engine.connect() as connection:
        try:
            async with connection.begin():
                result = await work(connection)
        except BaseException:
            if not connection.invalidated:
                take_mark(connection)
            raise
        return result, take_mark(connection)


def _postgres_engine(location: PostgresServer) -> AsyncEngine:
    options: dict[str, Any] = {"timeout": 10}
    if location.pooled:
        # A transaction-mode pooler hands each transaction to another server connection, where prepared
        # statements of the last one do not exist.
        options |= {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
        options["prepared_statement_name_func"] = lambda: ""
    else:
        options["server_settings"] = {_AT_START: _IDLE_IN_TRANSACTION}
    try:
        return create_async_engine(
            location.url, connect_args=options, pool_size=_POOL, max_overflow=_POOL, pool_pre_ping=True
        )
    except ModuleNotFoundError as error:
        raise StorageError("PostgreSQL needs the extra: pip install 'pipeline-monitor[postgres]'") from error


@contextmanager
def _translated(but: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    try:
        yield
    except but:
        raise
    except Exception as error:
        if is_unavailable(error):
            raise DatabaseUnavailable(f"the database cannot be used now: {_first_line(error)}") from error
        raise


def _first_line(error: Exception) -> str:
    said = str(getattr(error, "orig", None) or error).strip()
    return said.splitlines()[0] if said else type(error).__name__
