"""What was held back in quiet hours: which runs, and the one piece of work that tells of them together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.actions import Action
from bot.quiet import waits
from bot.work import HELD, RELEASE, Release
from storage import effects, inbox, runs
from storage.database import Database
from storage.model import Repository, Run

MOST = 500
"""Runs of one night that are told of; the newest ones."""


class Held:
    """Remembers runs whose notices wait."""

    def __init__(self, database: Database, *, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    async def hold(self, actions: Sequence[Action], run: Run, repo: Repository, until: int) -> tuple[Action, ...]:
        """The actions that do not wait. For the others the run is remembered, and looked at again at `until`."""
        now = int(self._clock())

        async def remember(tx: AsyncConnection) -> None:
            await effects.intend(tx, key=_key(run), kind=HELD, repo_id=repo.id, now=now)
            await _enqueue(tx, HELD, repo, until, lane=f"repo:{repo.id}:{HELD}", at=until)

        if any(map(waits, actions)):
            await self._database.write(remember)
        return tuple(action for action in actions if not waits(action))

    async def wait(self, repo: Repository, until: int) -> None:
        """Look again at `until`; the repository's lane is free meanwhile."""
        await self._database.write(lambda tx: _enqueue(tx, HELD, repo, until, lane=f"repo:{repo.id}:{HELD}", at=until))

    async def over(self, repo: Repository, until: int) -> None:
        """The quiet hours are over: what was held back is told in the repository's lane."""
        now = int(self._clock())
        await self._database.write(lambda tx: _enqueue(tx, RELEASE, repo, until, lane=f"repo:{repo.id}", at=now))

    async def of(self, repo: Repository) -> list[Run]:
        """The runs that wait in a repository, in the order in which they were started."""
        async with self._database.read() as conn:
            keys = await effects.keys_of(conn, repo.id, HELD, MOST)
            found = [await runs.run(conn, repo.id, *_numbers(key)) for key in keys]
        return sorted((run for run in found if run is not None), key=lambda run: (run.run_id, run.run_attempt))

    async def told(self, run: Run) -> None:
        """It waits no longer."""
        await self._database.write(lambda tx: effects.forget(tx, _key(run)))


async def _enqueue(tx: AsyncConnection, kind: str, repo: Repository, until: int, *, lane: str, at: int) -> None:
    await inbox.enqueue(
        tx,
        kind=kind,
        dedupe=f"{kind}:{repo.id}:{until}",
        lane=lane,
        args=msgspec.json.encode(Release(repo_id=repo.id, until=until)),
        run_at_ms=at * 1000,
        installation_id=repo.installation_id,
    )


def _key(run: Run) -> str:
    return f"{HELD}:{run.repo_id}:{run.run_id}:{run.run_attempt}"


def _numbers(key: str) -> tuple[int, int]:
    run_id, attempt = key.split(":")[-2:]
    return int(run_id), int(attempt)
