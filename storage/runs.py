"""Run attempts and the conclusions of their jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, exists, func, or_, select, update

from storage.advisory import one_at_a_time
from storage.merging import COUNTED, merge
from storage.model import JobResult, Run
from storage.rows import build, columns_of, insert_into, names_of, values_of
from storage.tables import COMPLETED, NO, YES, pipeline_jobs, pipeline_runs, repositories

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.ext.asyncio import AsyncConnection

_runs = pipeline_runs.c


async def record(tx: AsyncConnection, run: Run) -> bool:
    """Stores what is known of a run attempt; True if that changed anything.

    Order and repetition do not matter: a completed attempt stays completed, and facts learnt later are added.
    """
    # Two reports of one run at once would both find no row, or both call their attempt the latest.
    await one_at_a_time(tx, lock_of(run))
    key = and_(_attempt_of(run), _runs.run_attempt == run.run_attempt)
    row = (await tx.execute(select(*columns_of(pipeline_runs, Run)).where(key))).first()
    if row is None:
        await _add(tx, run)
        return True
    known = Run(**row._mapping)
    merged = merge(known, run)
    if merged == known:
        return False
    await tx.execute(update(pipeline_runs).where(key).values(values_of(merged)))
    return True


async def only_goes_on(tx: AsyncConnection, run: Run) -> bool:
    """Whether this is a first attempt that has not ended, of a run of which nothing else is known either."""
    if run.run_attempt > 1 or run.status == "completed":
        return False
    more = select(_runs.run_id).where(_attempt_of(run), or_(_runs.run_attempt > 1, _runs.status == COMPLETED))
    return (await tx.execute(more.limit(1))).first() is None


def lock_of(run: Run) -> str:
    """The lock that whoever changes what is known of a run holds."""
    return f"run:{run.repo_id}:{run.run_id}"


async def save_jobs(tx: AsyncConnection, results: Sequence[JobResult]) -> None:
    """Stores how jobs ended; a job that is known already is overwritten."""
    if not results:
        return
    insert = insert_into(tx, pipeline_jobs)
    learnt = {name: insert.excluded[name] for name in ("job", "conclusion", "started_at", "completed_at")}
    statement = insert.on_conflict_do_update(index_elements=["repo_id", "run_id", "run_attempt", "job_id"], set_=learnt)
    await tx.execute(statement, [values_of(result) for result in results])


async def run(conn: AsyncConnection, repo_id: int, run_id: int, attempt: int) -> Run | None:
    """One attempt, if it is known."""
    query = runs_query().where(_runs.repo_id == repo_id, _runs.run_id == run_id, _runs.run_attempt == attempt)
    return next(iter(build(Run, await conn.execute(query))), None)


async def runs_of_commit(conn: AsyncConnection, repo_id: int, commit: str) -> list[Run]:
    """The latest attempt of every run on a commit, by run id."""
    query = runs_query().where(_runs.repo_id == repo_id, _runs.commit == commit, _runs.latest == YES)
    return build(Run, await conn.execute(query.order_by(_runs.run_id)))


async def last_green(conn: AsyncConnection, run: Run) -> Run | None:
    """The newest successful run of the same workflow: of its branch if there is one, else of the default branch."""
    same = (
        _runs.repo_id == run.repo_id,
        _runs.workflow_id == run.workflow_id,
        _runs.conclusion == "success",
        _runs.latest == YES,
        _runs.fork == NO,
    )
    of_branch = () if run.fork else (_runs.branch == run.branch,)
    of_default = _runs.branch.in_(select(repositories.c.default_branch).where(repositories.c.id == run.repo_id))
    for branch in (*of_branch, of_default):
        query = runs_query().where(*same, branch).order_by(_runs.run_id.desc()).limit(1)
        found = next(iter(build(Run, await conn.execute(query))), None)
        if found is not None:
            return found
    return None


async def latest_run_of_each_workflow(conn: AsyncConnection, repo_id: int, branch: str) -> list[Run]:
    """For every workflow of the branch its newest run that counts (forks do not), by workflow name."""
    newest = (
        select(_runs.workflow_id, func.max(_runs.run_id).label("run_id"))
        .where(_runs.repo_id == repo_id, _runs.branch == branch, *_counts())
        .group_by(_runs.workflow_id)
        .subquery()
    )
    query = (
        runs_query()
        .join(newest, _runs.run_id == newest.c.run_id)
        .where(_runs.repo_id == repo_id, _runs.latest == YES)
        .order_by(_runs.workflow, _runs.run_id)
    )
    return build(Run, await conn.execute(query))


async def newest_of_pull(conn: AsyncConnection, repo_id: int, pull_request: int) -> Run | None:
    """The run of a pull request that was started last."""
    query = (
        runs_query()
        .where(pipeline_runs.c.repo_id == repo_id, pipeline_runs.c.pull_request == pull_request)
        .order_by(pipeline_runs.c.run_id.desc(), pipeline_runs.c.run_attempt.desc())
        .limit(1)
    )
    return next(iter(build(Run, await conn.execute(query))), None)


def runs_query() -> Select[Any]:
    """Selects runs with the present name of their repository, which may have changed since."""
    present = func.coalesce(repositories.c.full_name, _runs.repository).label("repository")
    columns = [present if name == "repository" else _runs[name] for name in names_of(Run)]
    return select(*columns).join_from(pipeline_runs, repositories, repositories.c.id == _runs.repo_id, isouter=True)


async def _add(tx: AsyncConnection, run: Run) -> None:
    later = select(exists().where(_attempt_of(run), _runs.run_attempt > run.run_attempt))
    latest = not (await tx.execute(later)).scalar_one()
    await tx.execute(insert_into(tx, pipeline_runs).values(**values_of(run), latest=latest))
    if latest:
        earlier = and_(_attempt_of(run), _runs.run_attempt < run.run_attempt)
        await tx.execute(update(pipeline_runs).where(earlier).values(latest=False))


def _attempt_of(run: Run) -> ColumnElement[bool]:
    return and_(_runs.repo_id == run.repo_id, _runs.run_id == run.run_id)


def _counts() -> tuple[ColumnElement[bool], ...]:
    return (_runs.latest == YES, _runs.conclusion.in_(COUNTED), _runs.fork == NO)
