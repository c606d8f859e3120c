"""Runs, failures, patterns and the dashboard as JSON objects: field names and meaning are a promise to scripts."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.facts import ReportedFailure
from bot.render.health import health_json
from bot.views import Dashboard
from storage.model import Failure, Pattern, Run

RUN_FIELDS = (
    *("repository", "run_id", "run_attempt", "workflow", "branch", "commit", "event", "conclusion"),
    *("started_at", "completed_at", "url"),
)
FAILURE_FIELDS = (
    *("repository", "run_id", "run_attempt", "workflow", "job", "step", "branch", "commit", "category", "severity"),
    *("confidence", "rule", "message", "excerpt", "fingerprint", "retry_count", "detected_at", "resolved_at"),
    *("url", "verdict"),
)


def iso(at: int | None) -> str | None:
    """ISO 8601 in UTC with `Z`, to the second."""
    return None if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def run_json(run: Run) -> dict[str, object]:
    """A run of the export."""
    given: dict[str, object] = {name: getattr(run, name) for name in RUN_FIELDS}
    return given | {"started_at": iso(run.started_at or None), "completed_at": iso(run.completed_at)}


def failure_json(failure: Failure) -> dict[str, object]:
    """A failure of the export."""
    given: dict[str, object] = {name: getattr(failure, name) for name in FAILURE_FIELDS}
    return given | {"detected_at": iso(failure.detected_at), "resolved_at": iso(failure.resolved_at)}


def pattern_json(pattern: Pattern) -> dict[str, object]:
    """A pattern."""
    return {
        "fingerprint": pattern.fingerprint,
        "category": pattern.category,
        "description": pattern.description,
        "count": pattern.count,
        "repositories": list(pattern.repositories),
        "first_seen": iso(pattern.first_seen),
        "last_seen": iso(pattern.last_seen),
        "muted": pattern.muted,
        "suggestions": list(pattern.suggestions),
    }


def patterns_json(patterns: list[Pattern], days: int) -> dict[str, object]:
    """The `patterns` object."""
    return {"days": days, "patterns": [pattern_json(pattern) for pattern in patterns]}


def failures_json(failures: list[Failure], time_range: str, repository: str | None) -> dict[str, object]:
    """Failures of a time range, as they stand in the export. `repository` is None where it speaks of several."""
    found = [failure_json(failure) for failure in failures]
    return {"time_range": time_range, "repository": repository, "failures": found}


def explanation_json(reported: ReportedFailure) -> dict[str, object]:
    """One failure explained: beside the failure itself why it was read so, whose it is, and what is known of it."""
    failure, verdict, issue = reported.failure, reported.verdict, reported.issue
    mute, wake = reported.mute, reported.wake
    return {
        "failure": failure_json(failure),
        "tool": failure.tool,
        "location": {"path": failure.path, "line": failure.line} if failure.path and failure.line else None,
        "reasons": list(failure.reasons),
        "competitors": [
            {"rule": one.rule, "category": one.category, "line": one.line, "score": round(one.score, 2)}
            | {"message": one.message, "why": one.why}
            for one in failure.runners_up
        ],
        "verdict": {
            "kind": str(verdict.kind),
            "why": verdict.why,
            "evidence": [{"what": one.what, "url": one.url} for one in verdict.evidence],
            "advice": verdict.advice,
        }
        if verdict
        else None,
        "suggestions": list(failure.suggestions),
        "pattern": pattern_json(reported.pattern) if reported.pattern else None,
        "issue": {"number": issue.number, "state": issue.state, "url": issue.url} if issue else None,
        "muted": {"by": mute.by, "reason": mute.reason, "until": iso(mute.until)} if mute else None,
        "woken": {"cause": wake.cause, "at": iso(wake.at)} if wake else None,
    }


def dashboard_json(dashboard: Dashboard) -> dict[str, object]:
    """The `dashboard` object."""
    return {
        "generated_at": iso(dashboard.generated_at),
        "time_range": dashboard.time_range,
        "repository": dashboard.repository,
        "health": health_json(dashboard.health),
        "live": {
            "running": [_running_json(run) for run in dashboard.running],
            "recent_failures": [failure_json(failure) for failure in dashboard.recent_failures],
        },
        "by_category": dict(dashboard.by_category),
        "by_severity": dict(dashboard.by_severity),
        "by_repository": dict(dashboard.by_repository),
        "trend": {
            "direction": dashboard.direction,
            "buckets": [
                {"start": iso(one.start), "runs": one.runs, "failures": one.failures} for one in dashboard.buckets
            ],
        },
        "repository_health": [
            health_json(one.health) | {"direction": one.direction} for one in dashboard.repository_health
        ],
        "patterns": [pattern_json(pattern) for pattern in dashboard.patterns],
        "alerts": [
            {
                "severity": alert.severity,
                "kind": alert.kind,
                "repository": alert.repository,
                "message": alert.message,
                "url": alert.url,
            }
            for alert in dashboard.alerts
        ],
        "recommendations": [
            {"text": one.text, "category": one.category, "fingerprint": one.fingerprint}
            for one in dashboard.recommendations
        ],
        "corrected": dashboard.corrected,
    }


def _running_json(run: Run) -> dict[str, object]:
    given: dict[str, object] = {name: getattr(run, name) for name in ("repository", "workflow", "run_id", "branch")}
    return given | {"started_at": iso(run.started_at or None), "url": run.url}
