"""What the stand-in remembers: one mutable record per noun of GitHub. Times are epoch seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(slots=True)
class User:
    """A person, an organisation or a bot. `type` is `User`, `Organization` or `Bot`."""

    id: int
    login: str
    type: str = "User"


@dataclass(slots=True)
class AppRecord:
    """A GitHub App with its key. `webhook_url` is where `StandInGitHub.deliver` sends to."""

    id: int
    slug: str
    client_id: str
    private_key_pem: str
    owner: User
    bot: User
    webhook_secret: str | None
    permissions: dict[str, str]
    events: tuple[str, ...]
    created_at: float
    webhook_url: str = ""
    content_type: str = "json"


@dataclass(slots=True)
class InstallationRecord:
    """One installation of an App. `repository_ids` None means all repositories of the account."""

    id: int
    app_id: int
    account: User
    permissions: dict[str, str]
    events: tuple[str, ...]
    repository_ids: set[int] | None
    created_at: float
    suspended_at: float | None = None


@dataclass(slots=True)
class TokenRecord:
    """A token of an installation or of a user (`login`). A user's never expires here."""

    token: str
    permissions: dict[str, str]
    installation_id: int | None = None
    login: str | None = None
    expires_at: float | None = None
    repository_ids: set[int] | None = None
    kind: str = "installation"
    """`installation`, `classic` or `fine-grained`."""


@dataclass(slots=True)
class CommitRecord:
    """A commit; `files` are the paths it touched, for the comparison of two commits."""

    sha: str
    message: str
    author: User
    parents: tuple[str, ...]
    timestamp: float
    files: tuple[str, ...] = ()


@dataclass(slots=True)
class LabelRecord:
    """A label of a repository; `color` is six hex digits without the sign."""

    id: int
    name: str
    color: str = "ededed"
    description: str | None = None


@dataclass(slots=True)
class ReactionRecord:
    """One reaction of one user to a comment or an issue."""

    id: int
    user: User
    content: str
    created_at: float


@dataclass(slots=True)
class CommentRecord:
    """A comment on an issue or a pull request's conversation."""

    id: int
    number: int
    user: User
    body: str
    created_at: float
    updated_at: float
    app_id: int | None = None
    reactions: list[ReactionRecord] = field(default_factory=list)


@dataclass(slots=True)
class PullRecord:
    """What a pull request has beyond its issue. `head_repo_id` None: the fork was deleted."""

    head_ref: str
    head_sha: str
    head_repo_id: int | None
    base_ref: str
    base_sha: str
    merged_at: float | None = None
    draft: bool = False


@dataclass(slots=True)
class IssueRecord:
    """An issue or, with `pull`, a pull request."""

    id: int
    number: int
    title: str
    body: str | None
    user: User
    created_at: float
    updated_at: float
    state: str = "open"
    state_reason: str | None = None
    labels: list[str] = field(default_factory=list)
    assignees: list[User] = field(default_factory=list)
    closed_at: float | None = None
    closed_by: User | None = None
    locked: bool = False
    app_id: int | None = None
    pull: PullRecord | None = None
    comments: list[CommentRecord] = field(default_factory=list)
    reactions: list[ReactionRecord] = field(default_factory=list)


@dataclass(slots=True)
class RepositoryRecord:
    """A repository with everything that lives in it. `files` maps (branch or commit, path) to content."""

    id: int
    owner: User
    name: str
    created_at: float
    private: bool = False
    default_branch: str = "main"
    has_issues: bool = True
    archived: bool = False
    fork_of: int | None = None
    branches: dict[str, str] = field(default_factory=dict)
    commits: dict[str, CommitRecord] = field(default_factory=dict)
    files: dict[tuple[str, str], bytes] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    """login → `admin`, `maintain`, `write`, `triage`, `read` or `none`."""
    labels: dict[str, LabelRecord] = field(default_factory=dict)
    issues: dict[int, IssueRecord] = field(default_factory=dict)
    next_number: int = 1

    @property
    def full_name(self) -> str:
        """`owner/name` as of now; a rename changes it."""
        return f"{self.owner.login}/{self.name}"


@dataclass(slots=True)
class AnnotationRecord:
    """One annotation of a check run; level `notice`, `warning` or `failure`."""

    message: str
    path: str = ".github"
    start_line: int = 1
    end_line: int = 1
    annotation_level: str = "failure"
    title: str | None = None
    raw_details: str | None = None
    start_column: int | None = None
    end_column: int | None = None


@dataclass(slots=True)
class CheckSuiteRecord:
    """All check runs of one App on one commit; status and conclusion follow from them."""

    id: int
    repo_id: int
    app_id: int
    head_sha: str
    head_branch: str | None
    created_at: float
    updated_at: float


@dataclass(slots=True)
class CheckRunRecord:
    """A check run; one of Actions' carries the id of its job."""

    id: int
    repo_id: int
    suite_id: int
    app_id: int
    head_sha: str
    name: str
    status: str = "queued"
    conclusion: str | None = None
    external_id: str = ""
    details_url: str | None = None
    started_at: float | None = None
    completed_at: float | None = None
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    annotations: list[AnnotationRecord] = field(default_factory=list)
    actions: list[Json] = field(default_factory=list)


@dataclass(slots=True)
class StepRecord:
    """One step of a job as the API lists it."""

    name: str
    number: int
    status: str
    conclusion: str | None
    started_at: float | None
    completed_at: float | None


@dataclass(slots=True)
class JobRecord:
    """One job of one attempt. `log` None: never written; `log_later`: how many asks answer 404 first."""

    id: int
    run_id: int
    run_attempt: int
    name: str
    status: str
    conclusion: str | None
    created_at: float
    started_at: float
    completed_at: float | None
    steps: list[StepRecord]
    log: bytes | None = None
    log_expired: bool = False
    log_later: int = 0
    runner_name: str | None = "GitHub Actions 1"
    labels: tuple[str, ...] = ("ubuntu-latest",)


@dataclass(slots=True)
class AttemptRecord:
    """One attempt of a run with its jobs."""

    number: int
    status: str
    conclusion: str | None
    started_at: float
    updated_at: float
    triggering_actor: User
    jobs: list[JobRecord] = field(default_factory=list)


@dataclass(slots=True)
class RunRecord:
    """A workflow run; status and conclusion are those of its latest attempt."""

    id: int
    repo_id: int
    workflow_id: int
    name: str | None
    path: str
    run_number: int
    event: str
    head_branch: str | None
    head_sha: str
    head_repo_id: int | None
    suite_id: int
    actor: User
    display_title: str
    created_at: float
    attempts: list[AttemptRecord]
    pull_numbers: tuple[int, ...] = ()

    @property
    def latest(self) -> AttemptRecord:
        """The attempt with the highest number."""
        return self.attempts[-1]


@dataclass(slots=True)
class DeliveryRecord:
    """One attempt to deliver a webhook, as the App's page of deliveries lists it."""

    id: int
    guid: str
    app_id: int
    event: str
    action: str | None
    payload: Json
    delivered_at: float
    status: str
    status_code: int
    installation_id: int | None
    repository_id: int | None
    duration: float = 0.1
    redelivery: bool = False
