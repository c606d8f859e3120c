"""Database → verdict: gathers the facts about one failure and has them judged."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.verdict import OUTBREAK_SECONDS, WINDOW, Verdict, VerdictFacts, judge
from storage import failures, issues, runs, sightings
from storage.model import Failure, Repository, Run


async def verdict_on(conn: AsyncConnection, repo: Repository, run: Run, failure: Failure) -> Verdict:
    """Whose a stored failure of this run is, as far as the history tells now."""
    base = run.base_branch or repo.default_branch
    since = failure.detected_at - WINDOW
    issue = await issues.newest(conn, repo.id, failure.fingerprint)
    itself = await sightings.of_failure(conn, failure)
    return judge(
        VerdictFacts(
            run=run,
            failure=failure,
            base_branch=base,
            base_looked_at=await sightings.base_looked_at(conn, repo.id, failure.workflow_id, base, since),
            sightings=await sightings.in_repository(conn, failure),
            outbreak=await sightings.outbreak(conn, repo, failure, OUTBREAK_SECONDS),
            issue=issue if issue is not None and issue.state == "open" else None,
            passed=itself if itself is not None and itself.passed_on_same_commit else None,
        )
    )


async def verdicts_on(
    conn: AsyncConnection, repo: Repository, found: Sequence[Failure]
) -> dict[tuple[int, int, int], Verdict]:
    """The verdict on each stored failure by (run id, attempt, job id); legs of one run with one cause share theirs."""
    known: dict[tuple[object, ...], Verdict | None] = {}
    verdicts = {}
    for failure in found:
        alike = (failure.run_id, failure.run_attempt, failure.fingerprint, failure.generic, failure.resolved_at)
        if alike not in known:
            run = await runs.run(conn, repo.id, failure.run_id, failure.run_attempt)
            known[alike] = None if run is None else await verdict_on(conn, repo, run, failure)
        verdict = known[alike]
        if verdict is not None:
            verdicts[failure.run_id, failure.run_attempt, failure.job_id] = verdict
    return verdicts


async def record(tx: AsyncConnection, repo: Repository, found: Sequence[Failure]) -> None:
    """Judge stored failures and keep the word of each verdict beside it."""
    verdicts = await verdicts_on(tx, repo, found)
    for failure in found:
        verdict = verdicts.get((failure.run_id, failure.run_attempt, failure.job_id))
        if verdict is not None and failure.verdict != verdict.kind:
            await failures.set_verdict(tx, failure, verdict.kind)
