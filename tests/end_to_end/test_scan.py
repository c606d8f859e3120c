"""`pipeline scan`: with a token alone, as an App, beside its server, through limits and Ctrl-C."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import sqlite3
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.demo.github.records import RunRecord
from tests.end_to_end.processes import ROOT, Outside, Program, outside
from tests.end_to_end.world import PYTEST_LOG, REPO, RUFF_LOG

pytestmark = pytest.mark.slow

TOKEN = "ghp_0123456789abcdefghijklmnopqrstuvwxyz"
OTHER = "octo/other"
RUNS = "/repos/{owner}/{repo}/actions/runs"
JOBS = "/repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}/jobs"
LOGS = "/repos/{owner}/{repo}/actions/jobs/{job_id}/logs"
HOUR = 3600
DAY = 86_400


@pytest.fixture
async def out(tmp_path: Path) -> AsyncIterator[Outside]:
    """GitHub with octo/app and octo/other; a folder with nothing in it; a token and nothing else."""
    async with outside(tmp_path, "", repositories=(REPO, OTHER)) as made:
        made.state.add_user_token(TOKEN, "octo")
        made.state.add_user_token("strangers", "mallory")
        yield made


async def scan(out: Outside, *arguments: str, **changes: str) -> tuple[int, str, str]:
    """Run it as a child process with GITHUB_TOKEN alone; exit code, stdout, stderr."""
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "PYTHONPATH": str(ROOT),
        "GITHUB_API_URL": out.github.api_url,
        "GITHUB_TOKEN": TOKEN,
        **changes,
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "scan", *arguments),
        cwd=out.folder,
        env={name: value for name, value in environment.items() if value},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        said, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, said.decode(), errors.decode()


def past_run(
    out: Outside, ago: float, conclusion: str = "failure", repo: str = REPO, log: str = PYTEST_LOG
) -> RunRecord:
    """A run that ended so many seconds ago, and took two minutes."""
    at = int(time.time() - ago)
    run = out.state.add_run(repo, conclusion=conclusion, created_at=at - 120, started_at=at - 120, updated_at=at)
    if conclusion == "failure":
        out.state.add_job(run, log=log)
    return run


def count(out: Outside, table: str) -> int:
    """Rows of a table."""
    connection = sqlite3.connect(out.folder / "pipeline.db")
    [number] = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
    connection.close()
    return int(number)


def writes(out: Outside) -> list[str]:
    """Requests that change something on GitHub; a token for ourselves does not."""
    return [
        f"{one.method} {one.path}"
        for one in out.github.requests
        if one.method != "GET" and "access_tokens" not in one.path
    ]


async def test_a_token_is_enough_and_the_answer_is_the_dashboard(out: Outside) -> None:
    for ago, conclusion in ((DAY, "failure"), (2 * HOUR, "failure"), (HOUR, "success"), (20 * DAY, "failure")):
        past_run(out, ago, conclusion)
    code, said, errors = await scan(out, REPO, "--format", "json")
    assert code == 0, errors
    answer = json.loads(said)
    assert (answer["repository"], answer["time_range"]) == (REPO, "14d")
    assert (answer["health"]["total_runs"], answer["health"]["failed_runs"]) == (3, 2)
    assert answer["by_category"] == {"testing": 2}
    assert answer["live"]["recent_failures"][0]["verdict"]
    assert [pattern["count"] for pattern in answer["patterns"]] == [2]
    assert writes(out) == []
    assert "done" in errors
    assert TOKEN not in said + errors


async def test_people_get_a_screen_and_markdown_if_they_like(out: Outside) -> None:
    past_run(out, HOUR)
    code, said, _ = await scan(out, REPO)
    assert (code, "Newest failures" in said, "Verdict" in said) == (0, True, True)
    code, said, _ = await scan(out, REPO, "--format", "markdown", "--days", "3")
    assert (code, "3d" in said) == (0, True)


async def test_a_second_call_reads_nothing_again(out: Outside) -> None:
    past_run(out, HOUR)
    await scan(out, REPO)
    asked = out.github.count("GET", JOBS), out.github.count("GET", LOGS)
    code, _, _ = await scan(out, REPO)
    assert (code, asked) == (0, (1, 1))
    assert (out.github.count("GET", JOBS), out.github.count("GET", LOGS)) == asked
    assert (count(out, "pipeline_runs"), count(out, "pipeline_failures")) == (1, 1)


async def test_the_limit_bounds_the_logs_and_takes_the_newest(out: Outside) -> None:
    runs = [past_run(out, hours * HOUR) for hours in (3, 2, 1)]
    code, _, _ = await scan(out, REPO, "--limit", "2")
    assert code == 0
    connection = sqlite3.connect(out.folder / "pipeline.db")
    read = {row[0] for row in connection.execute("SELECT run_id FROM pipeline_failures")}
    connection.close()
    assert read == {run.id for run in runs[1:]}
    assert count(out, "pipeline_runs") == 3


async def test_several_repositories_are_one_answer_and_one_that_fails_does_not_stop_the_others(out: Outside) -> None:
    past_run(out, HOUR, log=RUFF_LOG)
    past_run(out, HOUR, repo=OTHER)
    code, said, errors = await scan(out, "octo/nothing", REPO, OTHER, "--format", "json")
    assert code == 1
    [line] = [line for line in errors.splitlines() if "octo/nothing" in line]
    assert "404" in line
    answer = json.loads(said)
    assert answer["repository"] is None
    assert answer["by_repository"] == {REPO: 1, OTHER: 1}


async def test_a_token_that_is_not_accepted_is_one_clear_line(out: Outside) -> None:
    code, said, errors = await scan(out, REPO, GITHUB_TOKEN="ghp_wrong")
    assert (code, said) == (1, "")
    [line] = errors.splitlines()
    assert "401" in line
    assert "GITHUB_TOKEN" in line


async def test_the_call_is_checked_before_anything_is_asked(out: Outside) -> None:
    for arguments, word in (
        (("nonsense",), "owner/name"),
        ((REPO, "--days", "0"), "--days"),
        ((REPO, "--limit", "-1"), "--limit"),
    ):
        code, said, errors = await scan(out, *arguments)
        assert (code, said, word in errors) == (2, "", True), errors
    code, _, errors = await scan(out, REPO, GITHUB_TOKEN="")
    assert (code, "GITHUB_TOKEN" in errors) == (2, True)
    assert out.github.requests == []


async def test_as_an_app_it_asks_which_installation_reaches_the_repository(out: Outside) -> None:
    past_run(out, HOUR)
    app = {name: out.environment[name] for name in ("GITHUB_APP_ID", "GITHUB_PRIVATE_KEY_PATH")}
    code, said, errors = await scan(out, REPO, "--format", "json", GITHUB_TOKEN="", **app)
    assert code == 0, errors
    assert json.loads(said)["health"]["failed_runs"] == 1
    connection = sqlite3.connect(out.folder / "pipeline.db")
    assert connection.execute("SELECT installation_id FROM pipeline_runs").fetchall() == [(*out.state.installations,)]
    connection.close()
    assert writes(out) == []


async def test_a_limit_is_waited_for_in_place(out: Outside) -> None:
    past_run(out, HOUR)
    out.github.faults.secondary_limit(f"GET {LOGS}", retry_after=1)
    code, _, errors = await scan(out, REPO)
    assert code == 0, errors
    assert "going on at" in errors
    assert count(out, "pipeline_failures") == 1


async def test_logs_that_may_not_be_read_leave_the_runs_known(out: Outside) -> None:
    past_run(out, HOUR)
    out.github.faults.answer(f"GET {LOGS}", 403, body={"message": "Must have admin rights to Repository."})
    code, said, errors = await scan(out, REPO, "--format", "json")
    assert (code, "admin rights" in errors) == (1, True)
    assert json.loads(said)["health"]["failed_runs"] == 1


async def test_ctrl_c_keeps_what_was_read_and_the_same_call_goes_on(out: Outside) -> None:
    for hours in (1, 2, 3):
        past_run(out, hours * HOUR)
    environment = {"GITHUB_API_URL": out.github.api_url, "GITHUB_TOKEN": TOKEN}
    out.github.faults.slow(f"GET {JOBS}", 0)
    fault = out.github.faults.hold(f"GET {JOBS}")
    program = await Program.start("scan", REPO, environment=environment, folder=out.folder)
    async with asyncio.timeout(60):
        await fault.arrived.wait()
    program.signal(signal.SIGINT)
    assert await program.ended() == 130
    assert "goes on from there" in program.output
    assert "Traceback" not in program.output
    fault.released.set()
    assert count(out, "pipeline_failures") == 1
    before = out.github.count("GET", JOBS)
    code, _, errors = await scan(out, REPO)
    assert code == 0, errors
    assert count(out, "pipeline_failures") == 3
    assert out.github.count("GET", JOBS) - before == 2


async def test_a_terminal_gets_a_bar_with_what_is_left(out: Outside) -> None:
    past_run(out, HOUR)
    ours, theirs = pty.openpty()
    environment = {"GITHUB_API_URL": out.github.api_url, "GITHUB_TOKEN": TOKEN, "TERM": "xterm", "COLUMNS": "160"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "scan", REPO, "--format", "json"),
        cwd=out.folder,
        env={"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(ROOT), **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    shown = await asyncio.to_thread(_drained, ours)
    assert process.stdout is not None
    json.loads(await process.stdout.read())
    assert await process.wait() == 0
    assert "to go" in shown
    assert "━" in shown


def _drained(descriptor: int) -> str:
    """All that is written to a terminal until its last writer is gone."""
    parts = []
    while True:
        try:
            part = os.read(descriptor, 65536)
        except OSError:
            break
        if not part:
            break
        parts.append(part)
    os.close(descriptor)
    return b"".join(parts).decode()


async def test_beside_its_server_the_server_reads(out: Outside) -> None:
    past_run(out, HOUR)
    server = await out.serve(DATABASE_URL="sqlite:///pipeline.db")
    try:
        code, said, errors = await scan(out, REPO, "--format", "json")
        assert code == 0, errors
        assert "running server" in errors
        assert json.loads(said)["by_category"] == {"testing": 1}
        code, _, errors = await scan(out, "octo/nothing")
        assert (code, "404" in errors) == (1, True)
    finally:
        server.signal(signal.SIGTERM)
        await server.ended()
    assert writes(out) == []


async def test_a_history_with_more_than_github_lists_at_once_is_read_wholly(out: Outside) -> None:
    for second in range(1100):
        past_run(out, HOUR + 40 * second, "success")
    code, said, errors = await scan(out, REPO, "--format", "json", "--days", "2")
    assert code == 0, errors
    assert json.loads(said)["health"]["total_runs"] == 1100
