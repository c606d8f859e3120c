"""JSON of check suites, check runs and annotations as GitHub's API gives it."""

from __future__ import annotations

from bot.demo.github.checks import Checks
from bot.demo.github.identities import iso
from bot.demo.github.records import AnnotationRecord, CheckRunRecord, CheckSuiteRecord, Json, RepositoryRecord
from bot.demo.github.shapes.people import app_json, node_id
from bot.demo.github.shapes.repositories import head_commit_json, minimal_repository_json, repository_url


def pulls_of_commit(state: Checks, repository: RepositoryRecord, sha: str) -> list[Json]:
    """The open pull requests from own branches whose head is the commit; GitHub leaves forks out."""
    return [
        pull_reference_json(state, repository, number)
        for number, issue in repository.issues.items()
        if issue.pull
        and issue.state == "open"
        and issue.pull.head_sha == sha
        and issue.pull.head_repo_id == repository.id
    ]


def pull_reference_json(state: Checks, repository: RepositoryRecord, number: int) -> Json:
    """A pull request as checks and runs refer to it."""
    issue = repository.issues[number]
    pull = issue.pull
    if pull is None:
        raise ValueError(f"#{number} in {repository.full_name} is an issue, not a pull request")
    url = repository_url(state, repository)
    head = state.repositories[pull.head_repo_id] if pull.head_repo_id else repository
    return {
        "url": f"{url}/pulls/{number}",
        "id": issue.id,
        "number": number,
        "head": {"ref": pull.head_ref, "sha": pull.head_sha, "repo": _reference(state, head)},
        "base": {"ref": pull.base_ref, "sha": pull.base_sha, "repo": _reference(state, repository)},
    }


def _reference(state: Checks, repository: RepositoryRecord) -> Json:
    return {"id": repository.id, "url": repository_url(state, repository), "name": repository.name}


def suite_json(state: Checks, suite: CheckSuiteRecord) -> Json:
    """A check suite; status and conclusion are computed from its runs."""
    repository = state.repositories[suite.repo_id]
    status, conclusion = state.suite_status(suite)
    commit = repository.commits.get(suite.head_sha)
    before = commit.parents[0] if commit and commit.parents else "0" * 40
    url = f"{repository_url(state, repository)}/check-suites/{suite.id}"
    return {
        "id": suite.id,
        "node_id": node_id("CS", suite.id),
        "head_branch": suite.head_branch,
        "head_sha": suite.head_sha,
        "status": status,
        "conclusion": conclusion,
        "url": url,
        "before": before,
        "after": suite.head_sha,
        "pull_requests": pulls_of_commit(state, repository, suite.head_sha),
        "app": app_json(state, state.apps[suite.app_id]),
        "created_at": iso(suite.created_at),
        "updated_at": iso(suite.updated_at),
        "rerequestable": True,
        "runs_rerequestable": True,
        "latest_check_runs_count": len(state.runs_of_suite(suite.id)),
        "check_runs_url": f"{url}/check-runs",
        "head_commit": head_commit_json(commit) if commit else None,
        "repository": minimal_repository_json(state, repository),
    }


def check_run_json(state: Checks, run: CheckRunRecord) -> Json:
    """A check run with its output, without the annotations themselves."""
    repository = state.repositories[run.repo_id]
    url = f"{repository_url(state, repository)}/check-runs/{run.id}"
    web = f"{state.web_url}/{repository.full_name}/runs/{run.id}"
    return {
        "id": run.id,
        "name": run.name,
        "node_id": node_id("CR", run.id),
        "head_sha": run.head_sha,
        "external_id": run.external_id,
        "url": url,
        "html_url": web,
        "details_url": run.details_url or web,
        "status": run.status,
        "conclusion": run.conclusion,
        "started_at": iso(run.started_at),
        "completed_at": iso(run.completed_at),
        "output": {
            "title": run.title,
            "summary": run.summary,
            "text": run.text,
            "annotations_count": len(run.annotations),
            "annotations_url": f"{url}/annotations",
        },
        "check_suite": {"id": run.suite_id},
        "app": app_json(state, state.apps[run.app_id]),
        "pull_requests": pulls_of_commit(state, repository, run.head_sha),
    }


def annotation_json(state: Checks, run: CheckRunRecord, note: AnnotationRecord) -> Json:
    """One annotation of a check run."""
    web = f"{state.web_url}/{state.repositories[run.repo_id].full_name}"
    return {
        "path": note.path,
        "blob_href": f"{web}/blob/{run.head_sha}/{note.path}",
        "start_line": note.start_line,
        "end_line": note.end_line,
        "start_column": note.start_column,
        "end_column": note.end_column,
        "annotation_level": note.annotation_level,
        "title": note.title,
        "message": note.message,
        "raw_details": note.raw_details,
    }
