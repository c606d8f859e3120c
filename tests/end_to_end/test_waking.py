"""A muted failure that grows beyond what it was wakes, and says why."""

from __future__ import annotations

import pytest

from tests.end_to_end.test_changes import done, typed
from tests.end_to_end.world import World

pytestmark = pytest.mark.slow

BRANCH = "feature"


async def test_a_muted_failure_that_reaches_the_default_branch_wakes_and_says_why(world: World) -> None:
    await world.fail(branch=BRANCH)
    await typed(world, "/pipeline notify")
    [_, issue] = world.issues
    await typed(world, "/pipeline mute known for ages")
    before = len(issue.comments)
    await world.fail()
    summary = world.check_runs[-1].summary or ""
    assert "- **Woke**: it reached the default branch `main` for the first time; muted by `maintainer`" in summary
    assert "**Muted**" not in summary
    [said] = issue.comments[before:]
    assert "No longer muted. It reached the default branch `main` for the first time" in said.body
    assert "`/pipeline mute 1-" in said.body
    await world.fail()
    assert len(issue.comments) == before + 1


async def test_what_woke_is_muted_again_by_the_same_command(world: World) -> None:
    await world.fail(branch=BRANCH)
    await typed(world, "/pipeline mute")
    await world.fail()
    assert "**Woke**" in (world.check_runs[-1].summary or "")
    [issue] = [issue for issue in world.issues if "pipeline-failure" in issue.labels]
    assert issue.state == "open"
    await typed(world, "/pipeline mute")
    await done(world)
    summary = world.check_runs[-1].summary or ""
    assert "**Woke**" not in summary
    assert "- **Muted**: by `maintainer` for good" in summary
    before = issue.body
    await world.fail()
    assert issue.body == before


async def test_a_muted_failure_whose_rate_doubles_wakes(world: World) -> None:
    await world.fail(branch=BRANCH)
    await typed(world, "/pipeline mute")
    for _ in range(5):
        assert "**Woke**" not in (world.check_runs[-1].summary or "")
        await world.fail(branch=BRANCH)
    assert "- **Woke**: it failed in 5 runs within a day, 1 a day when it was muted" in (
        world.check_runs[-1].summary or ""
    )
