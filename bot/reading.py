"""Which jobs of a run failed, and the verdict on each: fetches and classifies, stores and decides nothing."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import structlog

from bot.errors import Forbidden, NotFound, Retry
from bot.github.client import GitHub
from bot.github.joblog import Absent, NoLog
from bot.github.shapes import Job
from bot.green_logs import GreenLogs, LastGreen, Look, nowhere
from bot.log_reader import LogReader, OpenLog
from classifiers.builtin import builtin_version
from classifiers.classify import without_log
from classifiers.model import Annotation, Category, Classification, JobFacts, OwnRule
from classifiers.redaction import redact
from classifiers.runners_up import runners_up
from storage.model import Failure, JobResult, Run

log = structlog.get_logger(__name__)
Result = TypeVar("Result")

FAILED_JOB = frozenset({"failure", "timed_out", "startup_failure"})
LATE_LOG = ((10, 5.0), (30, 15.0), (70, 30.0))
"""A log may not be readable right after the job's end: up to which age (seconds) to look again, and in how many."""
SUSPECTS = 6
"""Cancelled jobs whose annotations are looked at; the longest-running are the likely time-outs."""
READ_ALL = 32
READ_OF_A_KIND = 8
"""Beyond 32 failed jobs, so many of each matrix are read; their other legs are judged by them."""
AT_ONCE = 4
WEAK = 0.5
NO_LOG = {
    Absent.MISSING: "The job left no log.",
    Absent.EXPIRED: "The log had expired.",
    Absent.ELSEWHERE: "The log lies on a host that this installation of the program does not read from.",
}
TIME_LIMIT = re.compile(r"has exceeded the maximum execution time", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a run's jobs told."""

    jobs: tuple[JobResult, ...]
    failures: tuple[Failure, ...]
    notes: tuple[str, ...] = ()

    def of_pull_request(self, number: int | None) -> Reading:
        """The same, where the pull request was found out only after the reading."""
        return replace(self, failures=tuple(replace(failure, pull_request=number) for failure in self.failures))


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdict on one job of a run; without a name where the run failed before it had any."""

    job: str
    url: str
    verdict: Classification
    no_log: str = ""
    """Why the job's log could not be read; empty where it was, or where the job never ran."""


@dataclass(frozen=True, slots=True)
class _Suspect:
    job: Job
    annotations: tuple[Annotation, ...] | None = None
    """None: not fetched yet."""


class RunReader:
    """Reads one run attempt at a time through an installation's client."""

    def __init__(self, logs: LogReader, *, clock: Callable[[], float]) -> None:
        self._logs = logs
        self._clock = clock
        self._green = GreenLogs(logs)

    async def read(
        self, run: Run, github: GitHub, own_rules: tuple[OwnRule, ...] = (), last_green: LastGreen = nowhere
    ) -> Reading:
        """Jobs and failures of a run that ended badly. Costs one call, and one or two a failed job.

        `last_green` knows the run that a job with a weak verdict is compared with, for a few calls more.
        """
        try:
            jobs = await github.jobs(run.repository, run.run_id, run.run_attempt)
        except NotFound:
            return Reading((), (), ("GitHub does not know this run any more, so its jobs could not be read.",))
        results = tuple(_result(run, job) for job in jobs if job.conclusion)
        suspects = [_Suspect(job) for job in jobs if job.conclusion in FAILED_JOB]
        suspects += await self._timed_out(run, jobs, github)
        if not suspects:
            return Reading(results, _without_jobs(run, jobs))
        look = self._green.look(run, github, last_green)
        facts = _RunWide(run, _every_job_failed(jobs, suspects), own_rules, look)
        return Reading(results, tuple(await self._failures(facts, suspects, github)))

    async def verdicts(self, run: Run, github: GitHub, job_id: int | None = None) -> list[Judged]:
        """The verdict on every failed job of a run, or on the one job that is asked for, for somebody who waits.

        Empty where nothing failed. NotFound where GitHub does not know the attempt.
        """
        jobs = await github.jobs(run.repository, run.run_id, run.run_attempt)
        suspects = [_Suspect(job) for job in jobs if job.conclusion in FAILED_JOB]
        suspects += await self._timed_out(run, jobs, github)
        facts = _RunWide(run, _every_job_failed(jobs, suspects), (), self._green.look(run, github, nowhere))
        if job_id is not None:
            suspects = [suspect for suspect in suspects if suspect.job.id == job_id] or [
                _Suspect(job) for job in jobs if job.id == job_id and job.conclusion == "cancelled"
            ]
        elif not suspects:
            verdict = _of_the_run(run, jobs)
            return [] if verdict is None else [Judged("", run.url, verdict)]
        return await _at_once(suspects, lambda suspect: self._judged(facts, suspect, github))

    async def _timed_out(self, run: Run, jobs: Sequence[Job], github: GitHub) -> list[_Suspect]:
        """Cancelled jobs that really exceeded their time limit; only an annotation tells."""
        cancelled = sorted((j for j in jobs if j.conclusion == "cancelled"), key=_seconds, reverse=True)
        found = []
        for job in cancelled[:SUSPECTS]:
            annotations = await self._annotations(run, job, github)
            if any(TIME_LIMIT.search(annotation.message) for annotation in annotations):
                found.append(_Suspect(job, annotations))
        return found

    async def _failures(self, facts: _RunWide, suspects: Sequence[_Suspect], github: GitHub) -> list[Failure]:
        chosen, others = _sample(suspects)
        read = await _at_once(chosen, lambda suspect: self._failure(facts, suspect, github))
        return read + [_like(suspect.job, read) for suspect in others]

    async def _failure(self, facts: _RunWide, suspect: _Suspect, github: GitHub) -> Failure:
        job, run = suspect.job, facts.run
        judged = await self._judged(facts, suspect, github)
        at = int(job.completed_at.timestamp()) if job.completed_at else run.completed_at
        return as_failure(run, judged.verdict, job_id=job.id, job=job.name, url=job.url, at=at)

    async def _judged(self, facts: _RunWide, suspect: _Suspect, github: GitHub) -> Judged:
        job, run = suspect.job, facts.run
        known = facts.of(job, suspect.annotations or ())
        async with self._logs.opened(known) as opened:
            judge = await self._read(run, job, opened, github)
            verdict = await judge.verdict(known)
            if suspect.annotations is None and _is_weak(verdict):
                annotations = await self._annotations(run, job, github)
                if annotations:
                    known = replace(known, annotations=annotations)
                    verdict = await judge.verdict(known)
            if judge is opened and _is_weak(verdict):
                green = await facts.look.lines(job.name)
                if green:
                    verdict = await judge.verdict(known, green)
        return Judged(job.name, job.url, verdict, judge.reason if isinstance(judge, _NoLog) else "")

    async def _read(self, run: Run, job: Job, opened: OpenLog, github: GitHub) -> OpenLog | _NoLog:
        if not job.steps and not job.started_at:
            return _NoLog()
        try:
            async with github.log(run.repository, job.id) as pieces:
                await opened.feed(pieces)
        except NoLog as error:
            wait = self._may_come_in(job) if error.why is Absent.MISSING else None
            if wait is not None:
                raise Retry(f"the log of job {job.id} is not there yet", after=wait, counts=False) from error
            return _NoLog(NO_LOG[error.why])
        return opened

    def _may_come_in(self, job: Job) -> float | None:
        """Seconds after which to look again; None once it is late, or for a job that never ran or was cancelled."""
        if job.conclusion not in FAILED_JOB or not job.steps or job.completed_at is None:
            return None
        age = self._clock() - job.completed_at.timestamp()
        return next((wait for younger, wait in LATE_LOG if age < younger), None)

    async def _annotations(self, run: Run, job: Job, github: GitHub) -> tuple[Annotation, ...]:
        try:
            return await github.annotations(run.repository, job.check_run_id)
        except (NotFound, Forbidden) as error:
            log.warning("annotations could not be read", job=job.id, reason=str(error))
            return ()


@dataclass(frozen=True, slots=True)
class _NoLog:
    """Judges a job that has no log; `reason` says why it has none."""

    reason: str = ""

    async def verdict(self, facts: JobFacts, _green: bytes = b"") -> Classification:
        verdict = without_log(facts)
        return replace(verdict, reasons=(*verdict.reasons, self.reason)) if self.reason else verdict


@dataclass(frozen=True, slots=True)
class _RunWide:
    """What every job of the run shares."""

    run: Run
    blocks: bool
    own_rules: tuple[OwnRule, ...]
    look: Look

    def of(self, job: Job, annotations: tuple[Annotation, ...]) -> JobFacts:
        return JobFacts(
            workflow=self.run.workflow,
            job=job.name,
            conclusion=job.conclusion or "failure",
            branch=self.run.own_branch,
            default_branch=self.run.default_branch,
            blocks_run=self.blocks,
            steps=job.steps,
            annotations=annotations,
            own_rules=self.own_rules,
        )


def _of_the_run(run: Run, jobs: Sequence[Job]) -> Classification | None:
    """A run that failed without a failed job: its workflow file is invalid, or it could not start."""
    if run.conclusion not in FAILED_JOB:
        return None
    conclusion = "failure" if jobs else "startup_failure"
    return without_log(JobFacts(workflow=run.workflow, branch=run.own_branch, conclusion=conclusion))


def _without_jobs(run: Run, jobs: Sequence[Job]) -> tuple[Failure, ...]:
    verdict = _of_the_run(run, jobs)
    return () if verdict is None else (as_failure(run, verdict, job_id=0, job="", url=run.url, at=run.completed_at),)


async def _at_once(suspects: Sequence[_Suspect], read: Callable[[_Suspect], Awaitable[Result]]) -> list[Result]:
    """What `read` makes of each, a few at a time."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(suspect: _Suspect) -> Result:
        async with gate:
            return await read(suspect)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(suspect)) for suspect in suspects]
    except ExceptionGroup as failed:
        # The worker judges by the outcome itself: a rate limit inside a group would look like a bug.
        raise failed.exceptions[0] from failed
    return [task.result() for task in tasks]


def _is_weak(verdict: Classification) -> bool:
    """Whether the log left open what an annotation or the last green log may tell."""
    return verdict.generic or verdict.category is Category.UNKNOWN or verdict.confidence < WEAK


def _every_job_failed(jobs: Sequence[Job], suspects: Sequence[_Suspect]) -> bool:
    ran = [job for job in jobs if job.conclusion not in {"skipped", None}]
    return len(ran) > 1 and len(suspects) == len(ran)


def _seconds(job: Job) -> float:
    if job.started_at is None or job.completed_at is None:
        return 0.0
    return (job.completed_at - job.started_at).total_seconds()


def matrix_of(name: str) -> str:
    """A job's name without the values of its matrix leg: `test (3.11, ubuntu)` → `test`."""
    return name.partition(" (")[0]


def _failed_step(job: Job) -> str:
    return next((step.name for step in job.steps if step.conclusion == "failure"), "")


def _sample(suspects: Sequence[_Suspect]) -> tuple[list[_Suspect], list[_Suspect]]:
    """Which jobs to read: all of a usual run, a few of each matrix of a very large one."""
    if len(suspects) <= READ_ALL:
        return list(suspects), []
    taken: dict[tuple[str, str], int] = {}
    chosen: list[_Suspect] = []
    others: list[_Suspect] = []
    for suspect in suspects:
        kind = (matrix_of(suspect.job.name), _failed_step(suspect.job))
        taken[kind] = taken.get(kind, 0) + 1
        (chosen if taken[kind] <= READ_OF_A_KIND else others).append(suspect)
    return chosen, others


def _like(job: Job, read: Sequence[Failure]) -> Failure:
    """A leg whose log was not read, judged by a leg of the same matrix that failed in the same step."""
    kind = (matrix_of(job.name), _failed_step(job))
    same = [f for f in read if matrix_of(f.job) == kind[0]]
    twin = next((f for f in same if f.step == kind[1]), same[0])
    at = int(job.completed_at.timestamp()) if job.completed_at else twin.detected_at
    reason = f"Judged by the same step of {twin.job}; this leg's own log was not read."
    return replace(
        twin,
        job_id=job.id,
        job=job.name,
        url=job.url,
        detected_at=at,
        confidence=round(twin.confidence * 0.8, 3),
        reasons=(*twin.reasons, reason),
    )


def _result(run: Run, job: Job) -> JobResult:
    return JobResult(
        repo_id=run.repo_id,
        run_id=run.run_id,
        run_attempt=run.run_attempt,
        job_id=job.id,
        job=job.name,
        conclusion=job.conclusion or "",
        started_at=int(job.started_at.timestamp()) if job.started_at else None,
        completed_at=int(job.completed_at.timestamp()) if job.completed_at else None,
    )


def as_failure(run: Run, verdict: Classification, *, job_id: int, job: str, url: str, at: int | None) -> Failure:
    """A verdict as the stored failure of a job; `at` is the job's end in epoch seconds."""
    location = verdict.location
    return Failure(
        installation_id=run.installation_id,
        repo_id=run.repo_id,
        repository=run.repository,
        run_id=run.run_id,
        run_attempt=run.run_attempt,
        job_id=job_id,
        workflow_id=run.workflow_id,
        workflow=run.workflow,
        job=redact(job),
        step=verdict.step,
        branch=run.branch,
        commit=run.commit,
        category=str(verdict.category),
        severity=str(verdict.severity),
        confidence=verdict.confidence,
        rule=verdict.rule,
        tool=verdict.tool,
        message=verdict.message,
        excerpt=verdict.excerpt,
        fingerprint=verdict.fingerprint,
        generic=verdict.generic,
        path=location.path if location else None,
        line=location.line if location else None,
        suggestions=verdict.suggestions,
        reasons=verdict.reasons,
        detected_at=at or run.completed_at or run.created_at,
        url=url or run.url,
        pull_request=run.pull_request,
        runners_up=runners_up(verdict),
        rule_set=builtin_version(),
    )
