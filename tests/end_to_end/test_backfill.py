"""The past of a repository: read when it is installed, stored once, and never told of."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.demo import deliveries, users
from bot.demo.github.records import RunRecord
from storage import failures, inbox_admin
from storage.tables import effects, pipeline_failures, pipeline_runs
from tests.end_to_end.world import PYTEST_LOG, REPO, RUFF_LOG, World, opened

pytestmark = pytest.mark.slow

RUNS = "/repos/{owner}/{repo}/actions/runs"
JOBS = "/repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}/jobs"
HOUR = 3600
DAY = 86_400


def past_run(
    world: World, ago: float, conclusion: str = "failure", log: str = PYTEST_LOG, **fields: object
) -> RunRecord:
    """A run that ended so many seconds ago, and took two minutes."""
    at = int(time.time() - ago)
    run = world.run(conclusion, created_at=at - 120, started_at=at - 120, updated_at=at, **fields)
    if conclusion == "failure":
        world.job(run, log)
    return run


async def installed(world: World) -> None:
    """GitHub says that the App was installed, and everything that follows is done."""
    [number] = world.state.installations
    assert await world.send(deliveries.installation(world.state, number)) == 202
    await worked_off(world)


async def worked_off(world: World) -> None:
    """Until no work of any kind is left."""
    assert await world.settled() == {}
    database = world.parts.database
    async with asyncio.timeout(60):
        while left := await unfinished(world):
            assert [job.last_error for job in left if job.state == "dead"] == []
            await database.wakeup.wait(database.wakeup.ticket, 0.2)


async def stored(world: World, table: object = pipeline_runs) -> list[int]:
    """The ids of the runs in a table, in order."""
    async with world.parts.database.read() as conn:
        return sorted((await conn.execute(select(table.c.run_id))).scalars())  # type: ignore[attr-defined]


async def test_the_last_week_is_known_after_the_installation(world: World) -> None:
    old = past_run(world, 8 * DAY)
    week = [past_run(world, ago, conclusion) for ago, conclusion in ((6 * DAY, "failure"), (DAY, "success"))]
    failed = past_run(world, HOUR, log=RUFF_LOG)
    await installed(world)
    assert await stored(world) == sorted(run.id for run in (*week, failed))
    assert old.id not in await stored(world)
    async with world.parts.database.read() as conn:
        [failure] = await failures.failures_of_run(conn, failed.repo_id, failed.id, 1)
    assert (failure.category, failure.rule is not None, failure.crossed) == ("linting", True, False)


async def test_both_databases_take_the_past(database_url: str, tmp_path: Path) -> None:
    async with opened(tmp_path, database_url) as world:
        for hours in range(30):
            past_run(world, hours * HOUR, "success" if hours % 3 else "failure")
        await installed(world)
        assert (len(await stored(world)), len(await stored(world, pipeline_failures))) == (30, 10)


async def test_nothing_is_said_of_the_past(world: World) -> None:
    for _ in range(4):
        past_run(world, DAY)
    pull = world.state.add_pull(REPO, "feature")
    past_run(world, HOUR, branch="feature", event="pull_request", pulls=(pull.number,))
    await installed(world)
    assert len(await stored(world, pipeline_failures)) == 5
    assert {request.method for request in world.github.requests if "access_tokens" not in request.path} == {"GET"}
    assert (world.issues, world.check_runs, pull.comments) == ([], [], [])


async def test_a_comment_that_was_red_is_green_once_the_past_says_so(world: World) -> None:
    pull = world.state.add_pull(REPO, "feature")
    assert pull.pull is not None
    fields = {"branch": "feature", "event": "pull_request", "pulls": (pull.number,)}
    for _ in range(3):
        run = await world.fail(**fields, sha=pull.pull.head_sha)
    [comment] = world.comments(pull.number)
    assert "1 job failed" in comment
    past_run(world, 0, "success", **fields, sha=run.head_sha)
    await installed(world)
    [comment] = world.comments(pull.number)
    assert "All green" in comment


async def test_what_the_past_tells_counts_for_the_present(world: World) -> None:
    past_run(world, DAY)
    past_run(world, HOUR)
    await installed(world)
    run = await world.fail()
    async with world.parts.database.read() as conn:
        [failure] = await failures.failures_of_run(conn, run.repo_id, run.id, 1)
    assert failure.retry_count == 2
    [issue] = world.issues
    green = world.run("success")
    await world.complete(green)
    assert issue.state == "closed"


async def test_a_second_reading_asks_for_nothing_that_is_known(world: World) -> None:
    past_run(world, HOUR)
    await installed(world)
    assert world.github.count("GET", JOBS) == 1
    await installed(world)
    assert world.github.count("GET", JOBS) == 1
    assert len(await stored(world, pipeline_failures)) == 1


async def test_what_ends_after_the_installation_is_left_to_its_delivery(world: World) -> None:
    run = past_run(world, -HOUR)
    await installed(world)
    assert await stored(world) == []
    await world.complete(run)
    assert [issue.state for issue in world.issues] == ["open"]
    assert len(world.check_runs) == 1


async def test_a_window_with_too_many_runs_is_halved(world: World) -> None:
    backfill = world.parts.history._backfill
    backfill._most_listed = 3
    expected = [past_run(world, DAY + minute * 60, "success").id for minute in range(20)]
    await installed(world)
    assert await stored(world) == sorted(expected)


async def test_all_pages_of_a_window_are_read(world: World) -> None:
    expected = [past_run(world, DAY + second, "success").id for second in range(230)]
    await installed(world)
    assert await stored(world) == sorted(expected)
    assert any(request.query.get("page") == "3" for request in world.github.requests)


async def test_a_limit_is_waited_for_at_no_cost_and_then_it_goes_on(world: World) -> None:
    past_run(world, HOUR)
    world.github.faults.secondary_limit(f"GET {RUNS}", retry_after=1)
    await installed(world)
    assert len(await stored(world, pipeline_failures)) == 1


async def test_the_last_of_the_hours_requests_are_left_to_what_happens_now(world: World) -> None:
    past_run(world, HOUR)
    world.github.desk.rates.limit = 8
    [number] = world.state.installations
    assert await world.send(deliveries.installation(world.state, number)) == 202
    assert await world.settled() == {}
    database = world.parts.database
    async with asyncio.timeout(20):
        while not (left := await unfinished(world)) or not left[0].last_error:
            await database.wakeup.wait(database.wakeup.ticket, 0.1)
    assert "what happens now" in left[0].last_error
    assert left[0].run_at_ms > (time.time() + 1800) * 1000
    assert sum(request.caller == "installation" for request in world.github.requests) == 7
    for budget in world.github.desk.rates.budgets.values():
        budget.limit = 5000
    await world.fail()
    assert len(world.check_runs) == 1


async def unfinished(world: World) -> list[inbox_admin.JobListing]:
    """All work that is not done."""
    async with world.parts.database.read() as conn:
        return await inbox_admin.list_jobs(conn, None, 100)


async def stored_effects(world: World) -> list[str]:
    """What is remembered of readings that are not through."""
    async with world.parts.database.read() as conn:
        return list((await conn.execute(select(effects.c.key).where(effects.c.kind == "backfill"))).scalars())


async def test_a_reading_that_was_cut_short_goes_on_where_it_was(world: World) -> None:
    runs = [past_run(world, hours * HOUR) for hours in (1, 2, 3)]
    world.github.faults.secondary_limit(f"GET {JOBS}", retry_after=1)
    await installed(world)
    assert await stored(world, pipeline_failures) == sorted(run.id for run in runs)
    assert sum(request.route == RUNS for request in world.github.requests) == 7
    assert world.github.count("GET", JOBS) == 4
    assert await stored_effects(world) == []


async def test_repositories_that_are_added_are_read_and_removed_ones_are_not(world: World) -> None:
    number = world.state.install("octo", [REPO])
    world.state.add_repository("octo/more")
    at = int(time.time()) - HOUR
    run = world.state.add_run("octo/more", created_at=at, started_at=at, updated_at=at + 60)
    world.state.add_job(run, log=PYTEST_LOG)
    assert await world.send(users.change_repositories(world.state, number, "octo/more")) == 202
    await worked_off(world)
    assert await stored(world, pipeline_failures) == [run.id]
    asked = len(world.github.requests)
    assert await world.send(users.change_repositories(world.state, number, "octo/more", added=False)) == 202
    await worked_off(world)
    assert len(world.github.requests) == asked


async def test_after_a_suspension_the_days_without_deliveries_are_read(world: World) -> None:
    [number] = world.state.installations
    await installed(world)
    assert await world.send(deliveries.installation(world.state, number, "suspend")) == 202
    await worked_off(world)
    run = past_run(world, 1)
    assert await world.send(deliveries.installation(world.state, number, "unsuspend")) == 202
    await worked_off(world)
    assert await stored(world) == [run.id]


async def test_logs_that_may_not_be_read_leave_the_runs_known(world: World) -> None:
    run = past_run(world, HOUR)
    refused = {"message": "Must have admin rights to Repository."}
    world.github.faults.answer("GET /repos/{owner}/{repo}/actions/jobs/{job_id}/logs", 403, body=refused)
    await installed(world)
    assert (await stored(world), await stored(world, pipeline_failures)) == ([run.id], [])


async def test_history_of_a_repository_that_is_gone_ends_quietly(world: World) -> None:
    world.github.faults.answer("GET /repos/{owner}/{repo}", 404, body={"message": "Not Found"})
    await installed(world)
    assert await stored(world) == []
