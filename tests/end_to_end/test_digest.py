"""A week of a repository is summed up once, where that is wanted."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.perform.digests import week_end
from bot.repo_config import PATH
from storage.digests import WEEK
from tests.end_to_end.world import REPO, Clock, World, opened

pytestmark = pytest.mark.slow


@dataclass
class Weeks:
    """The program over several weeks."""

    world: World
    clock: Clock

    async def passes(self) -> None:
        """It is Monday morning, and what was ordered is done."""
        now = time.time() + self.clock.ahead
        self.clock.ahead += week_end(int(now)) + WEEK + 60 - now
        await self.world.parts.upkeep.once(sweeping=False)
        # Repositories take turns; the last one's is within a few seconds.
        self.clock.ahead += 60
        await self.world.none_left("digest")


@pytest.fixture
async def weeks(tmp_path: Path) -> AsyncIterator[Weeks]:
    clock = Clock()
    async with opened(tmp_path, f"sqlite:///{tmp_path / 'pipeline.db'}", clock=clock) as world:
        world.state.put_file(REPO, PATH, "digest: weekly\nmention: ''\n")
        await world.parts.upkeep.once(sweeping=False)
        yield Weeks(world, clock)


async def test_a_week_is_one_comment_on_one_issue(weeks: Weeks) -> None:
    world = weeks.world
    await world.fail()
    await weeks.passes()
    issue = world.issues[-1]
    assert issue.title == "Weekly digest of the pipelines"
    [said] = world.comments(issue.number)
    assert "0.0% of 1 run succeeded" in said
    assert "| **still red** |" in said
    assert "octocat" not in said
    await world.parts.upkeep.once(sweeping=False)
    await world.complete(world.run("success"))
    await weeks.passes()
    assert len([one for one in world.issues if "digest" in one.title]) == 1


async def test_a_repository_that_wants_none_gets_none(weeks: Weeks) -> None:
    world = weeks.world
    world.state.put_file(REPO, PATH, "digest: off\n")
    await world.complete(world.run("success"))
    await weeks.passes()
    assert world.issues == []


async def test_a_week_without_a_run_is_not_told(weeks: Weeks) -> None:
    await weeks.passes()
    assert weeks.world.issues == []
    assert weeks.world.github.count("GET", "/repos/{owner}/{repo}/contents") == 0


async def test_a_deleted_issue_is_made_again(weeks: Weeks) -> None:
    world = weeks.world
    await world.complete(world.run("success"))
    await weeks.passes()
    [first] = world.issues
    del world.state.repository(REPO).issues[first.number]
    world.state.add_run(REPO, conclusion="success", created_at=weeks.clock())
    run = world.run("success", created_at=weeks.clock())
    await world.complete(run)
    await weeks.passes()
    [second] = world.issues
    assert second.number != first.number
    assert len(world.comments(second.number)) == 1
