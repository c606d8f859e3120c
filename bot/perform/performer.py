"""The only place that changes GitHub: each action, once, through the ledger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import assert_never

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot import reports
from bot.actions import (
    Action,
    CloseIssue,
    CommentOnPull,
    OpenGathering,
    OpenIssue,
    RefreshCheckRun,
    TellWoken,
    UpdateIssue,
)
from bot.config_source import ConfigSource
from bot.errors import Forbidden, GitHubRefused, Gone, Invalid, NotFound
from bot.facts import CommitReport, IssueText
from bot.github.client import GitHub
from bot.lanes import lay
from bot.perform.check_run import check_run_thing
from bot.perform.comments import comment_thing
from bot.perform.issues import issue_key, issue_thing, update_thing
from bot.perform.ledger import Ledger
from bot.render import check_run as check_run_text
from bot.render import issue as issue_text
from bot.render.pull_request import pull_request
from bot.repo_config import RepoConfig
from bot.work import REFRESH, Follow
from storage import issues
from storage.database import Database
from storage.model import Issue, Repository, Run

log = structlog.get_logger(__name__)


def pull_comment_key(repo_id: int, number: int) -> str:
    """The ledger's key of the one comment on a pull request."""
    return f"pull_comment:{repo_id}:{number}"


async def check_run_later(repo: Repository, commit: str, now_ms: int, tx: AsyncConnection) -> None:
    """Have the check run written behind everything that waits in the repository's lane already, once for all."""
    follow = Follow(repo_id=repo.id, fingerprints=(), commit=commit)
    dedupe = f"{REFRESH}:{repo.id}:{commit}"
    await lay(tx, REFRESH, follow, dedupe=dedupe, at_ms=now_ms, installation_id=repo.installation_id)


