"""Telling the database what happened, and asking what it made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage import failures, history
from tests.storage.facts import REPO, make_failure, make_job, make_run

if TYPE_CHECKING:
    from storage.database import Database
    from storage.history import Learnt
    from storage.model import Failure, Run


async def learn(database: Database, run: Run, *failed: Failure, green: tuple[str, ...] = ()) -> Learnt:
    jobs = [make_job(run, job) for job in green]
    jobs += [make_job(run, failure.job, "failure") for failure in failed]
    return await database.write(lambda tx: history.learn(tx, run, jobs, failed))


async def red(
    database: Database, run_id: int, run_attempt: int = 1, fingerprint: str = "f1", **more: object
) -> Failure:
    run = make_run(run_id, run_attempt, **more)  # type: ignore[arg-type]
    learnt = await learn(database, run, make_failure(run, fingerprint=fingerprint))
    return learnt.failures[0]


async def green(database: Database, run_id: int, run_attempt: int = 1, **more: object) -> Learnt:
    return await learn(database, make_run(run_id, run_attempt, "success", **more))  # type: ignore[arg-type]


async def stored(database: Database, run_id: int, run_attempt: int = 1) -> Failure:
    async with database.read() as conn:
        return (await failures.failures_of_run(conn, REPO, run_id, run_attempt))[0]
