"""What was lost while nobody listened: deliveries are sent again, runs looked up, older days read from the lists."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.demo import deliveries, users
from bot.demo.github.records import RunRecord
from storage import inbox_admin, runs, schedules
from storage.model import Run
from storage.tables import pipeline_failures, pipeline_runs
from storage.tables import schedules as table
from tests.end_to_end.world import REPO, Clock, World, opened

pytestmark = pytest.mark.slow

ATTEMPTS = "/app/hook/deliveries/{delivery_id}/attempts"
LIST = "/app/hook/deliveries"
HOUR = 3600
DAY = 86_400


@pytest.fixture
def clock() -> Clock:
    """The program's clock; GitHub keeps its own."""
    return Clock()


@pytest.fixture
async def swept(tmp_path: Path, clock: Clock) -> AsyncIterator[World]:
    """A world whose App gets its deliveries at the address of the program."""
    async with opened(tmp_path, f"sqlite:///{tmp_path / 'pipeline.db'}", clock=clock) as world:
        for record in world.state.apps.values():
            record.webhook_url = f"{world.url}/webhook"
        # The first round at start finds nothing; the tests' rounds come after it.
        await world.parts.upkeep.once()
        yield world


async def sweep(world: World, clock: Clock) -> None:
    """The next round, with everything that follows from it."""
    clock.ahead += HOUR + 60
    await world.parts.upkeep.once()
    await world.github.delivered()
    async with asyncio.timeout(60):
        while await left(world):
            await world.parts.database.wakeup.wait(world.parts.database.wakeup.ticket, 0.1)


async def left(world: World) -> list[inbox_admin.JobListing]:
    """Work that is not done."""
    async with world.parts.database.read() as conn:
        return await inbox_admin.list_jobs(conn, None, 1000)


async def ids(world: World, where: object = pipeline_runs) -> list[int]:
    """The ids of the runs in a table, in order."""
    async with world.parts.database.read() as conn:
        return sorted((await conn.execute(select(where.c.run_id))).scalars())  # type: ignore[attr-defined]


def failed(world: World) -> RunRecord:
    """A run with a failed job, of which GitHub has not told yet."""
    run = world.run()
    world.job(run)
    return run


def sent_again(world: World) -> int:
    """How many deliveries were asked for again."""
    return world.github.count("POST", ATTEMPTS)


async def test_a_delivery_that_nobody_answered_arrives_after_all(swept: World, clock: Clock) -> None:
    run = failed(swept)
    swept.github.lose(deliveries.workflow_run(swept.state, run))
    await sweep(swept, clock)
    assert await ids(swept, pipeline_failures) == [run.id]
    assert len(swept.check_runs) == 1
    assert sent_again(swept) == 1
    await sweep(swept, clock)
    assert sent_again(swept) == 1


@pytest.mark.parametrize(("code", "again"), [(0, 1), (500, 1), (503, 1), (401, 1), (202, 0), (200, 0), (302, 0)])
async def test_the_status_code_alone_says_whether_it_was_lost(
    swept: World, clock: Clock, code: int, again: int
) -> None:
    swept.github.lose(deliveries.workflow_run(swept.state, failed(swept)), status_code=code, status="OK")
    await sweep(swept, clock)
    assert sent_again(swept) == again


async def test_attempts_are_taken_together_and_one_good_one_is_enough(swept: World, clock: Clock) -> None:
    delivery = deliveries.workflow_run(swept.state, failed(swept))
    for code in (503, 0, 202, 503):
        swept.github.lose(delivery, status_code=code)
    await sweep(swept, clock)
    assert sent_again(swept) == 0


async def test_several_bad_attempts_are_one_redelivery(swept: World, clock: Clock) -> None:
    delivery = deliveries.workflow_run(swept.state, failed(swept))
    for _ in range(3):
        swept.github.lose(delivery)
    await sweep(swept, clock)
    assert sent_again(swept) == 1


async def test_what_arrived_although_its_answer_did_not_is_not_asked_for(swept: World, clock: Clock) -> None:
    delivery = deliveries.workflow_run(swept.state, failed(swept))
    await swept.send(delivery)
    await swept.settled()
    swept.github.lose(delivery)
    await sweep(swept, clock)
    assert sent_again(swept) == 0
    assert len(swept.check_runs) == 1


async def test_a_redelivery_of_something_known_has_no_second_effect(swept: World, clock: Clock) -> None:
    issue = swept.state.add_issue(REPO)
    told = [
        deliveries.workflow_run(swept.state, failed(swept)),
        users.post_comment(swept.state, REPO, issue.number, "/pipeline health", author="octo"),
    ]
    for delivery in (*told, *told):
        await swept.github.deliver(delivery, redelivery=True)
        await sweep(swept, clock)
    assert len(swept.check_runs) == 1
    assert len(issue.comments) == 2
    assert len(await ids(swept, pipeline_failures)) == 1


async def test_events_that_nobody_handles_are_left_lost(swept: World, clock: Clock) -> None:
    run = failed(swept)
    swept.github.lose(deliveries.workflow_job(swept.state, run.latest.jobs[0]))
    swept.github.lose(deliveries.ping(swept.state))
    await sweep(swept, clock)
    assert sent_again(swept) == 0


