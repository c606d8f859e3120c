"""Routes of pull requests."""

from __future__ import annotations

from bot.demo.github.call import Answer, Call, Refusal, Route
from bot.demo.github.paging import listed
from bot.demo.github.records import IssueRecord
from bot.demo.github.shapes.issues import full_pull_json, pull_json


def _pulls(call: Call) -> list[IssueRecord]:
    return [issue for issue in reversed(call.repository.issues.values()) if issue.pull]


def list_pulls(call: Call) -> Answer:
    """`GET …/pulls?state=&head=owner:branch&base=`, newest first."""
    state, head, base = call.query.get("state", "open"), call.query.get("head"), call.query.get("base")
    found = []
    for issue in _pulls(call):
        shown = pull_json(call.state, call.repository, issue)
        matches = state in ("all", issue.state) and base in (None, shown["base"]["ref"])
        if matches and head in (None, shown["head"]["label"]):
            found.append(shown)
    return listed(call, found)


def get_pull(call: Call) -> Answer:
    """`GET …/pulls/{pull_number}`."""
    issue = call.repository.issues.get(call.number("pull_number"))
    if issue is None or issue.pull is None:
        raise Refusal(404, "Not Found")
    return Answer(full_pull_json(call.state, call.repository, issue))


def of_commit(call: Call) -> Answer:
    """`GET …/commits/{commit_sha}/pulls`: pull requests that hold the commit, forks' too."""
    sha = call.params["commit_sha"]
    if sha not in call.repository.commits:
        raise Refusal(422, f"No commit found for SHA: {sha}")
    found = [issue for issue in _pulls(call) if issue.pull and issue.pull.head_sha == sha]
    return listed(call, [pull_json(call.state, call.repository, issue) for issue in found])


_READ = (("pull_requests", "read"),)
_ROOT = "/repos/{owner}/{repo}"

ROUTES = (
    Route("GET", f"{_ROOT}/pulls", list_pulls, permissions=_READ),
    Route("GET", f"{_ROOT}/pulls/{{pull_number}}", get_pull, permissions=_READ),
    Route(
        "GET",
        f"{_ROOT}/commits/{{commit_sha}}/pulls",
        of_commit,
        permissions=(("pull_requests", "read"), ("contents", "read")),
    ),
)
