"""An upgrade while others work: the older program goes on over the newer tables, and the newer one migrates once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from storage import inbox, inbox_claim
from storage.database import Database
from storage.errors import NoDatabase
from storage.inbox_accept import Acceptor
from tests.storage.facts import make_delivery, make_failure, make_run
from tests.storage.telling import learn, stored

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection


async def add_what_a_newer_version_might(tx: AsyncConnection) -> None:
    """A later migration: columns, a table and an index more, on the tables that are written most."""
    for table in ("jobs", "deliveries", "pipeline_runs", "pipeline_failures", "failure_patterns", "effects"):
        await tx.execute(text(f"ALTER TABLE {table} ADD COLUMN of_tomorrow TEXT NOT NULL DEFAULT 'x'"))
    await tx.execute(text("CREATE TABLE tomorrow (id INTEGER PRIMARY KEY)"))
    await tx.execute(text("CREATE INDEX ix_tomorrow ON pipeline_runs (of_tomorrow)"))
    await tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))


async def test_this_version_works_on_while_a_newer_one_has_migrated_already(
    database: Database, database_url: str
) -> None:
    run = make_run(1)
    await learn(database, run, make_failure(run))
    await database.write(add_what_a_newer_version_might)
    # Those that were running, and one that is started again during the upgrade.
    again = database if database.dialect == "sqlite" else await Database.open(database_url)
    await again.migrate()
    assert await Acceptor(again).accept(make_delivery("g1"))
    [job] = await inbox_claim.claim(again, owner="w", now_ms=2_000, lease_ms=1_000, limit=1)
    await again.write(lambda tx: inbox.complete(tx, job))
    run = make_run(2)
    await learn(again, run, make_failure(run))
    assert (await stored(again, 2)).retry_count == 1
    async with again.read() as conn:
        assert (await conn.execute(text("SELECT version_num FROM alembic_version"))).scalar_one() == "9999"
    if again is not database:
        await again.close()


async def test_the_commands_that_read_do_not_refuse_a_newer_database(database: Database, database_url: str) -> None:
    await database.write(add_what_a_newer_version_might)
    reader = await Database.open(database_url, readonly=True)
    async with reader.read() as conn:
        assert (await conn.execute(text("SELECT version_num FROM alembic_version"))).scalar_one() == "9999"
    await reader.close()


async def test_a_database_before_its_migration_is_migrated_by_whoever_writes_and_named_by_who_reads(
    empty_database_url: str,
) -> None:
    database = await Database.open(empty_database_url)
    with pytest.raises(NoDatabase, match="pipeline db upgrade"):
        await Database.open(empty_database_url, readonly=True)
    await database.migrate()
    await (await Database.open(empty_database_url, readonly=True)).close()
    await database.close()


async def test_several_that_start_at_once_migrate_once(empty_database_url: str) -> None:
    if empty_database_url.startswith("sqlite"):
        pytest.skip("one SQLite file takes one process")
    opened = [await Database.open(empty_database_url) for _ in range(4)]
    await asyncio.gather(*(each.migrate() for each in opened))
    async with opened[0].read() as conn:
        rows = (await conn.execute(text("SELECT version_num FROM alembic_version"))).all()
    assert len(rows) == 1
    for each in opened:
        await each.close()
