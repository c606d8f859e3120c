"""What is done by the clock rather than by a delivery; each task once, however many workers there are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from bot.known_work import KnownWork
from bot.perform import boards, digests, warnings
from bot.sweep import Sweep
from classifiers.fingerprint import VERSION
from storage import joins, relearn, retention, rollups, schedules, waking, words
from storage import known as taught
from storage.database import Database
from storage.errors import DatabaseUnavailable

log = structlog.get_logger(__name__)

LOOK_SECONDS = 60.0
DAILY = 86_400
JOIN_SECONDS = 600
NEVER_AGAIN = 100 * 365 * DAILY


class Upkeep:
    """Looks once a minute whether a task is due, and does it."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Callable[[], float],
        retention_days: int,
        excerpt_days: int,
        sweep: Sweep | None = None,
        known: KnownWork | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._retention_days = retention_days
        self._excerpt_days = excerpt_days
        self._sweep = sweep
        self._known = known

    async def run(self) -> None:
        """Until cancelled."""
        # What GitHub sends again comes to this very server: it must listen first.
        sweeping = False
        while True:
            try:
                await self.once(sweeping=sweeping)
            except DatabaseUnavailable as error:
                log.warning("upkeep waits for the database", reason=str(error))
            await asyncio.sleep(LOOK_SECONDS)
            sweeping = True

    async def once(self, *, sweeping: bool = True) -> None:
        """Do what is due now."""
        now = int(self._clock())
        await self._said_by_people(now)
        if self._sweep is not None and sweeping:
            await self._sweep.once()
        if self._known is not None and sweeping:
            await self._known.look()
        if await self._database.write(lambda tx: schedules.due(tx, f"fingerprints:{VERSION}", now, NEVER_AGAIN)):
            changed = await relearn.relearn(self._database)
            if changed:
                log.info("history read again for a new fingerprint version", failures=changed)
        if await self._database.write(lambda tx: schedules.due(tx, "patterns", now, JOIN_SECONDS)):
            joined = await joins.join_near(self._database, now)
            if joined:
                log.info("near failures joined to patterns", fingerprints=joined)
        await self._told_by_the_clock(now)
        await self._forget(now)

    async def _told_by_the_clock(self, now: int) -> None:
        wanted = await digests.order(self._database, now)
        if wanted:
            log.info("weekly digests are looked after", repositories=wanted)
        await boards.order(self._database, now)
        await warnings.order(self._database, now)

    async def _forget(self, now: int) -> None:
        if await self._database.write(lambda tx: schedules.due(tx, "prune", now, DAILY)):
            gone = await retention.prune(
                self._database, now, retention_days=self._retention_days, excerpt_days=self._excerpt_days
            )
            log.info("old rows forgotten", runs=gone.runs, failures=gone.failures, deliveries=gone.deliveries)
        if await self._database.write(lambda tx: schedules.due(tx, "reconcile", now, DAILY)):
            wrong = await rollups.reconcile_recent(self._database, now)
            if wrong:
                log.warning("counts by day did not agree with the runs and were mended", rows=wrong)

    async def _said_by_people(self, now: int) -> None:
        """Ends what people said for a time, and what stopped mattering."""
        await self._database.write(lambda tx: words.wake(tx, now))
        await self._database.write(lambda tx: waking.forget(tx, now))
        if await self._database.write(lambda tx: schedules.due(tx, "known failures", now, DAILY)):
            await self._database.write(lambda tx: taught.retire(tx, now))
