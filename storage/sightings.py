"""Where else a fingerprint was seen: what the verdict on a failure rests on."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, exists, func, or_, select

from storage.model import Failure, Repository, Sighting
from storage.tables import pipeline_failures, pipeline_runs, repositories

if TYPE_CHECKING:
    from sqlalchemy import Select
    from sqlalchemy.ext.asyncio import AsyncConnection

_failures = pipeline_failures.c
_runs = pipeline_runs.c
_mender = pipeline_runs.alias("mender")
MOST = 200
COUNTED = ("success", "failure", "timed_out", "startup_failure")


async def in_repository(conn: AsyncConnection, failure: Failure) -> tuple[Sighting, ...]:
    """Other occurrences in the same repository before this one ended, or at most a week after; newest first."""
    query = (
        _query()
        .where(
            _failures.repo_id == failure.repo_id,
            _failures.fingerprint == failure.fingerprint,
            ~and_(_failures.run_id == failure.run_id, _failures.run_attempt == failure.run_attempt),
        )
        .order_by(_failures.detected_at.desc(), _failures.run_id.desc(), _failures.job_id.desc())
        .limit(MOST)
    )
    return tuple(_sighting(row) for row in await conn.execute(query))


async def of_failure(conn: AsyncConnection, failure: Failure) -> Sighting | None:
    """The failure itself as a sighting."""
    query = _query().where(
        _failures.repo_id == failure.repo_id,
        _failures.run_id == failure.run_id,
        _failures.run_attempt == failure.run_attempt,
        _failures.job_id == failure.job_id,
    )
    row = (await conn.execute(query)).first()
    return None if row is None else _sighting(row)


async def outbreak(conn: AsyncConnection, repo: Repository, failure: Failure, seconds: int) -> tuple[Sighting, ...]:
    """The newest occurrence in each other public repository of the installation within the time before.

    Private repositories are left out even where they would count: a number is a fact as well.
    """
    query = (
        _query()
        .join(repositories, repositories.c.id == _failures.repo_id)
        .where(
            _failures.installation_id == failure.installation_id,
            _failures.fingerprint == failure.fingerprint,
            _failures.repo_id != repo.id,
            _failures.detected_at >= failure.detected_at - seconds,
            _failures.detected_at <= failure.detected_at,
            repositories.c.private == 0,
            repositories.c.removed_at.is_(None),
        )
        .order_by(_failures.detected_at.desc())
        .limit(MOST)
    )
    first: dict[str, Sighting] = {}
    for row in await conn.execute(query):
        first.setdefault(row.repository, _sighting(row))
    return tuple(first.values())


async def base_looked_at(conn: AsyncConnection, repo_id: int, workflow_id: int, branch: str, since: int) -> bool:
    """Whether a run of the workflow completed on the repository's own branch at or after `since`."""
    query = select(
        exists().where(
            _runs.repo_id == repo_id,
            _runs.branch == branch,
            _runs.workflow_id == workflow_id,
            _runs.fork == 0,
            _runs.completed_at >= since,
            or_(_runs.conclusion.in_(COUNTED), _runs.conclusion == "cancelled"),
        )
    )
    return bool((await conn.execute(query)).scalar())


@cache
def _query() -> Select[Any]:
    """Made once: its columns take longer to build than the database takes to answer."""
    ours = and_(
        _runs.repo_id == _failures.repo_id,
        _runs.run_id == _failures.run_id,
        _runs.run_attempt == _failures.run_attempt,
    )
    mended_there = exists().where(
        _mender.c.repo_id == _failures.repo_id,
        _mender.c.run_id == _failures.resolved_run_id,
        _mender.c.commit == _failures.commit,
    )
    return select(
        _failures.repository,
        _failures.job,
        _failures.branch,
        _failures.commit,
        func.coalesce(_runs.actor, "").label("actor"),
        func.coalesce(_runs.fork, 0).label("fork"),
        _failures.pull_request,
        _failures.detected_at,
        _failures.url,
        _failures.resolved_at,
        mended_there.label("passed_on_same_commit"),
    ).join_from(pipeline_failures, pipeline_runs, ours, isouter=True)


def _sighting(row: Any) -> Sighting:
    return Sighting(
        repository=row.repository,
        job=row.job,
        branch=row.branch,
        commit=row.commit,
        actor=row.actor,
        fork=bool(row.fork),
        pull_request=row.pull_request,
        at=row.detected_at,
        url=row.url,
        resolved_at=row.resolved_at,
        passed_on_same_commit=bool(row.passed_on_same_commit),
    )
