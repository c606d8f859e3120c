"""What a week of one repository came to: what broke, what was mended, what it cost, what got slower."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from sqlalchemy import and_, case, exists, func, select

from storage.dashboards import Tally
from storage.tables import pipeline_failures, pipeline_jobs, pipeline_runs
from storage.windows import DAY

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

WEEK = 7 * DAY
BEFORE = 4 * WEEK
"""What a week is held against."""
SAMPLES = 10
"""Green runs of a workflow on either side, below which its median says nothing."""
SLOWER_BY, SLOWER_SECONDS = 1.2, 30
"""A median that grew by a fifth and half a minute is worth a line."""
MOST_RUNS = 50_000
MOST = 100
_failures = pipeline_failures.c
_runs = pipeline_runs.c
_jobs = pipeline_jobs.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """One cause within the week. `runs` counts runs, `seconds` is the time of its failed jobs."""

    fingerprint: str
    message: str
    category: str
    runs: int
    seconds: int
    red: bool
    """It is not mended yet."""
    new: bool
    """It was never seen before that week."""
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Slower:
    """A workflow whose green runs take longer than they did: medians in seconds."""

    workflow: str
    seconds: int
    before: int
    samples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """The week from `since` to `until` (epoch seconds), pull requests counted in figures, but not listed."""

    repository: str
    since: int
    until: int
    runs: Tally
    before: Tally
    """The week before."""
    broken: tuple[Broken, ...]
    mended: tuple[Broken, ...]
    """What had broken before and was mended in the week."""
    seconds: int
    """Runner time of all failed jobs."""
    slower: tuple[Slower, ...]


async def broken(conn: AsyncConnection, repo_id: int, since: int, until: int) -> tuple[Broken, ...]:
    """What failed outside of pull requests, what took most runs first."""
    found = await _causes(conn, repo_id, _failures.detected_at >= since, _failures.detected_at < until)
    return tuple(sorted(found, key=lambda one: (-one.runs, -one.seconds, one.fingerprint))[:MOST])


async def mended(conn: AsyncConnection, repo_id: int, since: int, until: int) -> tuple[Broken, ...]:
    """What broke before the week, and is green again since sometime in it."""
    ended = (_failures.resolved_at >= since, _failures.resolved_at < until, _failures.detected_at < since)
    found = await _causes(conn, repo_id, *ended)
    red = select(_failures.fingerprint).where(_failures.repo_id == repo_id, _failures.resolved_at.is_(None))
    still = set((await conn.execute(red.distinct())).scalars())
    return tuple(one for one in sorted(found, key=lambda one: -one.runs) if one.fingerprint not in still)[:MOST]


async def spent(conn: AsyncConnection, repo_id: int, since: int, until: int) -> int:
    """Seconds of runner time of the jobs that failed, pull requests included."""
    query = (
        select(func.coalesce(func.sum(_TOOK), 0))
        .join_from(pipeline_failures, pipeline_jobs, _ITS_JOB)
        .where(_failures.repo_id == repo_id, _failures.detected_at >= since, _failures.detected_at < until)
    )
    return int((await conn.execute(query)).scalar_one())


async def slower(conn: AsyncConnection, repo_id: int, since: int, until: int) -> tuple[Slower, ...]:
    """Workflows whose median green run grew against the four weeks before, with enough samples on both sides."""
    query = (
        select(_runs.workflow_id, _runs.workflow, _runs.completed_at, _runs.started_at)
        .where(
            _runs.repo_id == repo_id,
            _runs.latest == 1,
            _runs.conclusion == "success",
            _runs.completed_at >= since - BEFORE,
            _runs.completed_at < until,
            _runs.started_at > 0,
        )
        .order_by(_runs.completed_at.desc())
        .limit(MOST_RUNS)
    )
    names: dict[int, str] = {}
    week: dict[int, list[int]] = defaultdict(list)
    earlier: dict[int, list[int]] = defaultdict(list)
    for row in await conn.execute(query):
        names.setdefault(row.workflow_id, row.workflow)
        side = week if row.completed_at >= since else earlier
        side[row.workflow_id].append(max(0, row.completed_at - row.started_at))
    found = []
    for workflow_id, took in week.items():
        if min(len(took), len(earlier[workflow_id])) >= SAMPLES:
            now, then = int(median(took)), int(median(earlier[workflow_id]))
            if now >= then * SLOWER_BY and now - then >= SLOWER_SECONDS:
                found.append(Slower(workflow=names[workflow_id], seconds=now, before=then, samples=len(took)))
    return tuple(sorted(found, key=lambda one: one.before - one.seconds))


async def active(conn: AsyncConnection, since: int, until: int) -> list[int]:
    """The repositories in which a run ended within the time."""
    query = select(_runs.repo_id).where(_runs.completed_at >= since, _runs.completed_at < until, _runs.latest == 1)
    return sorted((await conn.execute(query.distinct())).scalars())


async def ended_since(conn: AsyncConnection, repo_id: int, since: int) -> bool:
    """Whether a run ended in a repository at or after `since`."""
    query = select(exists().where(_runs.repo_id == repo_id, _runs.completed_at >= since, _runs.latest == 1))
    return bool((await conn.execute(query)).scalar())


_ITS_JOB = and_(
    _jobs.repo_id == _failures.repo_id,
    _jobs.run_id == _failures.run_id,
    _jobs.run_attempt == _failures.run_attempt,
    _jobs.job_id == _failures.job_id,
)
_TOOK = case((_jobs.completed_at > _jobs.started_at, _jobs.completed_at - _jobs.started_at), else_=0)


async def _causes(conn: AsyncConnection, repo_id: int, *within: object) -> list[Broken]:
    query = (
        select(
            _failures.fingerprint,
            func.max(_failures.message).label("message"),
            func.max(_failures.category).label("category"),
            func.max(_failures.url).label("url"),
            func.count(_failures.run_id.distinct()).label("runs"),
            func.coalesce(func.sum(_TOOK), 0).label("seconds"),
            func.count(case((_failures.resolved_at.is_(None), 1))).label("red"),
            func.min(_failures.detected_at).label("first"),
        )
        .join_from(pipeline_failures, pipeline_jobs, _ITS_JOB, isouter=True)
        .where(_failures.repo_id == repo_id, _failures.pull_request.is_(None), *within)  # type: ignore[arg-type]
        .group_by(_failures.fingerprint)
    )
    rows = (await conn.execute(query)).all()
    known = await _first_seen(conn, repo_id, [row.fingerprint for row in rows])
    return [
        Broken(
            fingerprint=row.fingerprint,
            message=row.message,
            category=row.category,
            runs=row.runs,
            seconds=int(row.seconds),
            red=row.red > 0,
            new=known.get(row.fingerprint, row.first) >= row.first,
            url=row.url,
        )
        for row in rows
    ]


async def _first_seen(conn: AsyncConnection, repo_id: int, fingerprints: list[str]) -> dict[str, int]:
    """When each was first seen; of very many of one week only the first thousand are asked for."""
    query = (
        select(_failures.fingerprint, func.min(_failures.detected_at).label("first"))
        .where(_failures.repo_id == repo_id, _failures.fingerprint.in_(fingerprints[:1_000]))
        .group_by(_failures.fingerprint)
    )
    return {row.fingerprint: row.first for row in await conn.execute(query)}
