"""In quiet hours notices wait, check runs do not; afterwards what still stands is told, each cause once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.demo import deliveries
from bot.repo_config import PATH
from tests.end_to_end.world import REPO, RUFF_LOG, Clock, World, opened

pytestmark = pytest.mark.slow

HOUR = 3600
TOKEN = "a user's token"


@dataclass
class Night:
    """A repository in which it is quiet for another hour."""

    world: World
    clock: Clock

    async def passes(self) -> None:
        """The hour is over, and what waited is worked off."""
        self.clock.ahead = 1.5 * HOUR
        await self.world.none_left("held", "release", "handoff")

    async def until(self, happened: Callable[[], bool]) -> None:
        """Until work that nobody waits for has done it."""
        wakeup = self.world.parts.database.wakeup
        async with asyncio.timeout(60):
            while not happened():
                await wakeup.wait(wakeup.ticket, 0.1)


@pytest.fixture
async def night(tmp_path: Path) -> AsyncIterator[Night]:
    clock = Clock()
    url = f"sqlite:///{tmp_path / 'pipeline.db'}"
    async with opened(tmp_path, url, clock=clock, copilot_token=TOKEN) as world:
        world.state.add_user_token(TOKEN, "octo")
        world.state.agent_seats.add("octo")
        begin, end = (datetime.fromtimestamp(time.time() + shift * HOUR, UTC) for shift in (-1, 1))
        text = f'quiet_hours: {{from: "{begin:%H:%M}", to: "{end:%H:%M}"}}\nnotify: {{severity: medium}}\n'
        world.state.put_file(REPO, PATH, text)
        yield Night(world, clock)


async def test_a_notice_waits_and_the_check_run_does_not(night: Night) -> None:
    world = night.world
    await world.fail()
    assert world.issues == []
    [check] = world.check_runs
    assert "pytest" in (check.title or "")
    await world.fail()
    assert world.issues == []
    await night.passes()
    [issue] = world.issues
    assert "2 times" in (issue.body or "")
    assert (issue.body or "").count("@copilot") == 1
    await night.until(lambda: [user.login for user in issue.assignees] == ["Copilot"])


async def test_what_was_mended_meanwhile_is_told_to_nobody(night: Night) -> None:
    world = night.world
    await world.fail()
    await world.complete(world.run("success"))
    await night.passes()
    assert world.issues == []


async def test_different_failures_get_an_issue_each_and_the_check_run_names_it(night: Night) -> None:
    world = night.world
    run = world.run()
    world.job(run)
    world.job(run, RUFF_LOG.replace("F401 [*] `os` imported but unused", "E999 SyntaxError: invalid syntax"), "lint")
    await world.complete(run)
    await night.passes()
    assert world.issues
    [check] = world.check_runs
    assert f"#{world.issues[0].number}" in (check.summary or "")


async def test_a_pull_request_is_told_afterwards(night: Night) -> None:
    world = night.world
    pull = world.state.add_pull(REPO, "feature/x")
    assert pull.pull is not None
    run = world.run(event="pull_request", branch="feature/x", sha=pull.pull.head_sha, pulls=[pull.number])
    world.job(run)
    await world.complete(run)
    assert world.comments(pull.number) == []
    await night.passes()
    assert len(world.comments(pull.number)) == 1


async def test_an_issue_is_closed_afterwards(night: Night) -> None:
    world = night.world
    await world.fail()
    await night.passes()
    night.clock.ahead = 24 * HOUR
    [issue] = world.issues
    await world.complete(world.run("success"))
    assert issue.state == "open"
    night.clock.ahead = 0.0


async def test_who_asks_for_a_notice_gets_it_at_once_and_no_agent_is_called(night: Night) -> None:
    world = night.world
    await world.fail()
    other = world.state.add_issue(REPO, title="Red", author="octocat")
    world.state.set_permission(REPO, "octocat", "write")
    comment = world.state.add_comment(REPO, other.number, "/pipeline notify", author="octocat")
    assert await world.send(deliveries.issue_comment(world.state, REPO, comment)) == 202
    await world.settled()
    await night.until(lambda: len(world.issues) == 2)
    assert "@copilot" in (world.issues[-1].body or "")
    assert world.issues[-1].assignees == []
