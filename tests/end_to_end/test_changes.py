"""Commands and buttons that change something, and who may use them."""

from __future__ import annotations

import pytest

from bot.demo import users
from bot.demo.github.records import CommentRecord, IssueRecord
from tests.end_to_end.test_conclusions import failures_of
from tests.end_to_end.world import REPO, World

BRANCH = "feature"


async def typed(
    world: World, body: str, *, author: str = "maintainer", issue: IssueRecord | None = None
) -> list[CommentRecord]:
    """Somebody types a comment; the whole conversation afterwards."""
    world.state.set_permission(REPO, "maintainer", "write")
    issue = issue or world.state.add_issue(REPO, title="A question")
    assert await world.send(users.post_comment(world.state, REPO, issue.number, body, author=author)) == 202
    await done(world)
    return issue.comments


async def done(world: World) -> None:
    """Everything is worked off, what was handed on included."""
    from storage import inbox_admin

    assert await world.settled() == {}
    while True:
        ticket = world.parts.database.wakeup.ticket
        async with world.parts.database.read() as conn:
            census = await inbox_admin.census(conn)
        assert census.dead == 0
        if census.ready + census.running == 0:
            return
        await world.parts.database.wakeup.wait(ticket, 0.5)


async def test_who_may_not_write_is_refused_politely(world: World) -> None:
    await world.fail(branch=BRANCH)
    _, answer = await typed(world, "/pipeline notify", author="stranger")
    assert "needs **write** permission" in answer.body
    assert world.issues[0].title == "A question"
    assert len(world.issues) == 1


async def test_notify_makes_the_notice_now(world: World) -> None:
    await world.fail(branch=BRANCH)
    assert world.issues == []
    await typed(world, "/pipeline notify")
    assert [issue.title for issue in world.issues if "pipeline-failure" in issue.labels]


async def test_rerun_starts_the_failed_jobs_again(world: World) -> None:
    run = await world.fail(branch=BRANCH)
    question, answer = await typed(world, "/pipeline rerun")
    assert "Started again" in answer.body
    assert [reaction.content for reaction in question.reactions] == ["eyes", "rocket"]
    assert run.latest.number == 2


async def test_rerun_while_the_run_is_going_is_refused_with_the_reason(world: World) -> None:
    run = await world.fail(branch=BRANCH)
    world.state.next_attempt(run)
    question, answer = await typed(world, "/pipeline rerun")
    assert "still going" in answer.body
    assert [reaction.content for reaction in question.reactions] == ["eyes", "confused"]


async def test_rerun_without_the_permission_names_it(world: World) -> None:
    for installation in world.state.installations.values():
        installation.permissions["actions"] = "read"
    await world.fail(branch=BRANCH)
    _, answer = await typed(world, "/pipeline rerun")
    assert "actions: write" in answer.body


@pytest.mark.parametrize(("log", "allowed"), [("new", False), ("infrastructure", True)])
async def test_a_pull_requests_author_may_rerun_what_is_not_theirs(world: World, log: str, allowed: bool) -> None:
    pull = world.state.add_pull(REPO, BRANCH, author="author")
    text = None if log == "new" else "##[error]The runner has received a shutdown signal.\n"
    run = world.run(
        branch=BRANCH, event="pull_request", pulls=(pull.number,), sha=pull.pull.head_sha if pull.pull else ""
    )
    world.job(run, *(() if text is None else (text,)))
    await world.complete(run)
    conversation = await typed(world, "/pipeline rerun", author="author", issue=pull)
    assert (run.latest.number == 2) is allowed
    assert ("Started again" in conversation[-1].body) is allowed


async def test_a_muted_failure_makes_no_notice_until_it_is_unmuted(world: World) -> None:
    await world.fail(branch=BRANCH)
    _, answer = await typed(world, "/pipeline mute 7d known outage")
    assert "known outage" in answer.body
    assert "- **Muted**: by `maintainer` until" in (world.check_runs[-1].summary or "")
    assert "UTC: `known outage`" in (world.check_runs[-1].summary or "")
    for _ in range(2):
        await world.fail(branch=BRANCH)
    assert [issue for issue in world.issues if "pipeline-failure" in issue.labels] == []
    assert len(world.check_runs) >= 1
    _, answer = await typed(world, "/pipeline notify")
    assert "No notice is made: this failure is muted here; `/pipeline unmute 1-" in answer.body
    await typed(world, "/pipeline unmute")
    assert "**Muted**" not in (world.check_runs[-1].summary or "")
    await world.fail()
    assert len([issue for issue in world.issues if "pipeline-failure" in issue.labels]) == 1


async def test_a_muted_failure_is_marked_in_the_comment_that_told_of_it(world: World) -> None:
    pull = world.state.add_pull(REPO, BRANCH)
    for _ in range(3):
        await world.fail(branch=BRANCH, event="pull_request", pulls=(pull.number,))
    [before] = world.comments(pull.number)
    assert "**Muted**" not in before
    await typed(world, "/pipeline mute")
    [after] = world.comments(pull.number)
    assert "- **Muted**: by `maintainer` for good" in after


