"""What was held back in quiet hours: which runs, and the one piece of work that tells of them together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.actions import Action
from bot.lanes import lane_beside, lay
from bot.quiet import waits
from bot.work import HELD, RELEASE, Release
from storage import effects, runs
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
            await _wait(tx, repo, until)

        if any(map(waits, actions)):
            await self._database.write(remember)
        return tuple(action for action in actions if not waits(action))

    async def wait(self, repo: Repository, until: int) -> None:
        """Look again at `until`; the repository's lane is free meanwhile."""
        await self._database.write(lambda tx: _wait(tx, repo, until))

    async def over(self, repo: Repository, until: int) -> None:
        """The quiet hours are over: what was held back is told in the repository's lane."""
        now = int(self._clock())
        await self._database.write(lambda tx: _lay(tx, RELEASE, repo, until, at=now))

    async def of(self, repo: Repository) -> list[Run]:
        """The runs that wait in a repository, in the order in which they were started."""
        async with self._database.read() as conn:
            keys = await effects.keys_of(conn, repo.id, HELD, MOST)
            found = [await runs.run(conn, repo.id, *_numbers(key)) for key in keys]
        return sorted((run for run in found if run is not None), key=lambda run: (run.run_id, run.run_attempt))

    async def told(self, run: Run) -> None:
        """It waits no longer."""
        await self._database.write(lambda tx: effects.forget(tx, _key(run)))


async def _wait(tx: AsyncConnection, repo: Repository, until: int) -> None:
    await _lay(tx, HELD, repo, until, at=until, lane=lane_beside(repo.id, HELD))


async def _lay(
    tx: AsyncConnection, kind: str, repo: Repository, until: int, *, at: int, lane: str | None = None
) -> None:
    work, dedupe = Release(repo_id=repo.id, until=until), f"{kind}:{repo.id}:{until}"
    await lay(tx, kind, work, dedupe=dedupe, at_ms=at * 1000, installation_id=repo.installation_id, lane=lane)


def _key(run: Run) -> str:
    return f"{HELD}:{run.repo_id}:{run.run_id}:{run.run_attempt}"


def _numbers(key: str) -> tuple[int, int]:
    run_id, attempt = key.split(":")[-2:]
    return int(run_id), int(attempt)
