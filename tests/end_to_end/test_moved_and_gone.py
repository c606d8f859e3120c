"""What changed on GitHub between an event and its handling: deleted, renamed, locked, moved."""

from __future__ import annotations

import pytest

from bot.commands.registry import COMMANDS
from bot.demo import deliveries, users
from tests.end_to_end.test_conclusions import failures_of
from tests.end_to_end.world import REPO, World

pytestmark = pytest.mark.slow


async def test_a_run_deleted_meanwhile_is_stored_and_ends_well(world: World) -> None:
    run = world.run()
    world.job(run)
    delivery = deliveries.workflow_run(world.state, run)
    del world.state.runs[run.id]
    assert await world.send(delivery) == 202
    assert await world.settled() == {}
    assert await failures_of(world) == []
    assert world.issues == []


async def test_a_commit_that_was_force_pushed_away_loses_only_the_check_run(world: World) -> None:
    run = world.run()
    world.job(run)
    del world.state.repository(REPO).commits[run.head_sha]
    await world.complete(run)
    assert world.check_runs == []
    assert len(world.issues) == 1


async def test_a_renamed_repository_is_followed(world: World) -> None:
    await world.fail()
    run = world.run()
    world.job(run)
    delivery = deliveries.workflow_run(world.state, run)
    world.state.rename_repository(REPO, "renamed")
    assert await world.send(delivery) == 202
    await world.settled()
    again = world.state.add_run("octo/renamed", conclusion="failure")
    world.job(again)
    assert await world.send(deliveries.workflow_run(world.state, again)) == 202
    world.sent[:] = world.sent[-1:]
    assert await world.settled() == {}
    found = world.state.repository("octo/renamed").issues
    assert len({issue.title for issue in found.values()}) == len(found)
    assert world.state.check_runs_named("octo/renamed")


async def test_a_deleted_comment_of_ours_is_written_again(world: World) -> None:
    pull = world.state.add_pull(REPO, "feature")
    log = "src/a.c:1:1: error: unknown type name 'x'\nmake: *** [all] Error 1\n"
    await world.fail(log, branch="feature", event="pull_request", pulls=(pull.number,))
    assert len(pull.comments) == 1
    pull.comments.clear()
    await world.fail(log, branch="feature", event="pull_request", pulls=(pull.number,))
    assert len(pull.comments) == 1


async def test_a_locked_issue_is_still_rewritten_and_closed_without_a_comment(world: World) -> None:
    run = await world.fail()
    [issue] = world.issues
    issue.locked = True
    await world.complete(world.run("success", sha=run.head_sha))
    assert world.check_runs[0].conclusion == "success"
    assert world.comments(issue.number) == []


async def test_a_transferred_issue_is_left_alone_and_a_relapse_gets_its_own(world: World) -> None:
    await world.fail()
    [issue] = world.issues
    gone = deliveries.issues(world.state, REPO, issue, "transferred")
    del world.state.repository(REPO).issues[issue.number]
    assert await world.send(gone) == 202
    assert await world.settled() == {}
    await world.fail()
    assert [issue.state for issue in world.issues] == ["open"]


async def test_a_missing_permission_for_checks_leaves_the_issue(world: World) -> None:
    for installation in world.state.installations.values():
        installation.permissions["checks"] = "read"
    await world.fail()
    assert world.check_runs == []
    assert len(world.issues) == 1


async def test_a_missing_permission_for_pull_requests_leaves_the_check_run(world: World) -> None:
    for installation in world.state.installations.values():
        installation.permissions.pop("pull_requests")
    world.state.add_repository("stranger/app", fork_of=world.state.repository(REPO).id)
    pull = world.state.add_pull(REPO, "patch", head_repository="stranger/app")
    assert pull.pull is not None
    await world.fail(branch="patch", sha=pull.pull.head_sha, event="pull_request", head_repository="stranger/app")
    assert len(world.check_runs) == 1


async def test_commands_in_a_repository_without_history_are_answered(world: World) -> None:
    issue = world.state.add_issue(REPO, title="A question")
    world.state.set_permission(REPO, "octocat", "write")
    commands = [command.examples[0].removeprefix("/pipeline ") for command in COMMANDS]
    for command in commands:
        assert await world.send(users.post_comment(world.state, REPO, issue.number, f"/pipeline {command}")) == 202
    assert await world.settled() == {}
    answers = [comment for comment in issue.comments if comment.user.type == "Bot"]
    assert len(answers) == len(commands)
