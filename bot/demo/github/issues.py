"""Issues, pull requests, comments, labels and reactions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict, Unpack

from bot.demo.github.records import (
    CommentRecord,
    IssueRecord,
    LabelRecord,
    PullRecord,
    ReactionRecord,
    RepositoryRecord,
    User,
)
from bot.demo.github.repositories import Repositories


class PullFields(TypedDict, total=False):
    """What `add_pull` may be told besides repository and head branch."""

    title: str
    body: str
    author: str
    base: str
    sha: str
    head_repository: str
    draft: bool


class Issues(Repositories):
    """The part of the state that holds issues and conversations."""

    def add_issue(
        self,
        full_name: str,
        *,
        title: str = "An issue",
        body: str | None = "",
        author: str = "octocat",
        labels: Iterable[str] = (),
        app_id: int | None = None,
    ) -> IssueRecord:
        """Open an issue; labels that do not exist yet are made, as GitHub does."""
        repository = self.repository(full_name)
        now = self.now()
        issue = IssueRecord(
            self.next_id(), repository.next_number, title, body, self.user(author), now, now, app_id=app_id
        )
        repository.next_number += 1
        repository.issues[issue.number] = issue
        self.set_labels(repository, issue, labels)
        return issue

    def add_pull(self, full_name: str, branch: str, **fields: Unpack[PullFields]) -> IssueRecord:
        """Open a pull request from a branch (of `head_repository`, for a fork) into the default branch."""
        repository = self.repository(full_name)
        head = self.repository(fields.get("head_repository", full_name))
        base = fields.get("base", repository.default_branch)
        sha = fields.get("sha") or head.branches.get(branch) or ""
        if not sha:
            sha = self.add_commit(head.full_name, branch=branch, message=fields.get("title", "Change")).sha
        repository.commits.setdefault(sha, head.commits[sha])
        issue = self.add_issue(
            full_name,
            title=fields.get("title", f"Merge {branch}"),
            body=fields.get("body", ""),
            author=fields.get("author", "octocat"),
        )
        issue.pull = PullRecord(branch, sha, head.id, base, repository.branches[base], draft=fields.get("draft", False))
        return issue

    def set_labels(self, repository: RepositoryRecord, issue: IssueRecord, names: Iterable[str]) -> None:
        """Replace the labels of an issue."""
        issue.labels = list(dict.fromkeys(names))
        for name in issue.labels:
            self.ensure_label(repository, name)

    def ensure_label(self, repository: RepositoryRecord, name: str) -> LabelRecord:
        """The label of that name (case does not matter), made with the default colour when new."""
        return repository.labels.setdefault(name.lower(), LabelRecord(self.next_id(), name))

    def add_comment(
        self, full_name: str, number: int, body: str, *, author: str = "octocat", app_id: int | None = None
    ) -> CommentRecord:
        """Comment on an issue or a pull request."""
        issue = self.repository(full_name).issues[number]
        now = self.now()
        comment = CommentRecord(self.next_id(), number, self.user(author), body, now, now, app_id)
        issue.comments.append(comment)
        issue.updated_at = now
        return comment

    def comment(self, repository: RepositoryRecord, comment_id: int) -> CommentRecord | None:
        """The comment of that id in a repository."""
        everything = (note for issue in repository.issues.values() for note in issue.comments)
        return next((note for note in everything if note.id == comment_id), None)

    def react(self, reactions: list[ReactionRecord], user: User, content: str) -> tuple[ReactionRecord, bool]:
        """Add a reaction; (reaction, False) where the user had already reacted so."""
        for found in reactions:
            if found.user is user and found.content == content:
                return found, False
        reaction = ReactionRecord(self.next_id(), user, content, self.now())
        reactions.append(reaction)
        return reaction, True

    def set_state(self, issue: IssueRecord, state: str, *, by: User, reason: str | None = None) -> None:
        """Close or reopen; GitHub's default reasons are `completed` and `reopened`."""
        if issue.state == state and reason is None:
            return
        issue.state = state
        issue.state_reason = reason or ("completed" if state == "closed" else "reopened")
        issue.closed_at = self.now() if state == "closed" else None
        issue.closed_by = by if state == "closed" else None
        issue.updated_at = self.now()
