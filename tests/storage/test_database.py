"""Opening, migrating, writing, reading, copying; what is said when it cannot be done."""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, text

from storage import installations
from storage.database import Database
from storage.errors import DatabaseUnavailable, NoDatabase, StorageError
from storage.locations import PostgresServer, parse_url
from storage.lock import AlreadyRunning, SoleProcess
from storage.model import Installation
from storage.tables import installations as table
from storage.tables import metadata

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection
    from sqlalchemy.ext.asyncio import AsyncConnection

ACME = Installation(id=1, account="acme", account_type="Organization")


async def _known(database: Database) -> list[str]:
    async with database.read() as conn:
        return [row.account for row in await conn.execute(select(table))]


async def _add(database: Database, number: int) -> None:
    async def work(tx: AsyncConnection) -> None:
        await installations.save_installation(tx, Installation(id=number, account=f"a{number}", account_type="User"))

    await database.write(work)


async def test_a_write_is_seen_by_the_next_read(database: Database) -> None:
    await database.write(lambda tx: installations.save_installation(tx, ACME))
    assert await _known(database) == ["acme"]


async def test_an_exception_undoes_the_whole_transaction(database: Database) -> None:
    async def work(tx: AsyncConnection) -> None:
        await installations.save_installation(tx, ACME)
        raise KeyError("changed my mind")

    with pytest.raises(KeyError, match="changed my mind"):
        await database.write(work)
    assert await _known(database) == []


async def test_a_cancelled_caller_leaves_no_transaction_open(database: Database) -> None:
    entered, go = asyncio.Event(), asyncio.Event()

    async def slow(tx: AsyncConnection) -> None:
        await installations.save_installation(tx, ACME)
        entered.set()
        await go.wait()

    caller = asyncio.create_task(database.write(slow))
    await entered.wait()
    caller.cancel()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await _add(database, 2)
    assert "a2" in await _known(database)


async def test_many_writers_at_once_all_commit(database: Database) -> None:
    await asyncio.gather(*(_add(database, number) for number in range(1, 41)))
    assert len(await _known(database)) == 40


async def test_a_cancelled_read_gives_its_connection_back(database: Database) -> None:
    async def read_until(event: asyncio.Event) -> None:
        async with database.read() as conn:
            await conn.execute(text("SELECT 1"))
            event.set()
            await asyncio.Event().wait()

    for _ in range(30):
        inside = asyncio.Event()
        reader = asyncio.create_task(read_until(inside))
        await inside.wait()
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
    assert await _known(database) == []


async def test_a_reader_cannot_write(database: Database) -> None:
    async with database.read() as conn:
        with pytest.raises(Exception, match=r"(?i)read.?only"):
            await conn.execute(table.insert().values(id=1))


async def test_text_that_no_database_stores_is_made_storable(database: Database) -> None:
    odd = Installation(id=1, account="nul \x00 and \ud800", account_type="User")
    await database.write(lambda tx: installations.save_installation(tx, odd))
    assert await _known(database) == ["nul \ufffd and \ufffd"]


async def test_migrating_twice_and_at_once_is_harmless(empty_database_url: str) -> None:
    first = await Database.open(empty_database_url)
    await first.migrate()
    second = await Database.open(empty_database_url)
    await asyncio.gather(first.migrate(), second.migrate())
    assert await _known(second) == []
    await first.close()
    await second.close()


async def test_a_migrated_database_equals_the_tables_as_declared(empty_database_url: str) -> None:
    database = await Database.open(empty_database_url)
    await database.migrate()
    migrated = await database.write(lambda tx: tx.run_sync(_shape))
    await database.write(lambda tx: tx.run_sync(_rebuild))
    assert migrated == await database.write(lambda tx: tx.run_sync(_shape))
    assert len(migrated) > 100
    await database.close()


def _rebuild(connection: Connection) -> None:
    metadata.drop_all(connection)
    metadata.create_all(connection)


