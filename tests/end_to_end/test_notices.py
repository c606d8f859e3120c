"""When people are told, where, and when it is taken back."""

from __future__ import annotations

import pytest

from bot.demo import users
from storage import issues
from tests.end_to_end.world import PYTEST_LOG, REPO, RUFF_LOG, World

BRANCH = "feature"


async def green(world: World, **fields: object) -> None:
    run = world.run("success", **fields)
    world.job(run, None, conclusion="success")
    await world.complete(run)


async def test_a_recurrence_updates_the_issue_and_mentions_once(world: World) -> None:
    await world.fail()
    await world.fail(sha=world.state.add_commit(REPO).sha)
    [issue] = world.issues
    assert (issue.body or "").count("@copilot") == 1
    assert len(world.check_runs) == 2
    assert world.comments(issue.number) == []


async def test_below_the_threshold_there_is_only_the_check_run(world: World) -> None:
    await world.fail(branch=BRANCH)
    assert world.issues == []
    assert len(world.check_runs) == 1


async def test_the_third_failure_in_a_row_crosses_the_threshold(world: World) -> None:
    for _ in range(3):
        assert world.issues == []
        await world.fail(branch=BRANCH)
    [issue] = world.issues
    assert "severity: medium" in issue.labels


async def test_the_third_attempt_of_a_run_crosses_the_threshold(world: World) -> None:
    run = world.run(branch=BRANCH)
    world.job(run)
    await world.complete(run)
    for _ in range(2):
        world.state.next_attempt(run, status="completed").conclusion = "failure"
        world.job(run)
        await world.complete(run)
    assert len(world.issues) == 1
    assert len(world.check_runs) == 1


async def test_a_recovery_closes_the_issue_and_turns_the_check_run_green(world: World) -> None:
    run = await world.fail()
    await green(world, sha=run.head_sha)
    [issue] = world.issues
    assert (issue.state, issue.state_reason) == ("closed", "completed")
    assert len(world.comments(issue.number)) == 1
    [check] = world.check_runs
    assert check.conclusion == "success"


async def test_a_green_run_on_another_commit_of_the_branch_closes_it_too(world: World) -> None:
    await world.fail()
    await green(world, sha=world.state.add_commit(REPO).sha)
    assert world.issues[0].state == "closed"


async def test_the_same_job_failing_otherwise_is_no_recovery(world: World) -> None:
    await world.fail()
    await world.fail(RUFF_LOG)
    assert [issue.state for issue in world.issues] == ["open", "open"]


async def test_the_job_turning_green_in_a_red_run_is_a_recovery(world: World) -> None:
    await world.fail()
    run = world.run()
    world.job(run, None, "test", conclusion="success")
    world.job(run, RUFF_LOG, "lint")
    await world.complete(run)
    assert [issue.state for issue in world.issues] == ["closed", "open"]


async def test_another_branch_that_is_still_red_keeps_it_open(world: World) -> None:
    await world.fail()
    await world.fail(branch="release/1.0")
    await green(world)
    assert world.issues[0].state == "open"
    await green(world, branch="release/1.0")
    assert world.issues[0].state == "closed"


async def test_a_relapse_within_ten_days_reopens_with_one_comment(world: World) -> None:
    await world.fail()
    await green(world)
    await world.fail()
    [issue] = world.issues
    assert issue.state == "open"
    assert len(world.comments(issue.number)) == 2


async def test_a_later_relapse_gets_a_new_issue_that_links_the_old_one(world: World) -> None:
    await world.fail()
    await green(world)
    repo_id = world.state.repository(REPO).id
    old = world.issues[0]
    await world.parts.database.write(lambda tx: issues.set_state(tx, repo_id, old.number, state="closed", closed_at=1))
    await world.fail()
    assert [issue.state for issue in world.issues] == ["closed", "open"]
    assert f"/issues/{old.number}" in (world.issues[1].body or "")


async def test_a_deleted_issue_is_replaced_when_the_failure_comes_again(world: World) -> None:
    await world.fail()
    [gone] = world.issues
    del world.state.repository(REPO).issues[gone.number]
    await world.fail()
    assert [issue.state for issue in world.issues] == ["open"]


async def test_an_issue_a_person_closed_is_reopened_by_a_relapse(world: World) -> None:
    await world.fail()
    delivery = users.close_issue(world.state, REPO, world.issues[0].number)
    assert await world.send(delivery) == 202
    await world.settled()
    await world.fail()
    [issue] = world.issues
    assert issue.state == "open"


async def test_what_people_made_of_title_and_labels_stays(world: World) -> None:
    await world.fail()
    world.issues[0].title = "Cart total is wrong"
    world.state.set_labels(world.state.repository(REPO), world.issues[0], ["triaged"])
    await world.fail()
    assert world.issues[0].title == "Cart total is wrong"
    assert "triaged" in world.issues[0].labels


