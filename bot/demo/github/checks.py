"""Check suites and check runs: one suite per App and commit (Actions: one per workflow run)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TypedDict, Unpack

from bot.demo.github.records import AnnotationRecord, CheckRunRecord, CheckSuiteRecord, RepositoryRecord
from bot.demo.github.repositories import Repositories

WORST_FIRST = (
    "failure",
    "timed_out",
    "cancelled",
    "action_required",
    "stale",
    "startup_failure",
    "success",
    "neutral",
    "skipped",
)


class CheckRunFields(TypedDict, total=False):
    """What `add_check_run` may be told besides repository, App, commit and name."""

    status: str
    conclusion: str | None
    external_id: str
    details_url: str | None
    started_at: float | None
    completed_at: float | None
    title: str | None
    summary: str | None
    text: str | None
    annotations: list[AnnotationRecord]


class Checks(Repositories):
    """The part of the state that holds checks."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        super().__init__(clock)
        self.suites: dict[int, CheckSuiteRecord] = {}
        self.check_runs: dict[int, CheckRunRecord] = {}

    def new_suite(self, repository: RepositoryRecord, app_id: int, sha: str, branch: str | None) -> CheckSuiteRecord:
        """A further suite of an App on a commit."""
        now = self.now()
        suite = CheckSuiteRecord(self.next_id(), repository.id, app_id, sha, branch, now, now)
        self.suites[suite.id] = suite
        return suite

    def suite_of(self, repository: RepositoryRecord, app_id: int, sha: str) -> CheckSuiteRecord:
        """The suite of an App on a commit, created when there is none yet."""
        for suite in self.suites.values():
            if (suite.repo_id, suite.app_id, suite.head_sha) == (repository.id, app_id, sha):
                return suite
        branch = next((name for name, head in repository.branches.items() if head == sha), None)
        return self.new_suite(repository, app_id, sha, branch)

    def runs_of_suite(self, suite_id: int) -> list[CheckRunRecord]:
        """The suite's check runs, oldest first."""
        return [run for run in self.check_runs.values() if run.suite_id == suite_id]

    def suite_status(self, suite: CheckSuiteRecord) -> tuple[str, str | None]:
        """Status and conclusion: the worst conclusion of its runs once all of them are completed."""
        runs = self.runs_of_suite(suite.id)
        if not runs:
            return "queued", None
        if any(run.status != "completed" for run in runs):
            return "in_progress", None
        return "completed", worst(run.conclusion for run in runs)

    def add_check_run(
        self, full_name: str, app_id: int, sha: str, name: str, **fields: Unpack[CheckRunFields]
    ) -> CheckRunRecord:
        """A check run of any App, for instance a third party's; completed with failure unless told."""
        repository = self.repository(full_name)
        suite = self.suite_of(repository, app_id, sha)
        record = CheckRunRecord(self.next_id(), repository.id, suite.id, app_id, sha, name, **fields)
        if "conclusion" not in fields and "status" not in fields:
            record.conclusion = "failure"
        if record.conclusion is not None:
            record.status = "completed"
            record.completed_at = record.completed_at or self.now()
        record.started_at = record.started_at or self.now()
        self.check_runs[record.id] = record
        suite.updated_at = self.now()
        return record

    def check_runs_named(self, full_name: str, name: str = "Pipeline Monitor") -> list[CheckRunRecord]:
        """The check runs of that name in a repository, oldest first: what a test looks at."""
        repo_id = self.repository(full_name).id
        return [run for run in self.check_runs.values() if run.repo_id == repo_id and run.name == name]


def worst(conclusions: Iterable[str | None]) -> str:
    """The conclusion that decides a suite."""
    present = set(conclusions)
    return next((found for found in WORST_FIRST if found in present), "neutral")