_POSTGRES_SHAPE = """
SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' '
       || coalesce(column_default, '-') || ' ' || is_identity
FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version'
UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'
UNION ALL SELECT relname || coalesce(reloptions::text, '') FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'alembic_version'
"""
_SQLITE_SHAPE = """
SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT IN ('alembic_version', 'sqlite_sequence')
"""


# A column that was added later stands on the line of the one before it.
_LINE = re.compile(r"\n|, (?=[a-z_]+ (?:TEXT|INTEGER|REAL|BLOB)\b)")


def _shape(connection: Connection) -> list[str]:
    if connection.dialect.name == "postgresql":
        return sorted(connection.execute(text(_POSTGRES_SHAPE)).scalars())
    statements = connection.execute(text(_SQLITE_SHAPE)).scalars()
    return sorted(line.strip(" \t,") for sql in statements for line in _LINE.split(sql) if line.strip())


async def test_a_database_opened_for_reading_refuses_writes(database: Database, database_url: str) -> None:
    await database.write(lambda tx: installations.save_installation(tx, ACME))
    reading = await Database.open(database_url, readonly=True)
    assert await _known(reading) == ["acme"]
    with pytest.raises(StorageError, match="reading only"):
        await _add(reading, 2)
    await reading.close()


async def test_reading_where_nothing_was_set_up_says_so(empty_database_url: str) -> None:
    with pytest.raises(NoDatabase):
        await Database.open(empty_database_url, readonly=True)


async def test_reading_a_missing_file_creates_none(tmp_path: Path) -> None:
    with pytest.raises(NoDatabase, match="pipeline serve"):
        await Database.open(f"sqlite:///{tmp_path / 'none.db'}", readonly=True)
    assert os.listdir(tmp_path) == []  # noqa: PTH208


async def test_a_refused_connection_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable):
        await Database.open(f"postgresql://nobody@/none?host={tmp_path}")


async def test_a_folder_that_is_missing_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable):
        await Database.open(f"sqlite:///{tmp_path / 'missing' / 'pipeline.db'}")


@pytest.mark.parametrize("url", ["mysql://host/name", "sqlite://", "sqlite:///:memory:", "pipeline.db"])
async def test_a_url_of_another_kind_is_refused_with_what_is_known(url: str) -> None:
    with pytest.raises(StorageError, match="sqlite:///"):
        await Database.open(url)


async def test_a_refused_url_does_not_give_its_password_away() -> None:
    with pytest.raises(StorageError) as refused:
        await Database.open("mysql://me:hunter2@host/name")
    assert "hunter2" not in str(refused.value)


async def test_a_pooler_in_transaction_mode_is_served_without_prepared_statements(
    database: Database, database_url: str
) -> None:
    if database.dialect == "sqlite":
        pytest.skip("poolers are PostgreSQL's")
    joint = "&" if "?" in database_url else "?"
    pooled = await Database.open(f"{database_url}{joint}pool_mode=transaction")
    await _add(pooled, 1)

    async def prepared(tx: AsyncConnection) -> int:
        named = text("SELECT count(*) FROM pg_prepared_statements WHERE name <> ''")
        return int((await tx.execute(named)).scalar_one())

    assert await pooled.write(prepared) == 0
    await pooled.close()


async def test_a_server_that_drops_its_connections_is_unavailable_and_then_used_again(database: Database) -> None:
    if database.dialect == "sqlite":
        pytest.skip("SQLite has no connection to lose")

    async def lose(tx: AsyncConnection) -> None:
        await tx.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        await tx.execute(text("SELECT 1"))

    for _ in range(3):
        with pytest.raises(DatabaseUnavailable):
            await database.write(lose)
    await _add(database, 1)
    assert await _known(database) == ["a1"]


async def test_what_a_reader_does_besides_is_not_blamed_on_the_database(database: Database) -> None:
    with pytest.raises(ConnectionResetError):
        async with database.read():
            raise ConnectionResetError("another server's")


