"""What a private repository did is never seen in another one, and text from logs stays text."""

from __future__ import annotations

import re

import pytest
from markdown_it import MarkdownIt

from bot.demo import users
from tests.end_to_end.world import PYTEST_LOG, REPO, World

SECRET_REPO = "octo/secret-plans"
HOSTILE = "@octocat closes #1 fixes octo/app#1 <img src=x onerror=alert(1)> [click](http://evil.test) ```" + "c" * 40


async def failed_elsewhere(world: World) -> None:
    """The private repository fails with the very same message, three times."""
    world.state.add_repository(SECRET_REPO, private=True)
    for _ in range(3):
        run = world.state.add_run(SECRET_REPO, conclusion="failure")
        world.job(run)
        await world.complete(run)


def rendered(world: World) -> str:
    """All Markdown that was written in the public repository."""
    texts = [check.summary or "" for check in world.check_runs]
    for number, issue in world.state.repository(REPO).issues.items():
        texts += [issue.body or "", *world.comments(number)]
    return "\n".join(texts)


def live_text(markdown: str) -> str:
    """What CommonMark does not take as code: text, links and HTML other than our own details and comments."""
    inline = [token for token in MarkdownIt("commonmark").parse(markdown) if token.type == "inline"]
    parts = [child for token in inline for child in token.children or []]
    return "\n".join(f"{part.content} {part.attrs}" for part in parts if part.type != "code_inline")


def everything(world: World) -> str:
    """All that was written in the public repository; titles and annotations are plain text."""
    titles = [f"{check.title}\n{check.annotations}" for check in world.check_runs]
    titles += [issue.title for issue in world.state.repository(REPO).issues.values()]
    return "\n".join([*titles, rendered(world)])


async def test_a_private_repository_is_nowhere_to_be_seen_in_a_public_one(world: World) -> None:
    await failed_elsewhere(world)
    await world.fail()
    await world.fail()
    number = world.issues[0].number
    for command in ("health", "health --repo octo/secret-plans", "patterns", "dashboard", "explain", "flaky", "status"):
        assert await world.send(users.post_comment(world.state, REPO, number, f"/pipeline {command}")) == 202
        assert await world.settled() == {}
    said = re.sub(
        r"`octo/secret-plans` is not available here|octo/secret-plans is not available here", "", everything(world)
    )
    said = said.replace("/pipeline health --repo octo/secret-plans", "")
    assert "secret-plans" not in said
    assert "secret" not in said.lower()


async def test_a_public_one_is_named_in_a_private_one_but_not_another_private_one(world: World) -> None:
    world.state.add_repository("octo/other-secret", private=True)
    await world.fail()
    await failed_elsewhere(world)
    run = world.state.add_run("octo/other-secret", conclusion="failure")
    world.job(run)
    await world.complete(run)
    [issue] = world.state.repository("octo/other-secret").issues.values()
    assert REPO in (issue.body or "")
    assert "secret-plans" not in (issue.body or "")


@pytest.mark.parametrize("where", ["log", "branch", "job", "workflow", "title"])
async def test_hostile_text_neither_mentions_nor_closes_nor_renders(world: World, where: str) -> None:
    log = PYTEST_LOG.replace("assert 3 == 4", HOSTILE) if where == "log" else PYTEST_LOG
    for _ in range(3):
        run = world.run(
            branch="main" if where != "branch" else "@octocat/#1<b>",
            name="CI" if where != "workflow" else HOSTILE,
            title="Change" if where != "title" else HOSTILE,
        )
        world.job(run, log, "test" if where != "job" else HOSTILE)
        await world.complete(run)
    assert world.check_runs
    outside_code = live_text(rendered(world))
    assert "@octocat" not in everything(world)
    assert "octo/app#1" not in "".join(issue.title for issue in world.issues)
    for live in ("<img", "](http://evil", "fixes octo/app#1", "closes #1"):
        assert live not in outside_code


async def test_secrets_in_a_log_reach_neither_github_nor_the_database(world: World) -> None:
    token = "ghp_" + "A1b2C3d4" * 4 + "abcd"
    password = "hunter2-correct-horse"
    log = PYTEST_LOG.replace(
        "assert 3 == 4", f"token {token} url https://bob:{password}@db.test/x AKIAIOSFODNN7EXAMPLE password={password}"
    )
    await world.fail(log)
    database = world.parts.database.path
    assert database is not None
    await world.parts.database.write(lambda tx: tx.exec_driver_sql("DELETE FROM deliveries"))
    stored = database.read_bytes() + database.with_name(database.name + "-wal").read_bytes()
    for secret in (token, password):
        assert secret not in everything(world)
        assert secret.encode() not in stored
