"""Writes that wait in line: how they follow, what goes on meanwhile, and what is written once instead of often."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.demo import deliveries, users
from bot.demo.github.recording import RecordedRequest
from storage import inbox_admin
from tests.end_to_end.world import REPO, RUFF_LOG, World, opened

pytestmark = pytest.mark.slow

PATIENCE = 60
COMMAND_WRITES = 3
"""Two reactions and an answer."""


@asynccontextmanager
async def paced(tmp_path: Path, writes_per_minute: int) -> AsyncIterator[World]:
    """A world that may write so often."""
    url = f"sqlite:///{tmp_path / 'pipeline.db'}"
    async with opened(tmp_path, url, writes_per_minute=writes_per_minute) as world:
        yield world


async def commands(world: World, number: int) -> None:
    """So many questions in one issue."""
    talk = world.state.add_issue(REPO, title="How are we doing?").number
    for _ in range(number):
        assert await world.send(users.post_comment(world.state, REPO, talk, "/pipeline health")) == 202


def writes(world: World, route: str = "/repos/") -> list[RecordedRequest]:
    """Content writes that arrived at GitHub, in order."""
    return [
        request
        for request in world.github.requests
        if request.method in {"POST", "PATCH"} and request.route.startswith(route)
    ]


async def until(world: World, condition: Callable[[], bool]) -> None:
    """Wait for a condition that becomes true while the program works."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await world.parts.database.wakeup.wait(world.parts.database.wakeup.ticket, 0.05)


async def nothing_left(world: World) -> None:
    """Wait until the inbox is empty: what was put off is done as well."""
    database = world.parts.database
    async with asyncio.timeout(PATIENCE):
        while True:
            ticket = database.wakeup.ticket
            async with database.read() as conn:
                if not await inbox_admin.list_jobs(conn, None, 1):
                    return
            await database.wakeup.wait(ticket, 0.1)


async def test_ten_writes_go_at_once_and_the_others_at_least_a_second_apart(tmp_path: Path) -> None:
    async with paced(tmp_path, 80) as world:
        before = time.monotonic()
        await commands(world, 5)
        assert await world.settled() == {}
        at = [request.arrived_at - before for request in writes(world)]
    assert len(at) == 5 * COMMAND_WRITES
    for place, seconds in enumerate(at[10:], start=1):
        assert seconds >= place, at


async def test_reads_go_on_while_writes_wait(tmp_path: Path) -> None:
    # One write a minute after the burst: nothing is written any more while the test lasts.
    async with paced(tmp_path, 1) as world:
        await commands(world, 4)
        await until(world, lambda: len(writes(world)) == 10)
        run = world.run()
        job = world.job(run)
        await world.send_run(run)
        await until(
            world, lambda: bool(world.github.recording.matching("GET", f"/repos/{REPO}/actions/jobs/{job.id}/logs"))
        )
        assert len(writes(world)) == 10


async def test_of_several_states_of_a_check_run_only_the_last_is_written_while_writes_wait(tmp_path: Path) -> None:
    async with paced(tmp_path, 6) as world:
        await commands(world, 3)
        assert await world.settled() == {}
        sha = world.state.add_commit(REPO, branch="topic").sha
        for number in range(6):
            run = world.run(name=f"Lint {number}", path=f"lint-{number}.yml", branch="topic", sha=sha)
            world.job(run, RUFF_LOG)
            assert await world.send(deliveries.workflow_run(world.state, run)) == 202
        await nothing_left(world)
        # The tenth write of the burst tells the first failure, and one more the other five.
        assert [request.method for request in writes(world, "/repos/{owner}/{repo}/check-runs")] == ["POST", "PATCH"]
        [check] = world.check_runs
        assert "in 6 jobs" in str(check.title)
