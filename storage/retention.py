"""What is forgotten, and when. In small transactions, so that nobody waits for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_, delete, exists, func, or_, select, tuple_, update

from storage.tables import (
    deliveries,
    effects,
    failure_daily,
    failure_patterns,
    jobs,
    pattern_daily,
    pattern_repositories,
    pipeline_failures,
    pipeline_jobs,
    pipeline_runs,
    run_daily,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sqlalchemy import ColumnElement, Executable, Table
    from sqlalchemy.ext.asyncio import AsyncConnection

    from storage.database import Database

DAY = 86_400
DELIVERY_DAYS = 8
"""GitHub Enterprise Server sends a delivery again for up to seven days; until then its id must be known."""
BATCH = 500


@dataclass(frozen=True, slots=True)
class Forgotten:
    """How many rows of each kind went; `excerpts` were emptied."""

    deliveries: int
    excerpts: int
    failures: int
    runs: int
    patterns: int
    effects: int


async def prune(database: Database, now: int, *, retention_days: int, excerpt_days: int) -> Forgotten:
    """Forget deliveries that are worked off, old excerpts, and runs and failures beyond their time.

    `now` is in epoch seconds. What is still work is never forgotten.
    """
    old, bare = now - retention_days * DAY, now - excerpt_days * DAY
    failures = pipeline_failures.c
    runs = pipeline_runs.c
    worked_off = and_(
        deliveries.c.received_at_ms < (now - DELIVERY_DAYS * DAY) * 1000,
        ~exists().where(jobs.c.guid == deliveries.c.guid),
    )
    for rollup in (run_daily, failure_daily, pattern_daily):
        await _delete(database, rollup, rollup.c.day < old // DAY)
    await _delete(database, pattern_repositories, pattern_repositories.c.last_seen < old)
    ended = func.coalesce(runs.completed_at, runs.started_at) < old
    return Forgotten(
        deliveries=await _delete(database, deliveries, worked_off),
        excerpts=await _empty_excerpts(
            database, and_(failures.detected_at < bare, or_(failures.excerpt != "", failures.runners_up != ()))
        ),
        failures=await _delete(database, pipeline_failures, failures.detected_at < old),
        runs=await _delete_runs(database, ended),
        patterns=await _delete(
            database, failure_patterns, and_(failure_patterns.c.last_seen < old, failure_patterns.c.muted == 0)
        ),
        effects=await _delete(database, effects, effects.c.updated_at < old),
    )


async def _delete_runs(database: Database, ended: ColumnElement[bool]) -> int:
    """Runs go with what is kept of their jobs."""
    gone = await _delete(database, pipeline_runs, ended)
    jobless = ~exists().where(
        pipeline_runs.c.repo_id == pipeline_jobs.c.repo_id,
        pipeline_runs.c.run_id == pipeline_jobs.c.run_id,
        pipeline_runs.c.run_attempt == pipeline_jobs.c.run_attempt,
    )
    if gone:
        await _delete(database, pipeline_jobs, jobless)
    return gone


async def _delete(database: Database, table: Table, which: ColumnElement[bool]) -> int:
    def batch(keys: ColumnElement[bool]) -> Executable:
        return delete(table).where(keys)

    return await _in_batches(database, table, which, batch)


async def _empty_excerpts(database: Database, which: ColumnElement[bool]) -> int:
    def batch(keys: ColumnElement[bool]) -> Executable:
        return update(pipeline_failures).where(keys).values(excerpt="", runners_up=())

    return await _in_batches(database, pipeline_failures, which, batch)


async def _in_batches(database: Database, table: Table, which: ColumnElement[bool], statement: Any) -> int:
    key = tuple_(*table.primary_key.columns)
    total = 0
    while True:

        async def one(tx: AsyncConnection) -> int:
            found: Sequence[Any] = (
                await tx.execute(select(*table.primary_key.columns).where(which).limit(BATCH))
            ).all()
            if found:
                await tx.execute(statement(key.in_([tuple(row) for row in found])))
            return len(found)

        count = await database.write(one)
        total += count
        if count < BATCH:
            return total