async def test_a_pull_request_gets_one_comment_instead_of_an_issue(world: World) -> None:
    pull = world.state.add_pull(REPO, BRANCH)
    for _ in range(4):
        await world.fail(branch=BRANCH, event="pull_request", pulls=(pull.number,))
    assert world.issues == []
    [comment] = world.comments(pull.number)
    assert "1 job failed" in comment
    run = world.run("success", branch=BRANCH, event="pull_request", pulls=(pull.number,))
    await world.complete(run)
    [comment] = world.comments(pull.number)
    assert "failed" not in comment.split("-->")[1].lower() or "green" in comment.lower()


async def test_the_pull_request_of_a_fork_is_found_and_nobody_is_mentioned(world: World) -> None:
    world.state.add_repository("stranger/app", fork_of=world.state.repository(REPO).id)
    pull = world.state.add_pull(REPO, "main", head_repository="stranger/app")
    assert pull.pull is not None
    for _ in range(3):
        await world.fail(branch="main", sha=pull.pull.head_sha, event="pull_request", head_repository="stranger/app")
    assert world.issues == []
    [comment] = world.comments(pull.number)
    assert "@copilot" not in comment


async def test_a_push_to_the_default_branch_is_no_pull_request_run(world: World) -> None:
    pull = world.state.add_pull(REPO, BRANCH)
    await world.fail(pulls=(pull.number,))
    assert len(world.issues) == 1
    assert world.comments(pull.number) == []


def logs_of(count: int) -> list[str]:
    """That many logs, each with a failure of its own."""
    names = ["alpha", "bravo", "cargo", "delta", "eagle", "forge", "gamma", "hotel", "india", "joker", "kilos", "lemon"]
    return [
        PYTEST_LOG.replace("test_total", f"test_{name}").replace("assert 3 == 4", f"{name} is not supported here")
        for name in names[:count]
    ]


async def test_more_than_eight_new_failures_at_once_are_one_outage_without_a_mention(world: World) -> None:
    run = world.run()
    for number, log in enumerate(logs_of(9)):
        world.job(run, log, f"job {number}")
    await world.complete(run)
    [issue] = world.issues
    assert "@copilot" not in (issue.body or "")
    assert "pipeline-failure" in issue.labels
    await green(world)
    assert world.issues[0].state == "closed"


async def test_what_exceeds_ten_issues_an_hour_is_gathered_in_one(world: World) -> None:
    for half in (logs_of(12)[:6], logs_of(12)[6:]):
        run = world.run()
        for number, log in enumerate(half):
            world.job(run, log, f"job {number}")
        await world.complete(run)
    assert len(world.issues) == 11


async def test_issues_switched_off_are_said_in_the_check_run(world: World) -> None:
    world.state.repository(REPO).has_issues = False
    await world.fail()
    [check] = world.check_runs
    assert "issues are switched off" in (check.summary or "").lower()


async def test_a_missing_permission_for_issues_is_said_in_the_check_run(world: World) -> None:
    for installation in world.state.installations.values():
        installation.permissions.pop("issues")
    await world.fail()
    [check] = world.check_runs
    assert "issues" in (check.summary or "")
    assert "permission" in (check.summary or "")


@pytest.mark.parametrize("order", ["red first", "green first"])
async def test_the_order_of_two_deliveries_does_not_matter(world: World, order: str) -> None:
    red = world.run()
    world.job(red)
    later = world.run("success", sha=red.head_sha)
    for run in (red, later) if order == "red first" else (later, red):
        await world.complete(run)
    assert [issue.state for issue in world.issues] in (["closed"], [])
    assert all(check.conclusion == "success" for check in world.check_runs)


async def test_a_forks_release_branch_is_no_release_of_ours(world: World) -> None:
    world.state.add_repository("stranger/app", fork_of=world.state.repository(REPO).id)
    pull = world.state.add_pull(REPO, "release/1.0", head_repository="stranger/app")
    assert pull.pull is not None
    await world.fail(branch="release/1.0", sha=pull.pull.head_sha, event="pull_request", head_repository="stranger/app")
    assert world.comments(pull.number) == []
    assert "medium" in (world.check_runs[0].summary or "")


async def test_a_branch_that_is_gone_does_not_keep_the_issue_open(world: World) -> None:
    await world.fail()
    await world.fail(branch="release/1.0")
    await green(world)
    assert world.issues[0].state == "open"
    del world.state.repository(REPO).branches["release/1.0"]
    await world.fail(RUFF_LOG)
    await green(world)
    assert [issue.state for issue in world.issues] == ["closed", "closed"]
