"""Early warnings: what spreads over an installation is told once where it started, and referred to elsewhere.

Public repositories are a circle of their own: only they count there, and nothing of a private one is told in them. In a
private repository all of the account count, but of the others only public ones are named or linked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import Forbidden, Gone, NotFound, Retry
from bot.github.client import GitHub
from bot.lanes import lane_beside, lay
from bot.perform.comments import comment_thing
from bot.perform.standing import Standing, standing_issue
from bot.render.warning import over, reference, warning_issue, warning_note
from bot.work import WARNING, Warn
from storage import effects, installations, issues, schedules, spread
from storage.database import Database
from storage.model import Failure, Repository
from storage.spread import HOUR, LEAST, Place, Spread

log = structlog.get_logger(__name__)

PREFIX = "warning:"
"""Begins the names of the schedules that look whether a warning is over."""
LOOK_SECONDS = 60
NOTE, ISSUE = "warning", "warning-issue"
"""In the ledger: a comment, or an issue of its own."""


@dataclass(frozen=True, slots=True)
class _Told:
    """A repository that was told of a spread which goes on, as the name of a schedule."""

    installation_id: int
    pattern: str
    repo_id: int
    origin: int
    started: int

    @property
    def name(self) -> str:
        return f"{PREFIX}{self.installation_id}:{self.pattern}:{self.repo_id}:{self.origin}:{self.started}"

    @classmethod
    def read(cls, name: str) -> _Told:
        installation_id, pattern, repo_id, origin, started = name.removeprefix(PREFIX).split(":")
        return cls(int(installation_id), pattern, int(repo_id), int(origin), int(started))


@dataclass(frozen=True, slots=True)
class Circle:
    """Repositories in which one note speaks of the same spread: the one where it started first."""

    places: tuple[Place, ...]
    note_elsewhere: Place | None = None
    """Private repositories refer to the public note where there is one."""


def circles(places: Sequence[Place]) -> list[Circle]:
    """Who is told, and where."""
    public = tuple(place for place in places if not place.private)
    private = tuple(place for place in places if place.private)
    if len(public) >= LEAST:
        return [Circle(public), *([Circle(private, public[0])] if private else [])]
    return [Circle(private)] if private and len(places) >= LEAST else []


async def order(database: Database, now: int) -> None:
    """Every minute: tell of what spreads, and of what has stopped."""
    async with database.read() as conn:
        found = await spread.spreads(conn, now)
        standing = [_Told.read(name) for name, _ in await schedules.overdue(conn, PREFIX, now)]
        ended = [one for one in standing if not await spread.goes_on(conn, one.installation_id, one.pattern, now)]
    if not found and not standing:
        return

    async def enqueue(tx: AsyncConnection) -> None:
        for one in found:
            for circle in circles(one.places):
                await _tell(tx, one, circle, now)
        for told in standing:
            if told in ended:
                await schedules.forget(tx, told.name)
                await _enqueue(tx, told, now, over=True)
            else:
                await schedules.put(tx, told.name, now, LOOK_SECONDS)

    await database.write(enqueue)


async def _tell(tx: AsyncConnection, found: Spread, circle: Circle, now: int) -> None:
    """Each repository once a spread: the row stands until it is over, and says where it started."""
    prefix = f"{PREFIX}{found.installation_id}:{found.fingerprint}:"
    standing = {told.repo_id: told for told in map(_Told.read, await schedules.named(tx, prefix))}
    known = next((standing[place.repo_id] for place in circle.places if place.repo_id in standing), None)
    origin = known.origin if known else (circle.note_elsewhere or circle.places[0]).repo_id
    there = standing.get(origin)
    started = known.started if known else there.started if there else now
    for place in circle.places:
        if place.repo_id not in standing:
            told = _Told(found.installation_id, found.fingerprint, place.repo_id, origin, started)
            await schedules.put(tx, told.name, now, LOOK_SECONDS)
            await _enqueue(tx, told, now, over=False)


async def _enqueue(tx: AsyncConnection, told: _Told, now: int, *, over: bool) -> None:
    order = Warn(repo_id=told.repo_id, pattern=told.pattern, origin=told.origin, started=told.started, over=over)
    await lay(
        tx,
        WARNING,
        order,
        dedupe=f"{told.name}:{over}",
        at_ms=now * 1000,
        installation_id=told.installation_id,
        lane=lane_beside(told.repo_id, WARNING),
    )


class Warnings(Standing):
    """Tells one repository of one spread, or of its end."""

    async def tell(self, order: Warn, repo: Repository) -> None:
        """Retry, at no cost, while it is quiet there, or the note is not written to which this one refers."""
        github, settings = await self._reach(repo)
        if not settings.enabled:
            return
        self._when_not_quiet(settings, "a warning")
        async with self._database.read() as conn:
            failure = await spread.newest_in(conn, repo.id, order.pattern)
            issue = await issues.newest(conn, repo.id, failure.fingerprint) if failure else None
        number = issue.number if issue is not None and issue.state == "open" else None
        if failure is None:
            return
        try:
            if order.over:
                await self._end(order, repo, github, number)
            elif order.origin == repo.id:
                await self._note(order, repo, github, failure, number)
            elif number is not None:
                await self._refer(order, repo, github, number, self._now())
        except (Forbidden, Gone, NotFound) as error:
            log.warning("an early warning could not be written", repository=repo.full_name, reason=str(error))

    async def _note(self, order: Warn, repo: Repository, github: GitHub, failure: Failure, number: int | None) -> None:
        key = key_of(order, repo.id)
        async with self._database.read() as conn:
            where = await spread.places(conn, repo.installation_id, order.pattern, order.started - HOUR)
            known = await effects.find(conn, key)
        names = [place.full_name for place in where if not place.private and place.repo_id != repo.id]
        if number is not None and (known is None or known.kind == NOTE):
            await self._say(repo, github, number, key, warning_note(names, key=key), order.started)
        else:
            text = warning_issue(failure, names, key=key)
            await self._ledger.keep(standing_issue(repo, github, key=key, kind=ISSUE, text=text))

    async def _refer(self, order: Warn, repo: Repository, github: GitHub, number: int, now: int) -> None:
        async with self._database.read() as conn:
            origin = await installations.repository(conn, order.origin)
            note = await effects.find(conn, key_of(order, order.origin))
        if (note is None or note.state != "done") and now < order.started + HOUR:
            raise Retry("the note to which this one refers is not written yet", after=60, counts=False)
        # A private repository is neither named nor linked elsewhere.
        url = note.url if note is not None and origin is not None and not origin.private else ""
        key = key_of(order, repo.id)
        await self._say(repo, github, number, key, reference(url, key=key), order.started)

    async def _end(self, order: Warn, repo: Repository, github: GitHub, number: int | None) -> None:
        """Where it started, alone: elsewhere one comment is enough."""
        known = await self._ledger.known(key_of(order, repo.id))
        if order.origin != repo.id or known is None:
            return
        own = int(known.external_id) if known.kind == ISSUE else number
        if own is None:
            return
        key = f"{key_of(order, repo.id)}:over"
        await self._say(repo, github, own, key, over(key=key), order.started)
        if known.kind == ISSUE:
            await github.update_issue(repo.full_name, own, state="closed", state_reason="completed")

    async def _say(self, repo: Repository, github: GitHub, number: int, key: str, text: str, since: int) -> None:
        await self._ledger.keep(comment_thing(repo, github, number, kind=NOTE, key=key, text=text, since=since))


def key_of(order: Warn, repo_id: int) -> str:
    """The ledger's key of what one repository is told of a spread."""
    return f"{WARNING}:{repo_id}:{order.pattern}:{order.started}"
