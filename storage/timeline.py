"""Since when something is red, and how long it usually takes."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, select

from storage.tables import pipeline_failures, pipeline_jobs, pipeline_runs

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from storage.model import Failure

_failures = pipeline_failures.c
_runs = pipeline_runs.c
_jobs = pipeline_jobs.c
SAMPLES = 20


@dataclass(frozen=True, slots=True)
class RedSince:
    """The commits between which a failure came into a branch; empty where they are not known."""

    first_red: str
    last_green: str
    passed: str = ""
    """The last commit in between on which the very job passed, although its run did not; empty: none is known."""
    between: int = 0
    """Runs between the two commits that ended without telling: cancelled, or broken otherwise."""


async def red_since(conn: AsyncConnection, failure: Failure) -> RedSince:
    """The last green run of the workflow on the branch before this failure, and the first red one after that."""
    line = (
        _runs.repo_id == failure.repo_id,
        _runs.workflow_id == failure.workflow_id,
        _runs.branch == failure.branch,
        _runs.fork == 0,
    )
    green = select(_runs.run_id, _runs.commit).where(
        *line, _runs.run_id < failure.run_id, _runs.conclusion == "success", _runs.latest == 1
    )
    last = (await conn.execute(green.order_by(_runs.run_id.desc()).limit(1))).first()
    red = select(_failures.commit, _failures.run_id).where(
        _failures.repo_id == failure.repo_id,
        _failures.workflow_id == failure.workflow_id,
        _failures.branch == failure.branch,
        _failures.fingerprint == failure.fingerprint,
        _failures.run_id > (last.run_id if last else 0),
    )
    first = (await conn.execute(red.order_by(_failures.run_id, _failures.run_attempt).limit(1))).first()
    if first is None or last is None:
        return RedSince(first_red=first.commit if first else "", last_green=last.commit if last else "")
    passed = await _passed_between(conn, failure, last.run_id, first.run_id)
    after = passed.run_id if passed else last.run_id
    counted = select(func.count()).where(
        *line, _runs.run_id > after, _runs.run_id < first.run_id, _runs.status == "completed", _runs.latest == 1
    )
    return RedSince(
        first_red=first.commit,
        last_green=last.commit,
        passed=passed.commit if passed else "",
        between=int((await conn.execute(counted)).scalar_one()),
    )


async def _passed_between(conn: AsyncConnection, failure: Failure, after: int, before: int) -> Any:
    """The newest run of the range that was red for another reason and in which the failing job passed."""
    attempt = and_(_jobs.repo_id == _runs.repo_id, _jobs.run_id == _runs.run_id, _jobs.run_attempt == _runs.run_attempt)
    query = (
        select(_runs.run_id, _runs.commit)
        .join_from(pipeline_runs, pipeline_jobs, attempt)
        .where(
            _runs.repo_id == failure.repo_id,
            _runs.workflow_id == failure.workflow_id,
            _runs.branch == failure.branch,
            _runs.fork == 0,
            _runs.run_id > after,
            _runs.run_id < before,
            _jobs.job == failure.job,
            _jobs.conclusion == "success",
        )
        .order_by(_runs.run_id.desc())
        .limit(1)
    )
    return (await conn.execute(query)).first()


@dataclass(frozen=True, slots=True)
class Seen:
    """How often a fingerprint occurred in one repository, and when; a job of a run counts once."""

    count: int
    first: int
    last: int


async def seen(conn: AsyncConnection, repo_id: int, fingerprint: str) -> Seen | None:
    """None where it never occurred there. Fingerprints joined with it count for themselves."""
    ours = (_failures.repo_id == repo_id, _failures.fingerprint == fingerprint)
    first, last = func.min(_failures.detected_at).label("first"), func.max(_failures.detected_at).label("last")
    failed = select(first, last).where(*ours).group_by(_failures.run_id, _failures.job).subquery()
    query = select(func.count(), func.min(failed.c.first), func.max(failed.c.last)).select_from(failed)
    count, earliest, latest = (await conn.execute(query)).one()
    return Seen(count, earliest, latest) if count else None


async def usual_seconds(conn: AsyncConnection, repo_id: int, workflow_id: int) -> int | None:
    """Median duration of the newest successful runs of a workflow; None without any."""
    query = (
        select(_runs.started_at, _runs.completed_at)
        .where(
            _runs.repo_id == repo_id,
            _runs.workflow_id == workflow_id,
            _runs.conclusion == "success",
            _runs.completed_at.is_not(None),
        )
        .order_by(_runs.completed_at.desc())
        .limit(SAMPLES)
    )
    took = [row.completed_at - row.started_at for row in await conn.execute(query)]
    return int(median(took)) if took else None


async def branches_of(conn: AsyncConnection, repo_id: int, fingerprint: str, most: int = 10) -> tuple[str, ...]:
    """The branches on which a fingerprint occurred, the latest first."""
    query = (
        select(_failures.branch)
        .where(_failures.repo_id == repo_id, _failures.fingerprint == fingerprint)
        .group_by(_failures.branch)
        .order_by(func.max(_failures.detected_at).desc())
        .limit(most)
    )
    return tuple((await conn.execute(query)).scalars())
