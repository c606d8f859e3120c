"""A workflow run that completed badly: read, stored, told."""

from __future__ import annotations

from tests.end_to_end.world import World


async def test_a_red_main_branch_gets_a_check_run_and_one_issue(world: World) -> None:
    run = await world.fail()

    [check] = world.check_runs
    assert check.conclusion == "neutral"
    assert check.head_sha == run.head_sha
    assert "1 failure" in (check.title or "")
    assert "assert 3 == 4" in (check.summary or "")
    [issue] = world.issues
    assert set(issue.labels) >= {"pipeline-failure", "category: testing", "severity: high"}
    assert (issue.body or "").count("@copilot") == 1
