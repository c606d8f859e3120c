"""What people do on GitHub: each action changes the state and gives the delivery GitHub would send."""

from __future__ import annotations

from bot.demo import deliveries
from bot.demo.github.records import CheckRunRecord
from bot.demo.github.state import GitHubState
from bot.demo.webhooks import Delivery


def post_comment(state: GitHubState, full_name: str, number: int, body: str, *, author: str = "octocat") -> Delivery:
    """Somebody comments on an issue or pull request."""
    comment = state.add_comment(full_name, number, body, author=author)
    return deliveries.issue_comment(state, full_name, comment)


def edit_comment(state: GitHubState, full_name: str, comment_id: int, body: str) -> Delivery:
    """The author edits a comment."""
    comment = state.comment(state.repository(full_name), comment_id)
    if comment is None:
        raise KeyError(f"{full_name} has no comment {comment_id}")
    before, comment.body, comment.updated_at = comment.body, body, state.now()
    return deliveries.issue_comment(state, full_name, comment, "edited", before=before)


def close_issue(
    state: GitHubState, full_name: str, number: int, *, by: str = "octocat", reason: str = "completed"
) -> Delivery:
    """Somebody closes an issue by hand."""
    issue = state.repository(full_name).issues[number]
    state.set_state(issue, "closed", by=state.user(by), reason=reason)
    return deliveries.issues(state, full_name, issue, "closed", sender=by)


def reopen_issue(state: GitHubState, full_name: str, number: int, *, by: str = "octocat") -> Delivery:
    """Somebody reopens an issue by hand."""
    issue = state.repository(full_name).issues[number]
    state.set_state(issue, "open", by=state.user(by))
    return deliveries.issues(state, full_name, issue, "reopened", sender=by)


def press_button(state: GitHubState, run: CheckRunRecord, identifier: str, *, by: str = "octocat") -> Delivery:
    """Somebody presses a button of a check run; it must be one of those the check run has."""
    offered = [action["identifier"] for action in run.actions]
    if identifier not in offered:
        raise KeyError(f"check run {run.id} has no button {identifier!r}, only {offered}")
    return deliveries.check_run(state, run, "requested_action", identifier=identifier, sender=by)


def rerequest(state: GitHubState, run: CheckRunRecord, *, by: str = "octocat") -> Delivery:
    """Somebody asks for a check run again; GitHub leaves the run itself as it is."""
    return deliveries.check_run(state, run, "rerequested", sender=by)


def uninstall(state: GitHubState, installation_id: int) -> Delivery:
    """The owner removes the App; its tokens die with it."""
    delivery = deliveries.installation(state, installation_id, "deleted")
    state.uninstall(installation_id)
    return delivery


def suspend(state: GitHubState, installation_id: int, *, suspended: bool = True) -> Delivery:
    """The owner suspends the App, or lifts that."""
    state.suspend(installation_id, suspended=suspended)
    return deliveries.installation(state, installation_id, "suspend" if suspended else "unsuspend")


def change_repositories(state: GitHubState, installation_id: int, full_name: str, *, added: bool = True) -> Delivery:
    """The owner gives the App one more repository, or takes one away."""
    chosen = state.installations[installation_id].repository_ids
    if chosen is None:
        raise ValueError(f"installation {installation_id} covers all repositories; there is none to choose")
    number = state.repository(full_name).id
    action = "added" if added else "removed"
    (chosen.add if added else chosen.discard)(number)
    return deliveries.installation_repositories(state, installation_id, action, repositories=[full_name])
