"""A weak verdict is held against the last green log of the same job, within bounds."""

from __future__ import annotations

import pytest

from storage.model import Failure
from tests.end_to_end.test_conclusions import calls, failures_of
from tests.end_to_end.world import PYTEST_LOG, World

pytestmark = pytest.mark.slow

HEAD = """2026-11-20T10:00:01.0000000Z ##[group]Run ./plan.sh
2026-11-20T10:00:01.1000000Z \x1b[36;1m./plan.sh\x1b[0m
2026-11-20T10:00:01.3000000Z ##[endgroup]
2026-11-20T10:00:02.0000000Z Loading the plan
"""
NEWS = "2026-11-20T10:00:03.0000000Z The widget of room 7 is not level\n"
TAIL = "2026-11-20T10:00:04.0000000Z Putting away the tools\n"
EXIT = "2026-11-20T10:00:05.0000000Z ##[error]Process completed with exit code 3.\n"
RED, GREEN = HEAD + NEWS + TAIL + EXIT, HEAD + TAIL
SAID = "The last green log does not have this line."


async def green(world: World, log: str | None = GREEN, name: str = "test", **fields: object) -> None:
    run = world.run("success", **fields)
    world.job(run, log, name, conclusion="success")
    await world.complete(run)


async def newest(world: World) -> Failure:
    return (await failures_of(world))[-1]


async def test_the_line_that_the_last_green_log_lacks_is_shown_and_said(world: World) -> None:
    await green(world)
    await world.fail(RED)
    failure = await newest(world)
    assert failure.message == "The widget of room 7 is not level"
    assert SAID in failure.reasons
    assert "The widget of room 7" in failure.excerpt
    [check] = world.check_runs
    assert "The widget of room 7" in (check.summary or "")


async def test_a_branch_without_a_green_run_is_held_against_the_default_branch(world: World) -> None:
    await green(world)
    await world.fail(RED, branch="fix/floor")
    assert SAID in (await newest(world)).reasons


async def test_a_strong_verdict_asks_for_no_green_log(world: World) -> None:
    await green(world)
    await world.fail(PYTEST_LOG)
    assert world.github.count("GET", "log-store") == 1


async def test_the_green_log_is_read_once_for_many_failures(world: World) -> None:
    await green(world)
    await world.fail(RED)
    first = world.github.count("GET", "log-store")
    before = calls(world)
    await world.fail(RED)
    assert (first, world.github.count("GET", "log-store")) == (2, 3)
    assert before <= 11
    assert calls(world) - before <= 8


async def test_a_run_with_many_weak_jobs_looks_at_a_few_green_logs_only(world: World) -> None:
    run = world.run("success")
    for number in range(12):
        world.job(run, GREEN, f"plan {number}", conclusion="success")
    await world.complete(run)
    run = world.run()
    for number in range(12):
        world.job(run, RED, f"plan {number}")
    await world.complete(run)
    assert world.github.count("GET", "log-store") == 12 + 4


@pytest.mark.parametrize(("log", "name"), [(None, "test"), (GREEN, "another job")])
async def test_a_look_that_finds_nothing_changes_nothing(world: World, log: str | None, name: str) -> None:
    await green(world, log, name)
    await world.fail(RED)
    failure = await newest(world)
    assert failure.message == "Process completed with exit code 3"
    assert not any("green" in reason for reason in failure.reasons)


async def test_a_green_log_that_cannot_be_had_changes_nothing(world: World) -> None:
    run = world.run("success")
    world.job(run, GREEN, "test", conclusion="success", log_expired=True)
    await world.complete(run)
    await world.fail(RED)
    failure = await newest(world)
    assert failure.message == "Process completed with exit code 3"
    assert failure.generic
