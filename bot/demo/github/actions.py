"""Workflow runs, their attempts and jobs, and the logs of the jobs."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypedDict, Unpack

from bot.demo.github.checks import Checks
from bot.demo.github.identities import ACTIONS_APP_ID
from bot.demo.github.records import (
    AnnotationRecord,
    AttemptRecord,
    CheckRunRecord,
    JobRecord,
    RepositoryRecord,
    RunRecord,
    StepRecord,
)


class RunFields(TypedDict, total=False):
    """What `add_run` may be told besides the repository."""

    run_id: int
    name: str | None
    path: str
    branch: str | None
    sha: str
    event: str
    status: str
    conclusion: str | None
    run_attempt: int
    actor: str
    head_repository: str | None
    pulls: Sequence[int]
    title: str
    created_at: float
    started_at: float
    updated_at: float


class JobFields(TypedDict, total=False):
    """What `add_job` may be told besides run and name. `log` None: GitHub never wrote one."""

    job_id: int
    conclusion: str | None
    status: str
    steps: Sequence[StepRecord | tuple[str, str | None]] | None
    log: bytes | str | None
    log_expired: bool
    log_later: int
    annotations: Sequence[AnnotationRecord | str]
    run_attempt: int
    started_at: float
    completed_at: float
    runner_name: str | None
    labels: tuple[str, ...]


@dataclass(slots=True)
class _Span:
    started: float
    completed: float


class Actions(Checks):
    """The part of the state that holds workflow runs."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        super().__init__(clock)
        self.runs: dict[int, RunRecord] = {}
        self.jobs: dict[int, JobRecord] = {}
        self.workflow_ids: dict[tuple[int, str], int] = {}
        self.run_numbers: Counter[int] = Counter()

    def add_run(self, full_name: str, **fields: Unpack[RunFields]) -> RunRecord:
        """A workflow run, by default a completed failure on the default branch's head, attempt 1.

        With `run_attempt=3` the attempts 1 and 2 exist as well, with the same conclusion and no jobs.
        """
        repository = self.repository(full_name)
        branch = fields.get("branch", repository.default_branch)
        sha = fields.get("sha") or repository.branches.get(branch or "") or ""
        if not sha:
            sha = self.add_commit(full_name, branch=branch or "").sha
        record = self._run(repository, branch, sha, fields)
        self.runs[record.id] = record
        return record

    def _run(self, repository: RepositoryRecord, branch: str | None, sha: str, fields: RunFields) -> RunRecord:
        path = fields.get("path", ".github/workflows/ci.yml")
        head_name = fields.get("head_repository", repository.full_name)
        commit = repository.commits.get(sha)
        created = fields.get("created_at", self.now())
        workflow_id = self.workflow_ids.setdefault((repository.id, path), self.next_id())
        self.run_numbers[workflow_id] += 1
        return RunRecord(
            id=fields.get("run_id") or self.next_id(),
            repo_id=repository.id,
            workflow_id=workflow_id,
            name=fields.get("name", "CI"),
            path=path,
            run_number=self.run_numbers[workflow_id],
            event=fields.get("event", "push"),
            head_branch=branch,
            head_sha=sha,
            head_repo_id=None if head_name is None else self.repository(head_name).id,
            suite_id=self.new_suite(repository, ACTIONS_APP_ID, sha, branch).id,
            actor=self.user(fields.get("actor", "octocat")),
            display_title=fields.get("title") or (commit.message if commit else "Change"),
            created_at=created,
            attempts=self._attempts(fields, created),
            pull_numbers=tuple(fields.get("pulls", ())),
        )

    def _attempts(self, fields: RunFields, created: float) -> list[AttemptRecord]:
        status = fields.get("status", "completed")
        conclusion = fields.get("conclusion", "failure" if status == "completed" else None)
        started = fields.get("started_at", created)
        updated = fields.get("updated_at", max(self.now(), started))
        actor = self.user(fields.get("actor", "octocat"))
        last = fields.get("run_attempt", 1)
        earlier = [AttemptRecord(n, "completed", conclusion, started, updated, actor) for n in range(1, last)]
        return [*earlier, AttemptRecord(last, status, conclusion, started, updated, actor)]

    def add_job(self, run: RunRecord, name: str = "test", **fields: Unpack[JobFields]) -> JobRecord:
        """A job of the run's latest attempt (or `run_attempt`), by default a failure in `Run pytest`.

        The job's check run has the same id, as on GitHub, and carries the annotations.
        """
        attempt = run.attempts[fields.get("run_attempt", run.latest.number) - 1]
        started = fields.get("started_at", attempt.started_at)
        span = _Span(started, fields.get("completed_at", max(attempt.updated_at, started)))
        conclusion = fields.get("conclusion", "failure" if "status" not in fields else None)
        log = fields.get("log")
        record = JobRecord(
            id=fields.get("job_id") or self.next_id(),
            run_id=run.id,
            run_attempt=attempt.number,
            name=name,
            status=fields.get("status", "completed"),
            conclusion=conclusion,
            created_at=span.started,
            started_at=span.started,
            completed_at=None if conclusion is None else span.completed,
            steps=_steps(fields.get("steps"), conclusion, span),
            log=log.encode() if isinstance(log, str) else log,
            log_expired=fields.get("log_expired", False),
            log_later=fields.get("log_later", 0),
            runner_name=fields.get("runner_name", "GitHub Actions 1"),
            labels=fields.get("labels", ("ubuntu-latest",)),
        )
        attempt.jobs.append(record)
        self.jobs[record.id] = record
        self._check_run_of(run, record, fields.get("annotations", ()))
        return record

    def _check_run_of(self, run: RunRecord, job: JobRecord, annotations: Iterable[AnnotationRecord | str]) -> None:
        self.check_runs[job.id] = CheckRunRecord(
            id=job.id,
            repo_id=run.repo_id,
            suite_id=run.suite_id,
            app_id=ACTIONS_APP_ID,
            head_sha=run.head_sha,
            name=job.name,
            status=job.status,
            conclusion=job.conclusion,
            started_at=job.started_at,
            completed_at=job.completed_at,
            annotations=[AnnotationRecord(note) if isinstance(note, str) else note for note in annotations],
        )

    def next_attempt(self, run: RunRecord, by: str = "octocat", *, status: str = "queued") -> AttemptRecord:
        """Start another attempt, as a re-run does; give it jobs, then `complete` it."""
        now = self.now()
        attempt = AttemptRecord(run.latest.number + 1, status, None, now, now, self.user(by))
        run.attempts.append(attempt)
        return attempt

    def complete(self, run: RunRecord, conclusion: str) -> None:
        """Let the latest attempt end."""
        run.latest.status, run.latest.conclusion, run.latest.updated_at = "completed", conclusion, self.now()


def _steps(
    given: Sequence[StepRecord | tuple[str, str | None]] | None, conclusion: str | None, span: _Span
) -> list[StepRecord]:
    if given is None:
        given = [("Set up job", "success"), ("Run pytest", conclusion), ("Complete job", "success")]
    steps = []
    for number, step in enumerate(given, start=1):
        if isinstance(step, StepRecord):
            steps.append(step)
            continue
        name, outcome = step
        status = "completed" if outcome else "in_progress"
        end = span.completed if outcome else None
        steps.append(StepRecord(name, number, status, outcome, span.started, end))
    return steps
