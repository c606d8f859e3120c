"""The words of classification: what goes in, what comes out. No behaviour, no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Category(StrEnum):
    """What kind of thing broke; the eight categories of the reports, and what nothing is known of."""

    LINTING = "linting"
    FORMATTING = "formatting"
    TESTING = "testing"
    BUILD = "build"
    DEPLOYMENT = "deployment"
    DEPENDENCY = "dependency"
    TIMEOUT = "timeout"
    INFRASTRUCTURE = "infrastructure"
    UNKNOWN = "unknown"


class Severity(StrEnum):
    """How much it matters, most first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """0 for critical up to 3 for low, so that sorting puts the worst first."""
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True)
class Location:
    """A place in the repository. `path` is relative to its root, `line` and `column` are 1-based."""

    path: str
    line: int
    column: int | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a job as GitHub's API lists it (numbers may have gaps; post steps come last)."""

    number: int
    name: str
    conclusion: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Annotation:
    """One annotation of the job's check run; the only evidence where there is no log."""

    level: str
    message: str
    path: str | None = None
    line: int | None = None
    title: str | None = None


@dataclass(frozen=True, slots=True)
class OwnRule:
    """A rule of a repository's own configuration, checked already; it changes what is shown, never the identity."""

    id: str
    category: str
    pattern: str
    severity: str | None = None
    suggestion: str | None = None


@dataclass(frozen=True, slots=True)
class JobFacts:
    """What is known of a failed job apart from its log. Everything is optional: a bare log reads too."""

    workflow: str = ""
    job: str = ""
    step: str = ""
    """Name of the failing step where the caller knows it and has no `steps`."""
    conclusion: str = "failure"
    branch: str = ""
    default_branch: bool = False
    """The run is on the repository's default branch (never true for a pull request's run)."""
    environment: str = ""
    tolerated: bool = False
    """The job or step is allowed to fail (`continue-on-error`)."""
    blocks_run: bool = False
    """Every job of the run failed."""
    steps: tuple[Step, ...] = ()
    annotations: tuple[Annotation, ...] = ()
    green: frozenset[int] = frozenset()
    """Lines of the same job's last green log, each as `green.mark` makes it: what stands there too is no cause. Empty
    where that log was not read."""
    green_cut: bool = False
    """That log was longer than what was read of it, so that a line may stand in its rest."""
    own_rules: tuple[OwnRule, ...] = ()
    """What the repository says about lines of its logs."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the log that a rule recognised, or a cause that was inferred without a rule."""

    rule: str
    tool: str
    category: Category
    line: int
    """1-based number of the line in the raw log (counted by LF); 0 where there is no line."""
    text: str
    """The line without timestamp and colours, at most 4 KB, not yet redacted."""
    message: str
    """The text without location and decoration: what groups equal failures."""
    location: Location | None = None
    step: str = ""
    score: float = 0.0
    """What ranking made of it; comparable within one log only."""
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunnerUp:
    """A finding that lost against the cause, short enough to be kept. Its text is redacted."""

    rule: str
    category: str
    message: str
    line: int
    """1-based; 0 where there is no line."""
    score: float
    """Comparable with that of the others of the same log."""
    why: str
    """Why it lost, in a few words."""


@dataclass(frozen=True, slots=True)
class Classification:
    """The verdict on one failed job. Every text in it is redacted and safe to store."""

    category: Category
    severity: Severity
    confidence: float
    """0 to 1, calibrated: of answers given with 0.9, nine of ten are right."""
    rule: str | None
    tool: str | None
    message: str
    line: int | None
    excerpt: str
    """At most 30 lines and 4,000 characters, the deciding line among them; `…` alone marks an omission."""
    location: Location | None
    fingerprint: str
    suggestions: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    step: str = ""
    """Name of the step that failed; empty where it is not known."""
    generic: bool = False
    """Only a wrapper line (such as a bare exit code) is known: it groups, but excuses nothing."""
    findings: tuple[Finding, ...] = field(default=())
    """The findings that competed, best first, redacted; for `--explain`."""
