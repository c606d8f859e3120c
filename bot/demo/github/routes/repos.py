"""Routes of repositories: themselves, branches, commits, comparison, files, roles."""

from __future__ import annotations

from bot.demo.github.auth import has_push
from bot.demo.github.call import Answer, Call, Refusal, Route
from bot.demo.github.records import CommitRecord
from bot.demo.github.shapes.people import user_json
from bot.demo.github.shapes.repositories import (
    branch_json,
    changed_file_json,
    commit_json,
    file_json,
    full_repository_json,
)

_LEGACY = {"maintain": "write", "triage": "read"}


def get_repository(call: Call) -> Answer:
    """`GET /repos/{owner}/{repo}`."""
    return Answer(full_repository_json(call.state, call.repository))


def permission(call: Call) -> Answer:
    """`GET …/collaborators/{username}/permission`: 404 for a user GitHub does not know."""
    caller = call.caller
    if caller.user is not None and not has_push(call.state, call.repository, caller.user.login):
        raise Refusal(403, "Must have push access to view collaborator permission.")
    login = call.params["username"]
    user = call.state.users.get(login.lower())
    if user is None:
        raise Refusal(404, f"{login} is not a user")
    role = call.state.role(call.repository, login)
    shown = _LEGACY.get(role, role)
    names = ("none", "read", "triage", "write", "maintain", "admin")
    order = names.index(role)
    flags = {
        "pull": order >= 1,
        "triage": order >= 2,
        "push": order >= 3,
        "maintain": order >= 4,
        "admin": order >= 5,
    }
    person = {**user_json(call.state, user), "permissions": flags, "role_name": role}
    return Answer({"permission": shown, "role_name": role, "user": person})


def get_branch(call: Call) -> Answer:
    """`GET …/branches/{branch}`."""
    if call.params["branch"] not in call.repository.branches:
        raise Refusal(404, "Branch not found")
    return Answer(branch_json(call.state, call.repository, call.params["branch"]))


def _commit(call: Call, ref: str) -> CommitRecord:
    sha = call.repository.branches.get(ref.removeprefix("heads/"), ref)
    commit = call.repository.commits.get(sha)
    if commit is None:
        raise Refusal(404, "Not Found")
    return commit


def get_commit(call: Call) -> Answer:
    """`GET …/commits/{ref}`."""
    commit = _commit(call, call.params["ref"])
    files = [changed_file_json(call.state, call.repository, commit.sha, path) for path in commit.files]
    changes = {"additions": len(files), "deletions": len(files), "total": 2 * len(files)}
    return Answer({**commit_json(call.state, call.repository, commit), "stats": changes, "files": files})


def _history(call: Call, commit: CommitRecord) -> list[CommitRecord]:
    """The commit and its ancestors, newest first."""
    found = [commit]
    while found[-1].parents and found[-1].parents[0] in call.repository.commits:
        found.append(call.repository.commits[found[-1].parents[0]])
    return found


def compare(call: Call) -> Answer:
    """`GET …/compare/{basehead}`: the merge base and what happened since, oldest first."""
    base_ref, dots, head_ref = call.params["basehead"].partition("...")
    if not dots:
        raise Refusal(404, "Not Found")
    base = _commit(call, base_ref.rpartition(":")[2])
    head = _commit(call, head_ref.rpartition(":")[2])
    left, right = _history(call, base), _history(call, head)
    known = {commit.sha for commit in left}
    merge_base = next((commit for commit in right if commit.sha in known), None)
    if merge_base is None:
        raise Refusal(404, f"No common ancestor between {base_ref} and {head_ref}.")
    ahead, behind = right[: right.index(merge_base)], left[: left.index(merge_base)]
    status = "diverged" if ahead and behind else "ahead" if ahead else "behind" if behind else "identical"
    paths = sorted({path for commit in ahead for path in commit.files})
    repository, state = call.repository, call.state
    web = f"{state.web_url}/{repository.full_name}/compare/{base_ref}...{head_ref}"
    return Answer(
        {
            "url": f"{state.api_url}{call.path}",
            "html_url": web,
            "permalink_url": web,
            "diff_url": f"{web}.diff",
            "patch_url": f"{web}.patch",
            "base_commit": commit_json(state, repository, base),
            "merge_base_commit": commit_json(state, repository, merge_base),
            "status": status,
            "ahead_by": len(ahead),
            "behind_by": len(behind),
            "total_commits": len(ahead),
            "commits": [commit_json(state, repository, commit) for commit in reversed(ahead)],
            "files": [changed_file_json(state, repository, head.sha, path) for path in paths],
        }
    )


def contents(call: Call) -> Answer:
    """`GET …/contents/{path}` on the default branch or `ref`; raw bytes when Accept says so."""
    ref, path = call.query.get("ref") or call.repository.default_branch, call.params["path"]
    ref = ref.removeprefix("refs/heads/")
    data = call.repository.files.get((ref, path))
    if data is None:
        names = [name for name, sha in call.repository.branches.items() if sha == ref]
        data = next((call.repository.files[(n, path)] for n in names if (n, path) in call.repository.files), None)
    if data is None:
        return _folder(call, ref, path)
    if "raw" in call.headers.get("Accept", ""):
        return Answer(raw=data, content_type="application/vnd.github.raw+json")
    return Answer(file_json(call.state, call.repository, path, data))


def _folder(call: Call, ref: str, path: str) -> Answer:
    """A folder is a list of its files, whatever media type was asked for."""
    inside = {
        name: data for (at, name), data in call.repository.files.items() if at == ref and name.startswith(f"{path}/")
    }
    if not inside:
        raise Refusal(404, "Not Found")
    return Answer([file_json(call.state, call.repository, name, data) for name, data in inside.items()])


_METADATA = (("metadata", "read"),)
_CONTENTS = (("contents", "read"),)
_ROOT = "/repos/{owner}/{repo}"

ROUTES = (
    Route("GET", _ROOT, get_repository, permissions=_METADATA),
    Route("GET", f"{_ROOT}/collaborators/{{username}}/permission", permission, permissions=_METADATA),
    Route("GET", f"{_ROOT}/branches/{{branch}}", get_branch, permissions=_CONTENTS),
    Route("GET", f"{_ROOT}/commits/{{ref}}", get_commit, permissions=_CONTENTS),
    Route("GET", f"{_ROOT}/compare/{{basehead}}", compare, permissions=_CONTENTS),
    Route("GET", f"{_ROOT}/contents/{{path}}", contents, permissions=_CONTENTS),
)
