"""Rows as frozen dataclasses. Times are epoch seconds in UTC unless a name ends in `_ms`."""

from __future__ import annotations

from dataclasses import dataclass

from classifiers.model import RunnerUp

ANSWER, REPORT, RECORD, HISTORY = range(4)
"""Priorities of jobs, most urgent first: somebody waits for it, it is reported, it is only stored, it is the past.

Work of one lane should have one priority, because within a lane the oldest goes first whatever its priority.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """One installation of the App on an account; id 0 stands for token mode."""

    id: int
    account: str
    account_type: str
    suspended_at: int | None = None
    removed_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A repository that is or was watched. `id` is GitHub's and survives renames."""

    id: int
    installation_id: int
    full_name: str
    private: bool
    default_branch: str
    removed_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One attempt of a workflow run (or a check suite of another App: run id = suite id, attempt 1)."""

    installation_id: int
    repo_id: int
    repository: str
    run_id: int
    run_attempt: int
    workflow_id: int
    workflow: str
    event: str
    branch: str
    commit: str
    status: str
    conclusion: str | None
    created_at: int
    started_at: int
    completed_at: int | None
    url: str
    actor: str = ""
    title: str = ""
    fork: bool = False
    """The head repository is not the repository itself."""
    default_branch: bool = False
    """It ran for the repository's own default branch, not for a pull request."""
    pull_request: int | None = None
    """Number of the pull request the run belongs to, where known."""
    base_branch: str = ""
    """Where that pull request wants to go; empty stands for the default branch."""

    @property
    def own_branch(self) -> str:
        """The branch where it is this repository's own: a fork's `release/1.0` is no release of ours."""
        return "" if self.fork else self.branch


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult:
    """The conclusion of one job of a run attempt; kept for runs whose jobs were read."""

    repo_id: int
    run_id: int
    run_attempt: int
    job_id: int
    job: str
    conclusion: str
    started_at: int | None
    completed_at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One classified failed job of a run attempt."""

    installation_id: int
    repo_id: int
    repository: str
    run_id: int
    run_attempt: int
    job_id: int
    workflow_id: int
    workflow: str
    job: str
    step: str
    branch: str
    commit: str
    category: str
    severity: str
    confidence: float
    rule: str | None
    tool: str | None
    message: str
    excerpt: str
    fingerprint: str
    generic: bool
    path: str | None
    line: int | None
    suggestions: tuple[str, ...]
    reasons: tuple[str, ...]
    detected_at: int
    url: str
    retry_count: int = 0
    crossed: bool = False
    """It crossed the threshold for a notice, so its recovery is part of closing the issue."""
    verdict: str | None = None
    resolved_at: int | None = None
    pull_request: int | None = None
    runners_up: tuple[RunnerUp, ...] = ()
    """What competed with the cause, best first; kept as long as the excerpt."""
    rule_set: str = ""
    """Version of the rules that said all this; empty where it was stored before versions were. The fingerprint
    carries its own version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """One occurrence of a fingerprint with what the question "is it mine?" needs of its run."""

    repository: str
    job: str
    branch: str
    commit: str
    actor: str
    fork: bool
    pull_request: int | None
    at: int
    url: str
    resolved_at: int | None
    passed_on_same_commit: bool
    """The job passed later on the very commit on which it failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """A fingerprint within one installation, with what is known of it over all its repositories."""

    installation_id: int
    fingerprint: str
    category: str
    description: str
    count: int
    repositories: tuple[str, ...]
    first_seen: int
    last_seen: int
    muted: bool
    suggestions: tuple[str, ...]
    seconds: int = 0
    """Runner time that its failed jobs took within the window that was asked for; 0 where none was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """An issue of ours on GitHub for one fingerprint in one repository."""

    repo_id: int
    fingerprint: str
    number: int
    state: str
    """`open` or `closed`."""
    opened_at: int
    closed_at: int | None
    url: str
    body_hash: str = ""
    kind: str = "failure"
    """`failure`; or `outage` and `gathered`, which stand for several fingerprints under one number."""
    effect_key: str = ""
    """The key under which the ledger of effects keeps it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Health of one repository or of everything in a time window; the contract's `health` object."""

    time_range: str
    repository: str | None
    success_rate: float | None
    """Percent with one decimal; None where no run counts."""
    total_runs: int
    successful_runs: int
    failed_runs: int
    average_duration_minutes: float
    health_score: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """Something done, or about to be done, on GitHub exactly once. `state` is `intent` or `done`."""

    key: str
    kind: str
    state: str
    external_id: str
    url: str
    body_hash: str
    detail: str = ""
    """The actor's own to remember with it."""
    fresh: bool
    """The intent was recorded just now; otherwise an earlier attempt may already have reached GitHub."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelivery:
    """A verified webhook delivery on its way into the inbox."""

    guid: str
    event: str
    action: str
    installation_id: int
    repo_id: int | None
    lane: str | None
    body: bytes
    """The JSON text of the payload, uncompressed."""
    received_at_ms: int
    priority: int = REPORT


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A unit of work somebody holds a lease on. (id, owner, attempt) fences its completion."""

    id: int
    kind: str
    lane: str | None
    owner: str
    attempt: int
    """1-based; counted when the job is claimed."""
    guid: str | None
    event: str | None
    payload: bytes
    """For kind `delivery` the JSON text of the webhook; otherwise the JSON arguments of the job."""
    installation_id: int
    lease_until_ms: int
    priority: int = REPORT
    due_ms: int = 0
    """When it could have been claimed first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mute:
    """Somebody does not want to be told of a fingerprint in one repository. `until` None: for good."""

    repo_id: int
    installation_id: int
    fingerprint: str
    until: int | None
    reason: str
    by: str
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wake:
    """Why a muted fingerprint speaks again in one repository, although nobody unmuted it."""

    repo_id: int
    installation_id: int
    fingerprint: str
    at: int
    cause: str
    """`rate`: it fails at least twice as often as when it was muted; `default_branch`: it was never there before."""
    count: int
    """Runs that failed with it within the day before it woke."""
    before: float
    """Runs a day that failed with it when it was muted."""
    branch: str
    by: str
    """Who had muted it."""
    muted_at: int
    run_id: int
    """The run attempt with which it woke."""
    run_attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """Somebody says that a fingerprint is of another category; it changes what is shown, never the identity."""

    repo_id: int
    fingerprint: str
    category: str
    was: str
    """What the classifier had said."""
    rule: str
    """The rule that had said it; empty where none did."""
    by: str
    at: int
