"""What the bot asks of GitHub for one repository's installation: typed calls, typed answers.

Routes and limits: docs.github.com/rest.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import aiohttp
from cachetools import TTLCache

from bot.errors import NotFound, Retry
from bot.events import WorkflowRunShape
from bot.github.file import FileOpener, RepositoryFile, first_bytes
from bot.github.joblog import chunks, open_log
from bot.github.log_hosts import LogHosts
from bot.github.shapes import (
    AnnotationShape,
    CheckRunShape,
    CommentShape,
    CompareShape,
    CrossReferenceShape,
    IssueShape,
    Job,
    JobShape,
    PermissionShape,
    PullShape,
    ReactionShape,
    RepositoryShape,
    RunsShape,
    annotation,
    job,
    read,
    read_run,
)
from bot.github.transport import Transport
from classifiers.model import Annotation

MOST_JOBS = 1000
MOST_EVENTS = 1000
PERMISSIONS_KEPT = 4096
PERMISSION_SECONDS = 60
MOST_ANNOTATIONS = 100


class GitHub:
    """Calls on repositories of one installation. `repository` is always `owner/name`."""

    def __init__(self, transport: Transport, *, app_id: int | None, login: str | None, log_hosts: LogHosts) -> None:
        self._transport = transport
        self._open_log = partial(open_log, hosts=log_hosts)
        self.app_id = app_id
        """Id of our App; None in token mode, where GitHub refuses check runs."""
        self._login = login
        self._permissions: TTLCache[tuple[str, str], str] = TTLCache(PERMISSIONS_KEPT, ttl=PERMISSION_SECONDS)

    async def login(self) -> str:
        """Who our issues and comments are written by: `slug[bot]`, or the token's user."""
        if self._login is None:
            user = await self._transport.get("/user")
            self._login = str(user.get("login", ""))
        return self._login

    @property
    def left(self) -> tuple[int, int, float] | None:
        """Requests left of how many in this hour, and its end in epoch seconds; None where GitHub has not said."""
        return self._transport.left

    @property
    def writes_wait(self) -> bool:
        """Whether what is written to GitHub waits in line; reads go on."""
        return self._transport.writes_wait

    async def repository(self, full_name: str) -> RepositoryShape:
        """A repository as it is now, under its present name."""
        return read(await self._transport.get("/repos/{owner}/{repo}", **_names(full_name)), RepositoryShape)

    # -- actions ---------------------------------------------------------------------------------------

    async def runs(self, repository: str, since: str, until: str, page: int) -> RunsShape:
        """A page of the runs created between two ISO 8601 times, both included, newest first; 100 each."""
        answer = await self._transport.get(
            "/repos/{owner}/{repo}/actions/runs?created={created}&per_page=100&page={page}",
            **_names(repository),
            created=f"{since}..{until}",
            page=str(page),
        )
        return read(answer, RunsShape)

    async def run(self, repository: str, run_id: int) -> WorkflowRunShape:
        """The latest attempt of a run."""
        answer = await self._transport.get(
            "/repos/{owner}/{repo}/actions/runs/{run_id}", **_names(repository), run_id=str(run_id)
        )
        return read_run(answer)

    async def attempt(self, repository: str, run_id: int, attempt: int) -> WorkflowRunShape:
        """One attempt of a run."""
        answer = await self._transport.get(
            "/repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt}",
            **_names(repository),
            run_id=str(run_id),
            attempt=str(attempt),
        )
        return read_run(answer)

    async def job(self, repository: str, job_id: int) -> JobShape:
        """One job, which tells its run and attempt."""
        answer = await self._transport.get(
            "/repos/{owner}/{repo}/actions/jobs/{id}", **_names(repository), id=str(job_id)
        )
        return read(answer, JobShape)

    async def jobs(self, repository: str, run_id: int, attempt: int) -> list[Job]:
        """All jobs of one attempt."""
        found = await self._transport.all(
            "/repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt}/jobs?per_page=100",
            key="jobs",
            most=MOST_JOBS,
            **_names(repository),
            run_id=str(run_id),
            attempt=str(attempt),
        )
        return [job(read(each, JobShape)) for each in found]

    @asynccontextmanager
    async def log(self, repository: str, job_id: int) -> AsyncIterator[AsyncIterator[bytes]]:
        """The job's log as a stream of bytes; raises NoLog where there is none."""
        route = "/repos/{owner}/{repo}/actions/jobs/{id}/logs"
        async with self._transport.stream(route, self._open_log, **_names(repository), id=str(job_id)) as answer:
            try:
                yield chunks(answer)
            except (aiohttp.ClientError, TimeoutError) as error:
                raise Retry(f"the log of job {job_id} broke off: {type(error).__name__}") from error

    async def has_branch(self, repository: str, branch: str) -> bool:
        """Whether a branch exists."""
        try:
            await self._transport.get("/repos/{owner}/{repo}/branches/{branch}", **_names(repository), branch=branch)
        except NotFound:
            return False
        return True

    async def compare(self, repository: str, base: str, head: str) -> CompareShape:
        """What came between two commits, and the files that changed; one call, tried once."""
        answer = await self._transport.get_once(
            "/repos/{owner}/{repo}/compare/{basehead}?per_page=1", **_names(repository), basehead=f"{base}...{head}"
        )
        return read(answer, CompareShape)

    async def rerun_failed_jobs(self, repository: str, run_id: int) -> None:
        """Start the failed jobs of a run again; 403 (Forbidden) while it is still going."""
        await self._transport.post(
            "/repos/{owner}/{repo}/actions/runs/{run_id}/rerun-failed-jobs",
            {},
            **_names(repository),
            run_id=str(run_id),
        )

    async def permission(self, repository: str, login: str) -> str:
        """What somebody may do in a repository: `admin`, `write`, `read` or `none`; known for a minute."""
        key = (repository.lower(), login.lower())
        known: str | None = self._permissions.get(key)
        if known is None:
            known = self._permissions[key] = await self._ask_permission(repository, login)
        return known

    async def _ask_permission(self, repository: str, login: str) -> str:
        try:
            answer = await self._transport.get(
                "/repos/{owner}/{repo}/collaborators/{username}/permission", **_names(repository), username=login
            )
        except NotFound:
            return "none"
        return read(answer, PermissionShape).permission

    # -- checks ----------------------------------------------------------------------------------------

    async def annotations(self, repository: str, check_run_id: int) -> tuple[Annotation, ...]:
        """The first hundred annotations of a check run (for an Actions job: of its own check run)."""
        found = await self._transport.all(
            "/repos/{owner}/{repo}/check-runs/{id}/annotations?per_page=100",
            key="annotations",
            most=MOST_ANNOTATIONS,
            **_names(repository),
            id=str(check_run_id),
        )
        return tuple(annotation(read(each, AnnotationShape)) for each in found)

    async def suite_check_runs(self, repository: str, suite_id: int) -> list[CheckRunShape]:
        """The latest check runs of a suite."""
        found = await self._transport.all(
            "/repos/{owner}/{repo}/check-suites/{id}/check-runs?per_page=100",
            key="check_runs",
            most=MOST_JOBS,
            **_names(repository),
            id=str(suite_id),
        )
        return [read(each, CheckRunShape) for each in found]

    async def own_check_run(self, repository: str, commit: str, name: str, external_id: str) -> CheckRunShape | None:
        """Our check run on a commit, found by its external id."""
        found = await self._transport.all(
            "/repos/{owner}/{repo}/commits/{ref}/check-runs?check_name={name}&app_id={app}&filter=all&per_page=100",
            key="check_runs",
            most=MOST_JOBS,
            **_names(repository),
            ref=commit,
            name=name,
            app=str(self.app_id),
        )
        shapes = (read(each, CheckRunShape) for each in found)
        return next((shape for shape in shapes if shape.external_id == external_id), None)

    async def create_check_run(self, repository: str, body: dict[str, Any]) -> CheckRunShape:
        """Create a check run; `body` as docs.github.com/rest/checks/runs."""
        answer = await self._transport.post("/repos/{owner}/{repo}/check-runs", body, **_names(repository))
        return read(answer, CheckRunShape)

    async def update_check_run(self, repository: str, check_run_id: int, body: dict[str, Any]) -> CheckRunShape:
        """Change a check run; annotations are appended by GitHub, not replaced."""
        answer = await self._transport.patch(
            "/repos/{owner}/{repo}/check-runs/{id}", body, **_names(repository), id=str(check_run_id)
        )
        return read(answer, CheckRunShape)

    # -- issues and comments -----------------------------------------------------------------------------

    async def create_issue(self, repository: str, title: str, body: str, labels: Sequence[str]) -> IssueShape:
        """Open an issue; 410 (Gone) where the repository has issues switched off."""
        data = {"title": title, "body": body, "labels": list(labels)}
        answer = await self._transport.post("/repos/{owner}/{repo}/issues", data, **_names(repository))
        return read(answer, IssueShape)

    async def update_issue(self, repository: str, number: int, **fields: str) -> IssueShape:
        """Change title, body, state or state_reason; labels and assignees stay as people left them."""
        answer = await self._transport.patch(
            "/repos/{owner}/{repo}/issues/{number}", fields, **_names(repository), number=str(number)
        )
        return read(answer, IssueShape)

    async def issue(self, repository: str, number: int) -> IssueShape:
        """An issue as it is now."""
        answer = await self._transport.get(
            "/repos/{owner}/{repo}/issues/{number}", **_names(repository), number=str(number)
        )
        return read(answer, IssueShape)

    async def cross_references(self, repository: str, number: int) -> list[CrossReferenceShape]:
        """Who refers to an issue. Only the timeline tells; GitHub's list of an issue's events leaves it out."""
        found = await self._transport.all(
            "/repos/{owner}/{repo}/issues/{number}/timeline?per_page=100",
            key="events",
            most=MOST_EVENTS,
            **_names(repository),
            number=str(number),
        )
        return [read(each, CrossReferenceShape) for each in found if each.get("event") == "cross-referenced"]

    async def labelled_issues(self, repository: str, label: str, *, most: int = 300) -> list[IssueShape]:
        """Issues of ours, newest first, open and closed; pull requests left out."""
        found = await self._transport.all(
            "/repos/{owner}/{repo}/issues?state=all&creator={creator}&labels={label}&per_page=100",
            key="issues",
            most=most,
            **_names(repository),
            creator=await self.login(),
            label=label,
        )
        shapes = [read(each, IssueShape) for each in found]
        return [shape for shape in shapes if shape.pull_request is None]

    async def comments(self, repository: str, number: int, since: str) -> list[CommentShape]:
        """Comments of an issue or pull request changed since an ISO 8601 time."""
        found = await self._transport.all(
            "/repos/{owner}/{repo}/issues/{number}/comments?since={since}&per_page=100",
            key="comments",
            most=MOST_JOBS,
            **_names(repository),
            number=str(number),
            since=since,
        )
        return [read(each, CommentShape) for each in found]

    async def create_comment(self, repository: str, number: int, body: str) -> CommentShape:
        """Comment on an issue or pull request."""
        answer = await self._transport.post(
            "/repos/{owner}/{repo}/issues/{number}/comments",
            {"body": body},
            **_names(repository),
            number=str(number),
        )
        return read(answer, CommentShape)

    async def update_comment(self, repository: str, comment_id: int, body: str) -> CommentShape:
        """Rewrite a comment of ours."""
        answer = await self._transport.patch(
            "/repos/{owner}/{repo}/issues/comments/{id}",
            {"body": body},
            **_names(repository),
            id=str(comment_id),
        )
        return read(answer, CommentShape)

    async def react(self, repository: str, comment_id: int, content: str) -> None:
        """React to a comment; GitHub keeps one reaction of a kind per user, so repeating is harmless."""
        answer = await self._transport.post(
            "/repos/{owner}/{repo}/issues/comments/{id}/reactions",
            {"content": content},
            **_names(repository),
            id=str(comment_id),
        )
        read(answer, ReactionShape)

    async def thumbs_up(self, repository: str, comment_id: int) -> list[str]:
        """The logins of people, bots left out, who reacted to a comment with a thumbs-up; the first hundred."""
        answer = await self._transport.get(
            "/repos/{owner}/{repo}/issues/comments/{id}/reactions?content=%2B1&per_page=100",
            **_names(repository),
            id=str(comment_id),
        )
        found = [read(each, ReactionShape) for each in answer]
        return [each.user.login for each in found if each.user is not None and each.user.type != "Bot"]

    # -- pull requests -----------------------------------------------------------------------------------

    async def pulls_of_commit(self, repository: str, commit: str) -> list[PullShape]:
        """Open and closed pull requests that contain a commit."""
        found = await self._transport.all(
            "/repos/{owner}/{repo}/commits/{sha}/pulls?per_page=100",
            key="pulls",
            most=100,
            **_names(repository),
            sha=commit,
        )
        return [read(each, PullShape) for each in found]

    async def pulls_of_head(self, repository: str, head: str) -> list[PullShape]:
        """Open pull requests whose head is `owner:branch`."""
        found = await self._transport.all(
            "/repos/{owner}/{repo}/pulls?state=open&head={head}&per_page=100",
            key="pulls",
            most=100,
            **_names(repository),
            head=head,
        )
        return [read(each, PullShape) for each in found]

    # -- files -------------------------------------------------------------------------------------------

    async def file(self, repository: str, path: str, *, most: int, etag: str = "") -> RepositoryFile:
        """The first `most` bytes of a file on the repository's own default branch.

        Raises:
            NotFound: nothing is there, or the repository is out of reach.
            NoFile: a folder is there.
            NotModified: the file still has this `etag`.
        """
        route = "/repos/{owner}/{repo}/contents/{+path}"
        async with self._transport.stream(route, FileOpener(etag), **_names(repository), path=path) as answer:
            try:
                return RepositoryFile(await first_bytes(answer, most), answer.headers.get("ETag", ""))
            except (aiohttp.ClientError, TimeoutError) as error:
                raise Retry(f"{path} broke off: {type(error).__name__}") from error


def _names(repository: str) -> dict[str, str]:
    owner, _, repo = repository.partition("/")
    return {"owner": owner, "repo": repo}
