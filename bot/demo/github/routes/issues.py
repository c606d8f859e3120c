"""Routes of issues, their labels and assignees."""

from __future__ import annotations

import re
from datetime import datetime

from bot.demo.github.auth import has_push, has_triage
from bot.demo.github.call import Answer, Call, Refusal, Route
from bot.demo.github.limits import check_title, invalid, too_long
from bot.demo.github.paging import listed
from bot.demo.github.records import IssueRecord, Json, User
from bot.demo.github.shapes.issues import cross_reference_json, issue_json, label_json

AGENT = "copilot-swe-agent[bot]"
AGENT_SHOWN = "Copilot"
REASONS = {"completed", "not_planned", "duplicate", "reopened", None}


def issue_of(call: Call) -> IssueRecord:
    """The issue or pull request of the path."""
    issue = call.repository.issues.get(call.number("issue_number"))
    if issue is None:
        raise Refusal(404, "Not Found")
    if not call.repository.has_issues and issue.pull is None:
        raise Refusal(410, "Issues has been disabled in this repository.")
    return issue


def _may_manage(call: Call) -> bool:
    user = call.caller.user
    return user is None or has_push(call.state, call.repository, user.login)


def create(call: Call) -> Answer:
    """`POST …/issues`; labels and assignees of somebody without push access vanish without a word."""
    if not call.repository.has_issues:
        raise Refusal(410, "Issues has been disabled in this repository.")
    body = call.json_object()
    title = check_title(body.get("title"))
    if too_long(body.get("body")):
        raise invalid("Issue", "body", "body is too long (maximum is 65536 characters)")
    author = call.caller.author
    issue = call.state.add_issue(
        call.repository.full_name,
        title=title,
        body=body.get("body"),
        author=author.login,
        app_id=call.caller.app_id,
    )
    _manage(call, issue, body)
    return Answer(issue_json(call.state, call.repository, issue), 201)


def update(call: Call) -> Answer:
    """`PATCH …/issues/{issue_number}`; a body that is too long is ignored with a 200, as on GitHub."""
    issue, body = issue_of(call), call.json_object()
    _permit_change(call, issue)
    if "title" in body:
        issue.title = check_title(body["title"])
    if "body" in body and not too_long(body["body"]):
        issue.body = body["body"]
    if body.get("state") not in (None, "open", "closed") or body.get("state_reason") not in REASONS:
        raise invalid("Issue", "state", "state is not included in the list", "invalid")
    if body.get("state"):
        reason = body.get("state_reason")
        call.state.set_state(issue, body["state"], by=call.caller.author, reason=reason)
    _manage(call, issue, body)
    issue.updated_at = call.state.now()
    return Answer(issue_json(call.state, call.repository, issue))


def _permit_change(call: Call, issue: IssueRecord) -> None:
    user = call.caller.user
    if user is None or user is issue.user or has_triage(call.state, call.repository, user.login):
        return
    raise Refusal(403, "Must have admin rights to Repository.")


def _manage(call: Call, issue: IssueRecord, body: Json) -> None:
    if not _may_manage(call):
        return
    if isinstance(body.get("labels"), list):
        call.state.set_labels(call.repository, issue, _names(body["labels"]))
    if isinstance(body.get("assignees"), list):
        issue.assignees = _assignable(call, body["assignees"])


def _names(labels: list[object]) -> list[str]:
    return [str(label["name"]) if isinstance(label, dict) else str(label) for label in labels]


def _assignable(call: Call, logins: list[str]) -> list[User]:
    """Those who can be assigned; the coding agent only by a user who has a seat for it."""
    found = []
    for login in logins:
        user = call.caller.user
        if login == AGENT and user is not None and user.login in call.state.agent_seats:
            found.append(call.state.user(AGENT_SHOWN, "Bot"))
        elif call.repository.roles.get(login.lower(), "none") != "none":
            found.append(call.state.user(login))
    return found


def get_issue(call: Call) -> Answer:
    """`GET …/issues/{issue_number}`."""
    return Answer(issue_json(call.state, call.repository, issue_of(call)))


