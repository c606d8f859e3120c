"""The history of a repository, read from GitHub's lists: runs first, then the logs of the newest failures.

In steps, each of which may be the last: what was stored is not read again, and repeating a step changes nothing.
Nothing is said on GitHub of what is read here.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import structlog

from bot import policy
from bot.config_source import ConfigSource
from bot.errors import Gone, NotFound
from bot.events import RepositoryRef, as_stored
from bot.github.client import GitHub
from bot.github.shapes import RepositoryShape, RunsShape
from bot.log_reader import LogReaderBroken
from bot.reading import Reading, RunReader
from bot.recorder import Recorder
from storage import backlog
from storage.database import Database
from storage.model import Repository, Run

log = structlog.get_logger(__name__)

DAY = 86_400
MOST_LISTED = 1000
"""GitHub gives no more results of a filtered search than these: a window that has more is halved."""
PAGE = 100
LONG_RUN = DAY
"""Seconds: lists go by when a run was created, and one that ended in a window may have begun so long before."""
FAILED_RUNS = 30
"""Failed runs whose logs are read unless told otherwise; a history has hundreds, and the newest tell the most."""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a history is read. Times in epoch seconds; windows go from `until` back to `since`."""

    since: int
    until: int
    """Also: what ended later is not taken, because a delivery tells of it."""
    limit: int = FAILED_RUNS
    listed_to: int
    """The runs created from here to `until` are known."""
    width: int = DAY
    """Seconds of the next window."""
    below: int | None = None
    """Failed runs from this id up have been read, or cannot be."""
    runs: int = 0
    """Runs that were new."""
    read: int = 0
    """Failed runs whose logs were read."""
    unread: int | None = None
    """Failed runs still to be read; None until the lists are through."""

    @property
    def done(self) -> bool:
        """Whether nothing is left."""
        return self.unread == 0

    @property
    def listed(self) -> float:
        """The share of the time that is listed, 0 to 1."""
        return (self.until - self.listed_to) / max(1, self.until - self.since)


def beginning(since: int, until: int, limit: int = FAILED_RUNS) -> Progress:
    """The history from `since` to `until`, nothing of it read."""
    return Progress(since=since, until=until, limit=limit, listed_to=until)


class Backfill:
    """Reads one repository's history a step at a time, through an installation's client."""

    def __init__(
        self, database: Database, reader: RunReader, configs: ConfigSource, *, most_listed: int = MOST_LISTED
    ) -> None:
        self._database = database
        self._reader = reader
        self._recorder = Recorder(database)
        self._configs = configs
        self._most_listed = most_listed

    async def step(self, at: Progress, repo: Repository, github: GitHub) -> Progress:
        """One window of the list, or the logs of one failed run. Raises as the calls to GitHub do."""
        if at.listed_to > at.since:
            return await self._list(at, repo, github)
        return await self._read_next(at, repo, github)

    async def take(self, run: Run, repo: Repository, github: GitHub) -> None:
        """Store one attempt that ended in the past, with its failures."""
        settings = (await self._configs.of(repo, github)).settings
        failed = run.conclusion in policy.FAILED
        reading = await self._reader.read(run, github, settings.own_rules) if failed else Reading((), ())
        await self._recorder.keep(run, repo, reading, settings, past=True)

    async def _list(self, at: Progress, repo: Repository, github: GitHub) -> Progress:
        start = max(at.since, at.listed_to - at.width)
        window = (_iso(start), _iso(at.listed_to))
        first = await github.runs(repo.full_name, *window, 1)
        if first.total_count > self._most_listed and at.listed_to - start > 1:
            return msgspec.structs.replace(at, width=(at.listed_to - start + 1) // 2)
        pages = -(-min(first.total_count, MOST_LISTED) // PAGE)
        new = await self._keep(first, at, repo)
        for page in range(2, pages + 1):
            new += await self._keep(await github.runs(repo.full_name, *window, page), at, repo)
        wider = at.width * 2 if first.total_count * 2 <= self._most_listed else at.width
        return msgspec.structs.replace(at, listed_to=start, width=min(DAY, wider), runs=at.runs + new)

    async def _keep(self, page: RunsShape, at: Progress, repo: Repository) -> int:
        """Store the runs of a page that say something new; how many."""
        ref = RepositoryRef(id=repo.id, full_name=repo.full_name, default_branch=repo.default_branch)
        told = [as_stored(shape, ref, repo.installation_id) for shape in page.workflow_runs]
        async with self._database.read() as conn:
            known = await backlog.completed(conn, repo.id, [run.run_id for run in told])
        new = [run for run in told if (run.run_id, run.run_attempt) not in known and _ended_by(run, at.until)]
        await self._recorder.keep_ended(new, repo)
        return len(new)

    async def _read_next(self, at: Progress, repo: Repository, github: GitHub) -> Progress:
        async with self._database.read() as conn:
            waiting = await backlog.unread(conn, repo.id, since=at.since, newest=at.limit, below=at.below)
        if not waiting or at.unread is None:
            return msgspec.structs.replace(at, unread=len(waiting))
        run = waiting[0]
        read = 1
        try:
            await self.take(run, repo, github)
        except (NotFound, Gone, LogReaderBroken) as error:
            log.warning("a failed run of the past could not be read", run=run.run_id, reason=str(error))
            read = 0
        return msgspec.structs.replace(at, below=run.run_id, read=at.read + read, unread=len(waiting) - 1)


def present(shape: RepositoryShape, installation_id: int) -> Repository:
    """A repository as the API tells it, in the form in which it is stored."""
    return Repository(
        id=shape.id,
        installation_id=installation_id,
        full_name=shape.full_name,
        private=shape.private,
        default_branch=shape.default_branch or "",
    )


def told(at: Progress) -> str:
    """How far it is, for people."""
    if at.unread is None:
        return f"runs listed back to {_iso(at.listed_to)[:10]}, {at.runs:,} new"
    return f"{at.runs:,} runs new, logs of {at.read} failed ones read, {at.unread} to go"


def _ended_by(run: Run, until: int) -> bool:
    return run.completed_at is None or run.completed_at <= until


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
