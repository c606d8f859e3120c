"""Deliveries come late, twice and in any order: what is stored must be what the facts say, computed naively here."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from storage import history
from storage.merging import COUNTED, merge
from storage.model import Failure, Pattern, Run
from storage.rows import columns_of
from storage.tables import failure_patterns, metadata, pipeline_failures, pipeline_runs
from tests.storage.facts import make_failure, make_job, make_run

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from storage.database import Database

JOBS = ("a", "b")


@dataclass(frozen=True)
class Attempt:
    """One attempt of a run: its conclusion, and for each job the fingerprint it failed with or None."""

    run: Run
    jobs: tuple[str | None, ...]

    @property
    def place(self) -> tuple[int, int]:
        return (self.run.run_id, self.run.run_attempt)

    @property
    def line(self) -> tuple[str, bool]:
        return (self.run.branch, self.run.fork)

    def failures(self) -> list[Failure]:
        failed = zip(JOBS, self.jobs, strict=True)
        return [make_failure(self.run, job, mark) for job, mark in failed if mark is not None]

    def prints(self) -> set[str]:
        return {mark for mark in self.jobs if mark is not None}


@st.composite
def histories(draw: st.DrawFn) -> list[Attempt]:
    """Up to five runs of up to three attempts on two branches, some from a fork."""
    attempts = []
    for run_id in range(1, draw(st.integers(2, 5)) + 1):
        branch = draw(st.sampled_from(["main", "main", "dev"]))
        fork = draw(st.sampled_from([False, False, True]))
        for number in range(1, draw(st.integers(1, 3)) + 1):
            jobs = tuple(draw(st.lists(st.sampled_from([None, "f1", "f2"]), min_size=2, max_size=2)))
            bad = draw(st.sampled_from(["failure", "failure", "timed_out", "cancelled", None]))
            good = draw(st.sampled_from(["success", "success", "cancelled", "skipped"]))
            run = make_run(run_id, number, bad if any(jobs) else good, branch=branch, fork=fork)
            attempts.append(Attempt(run, jobs))
    return attempts


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[Attempt], list[tuple[Attempt, bool]]]:
    """A history, and the order in which it is told: every attempt at its end, some at their beginning, some twice."""
    attempts = draw(histories())
    told = [(attempt, True) for attempt in attempts]
    told += [(attempt, False) for attempt in attempts if draw(st.booleans())]
    told += draw(st.lists(st.sampled_from(told), max_size=4))
    return attempts, draw(st.permutations(told))


def beginning(run: Run) -> Run:
    """What a delivery says of a run that has just begun."""
    return make_run(run.run_id, run.run_attempt, None, branch=run.branch, fork=run.fork, workflow="")


def expected_streaks(attempts: list[Attempt]) -> dict[tuple[int, int, str], int]:
    """Retry counts from their definition."""
    latest = {attempt.run.run_id: attempt for attempt in sorted(attempts, key=lambda one: one.place)}
    counts = {}
    for attempt in attempts:
        for mark in attempt.prints():
            same_run = [one for one in attempts if one.run.run_id == attempt.run.run_id]
            earlier = sum(mark in one.prints() for one in same_run if one.place < attempt.place)
            streak = 0
            for run_id in range(attempt.run.run_id - 1, 0, -1):
                before = latest[run_id]
                counted = before.run.conclusion in COUNTED or (before.run.conclusion == "cancelled" and before.prints())
                if before.line != attempt.line or not counted:
                    continue
                if mark not in before.prints():
                    break
                streak += 1
            counts[(*attempt.place, mark)] = max(earlier, streak)
    return counts


def expected_recovery(attempts: list[Attempt], failed: Failure, of: Attempt) -> int | None:
    """When a failure was resolved, from the definition."""
    for attempt in sorted(attempts, key=lambda one: one.place):
        if attempt.line != of.line or attempt.place <= of.place:
            continue
        job_is_green = attempt.jobs[JOBS.index(failed.job)] is None
        if attempt.run.conclusion == "success" or job_is_green:
            return attempt.run.completed_at or attempt.run.created_at
    return None


async def tell(tx: AsyncConnection, attempt: Attempt, at_end: bool) -> None:
    if not at_end:
        await history.learn(tx, beginning(attempt.run))
        return
    outcomes = zip(JOBS, attempt.jobs, strict=True)
    jobs = [make_job(attempt.run, job, "failure" if mark else "success") for job, mark in outcomes]
    await history.learn(tx, attempt.run, jobs, attempt.failures())


async def empty(tx: AsyncConnection) -> None:
    for table in metadata.sorted_tables:
        await tx.execute(table.delete())


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=deliveries())
async def test_whatever_the_order_the_rows_are_what_the_facts_say(
    database: Database, told: tuple[list[Attempt], list[tuple[Attempt, bool]]]
) -> None:
    attempts, order = told
    await database.write(empty)
    for attempt, at_end in order:
        await database.write(lambda tx, one=attempt, end=at_end: tell(tx, one, end))  # type: ignore[misc]
    async with database.read() as conn:
        runs = {(row.run_id, row.run_attempt): row for row in await conn.execute(select(pipeline_runs))}
        failures = (await conn.execute(select(pipeline_failures))).all()
        patterns = (await conn.execute(select(*columns_of(failure_patterns, Pattern)))).all()
    last = {attempt.run.run_id: attempt.place for attempt in sorted(attempts, key=lambda one: one.place)}
    for attempt in attempts:
        row = runs[attempt.place]
        assert row.conclusion == attempt.run.conclusion
        assert (row.workflow, row.latest) == ("CI", last[attempt.run.run_id] == attempt.place)
    check_failures(attempts, failures)
    check_patterns(attempts, patterns)


def check_failures(attempts: list[Attempt], rows: list) -> None:  # type: ignore[type-arg]
    streaks = expected_streaks(attempts)
    known = {(row.run_id, row.run_attempt, row.job): row for row in rows}
    assert len(known) == sum(len(attempt.failures()) for attempt in attempts)
    for attempt in attempts:
        for failure in attempt.failures():
            row = known[(*attempt.place, failure.job)]
            assert row.retry_count == streaks[(*attempt.place, failure.fingerprint)]
            assert row.resolved_at == expected_recovery(attempts, failure, attempt)


def check_patterns(attempts: list[Attempt], rows: list) -> None:  # type: ignore[type-arg]
    expected: dict[str, set[tuple[int, str]]] = defaultdict(set)
    for attempt in attempts:
        for failure in attempt.failures():
            expected[failure.fingerprint].add((attempt.run.run_id, failure.job))
    assert {row.fingerprint: row.count for row in rows} == {mark: len(jobs) for mark, jobs in expected.items()}


facts = st.builds(
    make_run,
    st.just(1),
    st.just(1),
    st.sampled_from(["success", "failure", None]),
    branch=st.sampled_from(["", "main", "dev"]),
    workflow=st.sampled_from(["", "CI"]),
    started_at=st.sampled_from([0, 5, 9]),
    completed_at=st.sampled_from([None, 20, 30]),
    status=st.sampled_from(["queued", "in_progress", "completed", "odd"]),
    pull_request=st.sampled_from([None, 4]),
    fork=st.booleans(),
)


@given(one=facts, two=facts, three=facts)
def test_merging_reports_of_a_run_knows_no_order(one: Run, two: Run, three: Run) -> None:
    assert merge(one, two) == merge(two, one)
    assert merge(merge(one, two), three) == merge(one, merge(two, three))
    assert merge(one, one) == one
