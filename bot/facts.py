"""What is known when something is decided or written: the input of `policy` and of `render`. No behaviour."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.verdict import Verdict
from storage.model import Failure, Issue, Mute, Pattern, Run, Wake


@dataclass(frozen=True, slots=True, kw_only=True)
class Hang:
    """What is known of a time-out beyond its message."""

    usual_seconds: int | None
    """Median duration of the job when it passed; None where that is not known."""
    limit: str
    """The limit as GitHub says it (`45m0s`); empty where nothing says it."""
    step: str
    """The step that was running when the time was up; empty where that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedFailure:
    """A failure that is not resolved, with what the history knows of its fingerprint."""

    failure: Failure
    pattern: Pattern | None = None
    """Known from elsewhere or before; only repositories that this report's readers may know are named in it."""
    issue: Issue | None = None
    verdict: Verdict | None = None
    hang: Hang | None = None
    """Only for time-outs."""
    mute: Mute | None = None
    """Who wants no notices of it in this repository, and until when; None where it is not muted."""
    wake: Wake | None = None
    """Why it speaks again although nobody unmuted it; only for a while."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitReport:
    """Everything that ran on one head commit: the latest attempt of each run, and what is still broken."""

    repository: str
    web_url: str
    """Root of the web interface, without a trailing slash: `https://github.com`."""
    commit: str
    runs: tuple[Run, ...]
    failures: tuple[ReportedFailure, ...]
    notes: tuple[str, ...] = ()
    """Sentences of ours about the report itself (a log that had expired, a permission that is missing)."""
    recovered: tuple[Failure, ...] = ()
    """What had failed on this commit and is green now; named where nothing is red any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """The files that changed between the last commit that passed and the first red one. Never who changed them."""

    commits: int
    files: tuple[str, ...]
    """At most 300, as GitHub lists them; names before and after a renaming both."""
    whole: bool = True
    """GitHub listed all there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueReport:
    """One root cause in one repository, for the body of its issue. `occurrences` are newest first."""

    repository: str
    web_url: str
    fingerprint: str
    mention: str
    """`@copilot`, or empty where nobody is to be mentioned."""
    occurrences: tuple[Failure, ...]
    affected_repositories: tuple[str, ...] = ()
    related: tuple[Issue, ...] = ()
    first_seen: int | None = None
    last_seen: int | None = None
    branches: tuple[str, ...] = ()
    first_red: str = ""
    """The commit on which it failed first since it was last green on the default branch; empty: not known."""
    last_green: str = ""
    """The commit before that on which the same workflow succeeded on the same branch; empty: not known."""
    passed: str = ""
    """A later commit than `last_green` on which the job itself passed while its run was red otherwise."""
    between: int = 0
    """Runs between those commits of which none tells whether it was broken already."""
    changed: Changed | None = None
    """What changed in that range; None where nobody looked."""
    previous: Issue | None = None
    """The closed issue of the same fingerprint that this one continues."""
    total: int = 0
    """How often it occurred in all, where `occurrences` are only the newest; 0 where nobody counted."""
    hang: Hang | None = None
    """Of the newest occurrence, where it is a time-out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageReport:
    """Many different new failures in one run: one issue that lists them, nobody mentioned."""

    repository: str
    web_url: str
    run: Run
    failures: tuple[Failure, ...]
    key: str = ""
    """What the hidden marker carries; the same for as long as the issue lives."""
    kind: str = "outage"
    """`outage`: at once in one run; `gathered`: new failures beyond what an hour may open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRunText:
    """The body of our check run, within GitHub's limits (bytes, not characters)."""

    title: str
    summary: str
    conclusion: str
    """`neutral` while something failed, `success` once all is green again."""
    annotations: tuple[CheckAnnotation, ...] = field(default=())
    buttons: tuple[Button, ...] = ()
    """At most three, and only while something is red."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """A button of the check run. GitHub's limits: label and identifier 20 characters, description 40."""

    label: str
    description: str
    identifier: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckAnnotation:
    """One annotation on a line of a file of the repository."""

    path: str
    line: int
    title: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueText:
    """Title, body and labels of an issue, within GitHub's limits."""

    title: str
    body: str
    labels: tuple[str, ...]
