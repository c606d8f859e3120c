"""How often a failure came just before: over the attempts of its run, and over the runs of its branch.

A streak is counted over runs of one workflow and branch, the latest attempt of each, forks apart from the
repository's own. Runs that were skipped, cancelled without a failure, or are still running neither count nor break it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, select, update

from storage.merging import COUNTED
from storage.tables import YES, pipeline_failures, pipeline_runs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncConnection

    from storage.model import Failure

_PAGE = 50
MAX_STREAK = 250
"""Streaks are followed no further back than this many runs."""

_runs = pipeline_runs.c
_failures = pipeline_failures.c


@dataclass(frozen=True, slots=True)
class _Branch:
    repo_id: int
    workflow_id: int
    branch: str
    fork: bool

    def runs(self) -> ColumnElement[bool]:
        return and_(
            _runs.repo_id == self.repo_id,
            _runs.branch == self.branch,
            _runs.workflow_id == self.workflow_id,
            _runs.fork == self.fork,
            _runs.latest == YES,
        )


@dataclass(slots=True)
class _Seen:
    """One run of the branch with the failures of all its attempts."""

    run_id: int
    attempt: int
    conclusion: str | None
    failures: list[Any] = field(default_factory=list)

    def last(self) -> set[str]:
        """Fingerprints of the latest attempt."""
        return {row.fingerprint for row in self.failures if row.run_attempt == self.attempt}

    def counts(self) -> bool:
        return self.conclusion in COUNTED or (self.conclusion == "cancelled" and bool(self.last()))

    def earlier(self, fingerprint: str, attempt: int) -> int:
        """In how many attempts before `attempt` the fingerprint failed."""
        rows = (row for row in self.failures if row.fingerprint == fingerprint)
        return len({row.run_attempt for row in rows if row.run_attempt < attempt})


async def retry_count(tx: AsyncConnection, failure: Failure) -> int:
    """The larger of: earlier attempts of the run, and runs in a row just before it, with this fingerprint."""
    own = and_(
        _runs.repo_id == failure.repo_id,
        _runs.run_id == failure.run_id,
        _runs.run_attempt == failure.run_attempt,
    )
    fork = bool((await tx.execute(select(_runs.fork).where(own))).scalar())
    attempts = select(func.count(_failures.run_attempt.distinct())).where(
        _failures.repo_id == failure.repo_id,
        _failures.run_id == failure.run_id,
        _failures.run_attempt < failure.run_attempt,
        _failures.fingerprint == failure.fingerprint,
    )
    earlier: int = (await tx.execute(attempts)).scalar_one()
    branch = _Branch(failure.repo_id, failure.workflow_id, failure.branch, fork)
    streaks = await _streaks(tx, branch, failure.run_id, {failure.fingerprint})
    return max(earlier, streaks[failure.fingerprint])


async def recount(
    tx: AsyncConnection,
    repo_id: int,
    workflow_id: int,
    branch: str,
    fingerprint: str | None = None,
    *,
    since_run_id: int = 0,
) -> int:
    """Counts again what the facts of run `since_run_id` can have changed; returns how many rows did change.

    With the default of 0 it looks at the whole branch. `fingerprint` narrows it.
    """
    changed = 0
    for fork in (False, True):
        scope = _Branch(repo_id, workflow_id, branch, fork)
        changed += await _recount(tx, scope, fingerprint, since_run_id)
    return changed


async def _recount(tx: AsyncConnection, scope: _Branch, only: str | None, since: int) -> int:
    changed, at = 0, since
    alive: set[str] | None = None if only is None else {only}
    while page := await _page(tx, scope, _runs.run_id >= at, newest_first=False):
        for seen in page:
            present = {row.fingerprint for row in seen.failures}
            wanted = present if alive is None else present & alive
            if wanted:
                changed += await _count_again(tx, scope, seen, wanted)
            # Beyond a run that lacks a fingerprint, nothing before that run matters to it any more.
            if since and seen.run_id > since and seen.counts():
                alive = seen.last() if alive is None else alive & seen.last()
                if not alive:
                    return changed
        at = page[-1].run_id + 1
    return changed


async def _count_again(tx: AsyncConnection, scope: _Branch, seen: _Seen, wanted: set[str]) -> int:
    streaks = await _streaks(tx, scope, seen.run_id, wanted)
    changed = 0
    for row in seen.failures:
        if row.fingerprint not in wanted:
            continue
        count = max(streaks[row.fingerprint], seen.earlier(row.fingerprint, row.run_attempt))
        if count != row.retry_count:
            key = and_(
                _failures.repo_id == scope.repo_id,
                _failures.run_id == seen.run_id,
                _failures.run_attempt == row.run_attempt,
                _failures.job_id == row.job_id,
            )
            await tx.execute(update(pipeline_failures).where(key).values(retry_count=count))
            changed += 1
    return changed


async def _streaks(tx: AsyncConnection, scope: _Branch, before: int, fingerprints: Iterable[str]) -> dict[str, int]:
    counts = dict.fromkeys(fingerprints, 0)
    alive, runs = set(counts), 0
    while alive and (page := await _page(tx, scope, _runs.run_id < before, newest_first=True)):
        for seen in page:
            if not seen.counts():
                continue
            runs += 1
            alive &= seen.last()
            for fingerprint in alive:
                counts[fingerprint] += 1
            if not alive or runs >= MAX_STREAK:
                return counts
        before = page[-1].run_id
    return counts


async def _page(tx: AsyncConnection, scope: _Branch, where: ColumnElement[bool], *, newest_first: bool) -> list[_Seen]:
    order = _runs.run_id.desc() if newest_first else _runs.run_id
    query = select(_runs.run_id, _runs.run_attempt, _runs.conclusion).where(scope.runs(), where)
    rows = (await tx.execute(query.order_by(order).limit(_PAGE))).all()
    if not rows:
        return []
    failed = select(
        _failures.run_id, _failures.run_attempt, _failures.job_id, _failures.fingerprint, _failures.retry_count
    ).where(_failures.repo_id == scope.repo_id, _failures.run_id.in_([row.run_id for row in rows]))
    by_run: dict[int, list[Any]] = defaultdict(list)
    for row in await tx.execute(failed):
        by_run[row.run_id].append(row)
    return [_Seen(row.run_id, row.run_attempt, row.conclusion, by_run[row.run_id]) for row in rows]