class Performer:
    """Carries out what the policy decided about one run of one repository."""

    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        configs: ConfigSource,
        *,
        web_url: str,
        clock: Callable[[], float],
    ) -> None:
        self._database = database
        self._ledger = ledger
        self._web_url = web_url
        self._configs = configs
        self._clock = clock

    async def perform(
        self, actions: Sequence[Action], run: Run, repo: Repository, github: GitHub, notes: tuple[str, ...] = ()
    ) -> None:
        """Every action, although an earlier one failed; the first failure is raised at the end.

        What GitHub refuses for good becomes a note in the check run, which comes last for that reason.
        """
        first: Exception | None = None
        for action in actions:
            try:
                await self._one(action, run, repo, github, notes)
            except (Gone, Forbidden, Invalid, NotFound) as error:
                log.warning("GitHub refused an action", action=type(action).__name__, reason=str(error))
                notes = (*notes, _note(action, error))
            except Exception as error:  # noqa: BLE001  # raised below, after the others had their turn
                first = first or error
        if first is not None:
            raise first

    async def _one(self, action: Action, run: Run, repo: Repository, github: GitHub, notes: tuple[str, ...]) -> None:
        match action:
            case RefreshCheckRun():
                await self.refresh_check_run(action, repo, github, notes)
            case OpenIssue():
                await self._open(action, repo, github)
            case UpdateIssue():
                await self._update(action, repo, github)
            case OpenGathering():
                await self._gather(action, repo, github)
            case CloseIssue():
                await self._close(action.issue, run, repo, github)
            case CommentOnPull():
                await self._comment(action, repo, github, notes)
            case TellWoken(issue, wakes):
                key = f"woke:{repo.id}:{issue.number}:{run.run_id}:{run.run_attempt}"
                await self._say(repo, github, issue.number, key, issue_text.woken_comment(wakes))
            case _:
                assert_never(action)

    async def refresh_check_run(
        self, action: RefreshCheckRun, repo: Repository, github: GitHub, notes: tuple[str, ...] = ()
    ) -> None:
        """Our check run on the commit says what is known now; while writes wait in line, one write does for several.

        What is told of the commit until then goes into that one. `notes` are of now alone, and are written now.
        """
        if github.writes_wait and not action.force and not notes:
            await self._database.write(partial(check_run_later, repo, action.commit, int(self._clock() * 1000)))
            return
        await self.write_check_run(action, repo, github, notes)

    async def write_check_run(
        self, action: RefreshCheckRun, repo: Repository, github: GitHub, notes: tuple[str, ...] = ()
    ) -> None:
        """Our check run on the commit says what is known now, and what is wrong with the configuration."""
        configured = await self._configs.of(repo, github)
        if not configured.settings.enabled:
            return
        report = await self._report(repo, action.commit, configured.settings, (*configured.notes, *notes))
        text = check_run_text.check_run(report)
        url = next((r.failure.url for r in report.failures if r.failure.url), "")
        await self._ledger.keep(check_run_thing(repo, action.commit, text, url, github), force=action.force)

    async def _report(
        self, repo: Repository, commit: str, settings: RepoConfig, notes: tuple[str, ...]
    ) -> CommitReport:
        """What is to be told of a commit: everything but what the configuration ignores."""
        async with self._database.read() as conn:
            now = int(self._clock())
            report = await reports.commit_report(conn, repo, commit, self._web_url, now=now, notes=notes)
        told = (r for r in report.failures if not settings.ignores(r.failure.workflow, r.failure.job, r.failure.branch))
        return replace(report, failures=tuple(told))

    async def _settings(self, repo: Repository, github: GitHub) -> RepoConfig:
        return (await self._configs.of(repo, github)).settings

    async def _open(self, action: OpenIssue, repo: Repository, github: GitHub) -> None:
        settings = await self._settings(repo, github)
        async with self._database.read() as conn:
            report = await reports.issue_report(
                conn,
                repo,
                action.fingerprint,
                web_url=self._web_url,
                mention=settings.mention if action.mention else "",
                previous=action.previous,
            )
            known = await issues.numbers(conn, repo.id)
        thing = issue_thing(
            repo,
            github,
            key=issue_key(repo.id, action.fingerprint, action.previous),
            text=_labelled(issue_text.issue(report), settings),
            kind="failure",
            fingerprints=(action.fingerprint,),
            known_numbers=known,
            now=int(self._clock()),
        )
        await self._ledger.keep(thing)

    async def _update(self, action: UpdateIssue, repo: Repository, github: GitHub) -> None:
        issue = action.issue
        settings = await self._settings(repo, github)
        async with self._database.read() as conn:
            if issue.kind == "failure":
                report = await reports.issue_report(
                    conn,
                    repo,
                    issue.fingerprint,
                    web_url=self._web_url,
                    mention=settings.mention if action.mention else "",
                    previous=None,
                )
                newest, text = report.occurrences[0], issue_text.issue(report)
            else:
                members = tuple(i.fingerprint for i in await issues.all_of_number(conn, repo.id, issue.number))
                gathered = await reports.outage_report(
                    conn, repo, issue.effect_key, members, kind=issue.kind, web_url=self._web_url
                )
                newest, text = gathered.failures[0], issue_text.outage(gathered)
        try:
            await self._ledger.keep(update_thing(repo, github, issue, text, reopen=action.reopen), force=action.reopen)
        except (NotFound, Gone):
            await self._deleted(action, repo, github)
            return
        if action.reopen:
            said = f"reopened:{repo.id}:{issue.number}:{newest.run_id}:{newest.run_attempt}"
            await self._say(repo, github, issue.number, said, issue_text.reopened_comment(newest))

    async def _deleted(self, action: UpdateIssue, repo: Repository, github: GitHub) -> None:
        """Somebody deleted the issue although its failure is still there: it gets a new one."""
        issue = action.issue

        async def closed_long_ago(tx: AsyncConnection) -> None:
            await issues.set_state(tx, repo.id, issue.number, state="closed", closed_at=0)

        await self._database.write(closed_long_ago)
        if issue.kind == "failure":
            await self._open(OpenIssue(issue.fingerprint, action.mention, previous=issue), repo, github)

    async def _gather(self, action: OpenGathering, repo: Repository, github: GitHub) -> None:
        key = f"issue:{repo.id}:{action.key}"
        settings = await self._settings(repo, github)
        async with self._database.read() as conn:
            earlier = await issues.members(conn, repo.id, key)
            everything = tuple(dict.fromkeys((*earlier, *action.fingerprints)))
            report = await reports.outage_report(conn, repo, key, everything, kind=action.kind, web_url=self._web_url)
            known = await issues.numbers(conn, repo.id)
        thing = issue_thing(
            repo,
            github,
            key=key,
            text=_labelled(issue_text.outage(report), settings),
            kind=action.kind,
            fingerprints=everything,
            known_numbers=known,
            now=int(self._clock()),
        )
        await self._ledger.keep(thing)

    async def _close(self, issue: Issue, run: Run, repo: Repository, github: GitHub) -> None:
        said = f"closed:{repo.id}:{issue.number}:{run.run_id}:{run.run_attempt}"
        await self._say(repo, github, issue.number, said, issue_text.closed_comment(issue.fingerprint, run))
        await github.update_issue(repo.full_name, issue.number, state="closed", state_reason="completed")
        now = int(self._clock())

        async def closed(tx: AsyncConnection) -> None:
            await issues.set_state(tx, repo.id, issue.number, state="closed", closed_at=now)

        await self._database.write(closed)

    async def _comment(self, action: CommentOnPull, repo: Repository, github: GitHub, notes: tuple[str, ...]) -> None:
        settings = await self._settings(repo, github)
        report = await self._report(repo, action.commit, settings, notes)
        mention = settings.mention if action.mention and settings.pull_requests == "comment" else ""
        thing = comment_thing(
            repo,
            github,
            action.number,
            kind="pull-request",
            key=pull_comment_key(repo.id, action.number),
            text=pull_request(report, mention=mention, number=action.number),
            since=0,
        )
        await self._ledger.keep(thing)

    async def _say(self, repo: Repository, github: GitHub, number: int, key: str, text: str) -> None:
        since = int(self._clock()) - 7 * 86400
        await self._ledger.keep(comment_thing(repo, github, number, kind="comment", key=key, text=text, since=since))


def _labelled(text: IssueText, settings: RepoConfig) -> IssueText:
    return replace(text, labels=tuple(dict.fromkeys((*text.labels, *settings.labels))))


def _note(action: Action, error: GitHubRefused) -> str:
    what = {
        OpenIssue: "An issue could not be opened",
        UpdateIssue: "The issue could not be updated",
        OpenGathering: "An issue could not be opened",
        CloseIssue: "The issue could not be closed",
        CommentOnPull: "The pull request could not be commented on",
        TellWoken: "The issue could not be commented on",
        RefreshCheckRun: "The check run could not be written",
    }[type(action)]
    if isinstance(error, Gone):
        return f"{what}: issues are switched off in this repository."
    missing = f"; the App lacks the permission {error.permission}" if error.permission else ""
    return f"{what}: GitHub answered {error.status}{missing}."