def list_issues(call: Call) -> Answer:
    """`GET …/issues`: pull requests among them; labels are all needed; newest first unless told."""
    if not call.repository.has_issues:
        raise Refusal(410, "Issues has been disabled in this repository.")
    query = call.query
    wanted = {name.lower() for name in query.get("labels", "").split(",") if name}
    since = datetime.fromisoformat(query["since"]).timestamp() if query.get("since") else 0.0
    found = [
        issue
        for issue in call.repository.issues.values()
        if query.get("state", "open") in ("all", issue.state)
        and query.get("creator", issue.user.login).lower() == issue.user.login.lower()
        and wanted <= {name.lower() for name in issue.labels}
        and issue.updated_at >= since
    ]
    by_update = query.get("sort") == "updated"
    found.sort(
        key=lambda issue: (issue.updated_at if by_update else issue.created_at, issue.number),
        reverse=query.get("direction", "desc") == "desc",
    )
    return listed(call, [issue_json(call.state, call.repository, issue) for issue in found])


def create_label(call: Call) -> Answer:
    """`POST …/labels`: 422 `already_exists` for a second one of the name."""
    body = call.json_object()
    name = body.get("name")
    if not isinstance(name, str) or not name:
        raise invalid("Label", "name", "name can't be blank", "missing_field")
    if name.lower() in call.repository.labels:
        error = {"resource": "Label", "code": "already_exists", "field": "name"}
        raise Refusal(422, "Validation Failed", [error])
    if len(body.get("description") or "") > 100:
        raise invalid("Label", "description", "description is too long (maximum is 100 characters)")
    label = call.state.ensure_label(call.repository, name)
    label.color, label.description = body.get("color", label.color), body.get("description")
    return Answer(label_json(call.state, call.repository, label), 201)


def list_labels(call: Call) -> Answer:
    """`GET …/labels`."""
    labels = call.repository.labels.values()
    return listed(call, [label_json(call.state, call.repository, label) for label in labels])


def add_labels(call: Call) -> Answer:
    """`POST …/issues/{issue_number}/labels`: added to those that are there."""
    issue = issue_of(call)
    if not _may_manage(call):
        raise Refusal(403, "Must have admin rights to Repository.")
    body = call.body if isinstance(call.body, list) else call.json_object().get("labels", [])
    call.state.set_labels(call.repository, issue, [*issue.labels, *_names(body)])
    labels = [call.repository.labels[name.lower()] for name in issue.labels]
    return Answer([label_json(call.state, call.repository, label) for label in labels])


def add_assignees(call: Call) -> Answer:
    """`POST …/issues/{issue_number}/assignees`: who cannot be assigned is dropped without a word."""
    issue = issue_of(call)
    if _may_manage(call):
        extra = _assignable(call, call.json_object().get("assignees", []))
        issue.assignees += [user for user in extra if user not in issue.assignees]
    return Answer(issue_json(call.state, call.repository, issue), 201)


def timeline(call: Call) -> Answer:
    """`GET …/issues/{issue_number}/timeline`: here only who refers to the issue, oldest first."""
    issue = issue_of(call)
    named = re.compile(rf"(?<!\w)#{issue.number}(?!\w)")
    others = (other for other in call.repository.issues.values() if other is not issue)
    found = [other for other in others if named.search(other.body or "")]
    return listed(call, [cross_reference_json(call.state, call.repository, other) for other in found])


_READ = (("issues", "read"),)
_WRITE = (("issues", "write"),)
_ROOT = "/repos/{owner}/{repo}"
_ONE = f"{_ROOT}/issues/{{issue_number}}"

ROUTES = (
    Route("POST", f"{_ROOT}/issues", create, permissions=_WRITE),
    Route("GET", f"{_ROOT}/issues", list_issues, permissions=_READ),
    Route("GET", _ONE, get_issue, permissions=_READ),
    Route("PATCH", _ONE, update, permissions=_WRITE),
    Route("GET", f"{_ONE}/timeline", timeline, permissions=_READ),
    Route("POST", f"{_ONE}/labels", add_labels, permissions=_WRITE),
    Route("POST", f"{_ONE}/assignees", add_assignees, permissions=_WRITE),
    Route("GET", f"{_ROOT}/labels", list_labels, permissions=_READ),
    Route("POST", f"{_ROOT}/labels", create_label, permissions=_WRITE),
)
