"""Runs and failures of a time window, row by row: an export of a million runs must not be held in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from sqlalchemy import and_, or_

from storage.failures import failures_query
from storage.model import Failure, Run
from storage.runs import runs_query
from storage.tables import pipeline_failures, pipeline_runs

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from storage.scopes import Scope

_BATCH = 1_000
_runs = pipeline_runs.c
_failures = pipeline_failures.c


async def runs(conn: AsyncConnection, scope: Scope, since: int) -> AsyncIterator[Run]:
    """Every attempt that completed, or began and is not over, at or after `since`; by repository and run."""
    begun = and_(_runs.completed_at.is_(None), _runs.created_at >= since)
    query = runs_query().where(scope.within(_runs), or_(_runs.completed_at >= since, begun))
    order = (_runs.repo_id, _runs.run_id, _runs.run_attempt)
    async with conn.stream(query.order_by(*order).execution_options(yield_per=_BATCH)) as rows:
        async for row in rows:
            yield Run(**row._mapping)


async def failures(conn: AsyncConnection, scope: Scope, since: int) -> AsyncIterator[Failure]:
    """Every failure detected at or after `since`; by repository and run."""
    query = failures_query().where(scope.within(_failures), _failures.detected_at >= since)
    order = (_failures.repo_id, _failures.run_id, _failures.run_attempt, _failures.job_id)
    async with conn.stream(query.order_by(*order).execution_options(yield_per=_BATCH)) as rows:
        async for row in rows:
            yield Failure(**row._mapping)
