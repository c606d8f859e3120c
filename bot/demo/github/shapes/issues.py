"""JSON of issues, pull requests, comments, labels and reactions as GitHub's API gives it."""

from __future__ import annotations

from collections import Counter

from bot.demo.github.identities import iso
from bot.demo.github.issues import Issues
from bot.demo.github.records import (
    CommentRecord,
    IssueRecord,
    Json,
    LabelRecord,
    ReactionRecord,
    RepositoryRecord,
    User,
)
from bot.demo.github.shapes.people import app_json, node_id, user_json
from bot.demo.github.shapes.repositories import repository_json, repository_url

REACTIONS = ("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")


def association(repository: RepositoryRecord, user: User) -> str:
    """What GitHub says of an author; private members of organisations arrive as CONTRIBUTOR."""
    if user is repository.owner:
        return "OWNER"
    return "COLLABORATOR" if user.login.lower() in repository.roles else "NONE"


def reactions_json(url: str, reactions: list[ReactionRecord]) -> Json:
    """The roll-up of reactions."""
    counted = Counter(reaction.content for reaction in reactions)
    return {
        "url": f"{url}/reactions",
        "total_count": len(reactions),
        **{name: counted[name] for name in REACTIONS},
    }


def reaction_json(state: Issues, reaction: ReactionRecord) -> Json:
    """One reaction."""
    return {
        "id": reaction.id,
        "node_id": node_id("REA", reaction.id),
        "user": user_json(state, reaction.user),
        "content": reaction.content,
        "created_at": iso(reaction.created_at),
    }


def label_json(state: Issues, repository: RepositoryRecord, label: LabelRecord) -> Json:
    """One label."""
    return {
        "id": label.id,
        "node_id": node_id("LA", label.id),
        "url": f"{repository_url(state, repository)}/labels/{label.name}",
        "name": label.name,
        "description": label.description,
        "color": label.color,
        "default": False,
    }


def issue_json(state: Issues, repository: RepositoryRecord, issue: IssueRecord) -> Json:
    """An issue; a pull request has the key `pull_request`."""
    found = {**_issue_links(state, repository, issue), **_issue_facts(state, repository, issue)}
    if issue.pull:
        found["pull_request"] = {
            "url": f"{repository_url(state, repository)}/pulls/{issue.number}",
            "html_url": found["html_url"],
            "diff_url": f"{found['html_url']}.diff",
            "patch_url": f"{found['html_url']}.patch",
            "merged_at": iso(issue.pull.merged_at),
        }
    return found


def _issue_links(state: Issues, repository: RepositoryRecord, issue: IssueRecord) -> Json:
    root = repository_url(state, repository)
    url = f"{root}/issues/{issue.number}"
    kind = "pull" if issue.pull else "issues"
    return {
        "url": url,
        "repository_url": root,
        "labels_url": f"{url}/labels{{/name}}",
        "comments_url": f"{url}/comments",
        "events_url": f"{url}/events",
        "html_url": f"{state.web_url}/{repository.full_name}/{kind}/{issue.number}",
        "timeline_url": f"{url}/timeline",
        "reactions": reactions_json(url, issue.reactions),
    }


def _issue_facts(state: Issues, repository: RepositoryRecord, issue: IssueRecord) -> Json:
    people = [user_json(state, user) for user in issue.assignees]
    return {
        "id": issue.id,
        "node_id": node_id("I", issue.id),
        "number": issue.number,
        "title": issue.title,
        "user": user_json(state, issue.user),
        "labels": [label_json(state, repository, repository.labels[name.lower()]) for name in issue.labels],
        "state": issue.state,
        "state_reason": issue.state_reason,
        "locked": issue.locked,
        "assignee": people[0] if people else None,
        "assignees": people,
        "milestone": None,
        "comments": len(issue.comments),
        "created_at": iso(issue.created_at),
        "updated_at": iso(issue.updated_at),
        "closed_at": iso(issue.closed_at),
        "closed_by": user_json(state, issue.closed_by) if issue.closed_by else None,
        "author_association": association(repository, issue.user),
        "active_lock_reason": None,
        "body": issue.body,
        "performed_via_github_app": app_json(state, state.apps[issue.app_id]) if issue.app_id else None,
    }