async def test_an_issue_closed_as_not_planned_mutes_its_failure(world: World) -> None:
    await world.fail()
    [issue] = world.issues
    assert await world.send(users.close_issue(world.state, REPO, issue.number, reason="not_planned")) == 202
    await done(world)
    await world.fail()
    assert [issue.state for issue in world.issues] == ["closed"]


async def test_a_correction_is_remembered_and_the_identity_stays(world: World) -> None:
    await world.fail(branch=BRANCH)
    [before] = await failures_of(world)
    _, answer = await typed(world, "/pipeline classify infrastructure")
    assert "**infrastructure**" in answer.body
    await world.fail(branch=BRANCH)
    after = await failures_of(world)
    assert {failure.category for failure in after} == {"infrastructure"}
    assert {failure.fingerprint for failure in after} == {before.fingerprint}
    assert "infrastructure" in (world.check_runs[-1].summary or "")


async def test_on_its_own_issue_a_command_means_that_issues_failure(world: World) -> None:
    from tests.end_to_end.world import RUFF_LOG

    await world.fail()
    await world.fail(RUFF_LOG, branch="other")
    [issue] = [issue for issue in world.issues if "category: testing" in issue.labels]
    conversation = await typed(world, "/pipeline classify build", issue=issue)
    assert "assert 3 == 4" in conversation[-1].body
    assert {f.category for f in await failures_of(world)} == {"build", "linting"}


async def test_a_failure_is_named_by_its_fingerprint(world: World) -> None:
    await world.fail(branch=BRANCH)
    [failure] = await failures_of(world)
    _, answer = await typed(world, f"/pipeline mute {failure.fingerprint}")
    assert "Muted for good" in answer.body
    _, answer = await typed(world, "/pipeline mute 1-0000000000000000")
    assert "No failure here has the fingerprint" in answer.body


async def test_a_button_does_what_it_says_for_who_may_write(world: World) -> None:
    world.state.set_permission(REPO, "maintainer", "write")
    run = await world.fail(branch=BRANCH)
    [check] = world.check_runs
    assert {action["identifier"] for action in check.actions} == {"rerun", "notify", "mute"}
    assert await world.send(users.press_button(world.state, check, "rerun", by="maintainer")) == 202
    await done(world)
    assert run.latest.number == 2
    assert await world.send(users.press_button(world.state, check, "notify", by="maintainer")) == 202
    await done(world)
    assert len(world.issues) == 1


async def test_a_button_pressed_by_a_stranger_does_nothing_and_says_so(world: World) -> None:
    run = await world.fail(branch=BRANCH)
    [check] = world.check_runs
    assert await world.send(users.press_button(world.state, check, "rerun", by="stranger")) == 202
    await done(world)
    assert run.latest.number == 1
    assert "write permission" in (world.check_runs[0].summary or "")


async def test_the_sixty_first_command_in_an_hour_is_answered_once_and_then_nothing(world: World) -> None:
    issue = world.state.add_issue(REPO, title="A question")
    for number in range(63):
        delivery = users.post_comment(world.state, REPO, issue.number, f"/pipeline help {number}"[:14])
        assert await world.send(delivery) == 202
    await done(world)
    answers = [comment.body for comment in issue.comments if comment.user.type == "Bot"]
    assert len(answers) == 61
    assert "60 commands" in answers[-1]


async def test_a_stale_commit_makes_no_comment(world: World) -> None:
    pull = world.state.add_pull(REPO, BRANCH)
    old = world.run(
        branch=BRANCH, event="pull_request", pulls=(pull.number,), sha=world.state.add_commit(REPO, branch=BRANCH).sha
    )
    new = world.run(
        branch=BRANCH, event="pull_request", pulls=(pull.number,), sha=world.state.add_commit(REPO, branch=BRANCH).sha
    )
    assert pull.pull is not None
    pull.pull.head_sha = new.head_sha
    for run in (old, new):
        world.job(run, "src/a.c:1:1: error: unknown type name 'x'\nmake: *** [all] Error 1\n")
    await world.complete(new)
    [comment] = world.comments(pull.number)
    await world.complete(old)
    assert world.comments(pull.number) == [comment]
    assert len(world.check_runs) == 2


async def test_a_merge_queue_run_is_told_on_its_pull_request(world: World) -> None:
    pull = world.state.add_pull(REPO, BRANCH)
    branch = f"gh-readonly-queue/main/pr-{pull.number}-{'a' * 40}"
    await world.fail(
        "src/a.c:1:1: error: unknown type name 'x'\nmake: *** [all] Error 1\n", branch=branch, event="merge_group"
    )
    assert len(world.comments(pull.number)) == 1
    assert world.issues == []
