"""Payload → typed, frozen event: the only reader of payloads. Unknown fields are ignored, wrong types refused.

Field names and nullability follow GitHub's webhook description (docs.github.com/webhooks/webhook-events-and-payloads).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, TypeVar

import msgspec

from storage.model import Run

Whole = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""What a database's integer column holds; GitHub's ids are far from its end."""


class Unreadable(ValueError):
    """A payload does not have the shape of its event; the text names the field."""


class Shape(msgspec.Struct, frozen=True):
    """Base of everything read from a payload."""


class Account(Shape, frozen=True):
    login: str
    type: str = "User"


class App(Shape, frozen=True):
    id: Whole
    slug: str | None = None
    name: str | None = None


class InstallationRef(Shape, frozen=True):
    id: Whole


class RepositoryRef(Shape, frozen=True):
    id: Whole
    full_name: str
    private: bool = True
    """Missing means private: a fact nobody knows to be public is not told."""
    default_branch: str | None = None
    fork: bool = False
    owner: Account | None = None


class HeadRepository(Shape, frozen=True):
    id: Whole
    full_name: str | None = None
    owner: Account | None = None


class PullBase(Shape, frozen=True):
    ref: str | None = None
    repo: InstallationRef | None = None


class PullHead(Shape, frozen=True):
    ref: str | None = None
    sha: str | None = None


class PullRef(Shape, frozen=True):
    number: Whole
    base: PullBase | None = None
    head: PullHead | None = None


class WorkflowRunShape(Shape, frozen=True):
    id: Whole
    head_sha: str
    status: str
    created_at: datetime
    workflow_id: Whole = 0
    run_attempt: Whole = 1
    run_number: Whole = 0
    event: str = ""
    name: str | None = None
    display_title: str | None = None
    path: str | None = None
    conclusion: str | None = None
    head_branch: str | None = None
    head_repository: HeadRepository | None = None
    pull_requests: list[PullRef] | None = None
    run_started_at: datetime | None = None
    updated_at: datetime | None = None
    actor: Account | None = None
    html_url: str = ""


class WorkflowRunEvent(Shape, frozen=True):
    """`workflow_run`: requested, in_progress, completed (once per attempt)."""

    action: str
    workflow_run: WorkflowRunShape
    repository: RepositoryRef
    installation: InstallationRef | None = None


class CheckSuiteShape(Shape, frozen=True):
    id: Whole
    head_sha: str
    app: App
    head_branch: str | None = None
    status: str | None = None
    conclusion: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    pull_requests: list[PullRef] | None = None
    latest_check_runs_count: Whole = 0


class CheckSuiteEvent(Shape, frozen=True):
    """`check_suite`: requested and rerequested for our own suite, completed for every App's."""

    action: str
    check_suite: CheckSuiteShape
    repository: RepositoryRef
    installation: InstallationRef | None = None


class CheckRunShape(Shape, frozen=True):
    id: Whole
    head_sha: str
    app: App | None = None


class RequestedAction(Shape, frozen=True):
    identifier: str


class CheckRunEvent(Shape, frozen=True):
    """`check_run`: rerequested and requested_action (a button) reach only the App that owns the run."""

    action: str
    check_run: CheckRunShape
    repository: RepositoryRef
    installation: InstallationRef | None = None
    requested_action: RequestedAction | None = None
    sender: Account | None = None


class CommentShape(Shape, frozen=True):
    id: Whole
    body: str | None
    user: Account | None = None
    performed_via_github_app: App | None = None
    html_url: str = ""


class IssueShape(Shape, frozen=True):
    number: Whole
    state: str = "open"
    state_reason: str | None = None
    user: Account | None = None
    body: str | None = None
    pull_request: dict[str, object] | None = None
    """Present where it is a pull request."""


class IssueCommentEvent(Shape, frozen=True):
    """`issue_comment`: in issues and in the conversation of pull requests."""

    action: str
    issue: IssueShape
    comment: CommentShape
    repository: RepositoryRef
    installation: InstallationRef | None = None
    sender: Account | None = None


class Before(Shape, frozen=True, rename={"from_": "from"}):
    from_: str | None = None


class Changes(Shape, frozen=True):
    body: Before | None = None


class IssuesEvent(Shape, frozen=True):
    """`issues`: closed, reopened, deleted, transferred matter for issues of failures, edited for the dashboard."""

    action: str
    issue: IssueShape
    repository: RepositoryRef
    installation: InstallationRef | None = None
    sender: Account | None = None
    changes: Changes | None = None

    @property
    def before(self) -> str:
        """The body before it was edited; empty where it was not."""
        body = self.changes.body if self.changes else None
        return (body.from_ if body else None) or ""


class InstallationShape(Shape, frozen=True):
    id: Whole
    account: Account | None = None
    suspended_at: datetime | None = None


class InstalledRepository(Shape, frozen=True):
    id: Whole
    full_name: str
    private: bool = True


class InstallationEvent(Shape, frozen=True):
    """`installation`: created, deleted, suspend, unsuspend, new_permissions_accepted."""

    action: str
    installation: InstallationShape
    repositories: list[InstalledRepository] | None = None


