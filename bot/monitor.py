"""PipelineMonitor: one run attempt from its event to what GitHub shows. All nouns meet here; no rule lives here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot import policy, reports
from bot.actions import CommentOnPull, RefreshCheckRun
from bot.config_source import ConfigSource
from bot.github.client import GitHub
from bot.github.gateway import Gateway
from bot.github.spending import counted
from bot.handoff import Allowance
from bot.held import Held
from bot.known_study import with_known
from bot.perform.handoff import HandOffs
from bot.perform.performer import Performer, pull_comment_key
from bot.policy import RunFacts
from bot.pulls import gone_branches, is_stale, with_pull_request
from bot.quiet import quiet_until
from bot.ranges import Ranges
from bot.reading import Reading, RunReader
from bot.recorder import Recorder
from bot.repo_config import DEFAULTS, RepoConfig
from bot.suite_reading import SuiteReader
from classifiers.model import OwnRule
from storage import effects, failures, issues, known, runs, waking, words
from storage.database import Database
from storage.effects import check_run_key
from storage.model import Failure, Issue, Repository, Run, Wake

log = structlog.get_logger(__name__)

HOUR = 3600
MOST_REFRESHED = 5
"""Commits whose reports are written again when somebody says something of a failure; the newest ones."""


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
        configs: ConfigSource,
        handoffs: HandOffs,
        clock: Callable[[], float],
    ) -> None:
        self._database = database
        self._gateway = gateway
        self._runs_reader = runs_reader
        self._suites_reader = suites_reader
        self._performer = performer
        self._recorder = Recorder(database)
        self._ranges = Ranges(database, clock=clock)
        self._held = Held(database, clock=clock)
        self._clock = clock
        self._configs = configs
        self._handoffs = handoffs

    async def seen(self, run: Run, repo: Repository) -> None:
        """A run that is not over, or whose end asks for nothing: its row is all there is to keep."""
        await self._store(run, repo, Reading((), ()))

    async def completed(self, run: Run, repo: Repository, *, stale: bool = False) -> None:
        """A workflow run attempt that ended, however it ended.

        `stale`: the pull request has moved on to another commit, as the payload itself tells.
        """
        with counted():
            await self._completed(run, repo, stale=stale)

    async def _completed(self, run: Run, repo: Repository, *, stale: bool) -> None:
        if run.conclusion == "success":
            await self._green(run, repo, stale=stale)
        elif run.conclusion in policy.READ_JOBS:
            github = await self._gateway.client(run.installation_id)
            settings = (await self._configs.of(repo, github)).settings
            reading = await self._runs_reader.read(run, github, await self._rules(repo, settings), self._last_green)
            await self._follow(run, repo, reading, github, settings, stale=stale)
        else:
            await self._ended_otherwise(run, repo)

    async def suite_completed(self, run: Run, repo: Repository) -> None:
        """A suite of another App that ended."""
        if run.conclusion == "success":
            await self._green(run, repo, stale=False)
        elif run.conclusion in policy.FAILED:
            github = await self._gateway.client(run.installation_id)
            settings = (await self._configs.of(repo, github)).settings
            reading = await self._suites_reader.read(run, github, await self._rules(repo, settings))
            await self._follow(run, repo, reading, github, settings, stale=False)
        else:
            await self._ended_otherwise(run, repo)

    async def _ended_otherwise(self, run: Run, repo: Repository) -> None:
        """Neither red nor green, which is no news but that it does not run any more: our check run may say it does."""
        await self.seen(run, repo)
        await self.refresh(run.commit, repo, force=False)

    async def refresh(self, commit: str, repo: Repository, *, force: bool, notes: tuple[str, ...] = ()) -> None:
        """Write our check run again, where there is one: GitHub asked for it, or somebody changed what it says."""
        if self._gateway.app_id is None or not await self._has_done(check_run_key(repo.id, commit)):
            return
        github = await self._gateway.client(repo.installation_id)
        await self._performer.refresh_check_run(RefreshCheckRun(commit, force=force), repo, github, notes)

    async def write_check_run(self, commit: str, repo: Repository) -> None:
        """Write the check run that was put off while writes waited, with everything that was told since."""
        github = await self._gateway.client(repo.installation_id)
        await self._performer.write_check_run(RefreshCheckRun(commit), repo, github)

    async def refresh_fingerprints(self, fingerprints: Sequence[str], repo: Repository) -> None:
        """Write the reports that show these failures again: somebody muted or corrected them, or they are mended."""
        async with self._database.read() as conn:
            found = [
                f for each in fingerprints for f in await failures.occurrences(conn, repo.id, each, MOST_REFRESHED)
            ]
        for commit in list(dict.fromkeys(f.commit for f in found))[:MOST_REFRESHED]:
            await self.refresh(commit, repo, force=False)
        for run in await self._commented(found, repo):
            await self._rewrite_comment(run, repo)

    async def _commented(self, found: Sequence[Failure], repo: Repository) -> list[Run]:
        """Runs of these failures on whose pull request our comment stands and still speaks of their commit."""
        newest = {f.pull_request: f for f in sorted(found, key=lambda f: (f.run_id, f.run_attempt)) if f.pull_request}
        commented = []
        for number, failure in list(newest.items())[:MOST_REFRESHED]:
            async with self._database.read() as conn:
                run = await runs.run(conn, repo.id, failure.run_id, failure.run_attempt)
            written = await self._has_done(pull_comment_key(repo.id, number))
            if run is not None and written and not await is_stale(self._database, run):
                commented.append(replace(run, pull_request=number))
        return commented

    async def _rewrite_comment(self, run: Run, repo: Repository) -> None:
        github = await self._gateway.client(repo.installation_id)
        if run.pull_request is not None and (await self._configs.of(repo, github)).settings.enabled:
            action = CommentOnPull(run.pull_request, run.commit, mention=not run.fork)
            await self._performer.perform((action,), run, repo, github)

    async def notify(self, fingerprints: Sequence[str], repo: Repository) -> None:
        """Make the notice of these failures now, whatever the threshold: the newest occurrence counts."""
        github = await self._gateway.client(repo.installation_id)
        for fingerprint in fingerprints:
            async with self._database.read() as conn:
                newest = await failures.occurrences(conn, repo.id, fingerprint, 1)
                run = await runs.run(conn, repo.id, newest[0].run_id, newest[0].run_attempt) if newest else None
            if run is None:
                continue
            await self._database.write(lambda tx, newest=newest: failures.mark_crossed(tx, newest))  # type: ignore[misc]
            red = tuple(replace(failure, crossed=True) for failure in newest)
            await self._act(run, repo, red, github, (), stale=False, asked=True)

    async def quiet_hours_over(self, repo: Repository, until: int) -> None:
        """Lays what was held back into the repository's lane."""
        await self._held.over(repo, until)

    async def release(self, repo: Repository) -> None:
        """The quiet hours are over: what happened in them and still stands is told, each cause once."""
        github = await self._gateway.client(repo.installation_id)
        settings = (await self._configs.of(repo, github)).settings
        until = quiet_until(settings.quiet_hours, int(self._clock()))
        if until is not None:
            await self._held.wait(repo, until)
            return
        for run in await self._held.of(repo):
            async with self._database.read() as conn:
                kept = await failures.failures_of_run(conn, repo.id, run.run_id, run.run_attempt)
            red = tuple(f for f in kept if f.resolved_at is None and not settings.ignores(f.workflow, f.job, f.branch))
            await self._act(run, repo, red, github, (), stale=False)
            await self._held.told(run)

    async def silences(self, fingerprints: Sequence[str], repo: Repository) -> dict[str, str]:
        """For those of which `notify` would make nothing, why."""
        settings = (await self._configs.of(repo, await self._gateway.client(repo.installation_id))).settings
        found: dict[str, str] = {}
        async with self._database.read() as conn:
            muted = await words.muted(conn, repo.id, set(fingerprints), int(self._clock()))
            for fingerprint in fingerprints:
                newest = await failures.occurrences(conn, repo.id, fingerprint, 1)
                run = await runs.run(conn, repo.id, newest[0].run_id, newest[0].run_attempt) if newest else None
                reason = policy.why_no_notice(run, settings, muted.get(fingerprint))
                found |= {fingerprint: reason} if reason else {}
        return found

    async def analyse_again(self, commit: str, repo: Repository) -> None:
        """Read every failed run of a commit once more, then write the check run whatever it says."""
        github = await self._gateway.client(repo.installation_id)
        async with self._database.read() as conn:
            on_commit = await runs.runs_of_commit(conn, repo.id, commit)
        for run in on_commit:
            if run.conclusion in policy.FAILED and run.event != "check_suite":
                settings = (await self._configs.of(repo, github)).settings
                reading = await self._runs_reader.read(run, github, await self._rules(repo, settings), self._last_green)
                await self._store(run, repo, reading, settings)
        await self.refresh(commit, repo, force=True)

    async def _rules(self, repo: Repository, settings: RepoConfig) -> tuple[OwnRule, ...]:
        """The repository's own rules, and what people taught in it."""
        async with self._database.read() as conn:
            taught = await known.taught(conn, repo.id)
        return with_known(settings.own_rules, [one for one in taught if one.state == known.COUNTS])

    async def _last_green(self, run: Run) -> Run | None:
        async with self._database.read() as conn:
            return await runs.last_green(conn, run)

    async def _green(self, run: Run, repo: Repository, *, stale: bool) -> None:
        """Costs no call unless something was red on that commit or branch."""
        async with self._database.read() as conn:
            red = await failures.anything_red(conn, repo.id, run.commit, run.workflow_id, run.branch)
            # What mended it may have been read from the lists, where nothing is said of it.
            red = red or bool(await reports.recovered_issues(conn, repo.id))
        await self._store(run, repo, Reading((), ()))
        if red:
            await self._act(run, repo, (), await self._gateway.client(run.installation_id), (), stale=stale)

    async def _follow(
        self, run: Run, repo: Repository, reading: Reading, github: GitHub, settings: RepoConfig, *, stale: bool
    ) -> None:
        if reading.failures:
            run = await with_pull_request(run, github)
            reading = reading.of_pull_request(run.pull_request)
        stored = await self._store(run, repo, reading, settings)
        red = tuple(f for f in stored if f.resolved_at is None and not settings.ignores(f.workflow, f.job, f.branch))
        await self._act(run, repo, red, github, reading.notes, stale=stale)
        await self._catch_up(run, repo, stored, github, settings)

    async def _catch_up(
        self, run: Run, repo: Repository, stored: Sequence[Failure], github: GitHub, settings: RepoConfig
    ) -> None:
        """A run told late lengthens the streak of later ones: what crosses the threshold only now is told now."""
        async with self._database.read() as conn:
            later = await failures.open_later(conn, run, {failure.fingerprint for failure in stored})
        late = [failure for failure in later if policy.crosses_late(failure, settings)]
        for run_id, attempt in sorted({(failure.run_id, failure.run_attempt) for failure in late}):
            async with self._database.read() as conn:
                its = await runs.run(conn, repo.id, run_id, attempt)
            red = tuple(replace(f, crossed=True) for f in late if (f.run_id, f.run_attempt) == (run_id, attempt))
            if its is not None:
                await self._act(its, repo, red, github, (), stale=False)
        if late:
            # Only now: work that breaks off before this is done again from here.
            await self._database.write(lambda tx: failures.mark_crossed(tx, late))

    async def _store(
        self, run: Run, repo: Repository, reading: Reading, settings: RepoConfig = DEFAULTS
    ) -> tuple[Failure, ...]:
        return await self._recorder.keep(run, repo, reading, settings)

    async def _act(
        self,
        run: Run,
        repo: Repository,
        red: tuple[Failure, ...],
        github: GitHub,
        notes: tuple[str, ...],
        *,
        stale: bool,
        asked: bool = False,
    ) -> None:
        """`asked`: a person wants the notice now, quiet hours or not."""
        stale = stale or await is_stale(self._database, run)
        settings = (await self._configs.of(repo, github)).settings
        gone = await gone_branches(self._database, run, repo, github) if run.conclusion == "success" else frozenset()
        woken = await self._woken(run, red) if settings.enabled else ()
        async with self._database.read() as conn:
            recovered = await reports.recovered_issues(conn, repo.id, gone)
            facts = await self._facts(conn, run, repo, red, recovered=recovered, settings=settings, stale=stale)
        actions = policy.decide(replace(facts, woken=woken))
        until = quiet_until(settings.quiet_hours, int(self._clock()))
        if until is not None and not asked:
            actions = await self._held.hold(actions, run, repo, until)
        await self._ranges.learn(actions, red, run, repo, github)
        assign = settings.agent.assign and until is None
        await self._handoffs.plan(actions, run, repo, Allowance(assign, settings.agent.daily))
        await self._performer.perform(actions, run, repo, github, notes)

    async def _woken(self, run: Run, red: tuple[Failure, ...]) -> tuple[Wake, ...]:
        """Mutes that this run ends; nothing is written where nothing is muted."""
        now, prints = int(self._clock()), {failure.fingerprint for failure in red}
        async with self._database.read() as conn:
            muted = await words.muted(conn, run.repo_id, prints, now)
            if not muted and not await waking.awake(conn, run.repo_id, prints, now):
                return ()
        return tuple(await self._database.write(lambda tx: waking.wake_up(tx, run, red, now)))

    async def _facts(
        self,
        conn: AsyncConnection,
        run: Run,
        repo: Repository,
        red: tuple[Failure, ...],
        *,
        recovered: tuple[Issue, ...],
        settings: RepoConfig,
        stale: bool,
    ) -> RunFacts:
        now = int(self._clock())
        pull = None if stale or not policy.belongs_to_pull(run) else run.pull_request
        muted = await words.muted(conn, repo.id, {failure.fingerprint for failure in red}, now)
        comment = None if pull is None else await effects.find(conn, pull_comment_key(repo.id, pull))
        check = await effects.find(conn, check_run_key(repo.id, run.commit))
        # What a later run on the branch has mended already is still red on its own commit.
        here = await failures.open_of_commit(conn, repo.id, run.commit)
        return RunFacts(
            run=run,
            failures=red,
            issues=await reports.issues_of(conn, repo.id, red),
            recovered=recovered,
            has_check_run=check is not None,
            commit_red=any(not settings.ignores(f.workflow, f.job, f.branch) for f in here),
            can_check=self._gateway.app_id is not None,
            pull_request=pull,
            has_comment=comment is not None,
            opened_last_hour=await issues.opened_since(conn, repo.id, now - HOUR),
            now=now,
            muted=frozenset(muted),
            settings=settings,
        )

    async def _has_done(self, key: str) -> bool:
        async with self._database.read() as conn:
            effect = await effects.find(conn, key)
        return effect is not None and effect.state == "done"
