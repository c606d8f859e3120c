"""What two reports of the same run attempt say together, whatever order they came in.

Every rule here is a maximum or a minimum over some order, so that merging is commutative, associative and idempotent:
deliveries may be lost, doubled and out of order, and the row is still the same.
"""

from __future__ import annotations

from dataclasses import replace

from storage.model import Run

COUNTED = ("success", "failure", "timed_out", "startup_failure")
"""Conclusions that count in success rates and streaks; the first is the good one."""

_PROGRESS = ("requested", "waiting", "pending", "queued", "in_progress", "completed")
_TEXTS = ("repository", "workflow", "event", "branch", "commit", "url", "actor", "title", "base_branch")


def merge(one: Run, other: Run) -> Run:
    """The run attempt as known from both: completed beats running, a known value beats an empty one."""
    texts = {name: max(getattr(one, name), getattr(other, name)) for name in _TEXTS}
    final = max(one, other, key=_finality)
    return replace(
        one,
        **texts,
        installation_id=max(one.installation_id, other.installation_id),
        workflow_id=max(one.workflow_id, other.workflow_id),
        status=max(one.status, other.status, key=_progress),
        conclusion=final.conclusion,
        completed_at=final.completed_at,
        created_at=_earliest(one.created_at, other.created_at),
        started_at=_earliest(one.started_at, other.started_at),
        fork=one.fork or other.fork,
        default_branch=one.default_branch or other.default_branch,
        pull_request=max(one.pull_request or 0, other.pull_request or 0) or None,
    )


def _progress(status: str) -> tuple[int, str]:
    return (_PROGRESS.index(status) if status in _PROGRESS else -1, status)


def _finality(run: Run) -> tuple[bool, int, str]:
    # A suite of another App may be run again under the same id: its later completion is the valid one.
    return (run.status == "completed", run.completed_at or 0, run.conclusion or "")


def _earliest(one: int, other: int) -> int:
    return min(one, other) if one and other else one or other
