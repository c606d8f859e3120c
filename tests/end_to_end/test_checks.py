"""Check suites and check runs: ours, GitHub Actions' and other Apps'."""

from __future__ import annotations

from typing import Any

from bot.demo import deliveries, users
from bot.demo.github.identities import ACTIONS_APP_ID
from bot.demo.github.records import AnnotationRecord, AppRecord, CheckSuiteRecord
from storage import runs
from tests.end_to_end.test_conclusions import failures_of
from tests.end_to_end.world import PYTEST_LOG, REPO, RUFF_LOG, World

LINT = "app/cart.py:1:8: F401 [*] `os` imported but unused\nFound 1 error.\n"


def other_app(world: World) -> AppRecord:
    return world.state.create_app("octo-lint", permissions={"checks": "write"})


def suite_of(world: World, app: AppRecord, conclusion: str = "failure", **fields: Any) -> CheckSuiteRecord:
    """A completed suite of another App with one check run."""
    sha = world.state.repository(REPO).branches["main"]
    check = world.state.add_check_run(
        REPO, app.id, sha, "octo-lint", status="completed", conclusion=conclusion, **fields
    )
    suite = world.state.suites[check.suite_id]
    suite.head_branch = "main"
    return suite


async def told(world: World, suite: CheckSuiteRecord, action: str = "completed") -> None:
    assert await world.send(deliveries.check_suite(world.state, suite, action)) == 202
    assert await world.settled() == {}


async def test_a_red_suite_of_another_app_is_a_failed_run(world: World) -> None:
    app = other_app(world)
    suite = suite_of(world, app, title="1 problem", summary=LINT)
    await told(world, suite)
    [failure] = await failures_of(world)
    assert (failure.category, failure.run_id, failure.run_attempt, failure.job) == ("linting", suite.id, 1, "octo-lint")
    assert len(world.check_runs) == 1
    assert len(world.issues) == 1


async def test_annotations_of_another_app_are_read(world: World) -> None:
    annotations = [AnnotationRecord("`os` imported but unused (F401)", "app/cart.py", 1, 1)]
    await told(world, suite_of(world, other_app(world), title="1 problem", annotations=annotations))
    [failure] = await failures_of(world)
    assert (failure.path, failure.line) == ("app/cart.py", 1)


async def test_a_suite_of_another_app_that_turns_green_is_a_recovery(world: World) -> None:
    app = other_app(world)
    suite = suite_of(world, app, title="1 problem", summary=LINT)
    await told(world, suite)
    for check in world.state.runs_of_suite(suite.id):
        check.conclusion = "success"
    suite.updated_at += 60
    await told(world, suite)
    assert world.issues[0].state == "closed"
    assert world.check_runs[0].conclusion == "success"


async def test_a_green_suite_of_another_app_is_stored_and_costs_nothing(world: World) -> None:
    suite = suite_of(world, other_app(world), "success")
    await told(world, suite)
    async with world.parts.database.read() as conn:
        stored = await runs.run(conn, world.state.repository(REPO).id, suite.id, 1)
    assert stored is not None
    assert world.github.requests == []


async def test_suites_of_actions_and_our_own_are_not_counted_twice(world: World) -> None:
    run = await world.fail()
    before = len(world.github.requests)
    for suite in list(world.state.suites.values()):
        await told(world, suite)
    assert len(await failures_of(world)) == 1
    assert len(world.github.requests) == before
    assert any(suite.app_id == ACTIONS_APP_ID for suite in world.state.suites.values())
    assert run.suite_id in world.state.suites


async def test_a_requested_suite_alone_never_makes_a_check_run(world: World) -> None:
    sha = world.state.repository(REPO).branches["main"]
    suite = world.state.suite_of(world.state.repository(REPO), deliveries.own_app(world.state).id, sha)
    await told(world, suite, "requested")
    assert world.check_runs == []
    assert world.github.requests == []


async def test_a_rerequested_suite_is_read_again_and_its_check_run_written(world: World) -> None:
    run = world.run()
    job = world.job(run, PYTEST_LOG)
    await world.complete(run)
    [check] = world.check_runs
    job.log = RUFF_LOG.encode()
    check.status, check.conclusion = "queued", None
    await told(world, world.state.suites[check.suite_id], "rerequested")
    [check] = world.check_runs
    assert check.conclusion == "neutral"
    assert "linting" in (check.summary or "")


async def test_a_rerequested_check_run_is_written_again(world: World) -> None:
    await world.fail()
    [check] = world.check_runs
    check.conclusion = None
    assert await world.send(users.rerequest(world.state, check)) == 202
    assert await world.settled() == {}
    [check] = world.check_runs
    assert check.conclusion == "neutral"


async def test_an_update_does_not_repeat_annotations(world: World) -> None:
    await world.fail()
    [check] = world.check_runs
    once = len(check.annotations)
    assert once == 1
    await world.send(users.rerequest(world.state, check))
    await world.settled()
    assert len(world.check_runs[0].annotations) == once