class InstallationRepositoriesEvent(Shape, frozen=True):
    """`installation_repositories`: added, removed."""

    action: str
    installation: InstallationShape
    repositories_added: list[InstalledRepository] = []
    repositories_removed: list[InstalledRepository] = []


EventT = TypeVar("EventT", bound=Shape)

EVENTS: dict[str, type[Shape]] = {
    "workflow_run": WorkflowRunEvent,
    "check_suite": CheckSuiteEvent,
    "check_run": CheckRunEvent,
    "issue_comment": IssueCommentEvent,
    "issues": IssuesEvent,
    "installation": InstallationEvent,
    "installation_repositories": InstallationRepositoriesEvent,
}


def parse(data: object, shape: type[EventT]) -> EventT:
    """The decoded payload as its event; Unreadable names the first field that is wrong."""
    try:
        return msgspec.convert(data, shape)
    except (msgspec.ValidationError, ValueError) as error:
        name = next((name for name, known in EVENTS.items() if known is shape), shape.__name__)
        told = str(error).replace("`", "").replace(" - at ", " at ")
        raise Unreadable(
            f"this {name} payload is not as GitHub describes it ({told}); a newer version may know it"
        ) from error


def epoch(moment: datetime | None) -> int | None:
    """Whole seconds since 1970 in UTC; a time without a zone is taken as UTC."""
    if moment is None:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp())


PULL_REQUEST_EVENTS = frozenset({"pull_request", "pull_request_target", "merge_group"})


def run_of_workflow(event: WorkflowRunEvent) -> Run:
    """The stored form of a workflow run's attempt."""
    return as_stored(event.workflow_run, event.repository, event.installation.id if event.installation else 0)


def as_stored(run: WorkflowRunShape, repository: RepositoryRef, installation_id: int) -> Run:
    """A workflow run's attempt, whether a webhook or the API told of it."""
    created = epoch(run.created_at) or 0
    fork = run.head_repository is None or run.head_repository.id != repository.id
    branch = run.head_branch or ""
    pull = _queued(branch) or pull_request_of(run.pull_requests, repository.id)
    own = not fork and run.event not in PULL_REQUEST_EVENTS
    return Run(
        installation_id=installation_id,
        repo_id=repository.id,
        repository=repository.full_name,
        run_id=run.id,
        run_attempt=run.run_attempt,
        workflow_id=run.workflow_id,
        workflow=run.name or run.path or "",
        event=run.event,
        branch=branch,
        commit=run.head_sha,
        status=run.status,
        conclusion=run.conclusion,
        created_at=created,
        started_at=epoch(run.run_started_at) or created,
        completed_at=(epoch(run.updated_at) or created) if run.status == "completed" else None,
        url=run.html_url,
        actor=run.actor.login if run.actor else "",
        title=run.display_title or "",
        fork=fork,
        default_branch=own and bool(branch) and branch == repository.default_branch,
        pull_request=pull.number if pull else None,
        base_branch=(pull.base.ref if pull and pull.base else None) or "",
    )


QUEUE = re.compile(r"^gh-readonly-queue/(?P<base>.+)/pr-(?P<number>\d+)-[0-9a-f]{7,64}$")
"""The branch on which GitHub's merge queue tries a pull request."""


def _queued(branch: str) -> PullRef | None:
    found = QUEUE.match(branch)
    return PullRef(int(found["number"]), PullBase(ref=found["base"])) if found else None


def is_outdated(event: WorkflowRunEvent) -> bool:
    """The payload itself shows that the run's pull request has another head by now."""
    run = event.workflow_run
    pull = pull_request_of(run.pull_requests, event.repository.id)
    head = pull.head.sha if pull and pull.head else None
    return run.event in PULL_REQUEST_EVENTS and run.event != "merge_group" and head not in {None, run.head_sha}


def run_of_suite(event: CheckSuiteEvent) -> Run:
    """A suite of another App as a run: run id = suite id, attempt 1, workflow = the App's name."""
    suite, repository = event.check_suite, event.repository
    created = epoch(suite.created_at) or epoch(suite.updated_at) or 0
    branch = suite.head_branch or ""
    pull = pull_request_of(suite.pull_requests, repository.id)
    return Run(
        installation_id=event.installation.id if event.installation else 0,
        repo_id=repository.id,
        repository=repository.full_name,
        run_id=suite.id,
        run_attempt=1,
        workflow_id=suite.app.id,
        workflow=suite.app.name or suite.app.slug or f"App {suite.app.id}",
        event="check_suite",
        branch=branch,
        commit=suite.head_sha,
        status=suite.status or "completed",
        conclusion=suite.conclusion,
        created_at=created,
        started_at=created,
        completed_at=epoch(suite.updated_at) or created,
        url="",
        default_branch=bool(branch) and branch == repository.default_branch and pull is None,
        pull_request=pull.number if pull else None,
        base_branch=(pull.base.ref if pull and pull.base else None) or "",
    )


def pull_request_of(pulls: list[PullRef] | None, repo_id: int) -> PullRef | None:
    """The first open pull request against this repository itself.

    GitHub lists every open pull request that matches the commit or the branch, other repositories' included.
    """
    for pull in pulls or []:
        if pull.base is None or pull.base.repo is None or pull.base.repo.id == repo_id:
            return pull
    return None
