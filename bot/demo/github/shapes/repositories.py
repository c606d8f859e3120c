"""JSON of repositories, branches, commits and files as GitHub's API gives it."""

from __future__ import annotations

import base64
import hashlib

from bot.demo.github.identities import iso
from bot.demo.github.records import CommitRecord, Json, RepositoryRecord, User
from bot.demo.github.repositories import Repositories
from bot.demo.github.shapes.people import node_id, user_json

_TAILS = {
    "archive": "{archive_format}{/ref}",
    "assignees": "assignees{/user}",
    "blobs": "git/blobs{/sha}",
    "branches": "branches{/branch}",
    "collaborators": "collaborators{/collaborator}",
    "comments": "comments{/number}",
    "commits": "commits{/sha}",
    "compare": "compare/{base}...{head}",
    "contents": "contents/{+path}",
    "contributors": "contributors",
    "deployments": "deployments",
    "downloads": "downloads",
    "events": "events",
    "forks": "forks",
    "git_commits": "git/commits{/sha}",
    "git_refs": "git/refs{/sha}",
    "git_tags": "git/tags{/sha}",
    "hooks": "hooks",
    "issue_comment": "issues/comments{/number}",
    "issue_events": "issues/events{/number}",
    "issues": "issues{/number}",
    "keys": "keys{/key_id}",
    "labels": "labels{/name}",
    "languages": "languages",
    "merges": "merges",
    "milestones": "milestones{/number}",
    "notifications": "notifications{?since,all,participating}",
    "pulls": "pulls{/number}",
    "releases": "releases{/id}",
    "stargazers": "stargazers",
    "statuses": "statuses/{sha}",
    "subscribers": "subscribers",
    "subscription": "subscription",
    "tags": "tags",
    "teams": "teams",
    "trees": "git/trees{/sha}",
}


def repository_url(state: Repositories, repository: RepositoryRecord) -> str:
    """The API's address of a repository."""
    return f"{state.api_url}/repos/{repository.full_name}"


def minimal_repository_json(state: Repositories, repository: RepositoryRecord) -> Json:
    """A repository as it stands inside a workflow run."""
    url = repository_url(state, repository)
    return {
        "id": repository.id,
        "node_id": node_id("R", repository.id),
        "name": repository.name,
        "full_name": repository.full_name,
        "owner": user_json(state, repository.owner),
        "private": repository.private,
        "html_url": f"{state.web_url}/{repository.full_name}",
        "description": None,
        "fork": repository.fork_of is not None,
        "url": url,
        **{f"{name}_url": f"{url}/{tail}" for name, tail in _TAILS.items()},
    }


def repository_json(state: Repositories, repository: RepositoryRecord) -> Json:
    """A repository in full, as the API and webhook payloads carry it."""
    web = f"{state.web_url}/{repository.full_name}"
    opened = sum(issue.state == "open" for issue in repository.issues.values())
    moment = iso(repository.created_at)
    return {
        **minimal_repository_json(state, repository),
        **dict.fromkeys(("size", "forks", "forks_count", "stargazers_count", "watchers", "watchers_count"), 0),
        **dict.fromkeys(("homepage", "language", "license", "mirror_url")),
        "git_url": f"git://{web.partition('://')[2]}.git",
        "ssh_url": f"git@github.com:{repository.full_name}.git",
        "clone_url": f"{web}.git",
        "svn_url": web,
        "default_branch": repository.default_branch,
        "open_issues": opened,
        "open_issues_count": opened,
        "is_template": False,
        "topics": [],
        "has_issues": repository.has_issues,
        "has_projects": True,
        "has_wiki": True,
        "has_pages": False,
        "has_downloads": True,
        "has_discussions": False,
        "archived": repository.archived,
        "disabled": False,
        "visibility": "private" if repository.private else "public",
        "allow_forking": True,
        "web_commit_signoff_required": False,
        "created_at": moment,
        "updated_at": moment,
        "pushed_at": moment,
    }


def full_repository_json(state: Repositories, repository: RepositoryRecord) -> Json:
    """A repository as `GET /repos/{owner}/{repo}` gives it."""
    found = {**repository_json(state, repository), "network_count": 0, "subscribers_count": 0}
    if repository.fork_of is not None:
        parent = repository_json(state, state.repositories[repository.fork_of])
        found |= {"parent": parent, "source": parent}
    return found


