"""Near fingerprints count as one pattern, under the oldest, and stay where they are."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from storage import history, joins, patterns, tables
from storage.database import Database
from storage.model import Run
from tests.storage.facts import START, make_failure, make_run

ONE = "error: cannot find crate alpha_tools required by the workspace member"
TWO = "error: cannot find crate gamma_tools required by the workspace member"
OTHER = "fatal: unable to access the package index behind the proxy of the office"


async def failed(database: Database, run_id: int, fingerprint: str, message: str, **more: Any) -> Run:
    run = make_run(run_id)
    failure = make_failure(run, fingerprint=fingerprint, message=message, **more)
    await database.write(lambda tx: history.learn(tx, run, (), [failure]))
    return run


async def counts(database: Database) -> dict[str, int]:
    async with database.read() as conn:
        rows = await conn.execute(select(tables.failure_patterns.c.fingerprint, tables.failure_patterns.c.count))
        return {row.fingerprint: row.count for row in rows}


async def test_near_messages_join_the_oldest_and_count_together(database: Database) -> None:
    await failed(database, 1, "1-aaaaaaaaaaaaaaaa", ONE)
    await failed(database, 2, "1-bbbbbbbbbbbbbbbb", TWO)
    await failed(database, 3, "1-cccccccccccccccc", OTHER)
    assert await joins.join_near(database, START) == 1
    assert await counts(database) == {"1-aaaaaaaaaaaaaaaa": 2, "1-cccccccccccccccc": 1}
    await failed(database, 4, "1-bbbbbbbbbbbbbbbb", TWO)
    assert await counts(database) == {"1-aaaaaaaaaaaaaaaa": 3, "1-cccccccccccccccc": 1}


async def test_what_was_compared_never_moves(database: Database) -> None:
    await failed(database, 5, "1-aaaaaaaaaaaaaaaa", ONE)
    await joins.join_near(database, START)
    await failed(database, 1, "1-bbbbbbbbbbbbbbbb", TWO)
    assert await joins.join_near(database, START + 1) == 1
    assert await joins.join_near(database, START + 2) == 0
    assert await counts(database) == {"1-aaaaaaaaaaaaaaaa": 2}


async def test_vague_messages_and_other_categories_stand_alone(database: Database) -> None:
    exit_code = "Process completed with exit code 1 after a while"
    await failed(database, 1, "1-aaaaaaaaaaaaaaaa", exit_code, generic=True)
    await failed(database, 2, "1-bbbbbbbbbbbbbbbb", exit_code, generic=True)
    await failed(database, 3, "1-cccccccccccccccc", ONE)
    await failed(database, 4, "1-dddddddddddddddd", TWO, category="dependency")
    assert await joins.join_near(database, START) == 0
    assert set((await counts(database)).values()) == {1}


async def test_rollups_follow_the_join(database: Database) -> None:
    await failed(database, 1, "1-aaaaaaaaaaaaaaaa", ONE)
    await failed(database, 2, "1-bbbbbbbbbbbbbbbb", TWO)
    await joins.join_near(database, START)
    async with database.read() as conn:
        daily = tables.pattern_daily.c
        rows = await conn.execute(select(daily.fingerprint, daily.count).where(daily.count > 0))
        assert {(row.fingerprint, row.count) for row in rows} == {("1-aaaaaaaaaaaaaaaa", 2)}
        joined = await patterns.pattern(conn, 1, "1-aaaaaaaaaaaaaaaa")
    assert joined is not None
    assert joined.count == 2
