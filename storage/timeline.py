"""Since when something is red, and how long it usually takes."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from storage.tables import pipeline_failures, pipeline_runs

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from storage.model import Failure

_failures = pipeline_failures.c
_runs = pipeline_runs.c
SAMPLES = 20


@dataclass(frozen=True, slots=True)
class RedSince:
    """The commits between which a failure came into a branch; empty where they are not known."""

    first_red: str
    last_green: str


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
    red = select(_failures.commit).where(
        _failures.repo_id == failure.repo_id,
        _failures.workflow_id == failure.workflow_id,
        _failures.branch == failure.branch,
        _failures.fingerprint == failure.fingerprint,
        _failures.run_id > (last.run_id if last else 0),
    )
    first = (await conn.execute(red.order_by(_failures.run_id, _failures.run_attempt).limit(1))).scalar()
    return RedSince(first_red=first or "", last_green=last.commit if last else "")


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
