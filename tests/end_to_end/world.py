"""The real program against the stand-in GitHub: deliveries in over HTTP, GitHub changed over HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from bot import app, settings
from bot.demo import deliveries
from bot.demo.github.records import CheckRunRecord, IssueRecord, JobRecord, RunRecord
from bot.demo.github.server import StandInGitHub
from bot.demo.github.state import GitHubState
from bot.demo.webhooks import Delivery, sign
from storage import inbox_admin
from storage.inbox_admin import JobListing
from tests.openapi import check_request

SECRET = "a webhook secret"
REPO = "octo/app"
PYTEST_LOG = """2026-11-20T10:00:01.0000000Z ##[group]Run pytest
2026-11-20T10:00:01.1000000Z \x1b[36;1mpytest\x1b[0m
2026-11-20T10:00:01.2000000Z shell: /usr/bin/bash -e {0}
2026-11-20T10:00:01.3000000Z ##[endgroup]
2026-11-20T10:00:04.0000000Z =================================== FAILURES ===================================
2026-11-20T10:00:04.0000000Z __________________________________ test_total __________________________________
2026-11-20T10:00:04.1000000Z     def test_total():
2026-11-20T10:00:04.2000000Z >       assert total([1, 2]) == 4
2026-11-20T10:00:04.3000000Z E       assert 3 == 4
2026-11-20T10:00:04.4000000Z tests/test_cart.py:7: AssertionError
2026-11-20T10:00:05.0000000Z =========================== short test summary info ============================
2026-11-20T10:00:05.1000000Z FAILED tests/test_cart.py::test_total - assert 3 == 4
2026-11-20T10:00:05.2000000Z ============================== 1 failed in 0.05s ===============================
2026-11-20T10:00:06.0000000Z ##[error]Process completed with exit code 1.
"""
RUFF_LOG = """2026-11-20T10:00:01.0000000Z ##[group]Run ruff check .
2026-11-20T10:00:01.1000000Z \x1b[36;1mruff check .\x1b[0m
2026-11-20T10:00:01.3000000Z ##[endgroup]
2026-11-20T10:00:02.0000000Z app/cart.py:1:8: F401 [*] `os` imported but unused
2026-11-20T10:00:02.1000000Z Found 1 error.
2026-11-20T10:00:02.2000000Z ##[error]Process completed with exit code 1.
"""


@dataclass
class Clock:
    """The program's time: real, and put forward where a test would have to wait. GitHub keeps its own."""

    ahead: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@dataclass
class World:
    """A running program, the GitHub it talks to, and what a test does with both."""

    github: StandInGitHub
    state: GitHubState
    parts: app.Parts
    url: str
    session: aiohttp.ClientSession
    sent: list[str] = field(default_factory=list)

    @property
    def app_id(self) -> int:
        """The App that the program is."""
        return self.parts.settings.app_id or 0

    async def send(self, delivery: Delivery, *, secret: str | None = SECRET) -> int:
        """Deliver once, signed; the status of the answer."""
        body = delivery.body
        self.sent.append(delivery.guid)
        return await self.post(body, sign(secret, body, delivery))

    async def post(self, body: bytes, headers: dict[str, str]) -> int:
        """Any request to the webhook; the status of the answer."""
        async with self.session.post(f"{self.url}/webhook", data=body, headers=headers) as answer:
            return answer.status

    async def get(self, path: str) -> tuple[int, str]:
        """A page's status and text."""
        async with self.session.get(self.url + path) as answer:
            return answer.status, await answer.text()

    async def settled(self) -> dict[str, str]:
        """Until everything sent is worked off; the dead deliveries with their reasons."""
        async with asyncio.timeout(60):
            return await app.until_worked_off(self.parts.database, self.sent)

    async def complete(self, run: RunRecord, *, attempt: int = 0) -> None:
        """GitHub says that the run completed, and the program has done what it does."""
        assert await self.send(deliveries.workflow_run(self.state, run, attempt=attempt)) == 202
        assert await self.settled() == {}

    async def send_run(self, run: RunRecord) -> None:
        """GitHub says that the run completed."""
        assert await self.send(deliveries.workflow_run(self.state, run)) == 202

    async def jobs(self, come_to: Callable[[list[JobListing]], bool]) -> list[JobListing]:
        """What lies in the inbox, once that is so."""
        database = self.parts.database
        async with asyncio.timeout(60):
            while True:
                ticket = database.wakeup.ticket
                async with database.read() as conn:
                    found = await inbox_admin.list_jobs(conn, None, 100)
                if come_to(found):
                    return found
                await database.wakeup.wait(ticket, 0.1)

    async def none_left(self, *kinds: str) -> None:
        """Until no work of these kinds waits or runs; what has become due meanwhile is begun at once."""
        self.parts.database.wakeup.ring()
        await self.jobs(lambda found: not any(job.kind in kinds for job in found))

    async def hurry(self) -> None:
        """Once the work was put back: let it be due now, instead of waiting as long as it would."""
        await self.jobs(lambda found: any(job.state == "waiting" and job.last_error for job in found))
        await self.due_now()

    async def due_now(self) -> None:
        """Nothing waits any longer."""
        database = self.parts.database
        await database.write(lambda tx: tx.exec_driver_sql("UPDATE jobs SET run_at_ms = 0 WHERE state = 0"))
        database.wakeup.ring()

    def run(self, conclusion: str | None = "failure", **fields: Any) -> RunRecord:
        """A run on the repository's default branch unless told otherwise."""
        return self.state.add_run(REPO, conclusion=conclusion, **fields)

    def job(self, run: RunRecord, log: str | None = PYTEST_LOG, name: str = "test", **fields: Any) -> JobRecord:
        """A job of the run, by default one whose tests failed."""
        return self.state.add_job(run, name, log=log, **fields)

    async def fail(self, log: str | None = PYTEST_LOG, **fields: Any) -> RunRecord:
        """A run with one failed job, told and worked off."""
        run = self.run(**fields)
        self.job(run, log)
        await self.complete(run)
        return run

    @property
    def check_runs(self) -> list[CheckRunRecord]:
        """Our check runs in the repository."""
        return self.state.check_runs_named(REPO)

    @property
    def issues(self) -> list[IssueRecord]:
        """The repository's issues that are no pull requests, oldest first."""
        found = self.state.repository(REPO).issues
        return [found[number] for number in sorted(found) if found[number].pull is None]

    def comments(self, number: int) -> list[str]:
        """The bodies of the comments on an issue or pull request, oldest first."""
        return [comment.body for comment in self.state.repository(REPO).issues[number].comments]


@asynccontextmanager
async def opened(
    tmp_path: Path,
    database_url: str,
    *,
    inbox_capacity: int = 20_000,
    clock: Callable[[], float] = time.time,
    **overrides: Any,
) -> AsyncIterator[World]:
    """A world with one installed App and the repository octo/app; nothing has happened yet."""
    state = GitHubState()
    record = state.create_app(webhook_secret=SECRET)
    state.add_repository(REPO)
    state.install("octo", app=record)
    async with StandInGitHub(state, on_request=check_request) as github:
        key = tmp_path / "key.pem"
        key.write_text(record.private_key_pem)
        given: dict[str, Any] = {
            "app_id": record.id,
            "private_key_path": key,
            "webhook_secret": SECRET,
            "database_url": database_url,
            "github_api_url": github.api_url,
            "port": 0,
            "writes_per_minute": 60_000,
            **overrides,
        }
        configured = settings.load({k: v for k, v in given.items() if v is not None}, env_file=None)
        async with (
            app.assembled(configured, clock=clock, inbox_capacity=inbox_capacity) as parts,
            running(parts) as url,
            aiohttp.ClientSession() as session,
        ):
            yield World(github, state, parts, url, session)


@asynccontextmanager
async def running(parts: app.Parts) -> AsyncIterator[str]:
    """The program serving on a port of its own; its address."""
    stop = asyncio.Event()
    listening: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(
        app.run(parts, with_web=True, with_worker=True, stop=stop, on_listening=listening.set_result, clock=time.time)
    )
    await asyncio.wait([task, listening], return_when=asyncio.FIRST_COMPLETED)
    try:
        yield listening.result() if listening.done() else await _failed(task)
    finally:
        stop.set()
        await task


async def _failed(task: asyncio.Task[None]) -> str:
    await task
    raise AssertionError("the program ended before it listened")
