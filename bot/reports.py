"""Database → facts: what the reports about a commit, a failure or an outage are made from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from bot import ranges
from bot.facts import CommitReport, Hang, IssueReport, OutageReport, ReportedFailure
from bot.judging import verdicts_on
from classifiers.model import Category
from classifiers.near import alike
from storage import failures, issues, patterns, recurring, runs, timeline, waking, words
from storage.model import Failure, Issue, Repository, Run

MOST_OCCURRENCES = 20
MOST_COMPARED = 100
MOST_RELATED = 5
LIMIT = re.compile(r"(?:maximum execution time of|timed out after) (\w+(?: minutes)?)")
"""How GitHub says the limit: `45m0s` since 2026, `360 minutes` before; a step's `timed out after 5 minutes`."""


async def commit_report(
    conn: AsyncConnection, repo: Repository, commit: str, web_url: str, *, now: int, notes: tuple[str, ...] = ()
) -> CommitReport:
    """Everything on one head commit, with what this repository's own history knows of each failure now."""
    on_commit = await runs.runs_of_commit(conn, repo.id, commit)
    red = latest_of_each_job(await failures.open_of_commit(conn, repo.id, commit), on_commit)
    verdicts = await verdicts_on(conn, repo, red)
    prints = {failure.fingerprint for failure in red}
    known = await recurring.counted_under(conn, repo, prints)
    muted = await words.muted(conn, repo.id, prints, now)
    awake = await waking.awake(conn, repo.id, prints, now)
    open_issues = {fingerprint: await _open_issue(conn, repo.id, fingerprint) for fingerprint in sorted(prints)}
    return CommitReport(
        repository=repo.full_name,
        web_url=web_url,
        commit=commit,
        runs=tuple(latest_of_each_workflow(on_commit)),
        failures=tuple(
            [
                ReportedFailure(
                    failure=f,
                    pattern=known.get(f.fingerprint),
                    issue=open_issues[f.fingerprint],
                    verdict=verdicts.get((f.run_id, f.run_attempt, f.job_id)),
                    hang=await _hang(conn, f),
                    mute=muted.get(f.fingerprint),
                    wake=awake.get(f.fingerprint),
                )
                for f in red
            ]
        ),
        notes=notes,
        recovered=tuple(await failures.recovered_on_commit(conn, repo.id, commit)) if not red else (),
    )


def latest_of_each_workflow(on_commit: Sequence[Run]) -> list[Run]:
    """Without runs that ended, and after which the same workflow ran again on the commit for the same event."""
    newest: dict[tuple[int, str, str], int] = {}
    for run in on_commit:
        newest[_kind(run)] = max(newest.get(_kind(run), 0), run.run_id)
    return [run for run in on_commit if run.status != "completed" or newest[_kind(run)] == run.run_id]


def _kind(run: Run) -> tuple[int, str, str]:
    return run.workflow_id, run.workflow, run.event


def latest_of_each_job(red: Sequence[Failure], on_commit: Sequence[Run]) -> list[Failure]:
    """Without failures of a job that failed again in a later run of the same workflow for the same event.

    A workflow may run on one commit again and again (scheduled, by hand); only its newest failure is news.
    """
    events = {run.run_id: run.event for run in on_commit}
    newest: dict[tuple[int, str, str], int] = {}
    for failure in red:
        job = (failure.workflow_id, events.get(failure.run_id, ""), failure.job)
        newest[job] = max(newest.get(job, 0), failure.run_id)
    return [f for f in red if newest[f.workflow_id, events.get(f.run_id, ""), f.job] == f.run_id]


