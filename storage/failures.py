"""Classified failures: recorded once a job attempt, open until their job or run is green again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, case, exists, func, or_, select, tuple_, update

from storage import joins
from storage.effects import check_run_key
from storage.model import Failure
from storage.recovery import as_broken, failed_jobs, mended, settle, successes
from storage.recurrence import recount, retry_count
from storage.rows import build, insert_into, names_of, values_of
from storage.tables import YES, effects, pipeline_failures, pipeline_runs, repositories

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.ext.asyncio import AsyncConnection

    from storage.model import Run

__all__ = [
    "anything_red",
    "failures_of_run",
    "keyed",
    "mark_crossed",
    "mended_in_pulls",
    "newest",
    "occurrences",
    "open_crossed",
    "open_later",
    "open_of_commit",
    "open_on_branch",
    "record",
    "recount",
    "recovered_on_commit",
    "retry_count",
    "set_verdict",
    "settle",
]

_failures = pipeline_failures.c
_KEY = ("repo_id", "run_id", "run_attempt", "job_id")
_DERIVED = ("retry_count", "crossed", "verdict", "resolved_at", "detected_at")


async def record(tx: AsyncConnection, failures: Sequence[Failure]) -> None:
    """Stores failures by (run, attempt, job). A known one keeps its recovery and first detection, stays crossed
    once it crossed, and keeps its verdict where the new one has none.
    """
    if not failures:
        return
    insert = insert_into(tx, pipeline_failures)
    new = insert.excluded
    learnt: dict[str, Any] = {name: new[name] for name in names_of(Failure) if name not in (*_KEY, *_DERIVED)}
    learnt["pattern"] = new.pattern
    under = await joins.under(tx, failures)
    learnt |= {
        "crossed": case((_failures.crossed == YES, _failures.crossed), else_=new.crossed),
        "verdict": func.coalesce(new.verdict, _failures.verdict),
        "detected_at": case((_failures.detected_at < new.detected_at, _failures.detected_at), else_=new.detected_at),
        "retry_count": new.retry_count,
    }
    statement = insert.on_conflict_do_update(index_elements=_KEY, set_=learnt)
    await tx.execute(statement, [values_of(failure) | {"pattern": under[failure.fingerprint]} for failure in failures])


async def mark_crossed(tx: AsyncConnection, failures: Sequence[Failure]) -> None:
    """Notes that these crossed the threshold, so that their recovery is part of closing the issue."""
    for failure in failures:
        await tx.execute(update(pipeline_failures).where(_is(failure)).values(crossed=True))


async def set_verdict(tx: AsyncConnection, failure: Failure, verdict: str) -> None:
    """Stores the verdict that was reported."""
    await tx.execute(update(pipeline_failures).where(_is(failure)).values(verdict=verdict))


async def failures_of_run(conn: AsyncConnection, repo_id: int, run_id: int, attempt: int) -> list[Failure]:
    """The failures of one run attempt, by job name."""
    query = failures_query().where(
        _failures.repo_id == repo_id, _failures.run_id == run_id, _failures.run_attempt == attempt
    )
    return build(Failure, await conn.execute(query.order_by(_failures.job, _failures.job_id)))


async def keyed(conn: AsyncConnection, repo_id: int, keys: Collection[tuple[int, int, int]]) -> list[Failure]:
    """Failures by (run id, attempt, job id)."""
    if not keys:
        return []
    key = tuple_(_failures.run_id, _failures.run_attempt, _failures.job_id)
    query = failures_query().where(_failures.repo_id == repo_id, key.in_(list(keys)))
    return build(Failure, await conn.execute(query.order_by(_failures.run_id, _failures.run_attempt, _failures.job_id)))


async def open_of_commit(conn: AsyncConnection, repo_id: int, commit: str) -> list[Failure]:
    """What is still broken on a commit, judged by the runs on that commit alone, by workflow and job.

    Of a job that failed in several attempts of a run the latest is given. That a later commit is green mends the
    branch, not this commit.
    """
    rows = await failed_jobs(conn, and_(_failures.repo_id == repo_id, _failures.commit == commit))
    if not rows:
        return []
    here = and_(pipeline_runs.c.repo_id == repo_id, pipeline_runs.c.commit == commit)
    found = mended(map(as_broken, rows), await successes(conn, here, {row.job for row in rows}))
    latest: dict[tuple[int, str], tuple[int, int, int]] = {}
    for row in sorted(rows, key=lambda row: (row.run_attempt, row.job_id)):
        if as_broken(row) not in found:
            latest[(row.run_id, row.job)] = (row.run_id, row.run_attempt, row.job_id)
    query = failures_query().where(_failures.repo_id == repo_id, _failures.commit == commit)
    everything = build(Failure, await conn.execute(query.order_by(_failures.workflow, _failures.job)))
    keys = set(latest.values())
    return [one for one in everything if (one.run_id, one.run_attempt, one.job_id) in keys]


async def recovered_on_commit(conn: AsyncConnection, repo_id: int, commit: str) -> list[Failure]:
    """What failed on a commit and is mended by the runs on that commit; of each job once."""
    query = failures_query().where(
        _failures.repo_id == repo_id, _failures.commit == commit, _failures.resolved_at.is_not(None)
    )
    found = build(Failure, await conn.execute(query.order_by(_failures.run_id, _failures.run_attempt)))
    return list({(one.workflow_id, one.job): one for one in found}.values())


async def open_crossed(
    conn: AsyncConnection, repo_id: int, fingerprint: str, gone_branches: frozenset[str] = frozenset()
) -> list[Failure]:
    """Failures that crossed the threshold and are not mended, newest first; an issue closes when none is left."""
    query = failures_query().where(
        _failures.repo_id == repo_id,
        _failures.fingerprint == fingerprint,
        _failures.crossed == YES,
        _failures.resolved_at.is_(None),
    )
    found = build(Failure, await conn.execute(query.order_by(*_newest_first())))
    return [failure for failure in found if failure.branch not in gone_branches]


async def open_later(conn: AsyncConnection, run: Run, fingerprints: Collection[str]) -> list[Failure]:
    """Failures with these fingerprints in later runs of the same workflow and branch that are not mended."""
    query = failures_query().where(
        _failures.repo_id == run.repo_id,
        _failures.workflow_id == run.workflow_id,
        _failures.branch == run.branch,
        _failures.run_id > run.run_id,
        _failures.fingerprint.in_(fingerprints),
        _failures.resolved_at.is_(None),
    )
    return build(Failure, await conn.execute(query.order_by(_failures.run_id, _failures.run_attempt, _failures.job)))


async def open_on_branch(conn: AsyncConnection, repo_id: int, branch: str, *, limit: int = 200) -> list[Failure]:
    """Failures of a branch that are not mended, newest first."""
    query = failures_query().where(
        _failures.repo_id == repo_id, _failures.branch == branch, _failures.resolved_at.is_(None)
    )
    return build(Failure, await conn.execute(query.order_by(*_newest_first()).limit(limit)))


async def occurrences(conn: AsyncConnection, repo_id: int, fingerprint: str, limit: int = 20) -> list[Failure]:
    """Failures with a fingerprint in one repository, newest first."""
    query = failures_query().where(_failures.repo_id == repo_id, _failures.fingerprint == fingerprint)
    return build(Failure, await conn.execute(query.order_by(*_newest_first()).limit(limit)))


async def mended_in_pulls(conn: AsyncConnection, repo_id: int, since: int, limit: int) -> list[str]:
    """Fingerprints that were resolved at or after `since` in pull requests, the latest first."""
    last = func.max(_failures.resolved_at)
    query = (
        select(_failures.fingerprint)
        .where(_failures.repo_id == repo_id, _failures.resolved_at >= since, _failures.pull_request.is_not(None))
        .group_by(_failures.fingerprint)
        .order_by(last.desc(), _failures.fingerprint)
        .limit(limit)
    )
    return list((await conn.execute(query)).scalars())


async def newest(conn: AsyncConnection, repo_id: int, *, pull_request: int | None = None) -> Failure | None:
    """The failure of a repository, or of one of its pull requests, that was detected last."""
    query = failures_query().where(_failures.repo_id == repo_id)
    if pull_request is not None:
        query = query.where(_failures.pull_request == pull_request)
    found = build(Failure, await conn.execute(query.order_by(*_newest_first()).limit(1)))
    return found[0] if found else None


async def anything_red(conn: AsyncConnection, repo_id: int, commit: str, workflow_id: int, branch: str) -> bool:
    """Whether a green run has anything to refresh on GitHub; asked before the run is stored and settled."""
    unresolved = exists().where(
        _failures.repo_id == repo_id,
        _failures.branch == branch,
        _failures.workflow_id == workflow_id,
        _failures.resolved_at.is_(None),
    )
    reported = exists().where(effects.c.key == check_run_key(repo_id, commit), effects.c.state == "done")
    return bool((await conn.execute(select(or_(unresolved, reported)))).scalar_one())


def failures_query() -> Select[Any]:
    """Selects failures with the present name of their repository, which may have changed since."""
    present = func.coalesce(repositories.c.full_name, _failures.repository).label("repository")
    columns = [present if name == "repository" else _failures[name] for name in names_of(Failure)]
    return select(*columns).join_from(
        pipeline_failures, repositories, repositories.c.id == _failures.repo_id, isouter=True
    )


def _is(failure: Failure) -> ColumnElement[bool]:
    return and_(*(_failures[name] == getattr(failure, name) for name in _KEY))


def _newest_first() -> tuple[ColumnElement[Any], ...]:
    return (_failures.detected_at.desc(), _failures.run_id.desc(), _failures.run_attempt.desc(), _failures.job)
