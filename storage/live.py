"""What is going on now: what runs, what broke last, what is red, what failed and then passed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, select

from storage.failures import failures_query
from storage.model import Failure, Run
from storage.rows import build
from storage.runs import runs_query
from storage.tables import COMPLETED, YES, pipeline_failures, pipeline_runs, repositories

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncConnection

    from storage.scopes import Scope

_runs = pipeline_runs.c
_failures = pipeline_failures.c
_mender = pipeline_runs.alias("mender")
_PASSED = 50
"""A usual duration is the median of this many successful runs."""
_USUAL_SECONDS = 60 * 86_400


@dataclass(frozen=True, slots=True)
class RedBranch:
    """A workflow whose last word on its repository's default branch is a failure."""

    repo_id: int
    repository: str
    branch: str
    workflow: str
    failures: int
    since: int
    url: str


@dataclass(frozen=True, slots=True)
class Flip:
    """A failure whose job passed later on the very same commit."""

    failure: Failure
    passed_url: str


async def running(conn: AsyncConnection, scope: Scope, *, since: int, limit: int) -> list[Run]:
    """Runs that have not completed and started at or after `since`, newest first."""
    live = (_runs.latest == YES, _runs.status != COMPLETED, _runs.started_at >= since)
    query = runs_query().where(scope.within(_runs), *live).order_by(_runs.started_at.desc(), _runs.run_id)
    return build(Run, await conn.execute(query.limit(limit)))


async def recent_failures(conn: AsyncConnection, scope: Scope, *, since: int, limit: int) -> list[Failure]:
    """The failures detected last, newest first."""
    found: list[Failure] = []
    # One look into the index for each owner: over several at once the database would sort all their failures.
    owners: list[ColumnElement[bool]] = [scope.within(_failures)]
    if scope.repo_ids is None:
        owners = [_failures.installation_id == each for each in scope.installation_ids]
    for owner in owners:
        query = failures_query().where(owner, _failures.detected_at >= since)
        order = (_failures.detected_at.desc(), _failures.run_id.desc(), _failures.job)
        found += build(Failure, await conn.execute(query.order_by(*order).limit(limit)))
    return sorted(found, key=lambda one: (-one.detected_at, -one.run_id, one.job))[:limit]


async def red_default_branches(conn: AsyncConnection, scope: Scope, *, since: int, limit: int) -> list[RedBranch]:
    """Workflows that fail on a default branch and were not mended; what broke before `since` is forgotten."""
    run = and_(
        _runs.repo_id == _failures.repo_id,
        _runs.run_id == _failures.run_id,
        _runs.run_attempt == _failures.run_attempt,
    )
    query = (
        select(
            _failures.repo_id,
            repositories.c.full_name,
            repositories.c.default_branch,
            _failures.workflow,
            func.count(_failures.fingerprint.distinct()).label("failures"),
            func.min(_failures.detected_at).label("since"),
            func.max(_runs.url).label("url"),
        )
        .join_from(repositories, pipeline_failures, repositories.c.id == _failures.repo_id)
        .join(pipeline_runs, run)
        .where(
            scope.within(_failures),
            repositories.c.removed_at.is_(None),
            _failures.branch == repositories.c.default_branch,
            _failures.resolved_at.is_(None),
            _failures.detected_at >= since,
            _runs.default_branch == YES,
        )
        .group_by(_failures.repo_id, repositories.c.full_name, repositories.c.default_branch, _failures.workflow)
        .order_by(func.min(_failures.detected_at).desc(), repositories.c.full_name, _failures.workflow)
    )
    return [RedBranch(*row) for row in await conn.execute(query.limit(limit))]


async def usual_durations(conn: AsyncConnection, runs: Collection[Run], now: int) -> dict[tuple[int, int], int]:
    """The median duration in seconds of the last runs that passed, by (repository id, workflow id)."""
    found = {}
    for repo_id, workflow_id in {(run.repo_id, run.workflow_id) for run in runs}:
        query = (
            select(_runs.completed_at - _runs.started_at)
            .where(
                _runs.latest == YES,
                _runs.repo_id == repo_id,
                _runs.workflow_id == workflow_id,
                _runs.conclusion == "success",
                _runs.completed_at >= now - _USUAL_SECONDS,
                _runs.started_at > 0,
            )
            .order_by(_runs.completed_at.desc())
            .limit(_PASSED)
        )
        took = [seconds for seconds in (await conn.execute(query)).scalars() if seconds >= 0]
        if took:
            found[(repo_id, workflow_id)] = int(median(took))
    return found


async def flips(conn: AsyncConnection, scope: Scope, *, since: int, limit: int) -> list[Flip]:
    """Failures since then whose job passed on the same commit, newest first."""
    passed = and_(
        _mender.c.repo_id == _failures.repo_id,
        _mender.c.run_id == _failures.resolved_run_id,
        _mender.c.commit == _failures.commit,
        _mender.c.latest == YES,
    )
    query: Any = (
        failures_query()
        .add_columns(_mender.c.url.label("passed_url"))
        .join(_mender, passed)
        .where(scope.within(_failures), _failures.detected_at >= since)
        .order_by(_failures.detected_at.desc(), _failures.run_id.desc(), _failures.job)
        .limit(limit)
    )
    found = []
    for row in await conn.execute(query):
        fields = dict(row._mapping)
        url = fields.pop("passed_url")
        found.append(Flip(Failure(**fields), url))
    return found


async def failures_of(
    conn: AsyncConnection, repo_id: int, run_id: int, *, attempt: int | None = None, job_id: int | None = None
) -> list[Failure]:
    """The failures of a run, of its latest attempt that has any unless one is named; or of one job of it."""
    query = failures_query().where(_failures.repo_id == repo_id, _failures.run_id == run_id)
    if attempt is not None:
        query = query.where(_failures.run_attempt == attempt)
    if job_id is not None:
        query = query.where(_failures.job_id == job_id)
    found = build(Failure, await conn.execute(query.order_by(_failures.job, _failures.job_id)))
    latest = max((failure.run_attempt for failure in found), default=0)
    return [failure for failure in found if failure.run_attempt == latest]
