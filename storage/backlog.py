"""What of the history is not known yet: runs nobody read, runs whose end nobody told, deliveries nobody brought."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from storage.merging import COUNTED
from storage.model import Repository, Run
from storage.rows import build, columns_of
from storage.runs import runs_query
from storage.tables import (
    COMPLETED,
    DEAD,
    YES,
    deliveries,
    jobs,
    pipeline_failures,
    pipeline_jobs,
    pipeline_runs,
    repositories,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy.ext.asyncio import AsyncConnection

_runs = pipeline_runs.c


@dataclass(frozen=True, slots=True)
class Work:
    """A unit of work that is not done."""

    dead: bool
    last_error: str


async def work(conn: AsyncConnection, key: str) -> Work | None:
    """What became of the work under a key; None once it is done."""
    row = (await conn.execute(select(jobs.c.state, jobs.c.last_error).where(jobs.c.dedupe == key))).first()
    return None if row is None else Work(row.state == DEAD, row.last_error)


async def completed(conn: AsyncConnection, repo_id: int, run_ids: Collection[int]) -> set[tuple[int, int]]:
    """Which attempts (run id, attempt) of these runs are known to have ended."""
    query = select(_runs.run_id, _runs.run_attempt).where(
        _runs.repo_id == repo_id, _runs.run_id.in_(run_ids), _runs.status == COMPLETED
    )
    return {(row.run_id, row.run_attempt) for row in await conn.execute(query)}


async def unread(
    conn: AsyncConnection, repo_id: int, *, since: int, newest: int, below: int | None = None
) -> list[Run]:
    """Of the `newest` failed runs created since a time those whose jobs nobody has read, the newest first.

    `below` leaves out runs from that id up. A suite of another App has no jobs to read.
    """
    failed = (
        runs_query()
        .where(
            _runs.repo_id == repo_id,
            _runs.latest == YES,
            _runs.status == COMPLETED,
            _runs.conclusion.in_(COUNTED[1:]),
            _runs.event != "check_suite",
            _runs.created_at >= since,
        )
        .order_by(_runs.run_id.desc())
        .limit(newest)
    )
    found = build(Run, await conn.execute(failed))
    ids = [run.run_id for run in found if below is None or run.run_id < below]
    known: set[tuple[int, int]] = set()
    for table in (pipeline_jobs, pipeline_failures):
        query = select(table.c.run_id, table.c.run_attempt).where(table.c.repo_id == repo_id, table.c.run_id.in_(ids))
        known |= {(row.run_id, row.run_attempt) for row in await conn.execute(query)}
    return [run for run in found if run.run_id in set(ids) and (run.run_id, run.run_attempt) not in known]


async def unfinished(conn: AsyncConnection, *, since: int, until: int, limit: int) -> list[Run]:
    """Workflow runs in reach that began in that time and whose end is not known, the newest first."""
    query = (
        runs_query()
        .where(
            _runs.latest == YES,
            _runs.status != COMPLETED,
            _runs.event != "check_suite",
            _runs.started_at.between(since, until),
            repositories.c.id.is_not(None),
            repositories.c.removed_at.is_(None),
        )
        .order_by(_runs.started_at.desc(), _runs.run_id)
        .limit(limit)
    )
    return build(Run, await conn.execute(query))


async def known_deliveries(conn: AsyncConnection, guids: Collection[str]) -> set[str]:
    """Which deliveries were taken in."""
    return set((await conn.execute(select(deliveries.c.guid).where(deliveries.c.guid.in_(guids)))).scalars())


async def in_reach(conn: AsyncConnection) -> list[Repository]:
    """Every repository that is not known to be out of reach."""
    query = select(*columns_of(repositories, Repository)).where(repositories.c.removed_at.is_(None))
    return build(Repository, await conn.execute(query.order_by(repositories.c.id)))
