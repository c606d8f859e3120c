"""GitHub's answers → frozen dataclasses: the only reader of the API's JSON."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from bot.errors import Retry
from bot.events import WorkflowRunShape
from classifiers.model import Annotation, Step


class Shape(msgspec.Struct, frozen=True):
    """Base of everything read from an answer; unknown fields are ignored."""


class RepositoryShape(Shape, frozen=True):
    """A repository as `GET /repos/{owner}/{repo}` tells it."""

    id: int
    full_name: str
    private: bool = True
    default_branch: str | None = None


class InstallationShape(Shape, frozen=True):
    id: int


class RunsShape(Shape, frozen=True):
    """A page of runs; `total_count` is of the whole search, of which GitHub gives the first 1,000."""

    total_count: int
    workflow_runs: list[WorkflowRunShape]


class DeliveryShape(Shape, frozen=True):
    """One attempt to bring a webhook delivery. `status_code` is 0 where nobody answered."""

    id: int
    guid: str
    delivered_at: datetime
    status_code: int = 0
    redelivery: bool = False
    event: str = ""
    action: str | None = None


class StepShape(Shape, frozen=True):
    name: str = ""
    number: int = 0
    conclusion: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None


class JobShape(Shape, frozen=True):
    id: int
    run_id: int = 0
    run_attempt: int = 1
    name: str = ""
    status: str = "completed"
    conclusion: str | None = None
    html_url: str | None = None
    check_run_url: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    steps: list[StepShape] | None = None


class AnnotationShape(Shape, frozen=True):
    annotation_level: str | None = None
    message: str | None = None
    path: str | None = None
    start_line: int | None = None
    title: str | None = None


class OutputShape(Shape, frozen=True):
    title: str | None = None
    summary: str | None = None
    text: str | None = None
    annotations_count: int = 0


class OwnAppShape(Shape, frozen=True):
    slug: str


class TokenShape(Shape, frozen=True):
    token: str
    expires_at: datetime


class ReactionShape(Shape, frozen=True):
    id: int
    user: UserShape | None = None


class AppShape(Shape, frozen=True):
    id: int
    slug: str | None = None


class CheckRunShape(Shape, frozen=True):
    id: int
    name: str = ""
    external_id: str | None = None
    conclusion: str | None = None
    html_url: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    output: OutputShape | None = None
    app: AppShape | None = None


class UserShape(Shape, frozen=True):
    login: str = ""
    type: str = "User"


class RepositoryNameShape(Shape, frozen=True):
    full_name: str = ""


class IssueShape(Shape, frozen=True):
    number: int
    html_url: str = ""
    state: str = "open"
    body: str | None = None
    user: UserShape | None = None
    pull_request: Any = None
    assignees: list[UserShape] | None = None

    @property
    def assigned(self) -> tuple[str, ...]:
        """The logins of those it is assigned to."""
        return tuple(user.login for user in self.assignees or ())


class MentioningShape(Shape, frozen=True):
    """An issue or pull request that refers to another."""

    number: int
    state: str = "open"
    user: UserShape | None = None
    pull_request: Any = None
    repository: RepositoryNameShape | None = None


class SourceShape(Shape, frozen=True):
    issue: MentioningShape | None = None


class CrossReferenceShape(Shape, frozen=True):
    """The event `cross-referenced` of an issue's timeline."""

    created_at: datetime
    source: SourceShape | None = None


class ChangedFileShape(Shape, frozen=True):
    filename: str
    previous_filename: str | None = None


class CompareShape(Shape, frozen=True):
    """What happened between two commits; GitHub lists 300 files at most."""

    status: str
    """`ahead`, `behind`, `diverged` or `identical`, of the second commit."""
    total_commits: int = 0
    files: list[ChangedFileShape] | None = None


class CommentShape(Shape, frozen=True):
    id: int
    html_url: str = ""
    body: str | None = None
    user: UserShape | None = None


class PermissionShape(Shape, frozen=True):
    permission: str


class PullEndShape(Shape, frozen=True):
    sha: str = ""
    ref: str = ""


class PullShape(Shape, frozen=True):
    number: int
    state: str = "open"
    head: PullEndShape | None = None
    base: PullEndShape | None = None


ShapeT = TypeVar("ShapeT", bound=Shape)


def read(data: object, shape: type[ShapeT]) -> ShapeT:
    """One answer as its shape. GitHub answering something else altogether is a fault to retry."""
    try:
        return msgspec.convert(data, shape)
    except (msgspec.ValidationError, ValueError) as error:
        raise Retry(f"GitHub's answer is not a {shape.__name__}: {error}") from error


def read_run(data: object) -> WorkflowRunShape:
    """A run, which the API tells as webhooks do."""
    return read({"total_count": 1, "workflow_runs": [data]}, RunsShape).workflow_runs[0]


@dataclass(frozen=True, slots=True)
class Job:
    """One job of a run attempt, or one check run of another App's suite."""

    id: int
    name: str
    conclusion: str | None
    url: str
    check_run_id: int
    started_at: datetime | None
    completed_at: datetime | None
    steps: tuple[Step, ...]


def job(shape: JobShape) -> Job:
    """A job as the rest of the program knows it."""
    last = (shape.check_run_url or "").rsplit("/", 1)[-1]
    return Job(
        id=shape.id,
        name=shape.name,
        conclusion=shape.conclusion,
        url=shape.html_url or "",
        check_run_id=int(last) if last.isdigit() else shape.id,
        started_at=shape.started_at,
        completed_at=shape.completed_at,
        steps=tuple(Step(s.number, s.name, s.conclusion, s.started_at, s.completed_at) for s in shape.steps or ()),
    )


def annotation(shape: AnnotationShape) -> Annotation:
    """An annotation as the classifier knows it."""
    return Annotation(
        level=shape.annotation_level or "failure",
        message=shape.message or "",
        path=shape.path,
        line=shape.start_line,
        title=shape.title,
    )
