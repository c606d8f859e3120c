"""Processes beside one another: what is refused, what is shared, and how one ends."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.demo import deliveries
from bot.demo.webhooks import Delivery
from storage import inbox_admin
from storage.database import Database
from tests.end_to_end.processes import Outside, Program, buried, outside
from tests.end_to_end.world import PYTEST_LOG, REPO

pytestmark = pytest.mark.slow


@pytest.fixture
async def sqlite(tmp_path: Path) -> AsyncIterator[Outside]:
    """The surroundings of a program on SQLite."""
    async with outside(tmp_path, f"sqlite:///{tmp_path / 'pipeline.db'}") as around:
        yield around


def red(around: Outside) -> Delivery:
    """A run with one failed job."""
    run = around.state.add_run(REPO)
    around.state.add_job(run, log=PYTEST_LOG)
    return deliveries.workflow_run(around.state, run)


@pytest.mark.parametrize("second", [["serve", "--port", "0"], ["worker"]], ids=["server", "worker"])
async def test_a_second_process_on_one_sqlite_file_is_refused(sqlite: Outside, second: list[str]) -> None:
    first = await sqlite.serve()
    try:
        refused = await sqlite.start(*second)
        assert await refused.ended() == 1
        [line] = refused.output.splitlines()
        assert "PostgreSQL" in line
        assert "pipeline.db" in line
        assert first.alive
    finally:
        await buried([first])


async def test_a_port_that_is_taken_is_one_clear_line(sqlite: Outside) -> None:
    port = sqlite.environment["PORT"]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(port)))
        taken.listen()
        program = await sqlite.start("serve")
        assert await program.ended() == 1
    [line] = program.output.splitlines()
    assert f"127.0.0.1:{port}" in line
    assert "--port" in line


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_an_idle_server_ends_at_once_when_it_is_asked_to(sqlite: Outside, number: signal.Signals) -> None:
    program = await sqlite.serve()
    program.signal(number)
    async with asyncio.timeout(15):
        assert await program.ended() == 0


async def test_work_under_way_at_sigterm_is_completed(sqlite: Outside) -> None:
    program = await sqlite.serve()
    fault = sqlite.github.faults.hold("POST /repos/{owner}/{repo}/issues")
    try:
        assert await sqlite.send(red(sqlite)) == 202
        await fault.arrived.wait()
        program.signal(signal.SIGTERM)
        fault.released.set()
        assert await program.ended() == 0
    finally:
        await buried([program])
    assert await _left(sqlite) == []
    assert len(sqlite.state.check_runs_named(REPO)) == 1


async def test_work_that_does_not_end_in_time_is_put_back_without_losing_an_attempt(sqlite: Outside) -> None:
    program = await sqlite.serve()
    fault = sqlite.github.faults.hold("POST /repos/{owner}/{repo}/issues")
    try:
        assert await sqlite.send(red(sqlite)) == 202
        await fault.arrived.wait()
        started = time.monotonic()
        program.signal(signal.SIGTERM)
        assert await program.ended() == 0
        assert time.monotonic() - started < 20
    finally:
        fault.released.set()
        await buried([program])
    [job] = await _left(sqlite)
    assert (job.state, job.last_error) == ("waiting", "stopped")
    assert await _attempts_left(sqlite) == 8

    program = await sqlite.serve()
    try:
        await sqlite.worked_off()
    finally:
        await buried([program])
    ours = [issue for issue in sqlite.state.repository(REPO).issues.values() if "pipeline-failure" in issue.labels]
    assert len(ours) == 1


async def test_workers_share_one_postgresql_and_a_server_without_worker_only_takes(
    database_url: str, engine: str, tmp_path: Path
) -> None:
    if engine == "sqlite":
        pytest.skip("one SQLite file takes one process")
    async with outside(tmp_path, database_url) as around:
        server = await around.serve("--no-worker")
        workers: list[Program] = []
        try:
            assert [await around.send(red(around)) for _ in range(4)] == [202] * 4
            assert (await around.inbox())["ready"] == 4
            workers = [await around.start("worker") for _ in range(2)]
            await around.worked_off()
            for program in (server, *workers):
                program.signal(signal.SIGTERM)
                assert await program.ended() == 0
        finally:
            await buried([server, *workers])
        assert len(around.state.check_runs_named(REPO)) == 1


async def _left(around: Outside) -> list[inbox_admin.JobListing]:
    database = await Database.open(around.environment["DATABASE_URL"])
    try:
        async with database.read() as conn:
            return await inbox_admin.list_jobs(conn, None, 10)
    finally:
        await database.close()


async def _attempts_left(around: Outside) -> int:
    database = await Database.open(around.environment["DATABASE_URL"])
    try:
        async with database.read() as conn:
            found = await conn.exec_driver_sql("SELECT max_attempts - attempts FROM jobs")
            return int(found.scalar_one())
    finally:
        await database.close()


STOOD_STILL = {
    "while it read": ("GET /repos/{owner}/{repo}/actions/jobs/", False),
    "after a write that arrived": ("POST /repos/{owner}/{repo}/issues", True),
}


@pytest.mark.parametrize("moment", STOOD_STILL)
async def test_a_worker_that_stood_still_beyond_its_lease_does_nothing_a_second_time(
    database_url: str, engine: str, tmp_path: Path, moment: str
) -> None:
    if engine == "sqlite":
        pytest.skip("one SQLite file takes one process")
    async with outside(tmp_path, database_url) as around:
        server = await around.serve("--no-worker")
        paused = await around.start("worker", LOG_FORMAT="json")
        programs = [server, paused]
        route, after = STOOD_STILL[moment]
        held = around.github.faults.hold(route, after=after)
        try:
            assert await around.send(red(around)) == 202
            await held.arrived.wait()
            paused.signal(signal.SIGSTOP)
            programs.append(await around.start("worker"))
            await around.worked_off()
            held.released.set()
            paused.signal(signal.SIGCONT)
            await paused.said('"outcome": "lost"')
            # The revived one is as good as any other.
            assert await around.send(red(around)) == 202
            await around.worked_off()
            for program in programs:
                program.signal(signal.SIGTERM)
                assert await program.ended() == 0
        finally:
            held.released.set()
            await buried(programs)
        ours = [one for one in around.state.repository(REPO).issues.values() if "pipeline-failure" in one.labels]
        assert len(ours) == 1
        assert len(around.state.check_runs_named(REPO)) == 1
        created = [request.path for request in around.github.requests if request.method == "POST" and request.caller]
        assert len([path for path in created if path.startswith("/repos/")]) == 2
