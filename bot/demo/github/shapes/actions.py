"""JSON of workflow runs and jobs as GitHub's API gives it."""

from __future__ import annotations

from bot.demo.github.actions import Actions
from bot.demo.github.identities import iso
from bot.demo.github.records import (
    AttemptRecord,
    CommitRecord,
    JobRecord,
    Json,
    RepositoryRecord,
    RunRecord,
    StepRecord,
)
from bot.demo.github.shapes.checks import pull_reference_json
from bot.demo.github.shapes.people import node_id, user_json
from bot.demo.github.shapes.repositories import head_commit_json, minimal_repository_json, repository_url


def run_json(state: Actions, run: RunRecord, attempt: AttemptRecord | None = None) -> Json:
    """A workflow run as of one attempt (the latest unless named)."""
    attempt = attempt or run.latest
    repository = state.repositories[run.repo_id]
    return {
        **_identity(state, run, repository),
        **_links(state, run, attempt, repository),
        "status": attempt.status,
        "conclusion": attempt.conclusion,
        "run_attempt": attempt.number,
        "run_started_at": iso(attempt.started_at),
        "updated_at": iso(attempt.updated_at),
        "triggering_actor": user_json(state, attempt.triggering_actor),
        "pull_requests": [pull_reference_json(state, repository, number) for number in run.pull_numbers],
    }


def _identity(state: Actions, run: RunRecord, repository: RepositoryRecord) -> Json:
    head = state.repositories.get(run.head_repo_id or 0)
    commit = repository.commits.get(run.head_sha)
    if commit is None:
        commit = CommitRecord(run.head_sha, run.display_title, run.actor, (), run.created_at)
    return {
        "id": run.id,
        "name": run.name,
        "node_id": node_id("WFR", run.id),
        "head_branch": run.head_branch,
        "head_sha": run.head_sha,
        "path": run.path,
        "display_title": run.display_title,
        "run_number": run.run_number,
        "event": run.event,
        "workflow_id": run.workflow_id,
        "check_suite_id": run.suite_id,
        "check_suite_node_id": node_id("CS", run.suite_id),
        "created_at": iso(run.created_at),
        "actor": user_json(state, run.actor),
        "referenced_workflows": [],
        "head_commit": head_commit_json(commit),
        "repository": minimal_repository_json(state, repository),
        "head_repository": None if head is None else minimal_repository_json(state, head),
    }


def _links(state: Actions, run: RunRecord, attempt: AttemptRecord, repository: RepositoryRecord) -> Json:
    root = repository_url(state, repository)
    url = f"{root}/actions/runs/{run.id}"
    before = f"{url}/attempts/{attempt.number - 1}" if attempt.number > 1 else None
    return {
        "url": url,
        "html_url": f"{state.web_url}/{repository.full_name}/actions/runs/{run.id}",
        "jobs_url": f"{url}/jobs",
        "logs_url": f"{url}/logs",
        "check_suite_url": f"{root}/check-suites/{run.suite_id}",
        "artifacts_url": f"{url}/artifacts",
        "cancel_url": f"{url}/cancel",
        "rerun_url": f"{url}/rerun",
        "previous_attempt_url": before,
        "workflow_url": f"{root}/actions/workflows/{run.workflow_id}",
    }


def workflow_json(state: Actions, run: RunRecord) -> Json:
    """The `workflow` of a webhook payload."""
    repository = state.repositories[run.repo_id]
    web = f"{state.web_url}/{repository.full_name}"
    moment = iso(repository.created_at)
    return {
        "id": run.workflow_id,
        "node_id": node_id("W", run.workflow_id),
        "name": run.name or run.path,
        "path": run.path,
        "state": "active",
        "created_at": moment,
        "updated_at": moment,
        "url": f"{repository_url(state, repository)}/actions/workflows/{run.workflow_id}",
        "html_url": f"{web}/blob/{repository.default_branch}/{run.path}",
        "badge_url": f"{web}/workflows/{run.name}/badge.svg",
    }


def job_json(state: Actions, job: JobRecord) -> Json:
    """A job with its steps."""
    run = state.runs[job.run_id]
    root = repository_url(state, state.repositories[run.repo_id])
    web = f"{state.web_url}/{state.repositories[run.repo_id].full_name}"
    return {
        "id": job.id,
        "run_id": run.id,
        "run_url": f"{root}/actions/runs/{run.id}",
        "run_attempt": job.run_attempt,
        "workflow_name": run.name,
        "head_branch": run.head_branch,
        "head_sha": run.head_sha,
        "node_id": node_id("J", job.id),
        "name": job.name,
        "status": job.status,
        "conclusion": job.conclusion,
        "created_at": iso(job.created_at),
        "started_at": iso(job.started_at),
        "completed_at": iso(job.completed_at),
        "url": f"{root}/actions/jobs/{job.id}",
        "html_url": f"{web}/actions/runs/{run.id}/job/{job.id}",
        "check_run_url": f"{root}/check-runs/{job.id}",
        "steps": [_step_json(step) for step in job.steps],
        "labels": list(job.labels),
        "runner_id": None if job.runner_name is None else 1,
        "runner_name": job.runner_name,
        "runner_group_id": None if job.runner_name is None else 0,
        "runner_group_name": None if job.runner_name is None else "GitHub Actions",
    }


def _step_json(step: StepRecord) -> Json:
    return {
        "name": step.name,
        "status": step.status,
        "conclusion": step.conclusion,
        "number": step.number,
        "started_at": iso(step.started_at),
        "completed_at": iso(step.completed_at),
    }
