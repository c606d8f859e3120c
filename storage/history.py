"""Takes in what was learnt of a run attempt, and brings everything that follows from it up to date."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from storage import failures, joins, patterns, rollups, runs
from storage.advisory import one_at_a_time
from storage.tables import pipeline_failures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from storage.model import Failure, JobResult, Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """What storing a run attempt came to."""

    changed: bool
    """The run itself was new or says something new."""
    failures: tuple[Failure, ...]
    """Every failure known of this attempt, with retry count and recovery."""
    recovered: tuple[tuple[int, int, int], ...]
    """Keys (run id, attempt, job id) of failures that were open before and are resolved now."""


async def learn(
    tx: AsyncConnection, run: Run, jobs: Sequence[JobResult] = (), failed: Sequence[Failure] = ()
) -> Learnt:
    """Stores a run attempt, its jobs and failures; then retry counts, recoveries, patterns and rollups follow.

    The outcome is a function of all that was ever stored: order and repetition of calls do not matter.
    """
    await one_at_a_time(tx, runs.lock_of(run))
    if not jobs and not failed and await runs.only_goes_on(tx, run):
        known = await failures.failures_of_run(tx, run.repo_id, run.run_id, run.run_attempt)
        if not known:
            # Most of what arrives: a run that goes on counts nowhere and mends nothing.
            return Learnt(changed=await runs.record(tx, run), failures=(), recovered=())
    async with rollups.kept(tx, run.repo_id, run.run_id):
        return await _learn(tx, run, jobs, failed)


async def _learn(tx: AsyncConnection, run: Run, jobs: Sequence[JobResult], failed: Sequence[Failure]) -> Learnt:
    before = await runs.run(tx, run.repo_id, run.run_id, run.run_attempt)
    changed = await runs.record(tx, run)
    await runs.save_jobs(tx, jobs)
    stale = await _fingerprints(tx, failed)
    await failures.record(tx, failed)
    recovered: list[tuple[int, int, int]] = []
    after = await runs.run(tx, run.repo_id, run.run_id, run.run_attempt) or run
    # A branch that was unknown until now changes two lines of history.
    for workflow_id, branch in {(one.workflow_id, one.branch) for one in (before, after) if one is not None}:
        await failures.recount(tx, run.repo_id, workflow_id, branch, since_run_id=run.run_id)
        recovered += await failures.settle(tx, run.repo_id, workflow_id, branch, around=run.run_id)
    under = await joins.under(tx, failed)
    for failure in failed:
        stale[failure.installation_id].add(under[failure.fingerprint])
    for installation_id in sorted(stale):
        await patterns.refresh(tx, installation_id, stale[installation_id])
    known = await failures.failures_of_run(tx, run.repo_id, run.run_id, run.run_attempt)
    return Learnt(changed=changed, failures=tuple(known), recovered=tuple(sorted(recovered)))


async def _fingerprints(tx: AsyncConnection, failed: Sequence[Failure]) -> dict[int, set[str]]:
    """The patterns that these jobs count in so far: another reading of a log may take them out."""
    found: dict[int, set[str]] = defaultdict(set)
    table = pipeline_failures.c
    for failure in failed:
        query = select(table.installation_id, table.pattern).where(
            table.repo_id == failure.repo_id,
            table.run_id == failure.run_id,
            table.run_attempt == failure.run_attempt,
            table.job_id == failure.job_id,
        )
        for row in await tx.execute(query):
            found[row.installation_id].add(row.pattern)
    return found
