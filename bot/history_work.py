"""Reading the past as work of the queue: a slice at a time, behind whatever happens now, with nothing said of it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.backfill import DAY, Backfill, Progress, beginning, present, told
from bot.errors import Forbidden, Gone, NotFound, Retry
from bot.events import RepositoryRef, as_stored
from bot.github.client import GitHub
from bot.github.gateway import Gateway
from bot.lanes import lane_beside, lay
from bot.monitor import PipelineMonitor
from bot.work import BACKFILL, LOOK_UP, REFRESH, Follow, LookUp
from bot.work import Backfill as BackfillOrder
from storage import effects, failures, installations, runs
from storage.database import Database
from storage.model import HISTORY, Repository, Run

log = structlog.get_logger(__name__)

INSTALLED_DAYS = 7
"""How much of its past is read of a repository that is new here."""
SLICE_SECONDS = 5.0
SLICES_AT_ONCE = 2
"""Of a process's workers; the others stay free for what happens now."""
MOST_MENDED = 20
"""Failures whose reports are written again once the past is read."""
RESERVE = 0.25
"""The share of the hour's requests that is left to what happens now."""
STILL_NEWS = DAY
"""Seconds after its end within which a run that was looked up is reported like any other."""


def backfill_key(order: BackfillOrder) -> str:
    """The key of the job, and of the record of its progress. One a day and size, so that repeating is harmless."""
    return f"{BACKFILL}:{order.repo_id}:{order.since // DAY}:{order.limit}"


async def order_backfill(tx: AsyncConnection, repo: Repository, *, since: int, until: int, limit: int, now: int) -> str:
    """Put the reading of a repository's history into the queue; its key. Times in epoch seconds."""
    order = BackfillOrder(repo_id=repo.id, since=since, until=until, limit=limit)
    key = backfill_key(order)
    await lay(
        tx,
        BACKFILL,
        order,
        dedupe=key,
        at_ms=now * 1000,
        installation_id=repo.installation_id,
        lane=lane_beside(repo.id, BACKFILL),
        priority=HISTORY,
    )
    return key


async def order_look_up(tx: AsyncConnection, run: Run, now: int) -> None:
    """Have GitHub asked what became of a run."""
    order = LookUp(repo_id=run.repo_id, run_id=run.run_id, run_attempt=run.run_attempt)
    dedupe = f"{LOOK_UP}:{run.repo_id}:{run.run_id}"
    await lay(tx, LOOK_UP, order, dedupe=dedupe, at_ms=now * 1000, installation_id=run.installation_id)


