"""Each conclusion of a run is treated as what it is."""

from __future__ import annotations

import pytest

from storage import runs
from storage.failures import failures_query
from storage.model import Failure
from storage.rows import build
from tests.end_to_end.world import PYTEST_LOG, REPO, RUFF_LOG, World

TIME_LIMIT = "The job has exceeded the maximum execution time of 45m0s"


async def failures_of(world: World) -> list[Failure]:
    """Every stored failure, oldest first."""
    async with world.parts.database.read() as conn:
        return build(Failure, await conn.execute(failures_query()))


def calls(world: World) -> int:
    """Requests of the program to GitHub so far, tokens and the App's own name left out."""
    return sum(not request.route.startswith("/app") for request in world.github.requests)


async def test_a_green_run_costs_no_call(world: World) -> None:
    await world.complete(world.run("success"))
    assert world.github.requests == []


@pytest.mark.parametrize("conclusion", ["success", "neutral", "skipped", "stale", "action_required"])
async def test_a_run_that_did_not_fail_is_stored_and_nothing_else(world: World, conclusion: str) -> None:
    run = world.run(conclusion)
    await world.complete(run)
    async with world.parts.database.read() as conn:
        stored = await runs.run(conn, world.state.repository(REPO).id, run.id, 1)
    assert stored is not None
    assert stored.conclusion == conclusion
    assert world.github.requests == []


async def test_a_run_cancelled_by_a_person_is_no_failure(world: World) -> None:
    run = world.run("cancelled")
    world.job(run, "Some output\n##[error]The operation was canceled.\n", conclusion="cancelled")
    await world.complete(run)
    assert await failures_of(world) == []
    assert world.check_runs == []
    assert world.issues == []


async def test_a_time_out_that_github_calls_cancelled_is_found(world: World) -> None:
    run = world.run("cancelled")
    world.job(
        run,
        "2026-11-20T10:00:01.0000000Z waiting for the server\n"
        "2026-11-20T10:45:01.0000000Z ##[error]The operation was canceled.\n",
        conclusion="cancelled",
        annotations=[TIME_LIMIT, "The operation was canceled."],
    )
    world.job(run, None, "build", conclusion="success")
    await world.complete(run)
    [failure] = await failures_of(world)
    assert failure.category == "timeout"
    assert failure.job == "test"
    [check] = world.check_runs
    assert "timeout" in (check.summary or "")


async def test_a_time_out_beside_a_failed_job_is_found(world: World) -> None:
    run = world.run("failure")
    world.job(run, PYTEST_LOG)
    world.job(run, None, "slow", conclusion="cancelled", annotations=[TIME_LIMIT])
    await world.complete(run)
    assert {failure.category for failure in await failures_of(world)} == {"testing", "timeout"}


@pytest.mark.parametrize("conclusion", ["startup_failure", "failure"])
async def test_an_invalid_workflow_file_is_told_without_a_log(world: World, conclusion: str) -> None:
    run = world.run(conclusion, name=".github/workflows/ci.yml", path=".github/workflows/ci.yml")
    await world.complete(run)
    [failure] = await failures_of(world)
    assert failure.category in {"infrastructure", "build"}
    assert world.github.count("GET", "/repos/{owner}/{repo}/actions/jobs") == 0
    assert len(world.check_runs) == 1


async def test_a_timed_out_run_is_followed(world: World) -> None:
    run = world.run("timed_out")
    world.job(run, PYTEST_LOG, conclusion="timed_out")
    await world.complete(run)
    assert len(await failures_of(world)) == 1


async def test_a_job_that_never_started_is_told_by_its_annotation(world: World) -> None:
    run = world.run()
    world.job(
        run,
        None,
        steps=[],
        annotations=[
            "The job was not started because recent account payments have failed or your "
            "spending limit needs to be increased."
        ],
    )
    await world.complete(run)
    [failure] = await failures_of(world)
    assert failure.category == "infrastructure"
    assert "payments" in failure.message


async def test_an_expired_log_is_said(world: World) -> None:
    run = world.run()
    world.job(run, PYTEST_LOG, log_expired=True)
    await world.complete(run)
    [failure] = await failures_of(world)
    assert any("expired" in reason for reason in failure.reasons)
    [check] = world.check_runs
    assert "expired" in (check.summary or "")


async def test_a_log_that_is_late_is_waited_for(world: World) -> None:
    run = world.run()
    world.job(run, PYTEST_LOG, log_later=1)
    await world.send_run(run)
    await world.hurry()
    assert await world.settled() == {}
    [failure] = await failures_of(world)
    assert failure.category == "testing"


async def test_the_log_store_never_sees_the_token(world: World) -> None:
    await world.fail()
    [request] = [r for r in world.github.requests if r.route == "log-store"]
    assert "authorization" not in {name.lower() for name in request.headers}
    assert request.status == 200


async def test_every_failed_job_on_every_page_is_read(world: World) -> None:
    run = world.run()
    for number in range(130):
        world.job(run, None, f"ok {number}", conclusion="success")
    world.job(run, PYTEST_LOG, "test")
    world.job(run, RUFF_LOG, "lint")
    await world.complete(run)
    assert {(f.job, f.category) for f in await failures_of(world)} == {("test", "testing"), ("lint", "linting")}


async def test_a_large_matrix_is_sampled_and_every_leg_is_told(world: World) -> None:
    run = world.run()
    for number in range(120):
        world.job(run, PYTEST_LOG, f"test ({number})")
    await world.complete(run)
    assert len(await failures_of(world)) == 120
    assert world.github.count("GET", "log-store") <= 40
    assert len(world.issues) == 1
    [check] = world.check_runs
    assert "120" in (check.title or "") + (check.summary or "")


async def test_a_failing_run_with_one_failed_job_costs_at_most_six_calls(world: World) -> None:
    await world.fail()
    assert calls(world) <= 6
