"""Rows that are valid by default: a test names only what it is about."""

from __future__ import annotations

from typing import Any

from bot.facts import CommitReport, Hang, IssueReport, OutageReport, ReportedFailure
from bot.verdict import Evidence, Kind, Verdict
from classifiers.model import RunnerUp
from storage.model import Failure, Health, Issue, Mute, Pattern, Repository, Run, Wake

NOW = 1_795_608_000
"""2026-11-25 12:00 UTC."""
COMMIT = "4f1a9c02be7d5a3386e1c0d9b8f7a6e5d4c3b2a1"
WEB = "https://github.com"
REPOSITORY = "octo/shop"


def a_repository(**fields: Any) -> Repository:
    """octo/shop, public, in installation 1."""
    given = {"id": 7, "installation_id": 1, "full_name": REPOSITORY, "private": False, "default_branch": "main"}
    return Repository(**given | fields)


def a_run(**fields: Any) -> Run:
    """A failed first attempt of workflow CI on a branch."""
    run_id = fields.get("run_id", 9001)
    given = {
        "installation_id": 1,
        "repo_id": 7,
        "repository": REPOSITORY,
        "run_id": run_id,
        "run_attempt": 1,
        "workflow_id": 11,
        "workflow": "CI",
        "event": "push",
        "branch": "main",
        "commit": COMMIT,
        "status": "completed",
        "conclusion": "failure",
        "created_at": NOW - 600,
        "started_at": NOW - 590,
        "completed_at": NOW,
        "url": f"{WEB}/{REPOSITORY}/actions/runs/{run_id}",
    }
    return Run(**given | fields)


def a_failure(**fields: Any) -> Failure:
    """A failed pytest run in job `test` of workflow CI on main."""
    run_id, job_id = fields.get("run_id", 9001), fields.get("job_id", 501)
    given = {
        "installation_id": 1,
        "repo_id": 7,
        "repository": REPOSITORY,
        "run_id": run_id,
        "run_attempt": 1,
        "job_id": job_id,
        "workflow_id": 11,
        "workflow": "CI",
        "job": "test",
        "step": "Run pytest",
        "branch": "main",
        "commit": COMMIT,
        "category": "testing",
        "severity": "high",
        "confidence": 0.97,
        "rule": "pytest/failed",
        "tool": "pytest",
        "message": "tests/test_cart.py::test_total - assert 1999 == 2000",
        "excerpt": PYTEST_EXCERPT,
        "fingerprint": "v1-5d41402abc4b2a76",
        "generic": False,
        "path": "tests/test_cart.py",
        "line": 41,
        "suggestions": ("Run `pytest tests/test_cart.py::test_total` locally and compare the two values.",),
        "reasons": ("the line names a failed test", "it is in the step that failed"),
        "detected_at": NOW,
        "url": f"{WEB}/{REPOSITORY}/actions/runs/{run_id}/job/{job_id}",
    }
    return Failure(**given | fields)


def a_lint_failure(**fields: Any) -> Failure:
    """An unused import that ruff found in job `lint`."""
    given = {
        "job_id": 502,
        "job": "lint",
        "step": "Run ruff check",
        "category": "linting",
        "severity": "medium",
        "rule": "ruff/violation",
        "tool": "ruff",
        "message": "F401 `os` imported but unused",
        "excerpt": "shop/cart.py:3:8: F401 [*] `os` imported but unused\nFound 1 error.",
        "fingerprint": "v1-7f83b1657ff1fc53",
        "path": "shop/cart.py",
        "line": 3,
        "suggestions": ("Run `ruff check --fix` and commit what it changes.",),
        "reasons": ("ruff names the file, the line and the code",),
    }
    return a_failure(**given | fields)


def reported(failure: Failure | None = None, **fields: Any) -> ReportedFailure:
    """A failure of which the history knows nothing unless the test says so."""
    return ReportedFailure(failure=failure or a_failure(), **fields)


def a_verdict(kind: Kind = Kind.BASE, **fields: Any) -> Verdict:
    """What `judge` says for this kind, with its evidence."""
    url = f"{WEB}/{REPOSITORY}/actions/runs/8990/job/77"
    shown = {
        Kind.BASE: ("It fails on `main` as well.", (Evidence("test on main", url),)),
        Kind.FLAKY: ("It passed when the job ran again on the same commit.", (Evidence("test on fix/cart", url),)),
        Kind.ELSEWHERE: (
            "It failed on 2 other branches of other people in the last 7 days.",
            (Evidence("test on feature/a", url), Evidence("test on feature/b", url)),
        ),
        Kind.KNOWN: ("Issue #12 is about it.", (Evidence("#12", f"{WEB}/{REPOSITORY}/issues/12"),)),
        Kind.NEW: ("It was not seen before, neither here nor on other branches.", ()),
        Kind.UNKNOWN: ("No run of this workflow on `main` is recorded in the last 7 days.", ()),
    }
    why, evidence = shown[kind]
    return Verdict(**{"kind": kind, "why": why, "evidence": evidence} | fields)


