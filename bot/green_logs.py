"""The last green log of the same job, for verdicts that are weak: found, read and kept within bounds.

It costs two calls at most: the green run's jobs and one log. Whatever goes wrong on the way changes no verdict.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from weakref import WeakValueDictionary

import structlog
from cachetools import LRUCache, TTLCache

from bot.errors import GitHubRefused, Retry
from bot.github.client import GitHub
from bot.github.joblog import NoLog
from bot.log_reader import LogReader
from classifiers.green import MOST_BYTES
from storage.model import Run

log = structlog.get_logger(__name__)

LastGreen = Callable[[Run], Awaitable[Run | None]]
"""The newest successful run of the same workflow, of the branch if it has one, else of the default branch."""
MOST_LOGS = 4
"""Green logs that the failed jobs of one run may ask for."""
SECONDS = 30.0
"""A look that takes longer is given up."""
LOGS_KEPT = 64
"""Packed lines in memory, at most 400 KB each."""
RUNS_KEPT, KEPT_SECONDS = 256, 3600.0


async def nowhere(_run: Run) -> Run | None:
    """Knows of no green run."""
    return None


class GreenLogs:
    """What was learnt of green runs, shared by all readings."""

    def __init__(self, logs: LogReader) -> None:
        self._logs = logs
        self._jobs: TTLCache[tuple[int, int], dict[str, int]] = TTLCache(RUNS_KEPT, ttl=KEPT_SECONDS)
        self._lines: LRUCache[int, bytes] = LRUCache(LOGS_KEPT)
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    def look(self, run: Run, github: GitHub, last_green: LastGreen) -> Look:
        """The look that the failed jobs of one run share."""
        return Look(self, run, github, last_green)

    async def lines(self, green: Run, job: str, github: GitHub) -> bytes:
        """The packed lines of one job of a green run; empty where it has no such job or its log cannot be had."""
        # The legs of a matrix ask at once; the jobs of the green run are asked for once.
        lock = self._locks.setdefault(green.run_id, asyncio.Lock())
        async with lock:
            key = (green.run_id, green.run_attempt)
            jobs: dict[str, int] | None = self._jobs.get(key)
            if jobs is None:
                found = await github.jobs(green.repository, green.run_id, green.run_attempt)
                jobs = self._jobs[key] = {each.name: each.id for each in found if each.conclusion == "success"}
            if job not in jobs:
                return b""
            kept: bytes | None = self._lines.get(jobs[job])
            if kept is None:
                kept = self._lines[jobs[job]] = await self._read(green.repository, jobs[job], github)
            return kept

    async def _read(self, repository: str, job_id: int, github: GitHub) -> bytes:
        try:
            async with github.log(repository, job_id) as pieces:
                return await self._logs.green_lines(first_bytes(pieces))
        except NoLog:
            return b""


class Look:
    """Looks for the last green logs of one run's failed jobs, a few at most."""

    def __init__(self, green: GreenLogs, run: Run, github: GitHub, last_green: LastGreen) -> None:
        self._green = green
        self._run = run
        self._github = github
        self._last_green = last_green
        self._left = MOST_LOGS

    async def lines(self, job: str) -> bytes:
        """The packed lines of the job's last green log; empty where there is none or it cannot be had."""
        if self._left == 0:
            return b""
        self._left -= 1
        try:
            async with asyncio.timeout(SECONDS):
                found = await self._last_green(self._run)
                return await self._green.lines(found, job, self._github) if found is not None else b""
        except (GitHubRefused, Retry, TimeoutError) as error:
            log.warning("the last green log could not be read", reason=str(error))
            return b""


async def first_bytes(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The first 8 MB; the rest is not fetched."""
    size = 0
    async for piece in pieces:
        yield piece
        size += len(piece)
        if size >= MOST_BYTES:
            return
