"""When a failure was mended: at the first later success of its job, or of its whole run.

Later means a higher (run id, attempt) of the same workflow and branch, so a second attempt of the same run counts too,
and so does the run itself once it is green as a whole.
Runs of forks never mend the repository's own branch of the same name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, or_, select, update

from storage.tables import pipeline_failures, pipeline_jobs, pipeline_runs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncConnection

_runs = pipeline_runs.c
_jobs = pipeline_jobs.c
_failures = pipeline_failures.c


@dataclass(frozen=True, slots=True, order=True)
class Success:
    """Something that succeeded: a job, or with `job` None the whole run attempt. `line` is where it ran."""

    run_id: int
    attempt: int
    at: int
    job: str | None
    line: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Broken:
    """A failed job of a run attempt. `line` must equal that of what mends it."""

    run_id: int
    attempt: int
    job_id: int
    job: str
    line: tuple[Any, ...]


def mended(broken: Iterable[Broken], successes: Iterable[Success]) -> dict[Broken, Success]:
    """For every failure that was mended, the first success after it."""
    newest_first = sorted(successes, key=lambda one: (one.run_id, one.attempt, one.job is None, one.at), reverse=True)
    following: dict[tuple[Any, ...], Success] = {}
    found: dict[Broken, Success] = {}
    place = 0
    for failure in sorted(broken, key=lambda one: (one.run_id, one.attempt), reverse=True):
        while place < len(newest_first) and _after(newest_first[place], failure):
            success = newest_first[place]
            following[(*success.line, success.job)] = success
            place += 1
        either = [following.get((*failure.line, job)) for job in (failure.job, None)]
        candidates = [one for one in either if one is not None]
        if candidates:
            found[failure] = min(candidates, key=lambda one: (one.run_id, one.attempt, one.at))
    return found


def _after(success: Success, failure: Broken) -> bool:
    mending, broken = (success.run_id, success.attempt), (failure.run_id, failure.attempt)
    # A suite of another App keeps its id and attempt when it is run again: its row itself turns green.
    return mending > broken or (mending == broken and success.job is None)


async def settle(
    tx: AsyncConnection, repo_id: int, workflow_id: int, branch: str, *, around: int | None = None
) -> list[tuple[int, int, int]]:
    """Sets or clears `resolved_at` from the stored runs and jobs alone, whatever order they arrived in.

    `around` narrows it to what facts of that run can change. Returns the keys (run id, attempt, job id) of failures
    that were open and are resolved now.
    """
    scope = and_(_failures.repo_id == repo_id, _failures.branch == branch, _failures.workflow_id == workflow_id)
    if around is not None:
        touched = or_(_failures.resolved_run_id.is_(None), _failures.resolved_run_id >= around)
        scope = and_(scope, _failures.run_id <= around, touched)
    rows = await failed_jobs(tx, scope)
    if not rows:
        return []
    runs = and_(_runs.repo_id == repo_id, _runs.branch == branch, _runs.workflow_id == workflow_id)
    runs = and_(runs, _runs.run_id >= min(row.run_id for row in rows))
    found = mended(map(as_broken, rows), await successes(tx, runs, {row.job for row in rows}))
    return await _apply(tx, repo_id, rows, found)


async def failed_jobs(conn: AsyncConnection, where: ColumnElement[bool]) -> Sequence[Any]:
    """Failures with what decides on their recovery."""
    query = (
        select(
            *(_failures.run_id, _failures.run_attempt, _failures.job_id, _failures.job),
            *(_failures.workflow_id, _failures.branch, _runs.fork),
            *(_failures.resolved_at, _failures.resolved_run_id),
        )
        .join_from(
            pipeline_failures,
            pipeline_runs,
            and_(
                _runs.repo_id == _failures.repo_id,
                _runs.run_id == _failures.run_id,
                _runs.run_attempt == _failures.run_attempt,
            ),
            isouter=True,
        )
        .where(where)
    )
    return (await conn.execute(query)).all()


def as_broken(row: Any) -> Broken:
    """A row of `failed_jobs` as the pure function wants it."""
    line = (row.workflow_id, row.branch, bool(row.fork))
    return Broken(row.run_id, row.run_attempt, row.job_id, row.job, line)


async def successes(conn: AsyncConnection, runs: ColumnElement[bool], jobs: set[str]) -> list[Success]:
    """Green runs among `runs`, and green jobs of those names in any of them."""
    common = (_runs.run_id, _runs.run_attempt, _runs.workflow_id, _runs.branch, _runs.fork)
    at = func.coalesce(_runs.completed_at, _runs.created_at).label("at")
    whole = select(*common, at).where(runs, _runs.conclusion == "success")
    found = [_success(row, None) for row in await conn.execute(whole)]
    at = func.coalesce(_runs.completed_at, _jobs.completed_at, _runs.created_at).label("at")
    single = (
        select(*common, at, _jobs.job)
        .join_from(
            pipeline_runs,
            pipeline_jobs,
            and_(
                _jobs.repo_id == _runs.repo_id,
                _jobs.run_id == _runs.run_id,
                _jobs.run_attempt == _runs.run_attempt,
            ),
        )
        .where(runs, _jobs.conclusion == "success", _jobs.job.in_(jobs))
    )
    return found + [_success(row, row.job) for row in await conn.execute(single)]


def _success(row: Any, job: str | None) -> Success:
    return Success(row.run_id, row.run_attempt, row.at, job, (row.workflow_id, row.branch, row.fork))


async def _apply(
    tx: AsyncConnection, repo_id: int, rows: Sequence[Any], found: dict[Broken, Success]
) -> list[tuple[int, int, int]]:
    recovered = []
    for row in rows:
        success = found.get(as_broken(row))
        verdict = (None, None) if success is None else (success.at, success.run_id)
        if verdict == (row.resolved_at, row.resolved_run_id):
            continue
        key = (row.run_id, row.run_attempt, row.job_id)
        if row.resolved_at is None and success is not None:
            recovered.append(key)
        statement = update(pipeline_failures).where(
            _failures.repo_id == repo_id,
            _failures.run_id == row.run_id,
            _failures.run_attempt == row.run_attempt,
            _failures.job_id == row.job_id,
        )
        await tx.execute(statement.values(resolved_at=verdict[0], resolved_run_id=verdict[1]))
    return recovered
