"""Rows for the tests: valid as they are, a test names only what it is about."""

from __future__ import annotations

from typing import Any

from storage.model import Failure, JobResult, NewDelivery, Run

REPO = 100
START = 1_700_000_000


def make_run(run_id: int = 1, run_attempt: int = 1, conclusion: str | None = "failure", **more: Any) -> Run:
    """A completed run of workflow 7 on main; each run starts ten minutes after the one before."""
    started = START + 600 * run_id + 60 * run_attempt
    facts: dict[str, Any] = {
        "installation_id": 1,
        "repo_id": REPO,
        "repository": "acme/shop",
        "workflow_id": 7,
        "workflow": "CI",
        "event": "push",
        "branch": "main",
        "commit": f"c{run_id}",
        "status": "completed" if conclusion else "in_progress",
        "created_at": started,
        "started_at": started,
        "completed_at": started + 30 if conclusion else None,
        "url": f"https://github.test/acme/shop/actions/runs/{run_id}",
    }
    return Run(**(facts | {"run_id": run_id, "run_attempt": run_attempt, "conclusion": conclusion} | more))


def make_failure(run: Run, job: str = "test", fingerprint: str = "f1", **more: Any) -> Failure:
    """A failed job of that run."""
    facts: dict[str, Any] = {
        "job_id": job_id(run, job),
        "job": job,
        "step": "Run tests",
        "category": "testing",
        "severity": "medium",
        "confidence": 0.9,
        "rule": "pytest.failed",
        "tool": "pytest",
        "message": "test_a failed",
        "excerpt": "E   assert 1 == 2",
        "fingerprint": fingerprint,
        "generic": False,
        "path": "tests/test_a.py",
        "line": 3,
        "suggestions": ("Run it alone.",),
        "reasons": ("the first failing assertion",),
        "detected_at": run.completed_at or run.created_at,
        "url": f"{run.url}/job/{job_id(run, job)}",
    }
    shared = ("installation_id", "repo_id", "repository", "run_id", "run_attempt")
    shared += ("workflow_id", "workflow", "branch", "commit", "pull_request")
    return Failure(**({name: getattr(run, name) for name in shared} | facts | more))


def make_job(run: Run, job: str = "test", conclusion: str = "success") -> JobResult:
    """How a job of that run ended."""
    return JobResult(
        repo_id=run.repo_id,
        run_id=run.run_id,
        run_attempt=run.run_attempt,
        job_id=job_id(run, job),
        job=job,
        conclusion=conclusion,
        started_at=run.started_at,
        completed_at=run.completed_at,
    )


def make_delivery(guid: str = "g1", lane: str | None = "100", at_ms: int = 1000, **more: Any) -> NewDelivery:
    """A workflow_run delivery."""
    facts: dict[str, Any] = {
        "event": "workflow_run",
        "action": "completed",
        "installation_id": 1,
        "repo_id": REPO,
        "body": b'{"action":"completed"}',
    }
    return NewDelivery(**(facts | {"guid": guid, "lane": lane, "received_at_ms": at_ms} | more))


def job_id(run: Run, job: str) -> int:
    """An id that differs for every job of every attempt."""
    return run.run_id * 1000 + run.run_attempt * 100 + sum(map(ord, job)) % 97
