"""What stands for itself rather than for a failure: issues of which a repository has one, and who writes such."""

from __future__ import annotations

from collections.abc import Callable

from bot.config_source import ConfigSource
from bot.errors import Retry
from bot.facts import IssueText
from bot.github.client import GitHub
from bot.github.gateway import Gateway
from bot.perform.ledger import Ledger, Made, Thing
from bot.quiet import quiet_until
from bot.render.markdown import read_marker
from bot.repo_config import RepoConfig
from storage.database import Database
from storage.model import Effect, Repository


def standing_issue(repo: Repository, github: GitHub, *, key: str, kind: str, text: IssueText) -> Thing:
    """The issue that says `text`; its first label is the one by which ours are listed.

    After a crash it is looked for among the issues that we ourselves wrote, so that nobody's copy of it counts.
    """
    wanted = read_marker(text.body)

    async def find() -> Made | None:
        for shape in await github.labelled_issues(repo.full_name, text.labels[0]):
            if wanted and read_marker(shape.body or "") == wanted:
                return Made(str(shape.number), shape.html_url)
        return None

    async def make() -> Made:
        shape = await github.create_issue(repo.full_name, text.title, text.body, text.labels)
        return Made(str(shape.number), shape.html_url)

    async def change(effect: Effect) -> Made:
        shape = await github.update_issue(repo.full_name, int(effect.external_id), body=text.body)
        return Made(str(shape.number), shape.html_url)

    return Thing(key, kind, repo.id, f"{text.title}\n{text.body}", find, make, change)


class Standing:
    """What those have at hand who write by the clock, or of more than one run."""

    def __init__(
        self,
        database: Database,
        gateway: Gateway,
        ledger: Ledger,
        configs: ConfigSource,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._database = database
        self._gateway = gateway
        self._ledger = ledger
        self._configs = configs
        self._clock = clock

    def _now(self) -> int:
        return int(self._clock())

    async def _reach(self, repo: Repository) -> tuple[GitHub, RepoConfig]:
        """GitHub for a repository, and what that wants."""
        github = await self._gateway.client(repo.installation_id)
        return github, (await self._configs.of(repo, github)).settings

    def _when_not_quiet(self, settings: RepoConfig, what: str) -> None:
        """Retry, at no cost, while it is quiet there."""
        now = self._now()
        until = quiet_until(settings.quiet_hours, now)
        if until is not None:
            raise Retry(f"{what} waits for the end of the quiet hours", after=until - now, counts=False)
