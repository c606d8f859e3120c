"""What the dashboards count. One covering index answers a window of one repository or installation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Float, case, cast, func, select

from storage.merging import COUNTED
from storage.model import Health
from storage.tables import YES, pipeline_runs

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

_runs = pipeline_runs.c
_SCORES = ((95.0, "excellent"), (85.0, "good"), (70.0, "fair"), (0.0, "poor"))


async def health(
    conn: AsyncConnection,
    *,
    since: int,
    until: int,
    time_range: str,
    repo_id: int | None = None,
    repository: str | None = None,
    installation_id: int | None = None,
) -> Health:
    """Health over the runs whose latest attempt completed in `since <= t < until`.

    `time_range` and `repository` are passed through as they are shown. Cancelled, skipped, neutral and running runs
    do not count.
    """
    took = case((_runs.started_at > 0, _runs.completed_at - _runs.started_at))
    query = select(
        func.count().label("total"),
        func.count(case((_runs.conclusion == COUNTED[0], 1))).label("good"),
        # A run that was re-recorded with odd clocks must not make the average negative.
        func.avg(cast(case((took >= 0, took)), Float)).label("seconds"),
    ).where(
        _runs.latest == YES,
        _runs.completed_at >= since,
        _runs.completed_at < until,
        _runs.conclusion.in_(COUNTED),
    )
    if repo_id is not None:
        query = query.where(_runs.repo_id == repo_id)
    if installation_id is not None:
        query = query.where(_runs.installation_id == installation_id)
    return _health((await conn.execute(query)).one(), time_range, repository)


def score(success_rate: float | None) -> str:
    """The word for a success rate in percent."""
    if success_rate is None:
        return "unknown"
    return next(word for least, word in _SCORES if success_rate >= least)


def _health(row: Any, time_range: str, repository: str | None) -> Health:
    rate = round(100.0 * row.good / row.total, 1) if row.total else None
    return Health(
        time_range=time_range,
        repository=repository,
        success_rate=rate,
        total_runs=row.total,
        successful_runs=row.good,
        failed_runs=row.total - row.good,
        average_duration_minutes=round((row.seconds or 0.0) / 60, 2),
        health_score=score(rate),
    )