def cross_reference_json(state: Issues, repository: RepositoryRecord, other: IssueRecord) -> Json:
    """The event of a timeline that says that `other` refers to the issue."""
    return {
        "event": "cross-referenced",
        "actor": user_json(state, other.user),
        "created_at": iso(other.created_at),
        "updated_at": iso(other.updated_at),
        "source": {
            "type": "issue",
            "issue": {**issue_json(state, repository, other), "repository": repository_json(state, repository)},
        },
    }


def comment_json(state: Issues, repository: RepositoryRecord, comment: CommentRecord) -> Json:
    """A comment on an issue or pull request."""
    root = repository_url(state, repository)
    url = f"{root}/issues/comments/{comment.id}"
    kind = "pull" if repository.issues[comment.number].pull else "issues"
    web = f"{state.web_url}/{repository.full_name}/{kind}/{comment.number}"
    return {
        "url": url,
        "html_url": f"{web}#issuecomment-{comment.id}",
        "issue_url": f"{root}/issues/{comment.number}",
        "id": comment.id,
        "node_id": node_id("IC", comment.id),
        "user": user_json(state, comment.user),
        "created_at": iso(comment.created_at),
        "updated_at": iso(comment.updated_at),
        "author_association": association(repository, comment.user),
        "body": comment.body,
        "reactions": reactions_json(url, comment.reactions),
        "performed_via_github_app": app_json(state, state.apps[comment.app_id]) if comment.app_id else None,
    }


def pull_json(state: Issues, repository: RepositoryRecord, issue: IssueRecord) -> Json:
    """A pull request as the lists of pull requests give it."""
    pull = issue.pull
    if pull is None:
        raise ValueError(f"#{issue.number} in {repository.full_name} is an issue, not a pull request")
    root = f"{repository_url(state, repository)}/pulls/{issue.number}"
    as_issue = issue_json(state, repository, issue)
    head = state.repositories.get(pull.head_repo_id or 0)
    links = {
        "self": root,
        "html": as_issue["html_url"],
        "issue": as_issue["url"],
        "comments": as_issue["comments_url"],
        "review_comments": f"{root}/comments",
        "review_comment": f"{root.rpartition('/')[0]}/comments{{/number}}",
        "commits": f"{root}/commits",
        "statuses": f"{repository_url(state, repository)}/statuses/{pull.head_sha}",
    }
    kept = (
        "id node_id number title user state locked assignee assignees labels milestone created_at updated_at"
        " closed_at author_association active_lock_reason body html_url comments_url"
    )
    return {
        **{key: as_issue[key] for key in kept.split()},
        **{f"{key}_url": links[key] for key in ("commits", "review_comments", "review_comment", "statuses")},
        "url": root,
        "issue_url": as_issue["url"],
        "diff_url": f"{as_issue['html_url']}.diff",
        "patch_url": f"{as_issue['html_url']}.patch",
        "merged_at": iso(pull.merged_at),
        "merge_commit_sha": None,
        "auto_merge": None,
        "draft": pull.draft,
        "requested_reviewers": [],
        "requested_teams": [],
        "head": _side(state, issue.user if head is None else head.owner, head, pull.head_ref, pull.head_sha),
        "base": _side(state, repository.owner, repository, pull.base_ref, pull.base_sha),
        "_links": {key: {"href": href} for key, href in links.items()},
    }


def _side(state: Issues, user: User, repository: RepositoryRecord | None, ref: str, sha: str) -> Json:
    return {
        "label": f"{user.login}:{ref}",
        "ref": ref,
        "sha": sha,
        "user": user_json(state, user),
        "repo": None if repository is None else repository_json(state, repository),
    }


def full_pull_json(state: Issues, repository: RepositoryRecord, issue: IssueRecord) -> Json:
    """A pull request as `GET …/pulls/{number}` gives it."""
    counts = dict.fromkeys(("additions", "changed_files", "deletions", "review_comments"), 0)
    return {
        **pull_json(state, repository, issue),
        **counts,
        "comments": len(issue.comments),
        "commits": 1,
        "mergeable": True,
        "mergeable_state": "clean",
        "merged": issue.pull is not None and issue.pull.merged_at is not None,
        "merged_by": None,
        "maintainer_can_modify": False,
        "rebaseable": True,
    }
