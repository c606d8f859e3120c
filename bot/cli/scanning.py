"""The work behind `pipeline scan`: repositories one after another, patient with GitHub's limits, told as it goes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import aiohttp
import msgspec

from bot import app
from bot.backfill import DAY, Backfill, Progress, beginning, present
from bot.cli.ordering import handed_over
from bot.cli.output import Failed
from bot.cli.refused import why
from bot.cli.scan_progress import Screen
from bot.config_source import ConfigSource
from bot.errors import Forbidden, GitHubRefused, GiveUp, Retry
from bot.github.client import GitHub
from bot.github.gateway import Gateway
from bot.log_reader import LogReader
from bot.metrics import Metrics
from bot.reading import RunReader
from bot.settings import Settings
from storage import backlog, effects, installations
from storage.database import Database
from storage.locations import SqliteFile, parse_url
from storage.lock import AlreadyRunning
from storage.model import Repository

Result = TypeVar("Result")
AHEAD = 3600
"""Seconds by which GitHub's clock may be ahead of ours: a run of just now belongs to the history."""
TRIES = 5
"""Of a call that fails; waits that GitHub asks for are not counted."""
LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the call asks for."""

    names: Sequence[str]
    days: int
    limit: int


@dataclass(slots=True)
class Outcome:
    """What came of it."""

    repo_ids: list[int] = field(default_factory=list)
    """The repositories that were read, wholly or in part."""
    troubled: list[str] = field(default_factory=list)
    """The names of those of which nothing, or not everything, could be read."""


class Partly(Exception):
    """Not everything of a repository could be read; the text says why."""

    def __init__(self, repo_id: int, reason: str) -> None:
        super().__init__(reason)
        self.repo_id = repo_id


async def scan(settings: Settings, wanted: Wanted, screen: Screen) -> Outcome:
    """Read every repository, one after another.

    Raises StorageError where the database cannot be used, Failed where its server takes no orders.
    """
    try:
        async with _scanner(settings, screen) as scanner:
            return await _each(wanted, screen, scanner.read)
    except AlreadyRunning:
        location = parse_url(settings.database_url)
        if not isinstance(location, SqliteFile):
            raise
        screen.tell("the running server has the database and reads the history, by its own credentials")
        database = await Database.open(settings.database_url, readonly=True)
        try:
            return await _each(wanted, screen, _Follower(location.path, database, screen).read)
        finally:
            await database.close()


async def _each(wanted: Wanted, screen: Screen, read: Callable[[str, Wanted], Awaitable[int]]) -> Outcome:
    outcome = Outcome()
    for name in wanted.names:
        screen.begin(name)
        try:
            outcome.repo_ids.append(await read(name, wanted))
        except (Partly, GitHubRefused, Retry, GiveUp, Failed) as error:
            outcome.troubled.append(name)
            screen.tell(f"{name}: {why(error)}")
            if isinstance(error, Partly):
                outcome.repo_ids.append(error.repo_id)
    return outcome


@asynccontextmanager
async def _scanner(settings: Settings, screen: Screen) -> AsyncIterator[_Scanner]:
    async with AsyncExitStack() as stack:
        database = await app.opened(stack, settings.database_url, time.time)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        logs = LogReader()
        stack.push_async_callback(logs.close)
        backfill = Backfill(database, RunReader(logs, clock=time.time), ConfigSource(database, clock=time.time))
        yield _Scanner(database, app.gateway_of(settings, session, Metrics()), backfill, screen)


@dataclass(frozen=True, slots=True)
class _Scanner:
    """Reads in this process."""

    database: Database
    gateway: Gateway
    backfill: Backfill
    screen: Screen

    async def read(self, name: str, wanted: Wanted) -> int:
        repo, github = await self._known(name)
        now = int(time.time())
        at = beginning(now - wanted.days * DAY, now + AHEAD, wanted.limit)
        while not at.done:
            try:
                at = await self._patiently(lambda at=at: self.backfill.step(at, repo, github))  # type: ignore[misc]
            except Forbidden as error:
                if at.unread is None:
                    raise
                raise Partly(repo.id, f"the logs may not be read, so only the runs are known: {why(error)}") from error
            self.screen.show(at)
        self.screen.ended(at)
        return repo.id

    async def _known(self, name: str) -> tuple[Repository, GitHub]:
        number = await self._patiently(lambda: self.gateway.installation_of(name))
        github = await self._patiently(lambda: self.gateway.client(number))
        repo = present(await self._patiently(lambda: github.repository(name)), number)
        async with self.database.read() as conn:
            known = await installations.repository(conn, repo.id)
        if number == 0 and known is not None:
            # A token reads what an App has installed already: it stays that installation's.
            repo = replace(repo, installation_id=known.installation_id)
        await self.database.write(lambda tx: installations.save_repositories(tx, [repo]))
        return repo, github

    async def _patiently(self, call: Callable[[], Awaitable[Result]]) -> Result:
        """Waits in place as long as GitHub asks for, and a little after what may pass."""
        tries = 0
        while True:
            try:
                return await call()
            except Retry as error:
                tries += error.counts
                if tries >= TRIES:
                    raise
                wait = max(1.0, error.after if error.after is not None else 2.0**tries)
                until = time.strftime("%H:%M:%S UTC", time.gmtime(time.time() + wait))
                self.screen.tell(f"{error}; going on at {until} (Ctrl-C keeps what was read)")
                await asyncio.sleep(wait)


@dataclass(frozen=True, slots=True)
class _Follower:
    """Has the server read, and watches."""

    path: Path
    database: Database
    screen: Screen

    async def read(self, name: str, wanted: Wanted) -> int:
        from bot.orders import Backfill as Order

        key = await handed_over(self.path, Order(name, wanted.days, wanted.limit))
        repo_id, at = int(key.split(":")[1]), None
        while True:
            async with self.database.read() as conn:
                work = await backlog.work(conn, key)
                kept = await effects.find(conn, key)
            if kept is not None and kept.detail:
                at = msgspec.json.decode(kept.detail, type=Progress)
                self.screen.show(at)
            if work is None:
                self.screen.ended(at)
                return repo_id
            if work.dead:
                raise Partly(repo_id, work.last_error)
            await asyncio.sleep(LOOK_SECONDS)
