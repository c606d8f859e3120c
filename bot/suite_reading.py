"""What failed in a suite of another App: its check runs' output and annotations stand in for logs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

from bot.github.client import GitHub
from bot.github.shapes import CheckRunShape
from bot.log_reader import LogReader
from bot.reading import FAILED_JOB, Reading, as_failure
from classifiers.model import Annotation, JobFacts, Location, OwnRule
from storage.model import Failure, JobResult, Run

MOST_READ = 50
"""Failed check runs of one suite that are read; a suite with more is told by the first fifty."""


class SuiteReader:
    """Reads a completed suite of another App through an installation's client."""

    def __init__(self, logs: LogReader) -> None:
        self._logs = logs

    async def read(self, run: Run, github: GitHub, own_rules: tuple[OwnRule, ...] = ()) -> Reading:
        """One failure per failed check run. Costs one call, and one more where there are annotations."""
        shapes = await github.suite_check_runs(run.repository, run.run_id)
        failed = [shape for shape in shapes if shape.conclusion in FAILED_JOB]
        failures = [await self._failure(run, shape, github, own_rules) for shape in failed[:MOST_READ]]
        notes = (f"Only {MOST_READ} of {len(failed)} failed checks were read.",) if len(failed) > MOST_READ else ()
        return Reading(tuple(_result(run, shape) for shape in shapes if shape.conclusion), tuple(failures), notes)

    async def _failure(self, run: Run, shape: CheckRunShape, github: GitHub, own_rules: tuple[OwnRule, ...]) -> Failure:
        output = shape.output
        annotations: tuple[Annotation, ...] = ()
        if output is not None and output.annotations_count > 0:
            annotations = await github.annotations(run.repository, shape.id)
        facts = JobFacts(
            workflow=run.workflow,
            job=shape.name,
            conclusion=shape.conclusion or "failure",
            branch=run.own_branch,
            default_branch=run.default_branch,
            annotations=annotations,
            own_rules=own_rules,
        )
        verdict = await self._logs.classify(_text(shape), facts)
        if verdict.location is None:
            verdict = replace(verdict, location=_place(annotations))
        at = int(shape.completed_at.timestamp()) if shape.completed_at else run.completed_at
        return as_failure(run, verdict, job_id=shape.id, job=shape.name, url=shape.html_url or "", at=at)


def _place(annotations: tuple[Annotation, ...]) -> Location | None:
    """Where the first failing annotation points; an App's report often has its places there alone."""
    failing = (a for a in annotations if a.level == "failure" and a.path and a.line)
    first = next(failing, None)
    return None if first is None else Location(first.path or "", first.line or 1)


async def _text(shape: CheckRunShape) -> AsyncIterator[bytes]:
    output = shape.output
    if output is not None:
        parts = (output.title, output.summary, output.text)
        yield "\n".join(part for part in parts if part).encode()


def _result(run: Run, shape: CheckRunShape) -> JobResult:
    return JobResult(
        repo_id=run.repo_id,
        run_id=run.run_id,
        run_attempt=run.run_attempt,
        job_id=shape.id,
        job=shape.name,
        conclusion=shape.conclusion or "",
        started_at=int(shape.started_at.timestamp()) if shape.started_at else None,
        completed_at=int(shape.completed_at.timestamp()) if shape.completed_at else None,
    )
