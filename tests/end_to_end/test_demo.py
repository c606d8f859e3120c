"""`pipeline demo`: the first thing a newcomer runs."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.demo.show import visible

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "bot", "demo")
HOSTILE = {
    "GITHUB_APP_ID": "not a number",
    "GITHUB_TOKEN": "ghp_of_the_user",
    "GITHUB_API_URL": "http://127.0.0.1:9/nowhere",
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none",
    "WEBHOOK_SECRET": "another secret",
    "PORT": "none",
    "LOG_FORMAT": "json",
    "DYNO": "web.1",
    "HTTP_PROXY": "http://127.0.0.1:9",
}


def _environment(**more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **more}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the demo prints, in a folder and an environment that would mislead it if it looked."""
    folder = tmp_path_factory.mktemp("demo")
    (folder / ".env").write_text("GITHUB_TOKEN=ghp_of_the_folder\nPORT=1\nDATABASE_URL=mysql://nowhere\n")
    done = subprocess.run(
        COMMAND, cwd=folder, env=_environment(**HOSTILE), capture_output=True, text=True, timeout=100, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(entry.name for entry in folder.iterdir()) == [".env"]
    return done.stdout


def test_the_demo_shows_everything_that_was_posted(told: str) -> None:
    assert re.search(r"→ Check run · commit \w{7} on main\n +neutral: \d failures?\b", told)
    assert re.search(r"→ Issue · octo/app#1\n.*\n +labels: pipeline-failure, category: testing, severity: high", told)
    assert "→ Comment · pull request octo/app#2" in told
    assert "closed as completed" in told
    assert re.search(r"→ Answer · issue octo/app#4\n +reactions on the question: eyes, rocket\n", told)


def test_a_flaky_test_turns_the_check_run_green_on_its_second_attempt(told: str) -> None:
    assert re.search(r"after attempt 1\n +neutral: 1 failure", told)
    assert re.search(r"after attempt 2\n +success: All green", told)


def test_a_cancelled_run_that_ran_out_of_time_is_told_as_a_time_out(told: str) -> None:
    assert "labels: pipeline-failure, category: timeout, severity: high" in told


def test_green_runs_are_posted_nowhere(told: str) -> None:
    morning = told.split("nothing is posted", 1)[1].split("A commit breaks", 1)[0]
    assert "→" not in morning


def test_the_demo_ends_with_the_health_of_all_its_runs(told: str) -> None:
    dashboard = told.split("$ pipeline health", 1)[1]
    assert re.search(r"^ +Runs +13$", dashboard, re.MULTILINE)
    assert re.search(r"^ +Success rate +84\.6 %$", dashboard, re.MULTILINE)


def test_the_output_is_plain_text_fit_for_a_file(told: str) -> None:
    assert "\x1b" not in told
    assert "<!--" not in told
    assert "<details>" not in told
    assert "\n\n\n" not in told
    assert all(line == line.rstrip() for line in told.splitlines())
    assert max(map(len, told.splitlines())) <= 100


@asynccontextmanager
async def kept_running(folder: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """The demo after its last line, and the port of its server."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND,
        "--keep-running",
        cwd=folder,
        env=_environment(TMPDIR=str(folder)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    port = 0
    async with asyncio.timeout(90):
        async for line in process.stdout:
            found = re.search(rb"^  server +http://127\.0\.0\.1:(\d+) +\(", line)
            port = int(found[1]) if found else port
            if b"server log" in line:
                break
        yield process, port


def _left_in(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir()]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_kept_running_it_serves_until_a_signal_and_leaves_nothing_behind(
    number: signal.Signals, tmp_path: Path
) -> None:
    async with kept_running(tmp_path) as (process, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /readyz HTTP/1.0\r\n\r\n")
        assert b" 200 " in await reader.readline()
        writer.close()
        process.send_signal(number)
        _, complaints = await process.communicate()
        assert (process.returncode, complaints) == (0, b"")
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
    assert _left_in(tmp_path) == []


@pytest.mark.skipif(sys.platform != "linux", reason="finds the server among the demo's children through /proc")
async def test_a_demo_whose_server_dies_shows_the_end_of_its_log_and_exits_with_1(tmp_path: Path) -> None:
    async with kept_running(tmp_path) as (process, _port):
        os.kill(_child_of(process.pid), signal.SIGKILL)
        _, complaints = await process.communicate()
        assert process.returncode == 1
        assert complaints.startswith(b"pipeline: the demo failed: the server ended")
        assert b"pipeline: server log: " in complaints
    assert _left_in(tmp_path) == []


def _child_of(pid: int) -> int:
    [child] = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(child)


def test_markdown_is_shown_without_what_github_hides() -> None:
    body = "<!-- marker -->\nSee [the log](https://example.com/a).\n\n<details><summary>More</summary>\n\n"
    quoted = "```text\n<!-- data --> [x](y)\n```"
    assert visible(f"{body}{quoted}\n\n</details>\n") == f"See the log.\n\n▸ **More**\n\n{quoted}"
    assert visible(f"{body}{quoted}\n\n</details>\n\nEnd", folded=True) == "See the log.\n\n▸ **More**\n\nEnd"
