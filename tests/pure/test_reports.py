"""Which runs and failures of a commit are news."""

from __future__ import annotations

from bot.reports import latest_of_each_job, latest_of_each_workflow
from tests.factories import a_failure, a_run


def test_of_the_ended_runs_of_one_workflow_only_the_newest_counts() -> None:
    old, new = a_run(run_id=1, conclusion="failure"), a_run(run_id=2, conclusion="success")
    assert latest_of_each_workflow([new, old]) == [new]


def test_other_workflows_events_and_runs_that_go_on_stay() -> None:
    runs = [
        a_run(run_id=1, status="in_progress", conclusion=None),
        a_run(run_id=2),
        a_run(run_id=3, workflow_id=99),
        a_run(run_id=4, workflow="another App's checks"),
        a_run(run_id=5, event="schedule"),
    ]
    assert latest_of_each_workflow(runs) == runs


def test_a_job_that_failed_again_in_a_later_run_is_told_once() -> None:
    runs = [a_run(run_id=1), a_run(run_id=2)]
    first, again = a_failure(run_id=1), a_failure(run_id=2)
    assert latest_of_each_job([again, first], runs) == [again]
