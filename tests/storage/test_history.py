"""Runs, failures and what follows from them: streaks and recoveries."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from storage import failures, installations, live, runs
from storage.model import Repository
from storage.scopes import Scope
from tests.storage.facts import REPO, START, make_failure, make_run
from tests.storage.telling import green, learn, red, stored

if TYPE_CHECKING:
    from storage.database import Database


# Runs


async def test_a_run_comes_back_as_it_was_recorded(database: Database) -> None:
    run = make_run(1, title="ü", pull_request=5, fork=True, actor="ann")
    assert await database.write(lambda tx: runs.record(tx, run))
    async with database.read() as conn:
        assert await runs.run(conn, REPO, 1, 1) == run
        assert await runs.run(conn, REPO, 1, 2) is None


async def test_a_completed_run_stays_completed_whatever_comes_late(database: Database) -> None:
    done = make_run(1)
    await database.write(lambda tx: runs.record(tx, done))
    assert not await database.write(lambda tx: runs.record(tx, make_run(1, conclusion=None)))
    async with database.read() as conn:
        assert await runs.run(conn, REPO, 1, 1) == done


async def test_facts_that_come_later_are_added(database: Database) -> None:
    bare = make_run(1, branch="", workflow="", started_at=0)
    await database.write(lambda tx: runs.record(tx, bare))
    assert await database.write(lambda tx: runs.record(tx, make_run(1, conclusion=None)))
    async with database.read() as conn:
        known = await runs.run(conn, REPO, 1, 1)
    assert known == make_run(1)


async def test_a_commit_has_the_latest_attempt_of_each_run(database: Database) -> None:
    for run in (make_run(1, 2, commit="c"), make_run(1, 1, commit="c"), make_run(2, commit="c"), make_run(3)):
        await database.write(lambda tx, run=run: runs.record(tx, run))  # type: ignore[misc]
    async with database.read() as conn:
        found = await runs.runs_of_commit(conn, REPO, "c")
    assert [(run.run_id, run.run_attempt) for run in found] == [(1, 2), (2, 1)]


async def test_the_newest_run_that_counts_stands_for_its_workflow(database: Database) -> None:
    for run in (
        make_run(1),
        make_run(2, conclusion="success"),
        make_run(3, conclusion="cancelled"),
        make_run(4, conclusion=None),
        make_run(5, workflow_id=8, workflow="Docs"),
        make_run(6, fork=True),
        make_run(7, branch="dev"),
    ):
        await database.write(lambda tx, run=run: runs.record(tx, run))  # type: ignore[misc]
    async with database.read() as conn:
        found = await runs.latest_run_of_each_workflow(conn, REPO, "main")
        going = await live.running(conn, Scope((1,), (REPO,)), since=0, limit=9)
    assert [run.run_id for run in found] == [2, 5]
    assert [run.run_id for run in going] == [4]


async def test_a_renamed_repository_keeps_its_history_under_the_new_name(database: Database) -> None:
    failure = await red(database, 1)
    renamed = Repository(id=REPO, installation_id=1, full_name="acme/store", private=False, default_branch="main")
    await database.write(lambda tx: installations.save_repositories(tx, [renamed]))
    assert failure.repository == "acme/shop"
    assert (await stored(database, 1)).repository == "acme/store"


async def test_reports_of_one_run_at_the_same_time_agree_on_the_latest_attempt(database: Database) -> None:
    told = [make_run(1, attempt, conclusion, commit="c") for attempt in (1, 2, 3) for conclusion in (None, "failure")]
    writes = (database.write(lambda tx, run=run: runs.record(tx, run)) for run in told * 2)  # type: ignore[misc]
    changed = await asyncio.gather(*writes)
    assert 3 <= sum(changed) <= 6
    async with database.read() as conn:
        (latest,) = await runs.runs_of_commit(conn, REPO, "c")
    assert (latest.run_attempt, latest.conclusion) == (3, "failure")


# Streaks


async def test_consecutive_failures_of_a_branch_are_counted(database: Database) -> None:
    counts = [(await red(database, number)).retry_count for number in (1, 2, 3)]
    assert counts == [0, 1, 2]


async def test_earlier_attempts_of_the_run_are_counted(database: Database) -> None:
    counts = [(await red(database, 1, attempt)).retry_count for attempt in (1, 2, 3)]
    assert counts == [0, 1, 2]


async def test_a_green_run_breaks_the_streak_and_a_skipped_one_does_not(database: Database) -> None:
    await red(database, 1)
    await learn(database, make_run(2, conclusion="skipped"))
    await learn(database, make_run(3, conclusion="cancelled"))
    assert (await red(database, 4)).retry_count == 1
    await green(database, 5)
    assert (await red(database, 6)).retry_count == 0


async def test_a_cancelled_run_with_the_same_failure_counts(database: Database) -> None:
    await red(database, 1, conclusion="cancelled")
    assert (await red(database, 2)).retry_count == 1


@pytest.mark.parametrize("other", [{"branch": "dev"}, {"workflow_id": 8}, {"fork": True}, {"fingerprint": "f2"}])
async def test_other_branches_workflows_forks_and_failures_are_no_part_of_the_streak(
    database: Database, other: dict[str, object]
) -> None:
    await red(database, 1, **other)  # type: ignore[arg-type]
    assert (await red(database, 2)).retry_count == 0


async def test_only_the_latest_attempt_of_a_run_is_part_of_the_streak(database: Database) -> None:
    await red(database, 1)
    await green(database, 1, 2)
    assert (await red(database, 2)).retry_count == 0


async def test_a_run_that_is_learnt_late_corrects_the_streak_after_it(database: Database) -> None:
    await red(database, 1)
    await red(database, 3)
    await red(database, 4)
    assert (await stored(database, 4)).retry_count == 2
    await green(database, 2)
    assert [(await stored(database, number)).retry_count for number in (3, 4)] == [0, 1]


async def test_a_streak_longer_than_a_page_is_counted_whole(database: Database) -> None:
    for number in range(1, 71):
        run = make_run(number)
        await database.write(lambda tx, run=run: runs.record(tx, run))  # type: ignore[misc]
        await database.write(lambda tx, run=run: failures.record(tx, [make_failure(run)]))  # type: ignore[misc]
    assert (await red(database, 71)).retry_count == 70


# Recovery


async def test_a_later_green_run_resolves_at_its_completion(database: Database) -> None:
    await red(database, 1)
    learnt = await green(database, 2)
    assert (await stored(database, 1)).resolved_at == make_run(2).completed_at
    assert [key[0] for key in learnt.recovered] == [1]


async def test_a_green_job_resolves_in_a_run_that_fails_elsewhere(database: Database) -> None:
    await red(database, 1)
    run = make_run(2)
    await learn(database, run, make_failure(run, "lint", "f2"), green=("test",))
    assert (await stored(database, 1)).resolved_at == run.completed_at


async def test_the_same_job_failing_otherwise_is_no_recovery(database: Database) -> None:
    await red(database, 1)
    await red(database, 2, fingerprint="f2")
    assert (await stored(database, 1)).resolved_at is None


async def test_a_later_attempt_of_the_same_run_resolves(database: Database) -> None:
    await red(database, 1)
    await green(database, 1, 2)
    assert (await stored(database, 1)).resolved_at == make_run(1, 2).completed_at


async def test_a_suite_that_turns_green_under_its_own_id_resolves(database: Database) -> None:
    await red(database, 1)
    rerun = make_run(1, conclusion="success", completed_at=START + 9000)
    await learn(database, rerun, green=("test",))
    assert (await stored(database, 1)).resolved_at == START + 9000


async def test_a_suite_that_turns_red_again_opens_what_it_had_resolved(database: Database) -> None:
    await red(database, 1)
    await learn(database, make_run(2, conclusion="success"))
    await learn(database, make_run(2, conclusion="failure", completed_at=START + 9000))
    assert (await stored(database, 1)).resolved_at is None


async def test_an_earlier_attempt_that_is_learnt_late_moves_the_recovery(database: Database) -> None:
    await red(database, 1)
    await green(database, 2, 2)
    await green(database, 2, 1)
    assert (await stored(database, 1)).resolved_at == make_run(2, 1).completed_at


async def test_a_run_whose_branch_is_learnt_late_joins_the_history_of_its_branch(database: Database) -> None:
    await red(database, 1, branch="")
    await learn(database, make_run(2, conclusion="success", branch=""))
    assert (await stored(database, 1)).resolved_at is not None
    await green(database, 2)
    assert (await stored(database, 1)).resolved_at is None


async def test_a_green_run_of_a_fork_resolves_nothing_of_ours(database: Database) -> None:
    await red(database, 1)
    await green(database, 2, fork=True)
    assert (await stored(database, 1)).resolved_at is None


async def test_an_earlier_recovery_that_is_learnt_late_moves_the_time(database: Database) -> None:
    await red(database, 1)
    await green(database, 3)
    await green(database, 2)
    assert (await stored(database, 1)).resolved_at == make_run(2).completed_at


async def test_a_failure_learnt_after_its_recovery_is_resolved_at_once(database: Database) -> None:
    await green(database, 2)
    assert (await red(database, 1)).resolved_at == make_run(2).completed_at


async def test_recording_again_keeps_what_was_decided(database: Database) -> None:
    failure = await red(database, 1)
    await database.write(lambda tx: failures.mark_crossed(tx, [failure]))
    await database.write(lambda tx: failures.set_verdict(tx, failure, "flaky"))
    await green(database, 2)
    run = make_run(1)
    await learn(database, run, make_failure(run, detected_at=START + 99_999))
    again = await stored(database, 1)
    assert (again.crossed, again.verdict, again.detected_at) == (True, "flaky", run.completed_at)
    assert again.resolved_at == make_run(2).completed_at
