"""What agents may ask: the read models as objects, for the readers of one repository or for the operator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.commands import explain
from bot.commands.asked import ALL, repository_named, scope_asked
from bot.commands.spec import CommandContext, Invocation
from bot.dashboard import PipelineDashboard, Question
from bot.errors import UserError
from bot.render.health import health_json
from bot.render.objects import explanation_json, failures_json, patterns_json
from bot.time_range import parse
from storage import installations, live
from storage.model import Repository
from storage.scopes import Scope, everything, of_repository
from storage.windows import Window

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from storage.database import Database

Answer = dict[str, object]


class Answers:
    """Answers from one state of the database. Whatever is wrong with a question is a UserError or a ValueError."""

    def __init__(self, database: Database, conn: AsyncConnection, bound: Repository | None, now: int) -> None:
        """With `bound`, only what readers of that repository may know: itself, and public ones beside it."""
        self._database = database
        self._conn = conn
        self._bound = bound
        self._now = now

    async def health(self, repo: str | None, time_range: str) -> Answer:
        """The contract's `health` object."""
        return health_json(await PipelineDashboard(self._conn).health(await self._question(repo, time_range)))

    async def patterns(self, repo: str | None, days: int, limit: int) -> Answer:
        """The contract's `patterns` object, with the first `limit` patterns."""
        scope, _ = await self._scope(repo)
        found = await PipelineDashboard(self._conn).patterns(scope, self._now, days)
        return patterns_json(found[:limit], days)

    async def failures(self, repo: str | None, time_range: str, limit: int) -> Answer:
        """The newest failures, each as it stands in the export."""
        asked = await self._question(repo, time_range)
        found = await live.recent_failures(self._conn, asked.scope, since=asked.window.since, limit=limit)
        return failures_json(found, asked.time_range, asked.repository)

    async def explain(self, failure: str | None, repo: str | None) -> Answer:
        """The failure that is named (a link, a run's id, a fingerprint), or the newest of the repository."""
        here = await self._context(repo, failure)
        arguments = (failure,) if failure else ()
        owner, found = await explain.failure_asked(self._conn, here, arguments)
        return explanation_json(await explain.reported(self._conn, owner, found, self._now))

    async def _question(self, repo: str | None, time_range: str) -> Question:
        seconds = parse(time_range)
        scope, name = await self._scope(repo)
        return Question(scope, name, time_range.strip().lower(), Window(self._now - seconds, self._now))

    async def _scope(self, repo: str | None) -> tuple[Scope, str | None]:
        if self._bound is not None:
            return await scope_asked(self._conn, self._standing_in(self._bound), Invocation("", _options(repo)))
        if repo is None or repo.lower() == ALL:
            return await everything(self._conn), None
        known = await recorded(self._conn, repo)
        return of_repository(known), known.full_name

    async def _context(self, repo: str | None, failure: str | None) -> CommandContext:
        """Where `explain` stands: in the repository it is bound to, in the one linked, or in the one named."""
        named = (explain.repository_linked(failure) if failure else None) or repo
        if self._bound is not None:
            return await self._beside(self._bound, repo)
        if named is None:
            raise UserError("Say of which repository: give repo as OWNER/NAME, or failure as the link of a run or job.")
        return self._standing_in(await recorded(self._conn, named))

    async def _beside(self, bound: Repository, repo: str | None) -> CommandContext:
        here = self._standing_in(bound)
        return self._standing_in(await repository_named(self._conn, here, repo)) if repo else here

    def _standing_in(self, repo: Repository) -> CommandContext:
        return CommandContext(database=self._database, repository=repo, now=self._now, commands=())


def _options(repo: str | None) -> dict[str, str | int]:
    return {"repo": repo} if repo else {}


async def recorded(conn: AsyncConnection, name: str) -> Repository:
    """The repository of that name; UserError with the next step where nothing is recorded of it."""
    known = await installations.repository_named(conn, name[:300])
    if known is None:
        raise UserError(f"Nothing is recorded of {name[:140]}. Watch it, or read it with `pipeline scan {name[:140]}`.")
    return known
