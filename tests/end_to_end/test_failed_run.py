"""A workflow run that completed badly: read, stored, told, on both databases."""

from __future__ import annotations

from pathlib import Path

from bot.demo import users
from tests.end_to_end.world import REPO, opened


async def test_the_whole_road_on_either_database(database_url: str, tmp_path: Path) -> None:
    async with opened(tmp_path, database_url) as world:
        run = await world.fail()
        [check] = world.check_runs
        assert check.conclusion == "neutral"
        assert check.head_sha == run.head_sha
        assert "1 failure" in (check.title or "")
        assert "assert 3 == 4" in (check.summary or "")
        [issue] = world.issues
        assert set(issue.labels) >= {"pipeline-failure", "category: testing", "severity: high"}
        assert (issue.body or "").count("@copilot") == 1

        await world.complete(world.run("success", sha=run.head_sha))
        assert world.issues[0].state == "closed"
        assert world.check_runs[0].conclusion == "success"

        assert await world.send(users.post_comment(world.state, REPO, issue.number, "/pipeline health")) == 202
        assert await world.settled() == {}
        assert "50.0" in world.comments(issue.number)[-1]
