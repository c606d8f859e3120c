"""PipelineMonitor: one run attempt from its event to what GitHub shows. All nouns meet here; no rule lives here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot import judging, policy, reports
from bot.actions import RefreshCheckRun
from bot.errors import GitHubRefused
from bot.github.client import GitHub
from bot.github.gateway import Gateway
from bot.perform.performer import Performer, pull_comment_key
from bot.policy import DEFAULT_THRESHOLD, RunFacts, Threshold
from bot.reading import Reading, RunReader
from bot.suite_reading import SuiteReader
from classifiers.model import Severity
from storage import effects, failures, history, installations, issues, runs
from storage.database import Database
from storage.effects import check_run_key
from storage.model import Failure, Repository, Run

log = structlog.get_logger(__name__)

HOUR = 3600


class PipelineMonitor:
    """Follows runs: fetch → classify → store → decide → act."""

    def __init__(
        self,
        *,
        database: Database,
        gateway: Gateway,
        runs_reader: RunReader,
        suites_reader: SuiteReader,
        performer: Performer,
        clock: Callable[[], float],
        threshold: Threshold = DEFAULT_THRESHOLD,
    ) -> None:
        self._database = database
        self._gateway = gateway
        self._runs_reader = runs_reader
        self._suites_reader = suites_reader
        self._performer = performer
        self._clock = clock
        self._threshold = threshold

    async def seen(self, run: Run, repo: Repository) -> None:
        """A run that is not over, or whose end asks for nothing: its row is all there is to keep."""
        await self._store(run, repo, Reading((), ()))

    async def completed(self, run: Run, repo: Repository) -> None:
        """A workflow run attempt that ended, however it ended."""
        if run.conclusion == "success":
            await self._green(run, repo)
        elif run.conclusion in policy.READ_JOBS:
            github = await self._gateway.client(run.installation_id)
            await self._follow(run, repo, await self._runs_reader.read(run, github), github)
        else:
            await self.seen(run, repo)

    async def suite_completed(self, run: Run, repo: Repository) -> None:
        """A suite of another App that ended."""
        if run.conclusion == "success":
            await self._green(run, repo)
        elif run.conclusion in policy.FAILED:
            github = await self._gateway.client(run.installation_id)
            await self._follow(run, repo, await self._suites_reader.read(run, github), github)
        else:
            await self.seen(run, repo)

    async def refresh(self, commit: str, repo: Repository, *, force: bool) -> None:
        """Write our check run again, where there is one: GitHub asked for it."""
        if self._gateway.app_id is None or not await self._has_done(check_run_key(repo.id, commit)):
            return
        github = await self._gateway.client(repo.installation_id)
        await self._performer.refresh_check_run(RefreshCheckRun(commit, force=force), repo, github)

    async def analyse_again(self, commit: str, repo: Repository) -> None:
        """Read every failed run of a commit once more, then write the check run whatever it says."""
        github = await self._gateway.client(repo.installation_id)
        async with self._database.read() as conn:
            on_commit = await runs.runs_of_commit(conn, repo.id, commit)
        for run in on_commit:
            if run.conclusion in policy.FAILED and run.event != "check_suite":
                await self._store(run, repo, await self._runs_reader.read(run, github))
        await self.refresh(commit, repo, force=True)

    async def _green(self, run: Run, repo: Repository) -> None:
        """Costs no call unless something was red on that commit or branch."""
        async with self._database.read() as conn:
            red = await failures.anything_red(conn, repo.id, run.commit, run.workflow_id, run.branch)
        await self._store(run, repo, Reading((), ()))
        if red:
            await self._act(run, repo, (), await self._gateway.client(run.installation_id), ())

    async def _follow(self, run: Run, repo: Repository, reading: Reading, github: GitHub) -> None:
        stored = await self._store(run, repo, reading)
        red = tuple(failure for failure in stored if failure.resolved_at is None)
        await self._act(run, repo, red, github, reading.notes)

    async def _store(self, run: Run, repo: Repository, reading: Reading) -> tuple[Failure, ...]:
        """Run, jobs, failures, retry counts and patterns in one transaction; the failures as stored."""

        async def store(tx: AsyncConnection) -> tuple[Failure, ...]:
            await installations.save_repositories(tx, [repo])
            failed = reading.failures
            if failed and run.default_branch and await _others_broken(tx, run):
                failed = tuple(replace(failure, severity=Severity.CRITICAL.value) for failure in failed)
            learnt = await history.learn(tx, run, reading.jobs, failed)
            worth_a_notice = [f for f in learnt.failures if policy.crosses(f, self._threshold)]
            await failures.mark_crossed(tx, worth_a_notice)
            await judging.record(tx, repo, await failures.keyed(tx, run.repo_id, learnt.recovered))
            await judging.record(tx, repo, await failures.open_of_commit(tx, run.repo_id, run.commit))
            # As settled: a failure that arrives after its recovery is told to nobody.
            return tuple(await failures.failures_of_run(tx, run.repo_id, run.run_id, run.run_attempt))

        stored = await self._database.write(store)
        for failure in stored:
            log.info(
                "failure classified",
                job=failure.job,
                category=failure.category,
                severity=failure.severity,
                rule=failure.rule,
                confidence=failure.confidence,
                fingerprint=failure.fingerprint,
            )
        return stored

    async def _act(
        self, run: Run, repo: Repository, red: tuple[Failure, ...], github: GitHub, notes: tuple[str, ...]
    ) -> None:
        pull = await self._pull_request(run, red, github)
        async with self._database.read() as conn:
            facts = await self._facts(conn, run, repo, red, pull)
        await self._performer.perform(policy.decide(facts), run, repo, github, notes)

    async def _facts(
        self, conn: AsyncConnection, run: Run, repo: Repository, red: tuple[Failure, ...], pull: int | None
    ) -> RunFacts:
        now = int(self._clock())
        comment = None if pull is None else await effects.find(conn, pull_comment_key(repo.id, pull))
        check = await effects.find(conn, check_run_key(repo.id, run.commit))
        return RunFacts(
            run=run,
            failures=red,
            issues=await reports.issues_of(conn, repo.id, red),
            recovered=await reports.recovered_issues(conn, repo.id),
            has_check_run=check is not None,
            can_check=self._gateway.app_id is not None,
            pull_request=pull,
            has_comment=comment is not None,
            opened_last_hour=await issues.opened_since(conn, repo.id, now - HOUR),
            now=now,
            threshold=self._threshold,
        )

    async def _pull_request(self, run: Run, red: Sequence[Failure], github: GitHub) -> int | None:
        """The pull request a run belongs to; for forks GitHub's payload usually does not name it."""
        if not policy.belongs_to_pull(run):
            return None
        if run.pull_request is not None or not any(failure.crossed for failure in red):
            return run.pull_request
        try:
            pulls = await github.pulls_of_commit(run.repository, run.commit)
        except GitHubRefused as error:
            log.warning("pull request could not be looked up", reason=str(error))
            return None
        at_head = (p for p in pulls if p.state == "open" and p.head is not None and p.head.sha == run.commit)
        return next((pull.number for pull in at_head), None)

    async def _has_done(self, key: str) -> bool:
        async with self._database.read() as conn:
            effect = await effects.find(conn, key)
        return effect is not None and effect.state == "done"


async def _others_broken(tx: AsyncConnection, run: Run) -> bool:
    """Whether other workflows ran on the branch, and each one's latest completed run there is red."""
    latest = await runs.latest_run_of_each_workflow(tx, run.repo_id, run.branch)
    others = [each for each in latest if each.workflow_id != run.workflow_id]
    return bool(others) and all(each.conclusion in policy.FAILED for each in others)