async def test_a_database_that_a_newer_version_changed_for_good_is_left_alone(database: Database) -> None:
    await database.write(lambda tx: tx.execute(text("UPDATE alembic_version SET version_num = 'after-9999'")))
    with pytest.raises(StorageError, match="newer version"):
        await database.migrate()


@pytest.mark.parametrize(
    ("given", "query"),
    [
        ("postgres://u:p%40ss@h:5433/n?sslmode=require&application_name=x", {"ssl": "require"}),
        ("postgresql://u:p%40ss@h:5433/n?pool_mode=transaction", {}),
    ],
)
def test_urls_as_platforms_set_them_are_understood(given: str, query: dict[str, str]) -> None:
    location = parse_url(given)
    assert isinstance(location, PostgresServer)
    url = location.url
    assert (url.drivername, url.password, url.host, url.port) == ("postgresql+asyncpg", "p@ss", "h", 5433)
    assert dict(url.query) == query
    assert location.pooled == ("pool_mode" in given)


async def test_a_file_that_another_program_locks_is_unavailable(tmp_path: Path) -> None:
    database = await Database.open(f"sqlite:///{tmp_path / 'pipeline.db'}")
    await database.migrate()
    await database.write(lambda tx: tx.exec_driver_sql("PRAGMA busy_timeout=10"))
    other = sqlite3.connect(tmp_path / "pipeline.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseUnavailable, match="locked"):
        await _add(database, 1)
    other.close()
    await _add(database, 1)
    assert await _known(database) == ["a1"]
    await database.close()


async def test_a_transaction_inside_a_transaction_is_refused_where_it_would_wait_for_itself(
    tmp_path: Path,
) -> None:
    database = await Database.open(f"sqlite:///{tmp_path / 'pipeline.db'}")

    async def nested(_: AsyncConnection) -> None:
        await database.ping()

    with pytest.raises(RuntimeError, match="inside a transaction"):
        await database.write(nested)
    await database.close()


async def test_a_backup_taken_during_writes_is_whole(tmp_path: Path) -> None:
    database = await Database.open(f"sqlite:///{tmp_path / 'pipeline.db'}")
    await database.migrate()
    await _add(database, 1)
    await asyncio.gather(database.backup(tmp_path / "copy.db"), *(_add(database, number) for number in range(2, 20)))
    await database.close()
    copy = await Database.open(f"sqlite:///{tmp_path / 'copy.db'}", readonly=True)
    assert "a1" in await _known(copy)
    async with copy.read() as conn:
        assert (await conn.execute(text("PRAGMA integrity_check"))).scalar_one() == "ok"
    await copy.close()
    assert not [name for name in os.listdir(tmp_path) if "partial" in name]  # noqa: PTH208


async def test_a_full_disk_is_unavailable_and_writing_resumes_with_space(tmp_path: Path) -> None:
    database = await Database.open(f"sqlite:///{tmp_path / 'pipeline.db'}")
    await database.migrate()

    async def limit(tx: AsyncConnection, pages: int) -> None:
        await tx.exec_driver_sql(f"PRAGMA max_page_count={pages}")

    async def much(tx: AsyncConnection) -> None:
        odd = Installation(id=9, account="x" * 1_000_000, account_type="User")
        await installations.save_installation(tx, odd)

    await database.write(lambda tx: limit(tx, 1))
    with pytest.raises(DatabaseUnavailable, match="full"):
        await database.write(much)
    await database.write(lambda tx: limit(tx, 1_000_000))
    await database.write(much)
    assert len(await _known(database)) == 1
    await database.close()


def test_a_second_process_on_one_sqlite_file_is_told_of_postgresql(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.db"
    with SoleProcess(path), pytest.raises(AlreadyRunning, match="DATABASE_URL=postgresql://"):
        SoleProcess(path).acquire()
    with SoleProcess(path):
        assert path.with_name("pipeline.db.lock").exists()