async def issue_report(
    conn: AsyncConnection,
    repo: Repository,
    fingerprint: str,
    *,
    web_url: str,
    mention: str,
    previous: Issue | None,
) -> IssueReport:
    """One root cause in one repository. Other repositories are named only where they are public."""
    occurrences = tuple(await failures.occurrences(conn, repo.id, fingerprint, MOST_OCCURRENCES))
    seen = await timeline.seen(conn, repo.id, fingerprint)
    since = await timeline.red_since(conn, occurrences[0])
    return IssueReport(
        repository=repo.full_name,
        web_url=web_url,
        fingerprint=fingerprint,
        mention=mention,
        occurrences=occurrences,
        affected_repositories=await patterns.nameable_repositories(conn, repo, fingerprint),
        first_seen=seen.first if seen else None,
        last_seen=seen.last if seen else None,
        branches=await timeline.branches_of(conn, repo.id, fingerprint),
        hang=await _hang(conn, occurrences[0]),
        first_red=since.first_red,
        last_green=since.last_green,
        passed=since.passed,
        between=since.between,
        changed=await ranges.changed(conn, repo.id, since),
        related=await _related(conn, repo.id, occurrences[0]),
        previous=previous,
        total=seen.count if seen else 0,
    )


async def outage_report(
    conn: AsyncConnection, repo: Repository, key: str, fingerprints: tuple[str, ...], *, kind: str, web_url: str
) -> OutageReport:
    """The newest occurrence of each fingerprint of an outage, or of an hour's overflow.

    `key` is the ledger's, and the issue's hidden marker.
    """
    newest: list[Failure] = []
    for fingerprint in fingerprints:
        newest += await failures.occurrences(conn, repo.id, fingerprint, 1)
    last = max(newest, key=lambda failure: failure.detected_at)
    run = await runs.run(conn, repo.id, last.run_id, last.run_attempt)
    if run is None:
        raise LookupError(f"run {last.run_id} of a stored failure is not stored")
    return OutageReport(repository=repo.full_name, web_url=web_url, run=run, failures=tuple(newest), key=key, kind=kind)


async def recovered_issues(
    conn: AsyncConnection, repo_id: int, gone_branches: frozenset[str] = frozenset()
) -> tuple[Issue, ...]:
    """Open issues, one for each number, of which nothing that crossed the threshold is red any more.

    Branches that are gone do not count.
    """
    by_number: dict[int, list[Issue]] = {}
    for issue in await issues.open_issues(conn, repo_id):
        by_number.setdefault(issue.number, []).append(issue)
    recovered = []
    for same in by_number.values():
        red = [await failures.open_crossed(conn, repo_id, issue.fingerprint, gone_branches) for issue in same]
        if not any(red):
            recovered.append(same[0])
    return tuple(recovered)


async def branches_that_keep_issues_open(conn: AsyncConnection, repo_id: int) -> list[str]:
    """Where failures with an open issue are still red, the latest first."""
    found: list[str] = []
    for issue in await issues.open_issues(conn, repo_id):
        found += [failure.branch for failure in await failures.open_crossed(conn, repo_id, issue.fingerprint)]
    return list(dict.fromkeys(found))


async def issues_of(conn: AsyncConnection, repo_id: int, red: tuple[Failure, ...]) -> Mapping[str, Issue]:
    """Our newest issue for each fingerprint among the failures."""
    found = {}
    for fingerprint in dict.fromkeys(failure.fingerprint for failure in red):
        issue = await issues.newest(conn, repo_id, fingerprint)
        if issue is not None:
            found[fingerprint] = issue
    return found


async def _related(conn: AsyncConnection, repo_id: int, failure: Failure) -> tuple[Issue, ...]:
    """Other issues of ours about the same fingerprint, then those whose message is nearly the same."""
    same, near = [], []
    for issue, description in await issues.described(conn, repo_id, MOST_COMPARED):
        if issue.fingerprint == failure.fingerprint:
            same.append(issue)
        elif alike(failure.message, description):
            near.append(issue)
    # The newest issue of the fingerprint is the one that is being written.
    return tuple([*same[1:], *near][:MOST_RELATED])


async def _hang(conn: AsyncConnection, failure: Failure) -> Hang | None:
    if failure.category != Category.TIMEOUT:
        return None
    limit = LIMIT.search(failure.message)
    return Hang(
        usual_seconds=await timeline.usual_seconds(conn, failure.repo_id, failure.workflow_id),
        limit=limit[1] if limit else "",
        step=failure.step,
    )


async def _open_issue(conn: AsyncConnection, repo_id: int, fingerprint: str) -> Issue | None:
    issue = await issues.newest(conn, repo_id, fingerprint)
    return issue if issue is not None and issue.state == "open" else None