def short_repository_json(repository: RepositoryRecord) -> Json:
    """A repository as the installation events list it."""
    return {
        "id": repository.id,
        "node_id": node_id("R", repository.id),
        "name": repository.name,
        "full_name": repository.full_name,
        "private": repository.private,
    }


def git_person_json(user: User) -> Json:
    """Author or committer as git knows them."""
    return {"name": user.login, "email": f"{user.id}+{user.login}@users.noreply.github.com"}


def head_commit_json(commit: CommitRecord) -> Json:
    """The `head_commit` of runs and suites."""
    person = git_person_json(commit.author)
    return {
        "id": commit.sha,
        "tree_id": hashlib.sha1(commit.sha.encode(), usedforsecurity=False).hexdigest(),
        "message": commit.message,
        "timestamp": iso(commit.timestamp),
        "author": person,
        "committer": person,
    }


def commit_json(state: Repositories, repository: RepositoryRecord, commit: CommitRecord) -> Json:
    """A commit as the API lists it."""
    url = f"{repository_url(state, repository)}/commits/{commit.sha}"
    web = f"{state.web_url}/{repository.full_name}/commit/{commit.sha}"
    person = {**git_person_json(commit.author), "date": iso(commit.timestamp)}
    tree = head_commit_json(commit)["tree_id"]
    return {
        "sha": commit.sha,
        "node_id": node_id("C", commit.sha),
        "url": url,
        "html_url": web,
        "comments_url": f"{url}/comments",
        "commit": {
            "url": url.replace("/commits/", "/git/commits/"),
            "author": person,
            "committer": person,
            "message": commit.message,
            "comment_count": 0,
            "tree": {"sha": tree, "url": f"{repository_url(state, repository)}/git/trees/{tree}"},
        },
        "author": user_json(state, commit.author),
        "committer": user_json(state, commit.author),
        "parents": [
            {"sha": sha, "url": url.replace(commit.sha, sha), "html_url": web.replace(commit.sha, sha)}
            for sha in commit.parents
        ],
    }


def changed_file_json(state: Repositories, repository: RepositoryRecord, sha: str, path: str) -> Json:
    """One file of a comparison."""
    web = f"{state.web_url}/{repository.full_name}"
    url = repository_url(state, repository)
    return {
        "sha": hashlib.sha1(path.encode(), usedforsecurity=False).hexdigest(),
        "filename": path,
        "status": "modified",
        "additions": 1,
        "deletions": 1,
        "changes": 2,
        "blob_url": f"{web}/blob/{sha}/{path}",
        "raw_url": f"{web}/raw/{sha}/{path}",
        "contents_url": f"{url}/contents/{path}?ref={sha}",
        "patch": "@@ -1 +1 @@",
    }


def branch_json(state: Repositories, repository: RepositoryRecord, name: str) -> Json:
    """A branch as `GET …/branches/{branch}` gives it."""
    url = f"{repository_url(state, repository)}/branches/{name}"
    return {
        "name": name,
        "commit": commit_json(state, repository, repository.commits[repository.branches[name]]),
        "_links": {"self": url, "html": f"{state.web_url}/{repository.full_name}/tree/{name}"},
        "protected": False,
        "protection": {
            "enabled": False,
            "required_status_checks": {"enforcement_level": "off", "contexts": [], "checks": []},
        },
        "protection_url": f"{url}/protection",
    }


def file_json(state: Repositories, repository: RepositoryRecord, path: str, data: bytes) -> Json:
    """A file as the API gives it when nobody asks for the raw bytes."""
    sha = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    url = f"{repository_url(state, repository)}/contents/{path}"
    git = f"{repository_url(state, repository)}/git/blobs/{sha}"
    web = f"{state.web_url}/{repository.full_name}/blob/{repository.default_branch}/{path}"
    return {
        "type": "file",
        "encoding": "base64",
        "size": len(data),
        "name": path.rpartition("/")[2],
        "path": path,
        "content": base64.encodebytes(data).decode(),
        "sha": sha,
        "url": url,
        "git_url": git,
        "html_url": web,
        "download_url": web.replace("/blob/", "/raw/"),
        "_links": {"self": url, "git": git, "html": web},
    }
