"""Keeps what was read of a run attempt: everything that follows from it, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from bot import judging, policy
from bot.reading import Reading
from bot.repo_config import RepoConfig
from classifiers.model import Category, JobFacts, Severity
from classifiers.severity import severity
from storage import failures, history, installations, runs, words
from storage.database import Database
from storage.model import Correction, Failure, Repository, Run

log = structlog.get_logger(__name__)

AT_ONCE = 10
"""Runs of one transaction; on SQLite deliveries wait for it."""


class Recorder:
    """Run, jobs, failures, retry counts, recoveries, patterns and verdicts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(
        self, run: Run, repo: Repository, reading: Reading, settings: RepoConfig, *, past: bool = False
    ) -> tuple[Failure, ...]:
        """The failures of this attempt as they are stored now.

        `past`: nobody is told of it, so its recovery is no part of closing an issue.
        """

        async def store(tx: AsyncConnection) -> tuple[Failure, ...]:
            await installations.save_repositories(tx, [repo])
            learnt = await history.learn(tx, run, reading.jobs, await _shown(tx, run, reading.failures))
            crossed = [] if past else [f for f in learnt.failures if policy.crosses(f, settings)]
            await failures.mark_crossed(tx, crossed)
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
                verdict=failure.verdict,
            )
        return stored

    async def keep_ended(self, ended: Sequence[Run], repo: Repository) -> None:
        """Runs of the past of which nothing but their end is known yet."""

        async def store(tx: AsyncConnection, some: Sequence[Run]) -> None:
            await installations.save_repositories(tx, [repo])
            for run in some:
                learnt = await history.learn(tx, run)
                await judging.record(tx, repo, await failures.keyed(tx, run.repo_id, learnt.recovered))

        # Each run is locked until its transaction ends: where others write too, holding several would be a deadlock.
        size = AT_ONCE if self._database.dialect == "sqlite" else 1
        for start in range(0, len(ended), size):
            await self._database.write(lambda tx, start=start: store(tx, ended[start : start + size]))  # type: ignore[misc]


async def _shown(tx: AsyncConnection, run: Run, found: tuple[Failure, ...]) -> tuple[Failure, ...]:
    """As people said they are to be shown, and as grave as the branch makes them."""
    if not found:
        return ()
    said = await words.corrected(tx, run.repo_id, {failure.fingerprint for failure in found})
    shown = [_corrected(failure, run, said.get(failure.fingerprint)) for failure in found]
    if run.default_branch and await _others_broken(tx, run):
        shown = [replace(failure, severity=Severity.CRITICAL.value) for failure in shown]
    return tuple(shown)


def _corrected(failure: Failure, run: Run, word: Correction | None) -> Failure:
    if word is None:
        return failure
    facts = JobFacts(
        workflow=run.workflow,
        job=failure.job,
        step=failure.step,
        branch=run.own_branch,
        default_branch=run.default_branch,
    )
    return replace(
        failure,
        category=word.category,
        severity=severity(Category(word.category), facts).value,
        reasons=(*failure.reasons, f"A maintainer corrected the category to {word.category}."),
    )


async def _others_broken(tx: AsyncConnection, run: Run) -> bool:
    """Whether other workflows ran on the branch, and each one's latest completed run there is red."""
    latest = await runs.latest_run_of_each_workflow(tx, run.repo_id, run.branch)
    others = [each for each in latest if each.workflow_id != run.workflow_id]
    return bool(others) and all(each.conclusion in policy.FAILED for each in others)
