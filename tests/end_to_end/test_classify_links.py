"""`pipeline classify` with the address of a run or job: what it reads on GitHub, and how it says that it cannot."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.demo.github.records import RunRecord
from tests.end_to_end.processes import ROOT, Outside, outside
from tests.end_to_end.world import PYTEST_LOG, REPO, RUFF_LOG

pytestmark = pytest.mark.slow

TOKEN = "ghp_0123456789abcdefghijklmnopqrstuvwxyz"
LOGS = "/repos/{owner}/{repo}/actions/jobs/{job_id}/logs"


@pytest.fixture
async def out(tmp_path: Path) -> AsyncIterator[Outside]:
    """GitHub with one repository, and a token that may read it."""
    async with outside(tmp_path, "") as made:
        made.state.add_user_token(TOKEN, "octo")
        yield made


def link(out: Outside, run: RunRecord, rest: str = "") -> str:
    """The run's address on the web interface that belongs to the stand-in's API."""
    return f"{out.github.api_url}/{REPO}/actions/runs/{run.id}{rest}"


def failed_run(out: Outside, *logs: str, **fields: Any) -> RunRecord:
    """A run of an hour ago that failed, with a failed job for each log and a green one."""
    at = int(time.time()) - 3600
    run = out.state.add_run(REPO, conclusion="failure", created_at=at, started_at=at, updated_at=at, **fields)
    for number, log in enumerate(logs):
        out.state.add_job(run, f"job-{number}", log=log)
    out.state.add_job(run, "green", conclusion="success", log="all is well\n")
    return run


async def classify(out: Outside, *arguments: str, **changes: str) -> tuple[int, list[dict[str, Any]], str]:
    """Exit code, answers, stderr of one call in a folder without a database."""
    environment = {"GITHUB_API_URL": out.github.api_url, "GITHUB_TOKEN": TOKEN, **changes}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "classify", "--format", "json", *arguments),
        cwd=out.folder,
        env={
            "PATH": os.environ.get("PATH", ""),
            "PYTHONPATH": str(ROOT),
            **{name: value for name, value in environment.items() if value},
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        said, errors = await process.communicate()
    assert process.returncode is not None
    assert TOKEN not in said.decode() + errors.decode()
    return process.returncode, [json.loads(line) for line in said.splitlines()], errors.decode()


async def test_every_failed_job_of_a_run_is_answered_beside_files(out: Outside) -> None:
    run = failed_run(out, PYTEST_LOG, RUFF_LOG)
    (out.folder / "own.log").write_text(RUFF_LOG)
    code, answers, errors = await classify(out, "own.log", link(out, run, "?pr=7"))
    assert (code, errors) == (0, "")
    assert [answer["category"] for answer in answers] == ["linting", "testing", "linting"]
    assert answers[0]["file"] == "own.log"
    assert all(answer["file"].rsplit("/job/", 1)[0].endswith(f"/actions/runs/{run.id}") for answer in answers[1:])
    # The run tells its branch, which a bare log cannot.
    assert [answer["severity"] for answer in answers] == ["medium", "high", "high"]
    assert not (out.folder / "pipeline.db").exists()
    assert [request.method for request in out.github.requests if request.method != "GET"] == []


@pytest.mark.slow
async def test_a_jobs_address_means_that_job_in_its_own_attempt(out: Outside) -> None:
    run = failed_run(out, PYTEST_LOG, run_attempt=2)
    first = out.state.add_job(run, "lint", log=RUFF_LOG, run_attempt=1)
    code, answers, errors = await classify(out, link(out, run, f"/job/{first.id}#step:2:1"))
    assert (code, errors) == (0, "")
    assert [answer["category"] for answer in answers] == ["linting"]
    code, answers, _ = await classify(out, link(out, run, "/attempts/1"), "--explain")
    assert [answer["category"] for answer in answers] == ["linting"]
    assert answers[0]["findings"][0]["rule"] == answers[0]["rule"]
    code, answers, _ = await classify(out, link(out, run))
    assert [answer["category"] for answer in answers] == ["testing"]


@pytest.mark.slow
async def test_the_jobs_name_stands_in_the_text_for_people(out: Outside) -> None:
    code, _, errors = await classify(out, link(out, failed_run(out, PYTEST_LOG)), "--format", "json")
    assert (code, errors) == (0, "")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "classify", link(out, failed_run(out, PYTEST_LOG))),
        cwd=out.folder,
        env={"PYTHONPATH": str(ROOT), "GITHUB_API_URL": out.github.api_url, "GITHUB_TOKEN": TOKEN},
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    assert "  job job-0, step " in said.decode()


@pytest.mark.slow
async def test_a_log_that_is_gone_is_told_and_the_others_are_answered(out: Outside) -> None:
    run = failed_run(out, PYTEST_LOG)
    gone = out.state.add_job(run, "old", log=RUFF_LOG, log_expired=True)
    code, answers, errors = await classify(out, link(out, run))
    assert (code, [answer["category"] for answer in answers]) == (1, ["testing"])
    [line] = errors.splitlines()
    assert f"/job/{gone.id}: the log had expired; GitHub keeps logs for 90 days" in line


@pytest.mark.slow
async def test_what_cannot_be_read_on_github_is_one_line_with_the_next_step(out: Outside) -> None:
    green = out.state.add_run(REPO, conclusion="success")
    run = failed_run(out, PYTEST_LOG)
    running = out.state.add_run(REPO, status="in_progress", conclusion=None)
    links = [link(out, green), f"{out.github.api_url}/{REPO}/actions/runs/1", link(out, run, "/job/1")]
    code, answers, errors = await classify(out, *links, link(out, running), link(out, green, f"/job/{run.id}"))
    assert (code, answers) == (1, [])
    expected = ("no job of it failed", "404", "404", "not ended", "404")
    assert [words in line for words, line in zip(expected, errors.splitlines(), strict=True)] == [True] * 5
    out.github.faults.answer(f"GET {LOGS}", 403, body={"message": "Must have admin rights to Repository."})
    code, _, errors = await classify(out, link(out, run))
    assert (code, "admin rights" in errors, "actions=read" in errors) == (1, True, True)
    code, _, errors = await classify(out, link(out, run), GITHUB_TOKEN="ghp_wrong")
    assert (code, len(errors.splitlines()), "make a new GITHUB_TOKEN" in errors) == (1, 1, True)


async def test_a_wrong_call_asks_nothing_of_anybody(out: Outside) -> None:
    run = failed_run(out, PYTEST_LOG)
    for address, words in (
        (link(out, run).replace("/actions/", "/acts/"), "not the address of a run or job"),
        (f"https://github.com/{REPO}/actions/runs/1", "sent nowhere else"),
    ):
        code, _, errors = await classify(out, address)
        assert (code, len(errors.splitlines()), words in errors) == (2, 1, True), errors
    code, _, errors = await classify(out, link(out, run), GITHUB_TOKEN="")
    assert (code, "set GITHUB_TOKEN" in errors) == (2, True)
    assert out.github.requests == []
