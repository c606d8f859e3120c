"""What of the history is not known yet."""

from __future__ import annotations

from storage import backlog, history, inbox, installations, runs, schedules
from storage.database import Database
from storage.model import JobResult
from tests.factories import NOW, a_failure, a_repository, a_run

HOUR = 3600


async def test_attempts_that_ended_are_known_and_others_are_not(database: Database) -> None:
    await database.write(lambda tx: runs.record(tx, a_run(run_id=1)))
    await database.write(lambda tx: runs.record(tx, a_run(run_id=2, status="in_progress", conclusion=None)))
    async with database.read() as conn:
        assert await backlog.completed(conn, 7, [1, 2, 3]) == {(1, 1)}
        assert await backlog.completed(conn, 7, []) == set()
        assert await backlog.completed(conn, 8, [1]) == set()


async def test_the_newest_failed_runs_without_jobs_are_unread(database: Database) -> None:
    read, judged = a_run(run_id=5), a_run(run_id=4)
    job = JobResult(
        repo_id=7, run_id=5, run_attempt=1, job_id=1, job="x", conclusion="success", started_at=None, completed_at=None
    )
    for run in (
        *(a_run(run_id=number) for number in (1, 2, 3, 6)),
        a_run(run_id=7, conclusion="success"),
        a_run(run_id=8, event="check_suite"),
        a_run(run_id=9, conclusion="cancelled"),
    ):
        await database.write(lambda tx, run=run: history.learn(tx, run))  # type: ignore[misc]
    await database.write(lambda tx: history.learn(tx, read, [job]))
    await database.write(lambda tx: history.learn(tx, judged, (), [a_failure(run_id=4)]))
    since = NOW - HOUR
    async with database.read() as conn:
        assert [run.run_id for run in await backlog.unread(conn, 7, since=since, newest=5)] == [6, 3, 2]
        assert [run.run_id for run in await backlog.unread(conn, 7, since=since, newest=50, below=3)] == [2, 1]
        assert await backlog.unread(conn, 7, since=NOW, newest=50) == []
        assert await backlog.unread(conn, 7, since=since, newest=0) == []


async def test_unfinished_are_the_runs_in_reach_whose_end_is_not_known(database: Database) -> None:
    live = {"status": "in_progress", "conclusion": None, "completed_at": None}
    await database.write(
        lambda tx: installations.save_repositories(tx, [a_repository(), a_repository(id=8, full_name="a/b")])
    )
    for run in (
        a_run(run_id=1, started_at=NOW - 4 * HOUR, **live),
        a_run(run_id=2, started_at=NOW - HOUR, **live),
        a_run(run_id=3, started_at=NOW - 4 * HOUR),
        a_run(run_id=4, started_at=NOW - 4 * HOUR, **live | {"repo_id": 8}),
        a_run(run_id=5, started_at=NOW - 5 * HOUR, **live),
        a_run(run_id=5, run_attempt=2, started_at=NOW - 4 * HOUR),
    ):
        await database.write(lambda tx, run=run: runs.record(tx, run))  # type: ignore[misc]
    await database.write(lambda tx: installations.remove_repositories(tx, [8], NOW))
    async with database.read() as conn:
        found = await backlog.unfinished(conn, since=NOW - 9 * HOUR, until=NOW - 3 * HOUR, limit=10)
        assert [run.run_id for run in found] == [1]
        assert [repo.id for repo in await backlog.in_reach(conn)] == [7]


async def test_work_under_a_key_is_there_until_it_is_done(database: Database) -> None:
    async with database.read() as conn:
        assert await backlog.work(conn, "key") is None
    await database.write(
        lambda tx: inbox.enqueue(tx, kind="backfill", dedupe="key", lane=None, args=b"{}", run_at_ms=0)
    )
    async with database.read() as conn:
        assert await backlog.work(conn, "key") == backlog.Work(dead=False, last_error="")


async def test_a_mark_goes_forward_only_and_a_task_may_be_due_sooner(database: Database) -> None:
    async with database.read() as conn:
        assert await schedules.reached(conn, "swept") is None
    for at in (10, 30, 20):
        await database.write(lambda tx, at=at: schedules.mark(tx, "swept", at))  # type: ignore[misc]
    async with database.read() as conn:
        assert await schedules.reached(conn, "swept") == 30
    assert await database.write(lambda tx: schedules.due(tx, "sweep", 100, 600))
    await database.write(lambda tx: schedules.hasten(tx, "sweep", 160))
    assert not await database.write(lambda tx: schedules.due(tx, "sweep", 159, 600))
    assert await database.write(lambda tx: schedules.due(tx, "sweep", 160, 600))
    await database.write(lambda tx: schedules.hasten(tx, "sweep", 9999))
    assert await database.write(lambda tx: schedules.due(tx, "sweep", 760, 600))
