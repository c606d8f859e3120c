"""A user's token instead of an App: everything goes by issue and comment, in the user's own name."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.demo import deliveries, users
from bot.demo.webhooks import Delivery
from storage import inbox_admin
from tests.end_to_end.processes import Program
from tests.end_to_end.world import PYTEST_LOG, REPO, World, opened

pytestmark = pytest.mark.slow

TOKEN = "ghp_0123456789abcdefghijklmnopqrstuvwxyz"


@pytest.fixture
async def token_world(tmp_path: Path) -> AsyncIterator[World]:
    """The program with the owner's token, watching octo/app alone."""
    config = tmp_path / "config.json"
    entry = {"name": "Octo/App", "type": "service", "description": "The shop"}
    config.write_text(json.dumps({"repositories": {"backend": entry}}))
    url = f"sqlite:///{tmp_path / 'pipeline.db'}"
    async with opened(tmp_path, url, app_id=None, private_key_path=None, token=TOKEN, pipeline_config=config) as world:
        world.state.add_user_token(TOKEN, "octo")
        yield world


def of_repository(delivery: Delivery) -> Delivery:
    """The same delivery from a repository's own webhook, which names no installation."""
    payload = {name: value for name, value in delivery.payload.items() if name != "installation"}
    return replace(delivery, payload=payload)


async def tell(world: World, delivery: Delivery) -> None:
    """Deliver as a repository's webhook does, and wait until it is worked off."""
    assert await world.send(of_repository(delivery)) == 202
    assert await world.settled() == {}


async def red(world: World, repository: str = REPO, **fields: object) -> None:
    """A run with a failed job."""
    run = world.state.add_run(repository, **fields)  # type: ignore[arg-type]
    world.state.add_job(run, log=PYTEST_LOG)
    await tell(world, deliveries.workflow_run(world.state, run))


async def test_a_failure_is_told_by_an_issue_of_the_owner_and_never_by_a_check_run(token_world: World) -> None:
    await red(token_world)
    await red(token_world)
    [issue] = token_world.issues
    assert issue.user.login == "octo"
    assert token_world.check_runs == []
    assert token_world.github.count("POST", "/repos/{owner}/{repo}/check-runs") == 0
    assert {request.caller for request in token_world.github.requests} <= {"user", "nobody"}


async def test_a_recovery_closes_the_issue(token_world: World) -> None:
    await red(token_world)
    green = token_world.state.add_run(REPO, conclusion="success")
    await tell(token_world, deliveries.workflow_run(token_world.state, green))
    assert [issue.state for issue in token_world.issues] == ["closed"]


async def test_a_pull_request_gets_its_comment_from_the_owner(token_world: World) -> None:
    pull = token_world.state.add_pull(REPO, "feature")
    for _ in range(3):
        await red(token_world, branch="feature", event="pull_request", pulls=(pull.number,))
    [comment] = pull.comments
    assert comment.user.login == "octo"
    assert token_world.check_runs == []


async def test_an_issue_whose_making_got_no_answer_is_found_under_the_owners_name(token_world: World) -> None:
    token_world.github.faults.reset("POST /repos/{owner}/{repo}/issues", after=True)
    run = token_world.run()
    token_world.job(run)
    assert await token_world.send(of_repository(deliveries.workflow_run(token_world.state, run))) == 202
    await token_world.hurry()
    assert await token_world.settled() == {}
    assert len(token_world.issues) == 1


async def test_the_owner_may_type_commands_with_the_same_account(token_world: World) -> None:
    issue = token_world.state.add_issue(REPO)
    await tell(
        token_world, users.post_comment(token_world.state, REPO, issue.number, "/pipeline health", author="octo")
    )
    asked, answer = issue.comments
    assert answer.user.login == "octo"
    assert "health" in answer.body.lower()
    assert sorted(reaction.content for reaction in asked.reactions) == ["eyes", "rocket"]


async def test_its_own_comment_is_never_a_command(token_world: World) -> None:
    issue = token_world.state.add_issue(REPO)
    await tell(
        token_world, users.post_comment(token_world.state, REPO, issue.number, "/pipeline nonsense", author="octo")
    )
    answer = issue.comments[-1]
    assert "/pipeline" in answer.body
    answer.body += "\n\n/pipeline health\n"
    await tell(token_world, deliveries.issue_comment(token_world.state, REPO, answer))
    assert len(issue.comments) == 2


async def test_a_repository_that_is_not_listed_is_answered_202_and_not_stored(token_world: World) -> None:
    token_world.state.add_repository("octo/other")
    run = token_world.state.add_run("octo/other")
    assert await token_world.send(of_repository(deliveries.workflow_run(token_world.state, run))) == 202
    async with token_world.parts.database.read() as conn:
        assert await inbox_admin.list_jobs(conn, None, 10) == []
        assert (await conn.exec_driver_sql("SELECT count(*) FROM deliveries")).scalar_one() == 0
    assert token_world.github.requests == []


@pytest.mark.parametrize(
    "text",
    [None, "", "{", "[]", '{"repositories": ["octo/app"]}', '{"repositories": {"a": {"name": "no slash"}}}', "\xff"],
    ids=["missing", "empty", "cut", "a list", "names only", "no owner", "not UTF-8"],
)
async def test_a_list_that_cannot_be_used_is_one_clear_line(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "repositories.json").write_bytes(text.encode("latin-1"))
    environment = {"GITHUB_TOKEN": TOKEN, "PIPELINE_CONFIG": "repositories.json", "PORT": "0"}
    program = await Program.start("serve", environment=environment, folder=tmp_path)
    assert await program.ended() == 1
    [line] = program.output.splitlines()
    assert "repositories.json" in line
    assert TOKEN not in program.output
