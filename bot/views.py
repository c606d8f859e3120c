"""What the dashboards show, as data: read by `PipelineDashboard`, written out by `render` and the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from storage.dashboards import Bucket
from storage.live import Flip
from storage.model import Failure, Health, Pattern, Run


@dataclass(frozen=True, slots=True)
class RepositoryHealth:
    """The health of one repository, and where it is going."""

    health: Health
    direction: str
    """Of the failure rate: `increasing`, `decreasing` or `stable`."""


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that wants somebody's attention now."""

    severity: str
    kind: str
    """`default_branch_red`, `success_rate_fell` or `outbreak`."""
    repository: str | None
    message: str
    """A sentence; names in it are foreign text."""
    url: str | None


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What to mend first, and what that failure costs."""

    text: str
    """A sentence; messages in it are foreign text."""
    category: str
    fingerprint: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """The contract's `dashboard` object."""

    generated_at: int
    time_range: str
    repository: str | None
    """None where it speaks of several."""
    health: Health
    running: tuple[Run, ...]
    recent_failures: tuple[Failure, ...]
    by_category: Mapping[str, int]
    by_severity: Mapping[str, int]
    by_repository: Mapping[str, int]
    corrected: int
    """Failures that a person put into another category than the classifier had."""
    direction: str
    step: int
    """Seconds between the starts of two buckets."""
    buckets: tuple[Bucket, ...]
    repository_health: tuple[RepositoryHealth, ...]
    patterns: tuple[Pattern, ...]
    alerts: tuple[Alert, ...]
    recommendations: tuple[Recommendation, ...]


@dataclass(frozen=True, slots=True)
class Running:
    """A run that is going on, and how long such a run takes when it passes."""

    run: Run
    usual_seconds: int | None


@dataclass(frozen=True, slots=True)
class Status:
    """What runs now, newest first."""

    repository: str
    now: int
    running: tuple[Running, ...]


@dataclass(frozen=True, slots=True)
class Flaky:
    """One fingerprint that failed and passed on one commit, by its newest flips."""

    fingerprint: str
    flips: tuple[Flip, ...]
    count: int
