"""The dashboard issue of a repository: one, rewritten in place, and only where it changed."""

from __future__ import annotations

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.boxes import Box, offered
from bot.dashboard import PipelineDashboard, question
from bot.errors import Forbidden, Gone, NotFound
from bot.github.client import GitHub
from bot.lanes import lane_beside, lay
from bot.perform.standing import Standing, standing_issue
from bot.render.dashboard_issue import dashboard_issue
from bot.work import DASHBOARD, Draw
from storage import digests, effects, failures, installations, issues, schedules, words
from storage.database import Database
from storage.model import HISTORY, Repository
from storage.windows import DAY

log = structlog.get_logger(__name__)

EVERY = 900
RANGE, SECONDS = "7d", 7 * DAY


def board_key(repo_id: int) -> str:
    """The ledger's key of a repository's dashboard issue, and the name of its schedule."""
    return f"{DASHBOARD}:{repo_id}"


async def order(database: Database, now: int) -> None:
    """Have those drawn again that are due and had runs since; once a day those looked for that are not there yet."""
    async with database.read() as conn:
        due = await schedules.overdue(conn, f"{DASHBOARD}:", now)
        stale = [
            int(name.rpartition(":")[2])
            for name, last in due
            if await digests.ended_since(conn, int(name.rpartition(":")[2]), last)
        ]
        daily = (await schedules.next_at(conn, "dashboards") or 0) <= now
        # Outside of the transaction: it looks through the runs of everybody, and deliveries wait for writers.
        active = await digests.active(conn, now - DAY, now) if daily else []
    if not stale and not daily:
        return

    async def enqueue(tx: AsyncConnection) -> None:
        wanted = list(stale)
        if await schedules.due(tx, "dashboards", now, DAY):
            wanted += active
        for repo_id in dict.fromkeys(wanted):
            repo = await installations.repository(tx, repo_id)
            if repo is not None and repo.removed_at is None:
                await _enqueue(tx, repo, Draw(repo_id=repo.id), now)

    await database.write(enqueue)


async def _enqueue(tx: AsyncConnection, repo: Repository, draw: Draw, at: int, key: str = "") -> None:
    await lay(
        tx,
        DASHBOARD,
        draw,
        dedupe=f"{board_key(repo.id)}:{key}",
        at_ms=at * 1000,
        installation_id=repo.installation_id,
        lane=lane_beside(repo.id, DASHBOARD),
        priority=HISTORY,
    )


class Boards(Standing):
    """Draws dashboard issues, in a lane of their own."""

    async def want(self, repo: Repository, *, force: bool = False, said: str = "", key: str = "") -> None:
        """Have it drawn: at once where somebody ticked a box, else once it is due."""
        now = self._now()
        draw = Draw(repo_id=repo.id, force=force, said=said)

        async def enqueue(tx: AsyncConnection) -> None:
            at = now if said else max(now, await schedules.next_at(tx, board_key(repo.id)) or now)
            await _enqueue(tx, repo, draw, at, key)

        await self._database.write(enqueue)

    async def follow(self, repo: Repository) -> None:
        """After a failed run, whose configuration was read just now: this costs no call."""
        _, settings = await self._reach(repo)
        if settings.dashboard_issue and settings.enabled:
            await self.want(repo)

    async def boxes(self, repo: Repository) -> tuple[Box, ...]:
        """What can be asked for now."""
        async with self._database.read() as conn:
            return await self._offered(conn, repo)

    async def _offered(self, conn: AsyncConnection, repo: Repository) -> tuple[Box, ...]:
        red = await failures.open_on_branch(conn, repo.id, repo.default_branch)
        muted = await words.muted(conn, repo.id, {failure.fingerprint for failure in red}, self._now())
        told = frozenset(issue.fingerprint for issue in await issues.open_issues(conn, repo.id))
        return offered(red, frozenset(muted), told)

    async def draw(self, order: Draw, repo: Repository) -> None:
        """Write it where it is wanted and says something else than before."""
        github, settings = await self._reach(repo)
        key, now = board_key(repo.id), self._now()
        if not settings.dashboard_issue or not settings.enabled:
            await self._database.write(lambda tx: schedules.forget(tx, key))
            return
        if await self._ledger.known(key) is None:
            self._when_not_quiet(settings, "a new issue")
        await self._database.write(lambda tx: schedules.put(tx, key, now, EVERY))
        try:
            await self._write(order, repo, github, now)
        except (Forbidden, Gone, NotFound) as error:
            log.warning("the dashboard issue could not be written", repository=repo.full_name, reason=str(error))

    async def _write(self, order: Draw, repo: Repository, github: GitHub, now: int) -> None:
        key = board_key(repo.id)
        async with self._database.read() as conn:
            asked = await question(conn, repo, time_range=RANGE, seconds=SECONDS, now=now)
            shown = await PipelineDashboard(conn).dashboard(asked)
            boxes = await self._offered(conn, repo)
        text = dashboard_issue(shown, boxes, key=key, said=order.said)
        await self._ledger.keep(standing_issue(repo, github, key=key, kind=DASHBOARD, text=text), force=order.force)


async def number_of(conn: AsyncConnection, repo_id: int) -> int | None:
    """The number of a repository's dashboard issue; None where there is none."""
    effect = await effects.find(conn, board_key(repo_id))
    return int(effect.external_id) if effect is not None and effect.external_id.isdigit() else None
