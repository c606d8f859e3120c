"""The weekly digest: ordered by the clock for every repository that had runs, posted where it is wanted, once."""

from __future__ import annotations

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import Forbidden, Gone, NotFound
from bot.github.client import GitHub
from bot.lanes import lane_beside, lay
from bot.perform.comments import comment_thing
from bot.perform.standing import Standing, standing_issue
from bot.render.digest import digest, digest_issue
from bot.work import DIGEST, Week
from storage import dashboards, digests, effects, installations, schedules
from storage.database import Database
from storage.digests import WEEK, Digest
from storage.model import HISTORY, Repository
from storage.scopes import of_repository
from storage.windows import DAY, HOUR, Window

log = structlog.get_logger(__name__)

_MONDAY = 4 * DAY + 6 * HOUR
"""1970 began on a Thursday; a week ends on Monday at 06:00 UTC."""
APART_MS = 2_000
"""Between two repositories, so that a Monday morning is no burst."""


def week_end(now: int) -> int:
    """The last Monday, 06:00 UTC."""
    return (now - _MONDAY) // WEEK * WEEK + _MONDAY


async def order(database: Database, now: int) -> int:
    """Once a week: a unit of work for each repository that had runs; how many. Of the week of the start nothing."""
    until = week_end(now)

    async def enqueue(tx: AsyncConnection) -> int:
        reached = await schedules.reached(tx, "digests")
        await schedules.mark(tx, "digests", until)
        if reached is None or reached >= until:
            return 0
        for place, repo_id in enumerate(found):
            repo = await installations.repository(tx, repo_id)
            if repo is not None and repo.removed_at is None:
                await _enqueue(tx, repo, until, now * 1000 + place * APART_MS)
        return len(found)

    async with database.read() as conn:
        if (await schedules.reached(conn, "digests") or 0) >= until:
            return 0
        # Outside of the transaction: it looks through the runs of everybody, and deliveries wait for writers.
        found = await digests.active(conn, until - WEEK, until)
    return await database.write(enqueue)


async def _enqueue(tx: AsyncConnection, repo: Repository, until: int, at_ms: int) -> None:
    await lay(
        tx,
        DIGEST,
        Week(repo_id=repo.id, until=until),
        dedupe=f"{DIGEST}:{repo.id}:{until}",
        at_ms=at_ms,
        installation_id=repo.installation_id,
        lane=lane_beside(repo.id, DIGEST),
        priority=HISTORY,
    )


class Digests(Standing):
    """Posts one week of one repository."""

    async def post(self, week: Week, repo: Repository) -> None:
        """A comment on the repository's digest issue. Retry, at no cost, while it is quiet there."""
        github, settings = await self._reach(repo)
        if settings.digest != "weekly" or not settings.enabled:
            return
        self._when_not_quiet(settings, "the digest")
        async with self._database.read() as conn:
            found = await _digest(conn, repo, week.until)
        try:
            await self._say(found, repo, github)
        except (Forbidden, Gone, NotFound) as error:
            log.warning("the digest could not be posted", repository=repo.full_name, reason=str(error))

    async def _say(self, found: Digest, repo: Repository, github: GitHub) -> None:
        key = f"{DIGEST}:{repo.id}"
        text = digest_issue(repo.full_name, key)
        said = f"{key}:{found.until}"
        for attempt in range(2):
            made = await self._ledger.keep(standing_issue(repo, github, key=key, kind=DIGEST, text=text))
            comment = comment_thing(
                repo,
                github,
                int(made.external_id),
                kind=DIGEST,
                key=said,
                text=digest(found, said),
                since=found.until,
            )
            try:
                await self._ledger.keep(comment)
            except (Gone, NotFound):
                # Somebody deleted the issue: one more is made, and that is all.
                if attempt:
                    raise
                await self._database.write(lambda tx: effects.forget(tx, key))
            else:
                return


async def _digest(conn: AsyncConnection, repo: Repository, until: int) -> Digest:
    since, scope = until - WEEK, of_repository(repo)
    return Digest(
        repository=repo.full_name,
        since=since,
        until=until,
        runs=await dashboards.total(conn, scope, Window(since, until, until)),
        before=await dashboards.total(conn, scope, Window(since - WEEK, since, since)),
        broken=await digests.broken(conn, repo.id, since, until),
        mended=await digests.mended(conn, repo.id, since, until),
        seconds=await digests.spent(conn, repo.id, since, until),
        slower=await digests.slower(conn, repo.id, since, until),
    )