def a_hang(**fields: Any) -> Hang:
    """A job that takes 4 minutes and ran into its limit of 45."""
    return Hang(**{"usual_seconds": 252, "limit": "45m0s", "step": "Run tests"} | fields)


def a_time_out(**fields: Any) -> Failure:
    """A job that the runner stopped at its limit."""
    given = {
        "workflow": "Nightly",
        "job": "slow tests",
        "step": "Run tests",
        "category": "timeout",
        "rule": "runner-job-time-limit",
        "tool": "github-actions",
        "message": "The job has exceeded the maximum execution time of 45m0s",
        "excerpt": "The job has exceeded the maximum execution time of 45m0s",
        "fingerprint": "v1-0cc175b9c0f1b6a8",
        "path": None,
        "line": None,
        "suggestions": ("See which test was running; the last line of the log names it.",),
        "reasons": ("github-actions said so in an annotation.", "Weaker signs of unknown were found as well."),
    }
    return a_failure(**given | fields)


def a_pattern(**fields: Any) -> Pattern:
    """The pytest failure, seen 14 times in one repository since the start of the month."""
    given = {
        "installation_id": 1,
        "fingerprint": "v1-5d41402abc4b2a76",
        "category": "testing",
        "description": "tests/test_cart.py::test_total - assert <n> == <n>",
        "count": 14,
        "repositories": (REPOSITORY,),
        "first_seen": NOW - 23 * 86_400,
        "last_seen": NOW,
        "muted": False,
        "suggestions": (),
    }
    return Pattern(**given | fields)


def runners_up() -> tuple[RunnerUp, ...]:
    """What lost against the pytest failure."""
    return (
        RunnerUp("pytest-summary", "testing", "1 failed, 211 passed", 61, 75.4, "summary, not cause"),
        RunnerUp("runner-exit-code", "unknown", "Process completed with exit code 1", 62, 33.0, "wrapper, not cause"),
    )


def a_mute(**fields: Any) -> Mute:
    """The pytest failure, muted by hubot for two days."""
    given = {
        "repo_id": 7,
        "installation_id": 1,
        "fingerprint": "v1-5d41402abc4b2a76",
        "until": NOW + 2 * 86_400,
        "reason": "known outage",
        "by": "hubot",
        "at": NOW,
    }
    return Mute(**given | fields)


def a_wake(**fields: Any) -> Wake:
    """The pytest failure, muted by hubot two days ago, fails far more often than then."""
    given = {
        "repo_id": 7,
        "installation_id": 1,
        "fingerprint": "v1-5d41402abc4b2a76",
        "at": NOW,
        "cause": "rate",
        "count": 9,
        "before": 1.5,
        "branch": "main",
        "by": "hubot",
        "muted_at": NOW - 2 * 86_400,
        "run_id": 9001,
        "run_attempt": 1,
    }
    return Wake(**given | fields)


def an_issue(**fields: Any) -> Issue:
    """Open issue 12 of octo/shop."""
    number = fields.get("number", 12)
    given = {
        "repo_id": 7,
        "fingerprint": "v1-5d41402abc4b2a76",
        "number": number,
        "state": "open",
        "opened_at": NOW - 86_400,
        "closed_at": None,
        "url": f"{WEB}/{REPOSITORY}/issues/{number}",
    }
    return Issue(**given | fields)


def a_commit_report(*failures: ReportedFailure, **fields: Any) -> CommitReport:
    """What ran on one commit; without a failure, one green run."""
    run = a_run() if failures else a_run(conclusion="success")
    given = {"repository": REPOSITORY, "web_url": WEB, "commit": COMMIT, "runs": (run,), "failures": failures}
    return CommitReport(**given | fields)


def an_issue_report(*occurrences: Failure, **fields: Any) -> IssueReport:
    """One root cause that mentions @copilot; without an occurrence, one pytest failure."""
    failures = occurrences or (a_failure(),)
    given = {
        "repository": REPOSITORY,
        "web_url": WEB,
        "fingerprint": failures[0].fingerprint,
        "mention": "@copilot",
        "occurrences": failures,
    }
    return IssueReport(**given | fields)


def an_outage_report(*failures: Failure, **fields: Any) -> OutageReport:
    """Many failures of one run."""
    given = {"repository": REPOSITORY, "web_url": WEB, "run": a_run(), "failures": failures or (a_failure(),)}
    return OutageReport(**given | fields)


def a_health(**fields: Any) -> Health:
    """A good day of octo/shop."""
    given = {
        "time_range": "24h",
        "repository": REPOSITORY,
        "success_rate": 91.7,
        "total_runs": 24,
        "successful_runs": 22,
        "failed_runs": 2,
        "average_duration_minutes": 6.4,
        "health_score": "good",
    }
    return Health(**given | fields)


PYTEST_EXCERPT = """\
    def test_total():
>       assert cart.total() == 2000
E       assert 1999 == 2000
E        +  where 1999 = total()

tests/test_cart.py:41: AssertionError
=========================== short test summary info ============================
FAILED tests/test_cart.py::test_total - assert 1999 == 2000
========================= 1 failed, 211 passed in 4.02s ========================="""
