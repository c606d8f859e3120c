"""Which pull request a run speaks of, and whether it still stands where the run found it."""

from __future__ import annotations

from dataclasses import replace

import structlog

from bot import policy, reports
from bot.errors import GitHubRefused
from bot.github.client import GitHub
from storage import runs
from storage.database import Database
from storage.model import Repository, Run

log = structlog.get_logger(__name__)

MOST_ASKED = 5


async def with_pull_request(run: Run, github: GitHub) -> Run:
    """The run with its pull request's number; for forks GitHub's payload usually does not name it."""
    if run.pull_request is not None or not policy.belongs_to_pull(run):
        return run
    try:
        pulls = await github.pulls_of_commit(run.repository, run.commit)
    except GitHubRefused as error:
        log.warning("pull request could not be looked up", reason=str(error))
        return run
    at_head = (p for p in pulls if p.state == "open" and p.head is not None and p.head.sha == run.commit)
    found = next(at_head, None)
    if found is None:
        return run
    return replace(
        run, pull_request=found.number, base_branch=run.base_branch or (found.base.ref if found.base else "")
    )


async def gone_branches(database: Database, run: Run, repo: Repository, github: GitHub) -> frozenset[str]:
    """Branches that alone keep an issue open although they do not exist any more; asked of GitHub, the latest few."""
    async with database.read() as conn:
        red = await reports.branches_that_keep_issues_open(conn, repo.id)
    asked = [branch for branch in red if branch not in {run.branch, repo.default_branch, ""}][:MOST_ASKED]
    try:
        return frozenset([branch for branch in asked if not await github.has_branch(repo.full_name, branch)])
    except GitHubRefused as error:
        log.warning("branches could not be looked up", reason=str(error))
        return frozenset()


async def is_stale(database: Database, run: Run) -> bool:
    """A newer commit of the pull request has run already, so nobody wants to read of this one there."""
    if run.pull_request is None or run.event == "merge_group":
        return False
    async with database.read() as conn:
        newest = await runs.newest_of_pull(conn, run.repo_id, run.pull_request)
    return newest is not None and newest.run_id > run.run_id and newest.commit != run.commit
