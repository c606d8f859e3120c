"""Payloads of webhook deliveries as GitHub sends them, built from the stand-in's state.

Each function gives a `Delivery` that is valid as it is; what the person or machine behind it did to the
state is done elsewhere (`users` for comments, clicks and closed issues).
"""

from __future__ import annotations

from collections.abc import Iterable

from bot.demo.github.records import (
    AppRecord,
    CheckRunRecord,
    CheckSuiteRecord,
    CommentRecord,
    InstallationRecord,
    IssueRecord,
    JobRecord,
    Json,
    RepositoryRecord,
    RunRecord,
    User,
)
from bot.demo.github.shapes.actions import job_json, run_json, workflow_json
from bot.demo.github.shapes.checks import check_run_json, suite_json
from bot.demo.github.shapes.issues import comment_json, issue_json
from bot.demo.github.shapes.people import installation_json, node_id, organization_json, user_json
from bot.demo.github.shapes.repositories import repository_json, short_repository_json
from bot.demo.github.state import GitHubState
from bot.demo.webhooks import Delivery


def workflow_run(state: GitHubState, run: RunRecord, action: str = "completed", *, attempt: int = 0) -> Delivery:
    """A run was requested, is in progress or completed; `attempt` 0 is the latest one."""
    shown = run.attempts[attempt - 1] if attempt else run.latest
    payload = {
        "action": action,
        "workflow_run": run_json(state, run, shown),
        "workflow": workflow_json(state, run),
    }
    repository = state.repositories[run.repo_id]
    return _of_repository(state, repository, shown.triggering_actor, "workflow_run", payload)


def workflow_job(state: GitHubState, job: JobRecord, action: str = "completed") -> Delivery:
    """A job was queued, is waiting, in progress or completed."""
    run = state.runs[job.run_id]
    payload = {"action": action, "workflow_job": job_json(state, job)}
    return _of_repository(state, state.repositories[run.repo_id], run.actor, "workflow_job", payload)


def check_suite(
    state: GitHubState, suite: CheckSuiteRecord, action: str = "completed", *, sender: str = "octocat"
) -> Delivery:
    """A suite was requested, rerequested or completed."""
    payload = {"action": action, "check_suite": suite_json(state, suite)}
    repository = state.repositories[suite.repo_id]
    return _of_repository(state, repository, state.user(sender), "check_suite", payload)


def check_run(
    state: GitHubState,
    run: CheckRunRecord,
    action: str = "completed",
    *,
    identifier: str = "",
    sender: str = "octocat",
) -> Delivery:
    """A check run was created, completed, rerequested, or (`requested_action`) its button pressed."""
    shown = check_run_json(state, run)
    shown["check_suite"] = suite_json(state, state.suites[run.suite_id])
    payload: Json = {"action": action, "check_run": shown}
    if identifier:
        payload["requested_action"] = {"identifier": identifier}
    repository = state.repositories[run.repo_id]
    return _of_repository(state, repository, state.user(sender), "check_run", payload)


def issue_comment(
    state: GitHubState,
    full_name: str,
    comment: CommentRecord,
    action: str = "created",
    *,
    before: str = "",
) -> Delivery:
    """A comment was created, edited (`before` is the old body) or deleted."""
    repository = state.repository(full_name)
    payload: Json = {
        "action": action,
        "issue": issue_json(state, repository, repository.issues[comment.number]),
        "comment": comment_json(state, repository, comment),
    }
    if action == "edited":
        payload["changes"] = {"body": {"from": before}}
    return _of_repository(state, repository, comment.user, "issue_comment", payload)


def issues(
    state: GitHubState,
    full_name: str,
    issue: IssueRecord,
    action: str = "closed",
    *,
    sender: str = "octocat",
    before: str = "",
) -> Delivery:
    """An issue was opened, closed, reopened, labeled, edited (`before` is the old body), …"""
    repository = state.repository(full_name)
    payload: Json = {"action": action, "issue": issue_json(state, repository, issue)}
    if action == "edited":
        payload["changes"] = {"body": {"from": before}}
    return _of_repository(state, repository, state.user(sender), "issues", payload)


def installation(state: GitHubState, installation_id: int, action: str = "created") -> Delivery:
    """The App was installed, removed, suspended or unsuspended (`deleted` before the state forgets it)."""
    record = state.installations[installation_id]
    payload: Json = {"action": action, "installation": installation_json(state, record)}
    if action in {"created", "deleted", "suspend", "unsuspend", "new_permissions_accepted"}:
        payload["repositories"] = [short_repository_json(one) for one in state.repositories_of(record)]
    if action == "created":
        payload["requester"] = None
    payload["sender"] = user_json(state, record.account)
    return Delivery("installation", payload, record.app_id)


def installation_repositories(
    state: GitHubState,
    installation_id: int,
    action: str = "added",
    *,
    repositories: Iterable[str] = (),
) -> Delivery:
    """Repositories were added to an installation or removed from it."""
    record = state.installations[installation_id]
    changed = [short_repository_json(state.repository(name)) for name in repositories]
    payload = {
        "action": action,
        "installation": installation_json(state, record),
        "repository_selection": "all" if record.repository_ids is None else "selected",
        "repositories_added": changed if action == "added" else [],
        "repositories_removed": changed if action == "removed" else [],
        "requester": None,
        "sender": user_json(state, record.account),
    }
    return Delivery("installation_repositories", payload, record.app_id)


def ping(state: GitHubState, app: AppRecord | None = None) -> Delivery:
    """The first delivery after an App's webhook was set up."""
    app = app or own_app(state)
    hook_id = 500_000_001
    payload = {
        "zen": "Keep it logically awesome.",
        "hook_id": hook_id,
        "hook": {
            "type": "App",
            "id": hook_id,
            "name": "web",
            "active": True,
            "app_id": app.id,
            "events": list(app.events),
            "config": {"content_type": app.content_type, "url": app.webhook_url, "insecure_ssl": "0"},
            "updated_at": "2026-11-01T00:00:00Z",
            "created_at": "2026-11-01T00:00:00Z",
            "deliveries_url": f"{state.api_url}/app/hook/deliveries",
        },
    }
    return Delivery("ping", payload, app.id)


def own_app(state: GitHubState) -> AppRecord:
    """The first App that was created: the one under test."""
    for app in state.apps.values():
        if app.private_key_pem:
            return app
    raise LookupError("no App receives deliveries yet; state.create_app() makes one")


def _of_repository(
    state: GitHubState, repository: RepositoryRecord, sender: User, event: str, payload: Json
) -> Delivery:
    app, found = _receiver(state, repository)
    frame: Json = {
        "repository": repository_json(state, repository),
        "sender": user_json(state, sender),
    }
    if repository.owner.type == "Organization":
        frame["organization"] = organization_json(state, repository.owner)
    if found is not None:
        frame["installation"] = {"id": found.id, "node_id": node_id("MDIz", found.id)}
    return Delivery(event, {**payload, **frame}, app.id)


def _receiver(state: GitHubState, repository: RepositoryRecord) -> tuple[AppRecord, InstallationRecord | None]:
    for found in state.installations.values():
        if state.covers(found, repository):
            return state.apps[found.app_id], found
    return own_app(state), None