class HistoryWork:
    """Sees `BACKFILL` and `LOOK_UP` through."""

    def __init__(
        self,
        database: Database,
        gateway: Gateway,
        backfill: Backfill,
        monitor: PipelineMonitor,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._database = database
        self._gateway = gateway
        self._backfill = backfill
        self._monitor = monitor
        self._clock = clock
        self._gate = asyncio.Semaphore(SLICES_AT_ONCE)

    async def request(self, full_name: str, *, days: int, limit: int) -> str:
        """Have the last days of a repository read, whether it is known or not; the key of the work.

        Raises GitHubRefused, Retry or GiveUp where GitHub does not show it.
        """
        now = int(self._clock())
        installation_id = await self._gateway.installation_of(full_name)
        github = await self._gateway.client(installation_id)
        repo = present(await github.repository(full_name), installation_id)

        async def save(tx: AsyncConnection) -> str:
            await installations.save_repositories(tx, [repo])
            return await order_backfill(tx, repo, since=now - days * DAY, until=now, limit=limit, now=now)

        return await self._database.write(save)

    async def advance(self, order: BackfillOrder, repo: Repository) -> None:
        """One slice; Retry, at no cost, while there is more."""
        if repo.removed_at is not None:
            await self._forget(order)
            return
        if self._gate.locked():
            # The slot of a worker is not held while others read: deliveries need it.
            raise Retry("other repositories' history is read first", after=random.uniform(2, 5), counts=False)  # noqa: S311
        async with self._gate:
            github = await self._gateway.client(repo.installation_id)
            try:
                shape = await github.repository(repo.full_name)
                await self._slice(order, present(shape, repo.installation_id), github)
            except (NotFound, Gone) as error:
                log.warning("the history cannot be read: the repository is gone", reason=str(error))
                await self._forget(order)

    async def _slice(self, order: BackfillOrder, repo: Repository, github: GitHub) -> None:
        at = await self._progress(order)
        end = self._clock() + SLICE_SECONDS
        while not at.done:
            self._spare(github)
            try:
                at = await self._backfill.step(at, repo, github)
            except Forbidden as error:
                if at.unread is None:
                    raise
                log.warning("the logs of the past may not be read", reason=str(error), permission=error.permission)
                break
            if self._clock() >= end and not at.done:
                await self._save(order, at)
                raise Retry(f"more to read: {told(at)}", after=1, counts=False)
            await self._save(order, at)
        log.info("history read", runs=at.runs, failed_runs_read=at.read)
        await self._tell_of_the_mended(order, repo)
        await self._forget(order)

    def _spare(self, github: GitHub) -> None:
        """What happens now comes first: the last of the hour's requests are left to it."""
        if github.left is None:
            return
        left, limit, reset = github.left
        wait = reset - self._clock()
        if left < limit * RESERVE and wait > 0:
            raise Retry("the rest of this hour's requests is for what happens now", after=wait + 1, counts=False)

    async def _progress(self, order: BackfillOrder) -> Progress:
        async with self._database.read() as conn:
            kept = await effects.find(conn, backfill_key(order))
        if kept is None or not kept.detail:
            return beginning(order.since, order.until, order.limit)
        return msgspec.json.decode(kept.detail, type=Progress)

    async def _save(self, order: BackfillOrder, at: Progress) -> None:
        key, now = backfill_key(order), int(self._clock())

        async def save(tx: AsyncConnection) -> None:
            await effects.intend(tx, key=key, kind=BACKFILL, repo_id=order.repo_id, now=now)
            detail = msgspec.json.encode(at).decode()
            await effects.done(tx, key, external_id="", url="", body_hash="", detail=detail, now=now)

        await self._database.write(save)

    async def _tell_of_the_mended(self, order: BackfillOrder, repo: Repository) -> None:
        """Of the past nothing new is said, but what was said must not stay red: its end may stand here alone."""
        now = int(self._clock())

        async def follow(tx: AsyncConnection) -> None:
            mended = await failures.mended_in_pulls(tx, order.repo_id, order.since, MOST_MENDED)
            if not mended:
                return
            again = Follow(repo_id=order.repo_id, fingerprints=tuple(mended), commit="")
            dedupe = f"{REFRESH}:{backfill_key(order)}:{now}"
            await lay(tx, REFRESH, again, dedupe=dedupe, at_ms=now * 1000, installation_id=repo.installation_id)

        await self._database.write(follow)

    async def _forget(self, order: BackfillOrder) -> None:
        await self._database.write(lambda tx: effects.forget(tx, backfill_key(order)))

    async def look_up(self, order: LookUp, repo: Repository) -> None:
        """What became of a run: news are followed, what is older is only stored."""
        async with self._database.read() as conn:
            known = await runs.run(conn, repo.id, order.run_id, order.run_attempt)
        if known is None or known.status == "completed" or repo.removed_at is not None:
            return
        github = await self._gateway.client(repo.installation_id)
        try:
            shape = await github.run(repo.full_name, order.run_id)
        except (NotFound, Gone):
            # Deleted: GitHub's own word for a run of which no end will come.
            ended = replace(known, status="completed", conclusion="stale", completed_at=known.started_at)
            await self._monitor.seen(ended, repo)
            return
        ref = RepositoryRef(id=repo.id, full_name=repo.full_name, default_branch=repo.default_branch or None)
        run = as_stored(shape, ref, repo.installation_id)
        if run.completed_at is None:
            await self._monitor.seen(run, repo)
        elif self._clock() - run.completed_at <= STILL_NEWS:
            await self._monitor.completed(run, repo)
        else:
            await self._backfill.take(run, repo, github)
