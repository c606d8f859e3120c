"""What the log says of a unit of work, and what it never says."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
import structlog

from bot import logs
from bot.demo import deliveries, users
from tests.end_to_end.world import REPO, SECRET, World, opened

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("logging_kept")]

JOBS = "GET /repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}/jobs"
TOKEN = "ghp_" + "A1b2C3d4" * 4 + "abcd"


def of_work(said: str) -> list[dict[str, object]]:
    """The records of work: all but those of requests and of what is done by the clock."""
    lines = [json.loads(line) for line in said.splitlines()]
    return [line for line in lines if "request" not in line and line["event"] != "old rows forgotten"]


async def test_every_record_of_a_delivery_names_delivery_installation_repository_and_run(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure("debug", "json")
    world.github.fail_next(JOBS, 502, times=3)
    run = world.run()
    world.job(run)
    await world.send_run(run)
    await world.hurry()
    assert await world.settled() == {}
    lines = of_work(capsys.readouterr().err)
    assert {"put back", "failure classified", "work ended"} <= {line["event"] for line in lines}
    [delivery] = world.sent
    installation = next(line["installation"] for line in lines)
    for line in lines:
        told = (line["delivery"], line["installation"], line["repository"], line["run"], line["event_name"])
        assert told == (delivery, installation, REPO, run.id, "workflow_run"), line


async def test_work_that_has_no_run_says_so_and_work_that_came_of_other_work_names_its_repository(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    await world.fail()
    await world.fail()
    logs.configure("debug", "json")
    number = world.issues[0].number
    assert await world.send(users.post_comment(world.state, REPO, number, "/pipeline mute --days 3")) == 202
    assert await world.settled() == {}
    broken = deliveries.workflow_run(world.state, world.run())
    broken.payload["workflow_run"]["id"] = "none"
    await world.send(broken)
    assert await world.settled() != {}
    lines = of_work(capsys.readouterr().err)
    assert {"issue_comment", "workflow_run"} <= {line["event_name"] for line in lines}
    assert {line["run"] for line in lines} == {None}
    assert {line["repository"] for line in lines} == {REPO}


async def test_the_text_form_says_the_same(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "text")
    run = await world.fail()
    lines = [line for line in capsys.readouterr().err.splitlines() if "lane=" in line]
    assert lines
    for line in lines:
        for word in (f"delivery={world.sent[0]}", "installation=9", f"repository={REPO}", f"run={run.id}"):
            assert word in line


@pytest.mark.parametrize("style", ["json", "text"])
async def test_no_record_has_a_secret_in_it(tmp_path: Path, capsys: pytest.CaptureFixture[str], style: str) -> None:
    secret = "hunter2 correct horse"
    async with opened(tmp_path, f"sqlite:///{tmp_path / 'pipeline.db'}", copilot_token=secret) as world:
        logs.configure("debug", style, world.parts.settings.own_secrets)
        world.github.fail_next(JOBS, 418, body={"message": f"echo {TOKEN} {SECRET} {secret}"})
        run = world.run()
        world.job(run)
        await world.send_run(run)
        await world.hurry()
        await world.settled()
        issued = set(world.state.tokens)
        said = capsys.readouterr().err
    assert "echo ***" in said
    assert issued
    for hidden in (TOKEN, SECRET, secret, *issued):
        assert hidden not in said


async def test_what_a_library_logs_in_a_unit_of_work_names_it_too(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "json", ["a database password"])
    with structlog.contextvars.bound_contextvars(delivery="d-1", installation=7, repository=REPO, run=3):
        try:
            raise ValueError(f"no {TOKEN}, no a database password")
        except ValueError:
            logging.getLogger("sqlalchemy.pool").exception("a connection failed with %s", TOKEN)
        logging.getLogger("asyncio").debug("a detail")
    [line] = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert (line["delivery"], line["installation"], line["repository"], line["run"]) == ("d-1", 7, REPO, 3)
    assert (line["level"], line["event"]) == ("error", "a connection failed with ***")
    assert line["exception"].endswith("ValueError: no ***, no ***")
