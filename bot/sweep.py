"""Finds what was lost: deliveries that nobody took, runs whose end nobody told. Every ten minutes, by whoever is first.

GitHub never repeats a delivery by itself and forgets it after three days; what is older is read from the run lists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.backfill import DAY, FAILED_RUNS, LONG_RUN
from bot.errors import GitHubRefused, GiveUp, Retry
from bot.github.gateway import Gateway
from bot.github.hook import AppHook
from bot.github.shapes import DeliveryShape
from bot.history_work import order_backfill, order_look_up
from bot.router import BY_KEY
from storage import backlog, effects, schedules
from storage.database import Database

log = structlog.get_logger(__name__)

EVERY = 600
SOON = 60
"""Seconds to the next sweep where one was not enough."""
KEPT = 3 * DAY
"""GitHub sends a delivery again for so long."""
OVERLAP = 900
"""Seconds by which a sweep looks behind the last: a delivery may be listed late."""
MOST_SENT = 100
MOST_TRIES = 5
"""A delivery that we refused so often when it was sent again would be refused once more."""
LONG = 3 * 3600
"""Seconds after which a run that seems to go on is asked about."""
LONGEST = 35 * DAY
"""No run lasts longer on GitHub, waiting for an approval included."""
MOST_ASKED = 200
LOOK_UP_EVERY = 3600
REDELIVERY = "redelivery"
PROGRESS = frozenset({"requested", "in_progress"})
"""Actions that a later delivery makes worthless: they come last."""


class Sweep:
    """Does its round when it is due. Neither order nor repetition matters: what is known has no second effect."""

    def __init__(self, database: Database, gateway: Gateway, *, clock: Callable[[], float]) -> None:
        self._database = database
        self._gateway = gateway
        self._clock = clock

    async def once(self) -> None:
        """What is due now; trouble with GitHub waits for the next round."""
        now = int(self._clock())
        if await self._database.write(lambda tx: schedules.due(tx, "look up", now, LOOK_UP_EVERY)):
            await self._look_up(now)
        hook = self._gateway.hook
        if hook is None or not await self._database.write(lambda tx: schedules.due(tx, "sweep", now, EVERY)):
            return
        try:
            await self._redeliver(hook, now)
        except (Retry, GitHubRefused, GiveUp) as error:
            log.warning("lost deliveries could not be looked for", reason=str(error))

    async def _look_up(self, now: int) -> None:
        async with self._database.read() as conn:
            lost = await backlog.unfinished(conn, since=now - LONGEST, until=now - LONG, limit=MOST_ASKED)
        if not lost:
            return

        async def order(tx: AsyncConnection) -> None:
            for run in lost:
                await order_look_up(tx, run, now)

        await self._database.write(order)
        log.info("runs whose end was not told are looked up", runs=len(lost))

    async def _redeliver(self, hook: AppHook, now: int) -> None:
        async with self._database.read() as conn:
            swept = await schedules.reached(conn, "swept")
        if swept is not None and swept < now - KEPT:
            await self._read_lists(swept, now)
        since = max(swept or 0, now - KEPT)
        lost = await self._lost(await hook.deliveries(datetime.fromtimestamp(since - OVERLAP, UTC)))
        for delivery in lost[:MOST_SENT]:
            await hook.again(delivery.id)
        rest = lost[MOST_SENT:]
        reached = min([now, *(int(one.delivered_at.timestamp()) for one in rest)])

        async def note(tx: AsyncConnection) -> None:
            await _count(tx, lost[:MOST_SENT], now)
            await schedules.mark(tx, "swept", reached)
            if rest:
                await schedules.hasten(tx, "sweep", now + SOON)

        await self._database.write(note)
        if lost:
            log.info("lost deliveries are sent again", sent=len(lost) - len(rest), later=len(rest))

    async def _lost(self, attempts: Sequence[DeliveryShape]) -> list[DeliveryShape]:
        """One attempt of each delivery that is work, never arrived, and is not known; the most telling first."""
        good = {one.guid for one in attempts if 200 <= one.status_code < 400}
        missed = {one.guid: one for one in attempts if one.guid not in good and (one.event, one.action or "") in BY_KEY}
        if not missed:
            return []
        async with self._database.read() as conn:
            known = await backlog.known_deliveries(conn, sorted(missed))
            tries = {guid: await _tries(conn, guid) for guid in missed if guid not in known}
        lost = [missed[guid] for guid, count in tries.items() if count < MOST_TRIES]
        return sorted(lost, key=lambda one: (one.action in PROGRESS, one.delivered_at, one.id))

    async def _read_lists(self, swept: int, now: int) -> None:
        """Beyond what GitHub sends again, every repository's run lists tell what happened."""

        async def order(tx: AsyncConnection) -> int:
            repos = await backlog.in_reach(tx)
            for repo in repos:
                await order_backfill(tx, repo, since=swept - LONG_RUN, until=now - KEPT, limit=FAILED_RUNS, now=now)
            return len(repos)

        count = await self._database.write(order)
        log.warning("away for longer than GitHub keeps deliveries: the run lists are read", repositories=count)


def _key(guid: str) -> str:
    return f"{REDELIVERY}:{guid}"


async def _tries(conn: AsyncConnection, guid: str) -> int:
    known = await effects.find(conn, _key(guid))
    return int(known.detail or 0) if known else 0


async def _count(tx: AsyncConnection, sent: Iterable[DeliveryShape], now: int) -> None:
    for one in sent:
        key = _key(one.guid)
        tries = await _tries(tx, one.guid) + 1
        await effects.intend(tx, key=key, kind=REDELIVERY, repo_id=0, now=now)
        await effects.done(tx, key, external_id=str(one.id), url="", body_hash="", detail=str(tries), now=now)
