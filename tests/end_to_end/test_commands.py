"""Slash commands typed by people in issues and pull requests."""

from __future__ import annotations

import pytest

from bot.demo import users
from bot.demo.github.records import CommentRecord
from bot.demo.webhooks import Delivery
from tests.end_to_end.world import REPO, World


async def typed(world: World, body: str, *, author: str = "octocat") -> int:
    """Somebody types a comment into a new issue, and the program has done what it does; the issue's number."""
    issue = world.state.add_issue(REPO, title="A question", author=author)
    assert await world.send(users.post_comment(world.state, REPO, issue.number, body, author=author)) == 202
    assert await world.settled() == {}
    return issue.number


def reactions(comment: CommentRecord) -> list[str]:
    return [reaction.content for reaction in comment.reactions]


def conversation(world: World, number: int) -> list[CommentRecord]:
    return world.state.repository(REPO).issues[number].comments


async def test_health_is_answered_with_numbers_of_this_repository(world: World) -> None:
    await world.fail()
    await world.complete(world.run("success"))
    number = await typed(world, "/pipeline health --time-range 7d")
    question, answer = conversation(world, number)
    assert "50.0" in answer.body
    assert "7d" in answer.body
    assert answer.user.login == "pipeline-monitor[bot]"
    assert reactions(question) == ["eyes", "rocket"]


async def test_help_lists_the_commands(world: World) -> None:
    _, answer = conversation(world, await typed(world, "/pipeline help"))
    assert "/pipeline health" in answer.body


async def test_a_command_in_a_pull_request_is_answered_there(world: World) -> None:
    pull = world.state.add_pull(REPO, "feature")
    assert await world.send(users.post_comment(world.state, REPO, pull.number, "/pipeline health")) == 202
    await world.settled()
    assert len(conversation(world, pull.number)) == 2


async def test_an_unknown_command_gets_the_nearest_match_and_confusion(world: World) -> None:
    question, answer = conversation(world, await typed(world, "/pipeline helth"))
    assert "health" in answer.body
    assert reactions(question) == ["eyes", "confused"]


async def test_a_wrong_option_is_told(world: World) -> None:
    question, answer = conversation(world, await typed(world, "/pipeline health --time-range soon"))
    assert "30m" in answer.body
    assert reactions(question) == ["eyes", "confused"]


async def test_windows_line_ends_are_no_obstacle(world: World) -> None:
    assert len(conversation(world, await typed(world, "Hello\r\n/pipeline health\r\nthanks\r\n"))) == 2


async def test_two_commands_get_one_answer(world: World) -> None:
    assert len(conversation(world, await typed(world, "/pipeline health\n/pipeline help"))) == 2


@pytest.mark.parametrize(
    "body",
    [
        "see `/pipeline health`",
        " text /pipeline health",
        "> /pipeline health",
        "```\n/pipeline health\n```",
        "~~~text\n/pipeline health\n~~~",
        "    /pipeline health",
        "<!-- \n/pipeline health\n-->",
        "/pipelines health",
        "I like the /pipeline",
    ],
)
async def test_what_is_no_command_is_not_answered_and_costs_no_call(world: World, body: str) -> None:
    number = await typed(world, body)
    assert len(conversation(world, number)) == 1
    assert world.github.requests == []


async def test_bots_give_no_commands(world: World) -> None:
    number = await typed(world, "/pipeline health", author="renovate[bot]")
    assert len(conversation(world, number)) == 1


async def test_an_edited_comment_is_no_command(world: World) -> None:
    number = await typed(world, "hello")
    comment = conversation(world, number)[0]
    assert await world.send(users.edit_comment(world.state, REPO, comment.id, "/pipeline health")) == 202
    await world.settled()
    assert len(conversation(world, number)) == 1


async def test_the_same_comment_delivered_twice_is_answered_once(world: World) -> None:
    issue = world.state.add_issue(REPO, title="A question")
    first = users.post_comment(world.state, REPO, issue.number, "/pipeline health")
    again = Delivery(first.event, first.payload, first.app_id)
    for delivery in (first, again):
        await world.send(delivery)
        await world.settled()
    assert len(conversation(world, issue.number)) == 2


async def test_hostile_arguments_are_answered_without_harm(world: World) -> None:
    body = "/pipeline health --repo '../../etc/passwd' @octocat #1 <img src=x> [x](http://evil) \u202e"
    _, answer = conversation(world, await typed(world, body))
    assert "@octocat" not in answer.body
    assert "<img" not in answer.body.replace("`<img", "")
    assert "](http://evil)" not in answer.body


async def test_a_private_repository_is_not_told_of_elsewhere(world: World) -> None:
    world.state.add_repository("octo/secret", private=True)
    run = world.state.add_run("octo/secret", conclusion="success")
    await world.complete(run)
    _, answer = conversation(world, await typed(world, "/pipeline health --repo octo/secret"))
    assert "100" not in answer.body
    assert "not available" in answer.body.lower()


async def test_a_locked_conversation_ends_without_noise(world: World) -> None:
    issue = world.state.add_issue(REPO, title="A question")
    delivery = users.post_comment(world.state, REPO, issue.number, "/pipeline health")
    issue.locked = True
    assert await world.send(delivery) == 202
    assert await world.settled() == {}
    assert len(conversation(world, issue.number)) == 1


async def test_a_comment_deleted_meanwhile_ends_without_noise(world: World) -> None:
    issue = world.state.add_issue(REPO, title="A question")
    delivery = users.post_comment(world.state, REPO, issue.number, "/pipeline health")
    issue.comments.clear()
    assert await world.send(delivery) == 202
    assert await world.settled() == {}