async def test_more_than_a_hundred_are_sent_in_several_rounds_and_none_is_forgotten(swept: World, clock: Clock) -> None:
    lost = [swept.run("success") for _ in range(230)]
    for run in lost:
        swept.github.lose(deliveries.workflow_run(swept.state, run))
    counts = []
    for _ in range(3):
        clock.ahead += 61
        await swept.parts.upkeep.once()
        if not counts:
            clock.ahead += 600
            await swept.parts.upkeep.once()
        await swept.github.delivered()
        counts.append(sent_again(swept))
    await sweep(swept, clock)
    assert counts == [100, 200, 230]
    assert await ids(swept) == sorted(run.id for run in lost)
    assert sum(one.query.get("cursor", "") != "" for one in swept.github.requests if one.route == LIST) >= 2


async def test_one_that_is_refused_again_and_again_is_given_up(swept: World, clock: Clock) -> None:
    for record in swept.state.apps.values():
        record.webhook_url = f"{swept.url}/nowhere"
    swept.github.lose(deliveries.workflow_run(swept.state, failed(swept)))
    clock.ahead = 601
    for _ in range(8):
        await swept.parts.upkeep.once()
        await swept.github.delivered()
        await swept.parts.database.write(lambda tx: schedules.hasten(tx, "sweep", 0))
    assert sent_again(swept) == 5


async def test_github_being_away_is_no_end_of_it(swept: World, clock: Clock) -> None:
    swept.github.lose(deliveries.workflow_run(swept.state, failed(swept)))
    swept.github.faults.answer(f"GET {LIST}", 502, times=3)
    await sweep(swept, clock)
    assert sent_again(swept) == 0
    await sweep(swept, clock)
    assert sent_again(swept) == 1


async def test_after_more_than_three_days_the_run_lists_tell_the_rest(swept: World, clock: Clock) -> None:
    await swept.fail()
    known = await ids(swept)
    at = int(time.time()) - 4 * DAY
    old = swept.run(created_at=at, started_at=at, updated_at=at + 60)
    swept.job(old)
    notices = len(swept.issues), len(swept.check_runs)
    long_ago = table.update().where(table.c.name == "swept").values(last_run_at=at - HOUR)
    await swept.parts.database.write(lambda tx: tx.execute(long_ago))
    await sweep(swept, clock)
    assert await ids(swept, pipeline_failures) == sorted([*known, old.id])
    assert (len(swept.issues), len(swept.check_runs)) == notices


async def never_told(world: World, run: RunRecord, began: float) -> None:
    """The run as it was stored when it began; nobody told of its end."""
    status, run.latest.status = run.latest.status, "in_progress"
    conclusion, run.latest.conclusion = run.latest.conclusion, None
    assert await world.send(deliveries.workflow_run(world.state, run, "in_progress")) == 202
    await world.settled()
    run.latest.status, run.latest.conclusion = status, conclusion
    async with world.parts.database.read() as conn:
        known = await runs.run(conn, run.repo_id, run.id, 1)
    assert known is not None
    early: Run = replace(known, created_at=int(began), started_at=int(began))
    await world.parts.database.write(lambda tx: runs.record(tx, early))


async def test_a_run_whose_end_was_never_told_is_looked_up_and_reported(swept: World, clock: Clock) -> None:
    run = failed(swept)
    await never_told(swept, run, time.time() - 4 * HOUR)
    await sweep(swept, clock)
    assert await ids(swept, pipeline_failures) == [run.id]
    assert len(swept.check_runs) == 1


async def test_an_end_of_days_ago_is_stored_and_not_reported(swept: World, clock: Clock) -> None:
    run = failed(swept)
    run.latest.updated_at = time.time() - 5 * DAY
    await never_told(swept, run, time.time() - 5 * DAY - HOUR)
    await sweep(swept, clock)
    assert await ids(swept, pipeline_failures) == [run.id]
    assert (swept.check_runs, swept.issues) == ([], [])


async def test_a_run_that_goes_on_is_left_alone_and_one_that_is_gone_ends(swept: World, clock: Clock) -> None:
    running, gone = swept.run(None, status="in_progress"), swept.run(None, status="in_progress")
    for run in (running, gone):
        await never_told(swept, run, time.time() - 4 * HOUR)
    del swept.state.runs[gone.id]
    await sweep(swept, clock)
    async with swept.parts.database.read() as conn:
        stored = {run.id: await runs.run(conn, run.repo_id, run.id, 1) for run in (running, gone)}
    assert [stored[run.id].status for run in (running, gone)] == ["in_progress", "completed"]  # type: ignore[union-attr]
    asked = swept.github.count("GET", "/repos/{owner}/{repo}/actions/runs/{run_id}")
    assert asked == 2
    clock.ahead += 600
    await swept.parts.upkeep.once()
    assert await left(swept) == []


async def test_runs_that_began_lately_are_not_asked_about(swept: World, clock: Clock) -> None:
    run = swept.run(None, status="in_progress")
    await never_told(swept, run, time.time() - HOUR)
    await sweep(swept, clock)
    assert swept.github.count("GET", "/repos/{owner}/{repo}/actions/runs/{run_id}") == 0
