"""What changed between the last green and the first red commit: asked of GitHub once a range, and kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.actions import Action, OpenIssue, UpdateIssue
from bot.errors import GitHubRefused, Retry
from bot.facts import Changed
from bot.github.client import GitHub
from bot.github.shapes import CompareShape
from bot.github.spending import Spent, so_far
from classifiers.model import Severity
from storage import effects, failures, timeline
from storage.database import Database
from storage.model import Failure, Repository, Run
from storage.timeline import RedSince

log = structlog.get_logger(__name__)

KIND = "range"
SECONDS = 10.0
"""A look that takes longer is given up."""
MOST_FILES = 300
"""GitHub lists no more of a comparison (docs.github.com/rest/commits/commits, "Compare two commits")."""
MOST_REQUESTS = 6
"""A run with one failed job costs no more than this; its notice and its check run are still to be written then."""
TO_COME = 3
"""Requests that follow: this look, the notice, the check run."""
EACH_JOB = 2
"""Requests that every further failed job may cost anyway."""


class Ranges:
    """Looks at the range of a failure that is new on the default branch, where the run has a request left for it."""

    def __init__(self, database: Database, *, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    async def learn(
        self, actions: Sequence[Action], red: Sequence[Failure], run: Run, repo: Repository, github: GitHub
    ) -> None:
        """Before the notices are written.

        One range a run: that of the worst failure that gets a notice. Whatever goes wrong changes no report.
        """
        told = sorted((f for f in red if f.fingerprint in _told(actions)), key=lambda f: Severity(f.severity).rank)
        spent = so_far()
        if not told or not run.default_branch or run.fork or spent is None or not _affords(spent, red):
            return
        async with self._database.read() as conn:
            newest = await failures.occurrences(conn, repo.id, told[0].fingerprint, 1)
            since = await timeline.red_since(conn, newest[0])
            known = await effects.find(conn, key_of(repo.id, since))
        if known is None and _is_range(since):
            spent.extra = True
            await self._look(since, repo, github)

    async def _look(self, since: RedSince, repo: Repository, github: GitHub) -> None:
        try:
            async with asyncio.timeout(SECONDS):
                found = await github.compare(repo.full_name, base_of(since), since.first_red)
        except (GitHubRefused, Retry, TimeoutError) as error:
            log.warning("what changed since the last green commit could not be read", reason=str(error))
            return
        key, now = key_of(repo.id, since), int(self._clock())
        detail = msgspec.json.encode(_changed(found)).decode()

        async def keep(tx: AsyncConnection) -> None:
            await effects.intend(tx, key=key, kind=KIND, repo_id=repo.id, now=now)
            await effects.done(tx, key, external_id="", url="", body_hash="", detail=detail, now=now)

        await self._database.write(keep)


async def changed(conn: AsyncConnection, repo_id: int, since: RedSince) -> Changed | None:
    """What is known of a range; None where nobody looked, or where the history was rewritten in between."""
    effect = await effects.find(conn, key_of(repo_id, since)) if _is_range(since) else None
    if effect is None or not effect.detail:
        return None
    found = msgspec.json.decode(effect.detail, type=Changed)
    return found if found.commits else None


def key_of(repo_id: int, since: RedSince) -> str:
    """The key under which a range is kept."""
    return f"{KIND}:{repo_id}:{base_of(since)}...{since.first_red}"


def base_of(since: RedSince) -> str:
    """The last commit of which it is known that it was not broken yet."""
    return since.passed or since.last_green


def _is_range(since: RedSince) -> bool:
    return bool(base_of(since) and since.first_red) and base_of(since) != since.first_red


def _affords(spent: Spent, red: Sequence[Failure]) -> bool:
    jobs = len({failure.job_id for failure in red})
    return not spent.extra and spent.requests + TO_COME <= MOST_REQUESTS + EACH_JOB * (jobs - 1)


def _told(actions: Sequence[Action]) -> frozenset[str]:
    opened = {action.fingerprint for action in actions if isinstance(action, OpenIssue)}
    updated = {action.issue.fingerprint for action in actions if isinstance(action, UpdateIssue)}
    return frozenset(opened | updated)


def _changed(found: CompareShape) -> Changed:
    """Nothing of it where the second commit does not simply follow the first: a pushed-over history has no range."""
    if found.status != "ahead":
        return Changed(commits=0, files=())
    listed = found.files or []
    names = [name for each in listed for name in (each.filename, each.previous_filename) if name]
    return Changed(commits=found.total_commits, files=tuple(dict.fromkeys(names)), whole=len(listed) < MOST_FILES)
