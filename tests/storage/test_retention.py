"""What is forgotten and what is kept."""

from __future__ import annotations

from sqlalchemy import func, select

from bot.upkeep import Upkeep
from classifiers.model import RunnerUp
from storage import failures, patterns, retention, runs, tables
from storage.database import Database
from storage.inbox_accept import Acceptor
from storage.model import NewDelivery
from tests.storage.facts import START, make_failure, make_run

DAY = 86_400


async def count(database: Database, table: object) -> int:
    async with database.read() as conn:
        return int((await conn.execute(select(func.count()).select_from(table))).scalar_one())  # type: ignore[arg-type]


LOST = RunnerUp("runner-exit-code", "unknown", "Process completed with exit code 1", 9, 33.0, "wrapper, not cause")


async def filled(database: Database) -> None:
    """One old failed run, with everything that hangs on it."""
    run = make_run(1)

    async def store(tx: object) -> None:
        await runs.record(tx, run)  # type: ignore[arg-type]
        await failures.record(tx, [make_failure(run, runners_up=(LOST,))])  # type: ignore[arg-type]
        await patterns.refresh(tx, 1, {"f1"})  # type: ignore[arg-type]

    await database.write(store)


async def test_excerpts_go_first_and_the_rest_after_its_time(database: Database) -> None:
    await filled(database)
    async with database.read() as conn:
        [whole] = await failures.occurrences(conn, 100, "f1")
    assert whole.runners_up == (LOST,)
    gone = await retention.prune(database, START + 100 * DAY, retention_days=400, excerpt_days=90)
    assert (gone.excerpts, gone.runs, gone.failures) == (1, 0, 0)
    async with database.read() as conn:
        [kept] = await failures.occurrences(conn, 100, "f1")
    assert (kept.excerpt, kept.runners_up) == ("", ())
    assert kept.message

    gone = await retention.prune(database, START + 500 * DAY, retention_days=400, excerpt_days=90)
    assert (gone.runs, gone.failures, gone.patterns) == (1, 1, 1)
    assert await count(database, tables.pipeline_runs) == 0


async def test_a_delivery_is_forgotten_only_once_it_is_no_work(database: Database) -> None:
    delivery = NewDelivery(
        guid="g",
        event="workflow_run",
        action="completed",
        installation_id=1,
        repo_id=1,
        lane=None,
        body=b"{}",
        received_at_ms=START * 1000,
    )
    await Acceptor(database).accept(delivery)
    assert (await retention.prune(database, START + 9 * DAY, retention_days=400, excerpt_days=90)).deliveries == 0
    await database.write(lambda tx: tx.execute(tables.jobs.delete()))
    assert (await retention.prune(database, START + 7 * DAY, retention_days=400, excerpt_days=90)).deliveries == 0
    assert (await retention.prune(database, START + 9 * DAY, retention_days=400, excerpt_days=90)).deliveries == 1


async def test_upkeep_prunes_once_a_day_whoever_asks(database: Database) -> None:
    await filled(database)
    times = [START + 500 * DAY]
    workers = [Upkeep(database, clock=lambda: times[-1], retention_days=400, excerpt_days=90) for _ in range(2)]
    await workers[0].once()
    assert await count(database, tables.pipeline_runs) == 0
    await filled(database)
    times.append(times[-1] + 3600)
    await workers[1].once()
    assert await count(database, tables.pipeline_runs) == 1
    times.append(times[-1] + DAY)
    await workers[1].once()
    assert await count(database, tables.pipeline_runs) == 0
