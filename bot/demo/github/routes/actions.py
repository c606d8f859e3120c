"""Routes of workflow runs, attempts, jobs, logs and re-runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from bot.demo.github.call import Answer, Call, Refusal, Route
from bot.demo.github.paging import wrapped
from bot.demo.github.records import AttemptRecord, JobRecord, RunRecord
from bot.demo.github.shapes.actions import job_json, run_json

MOST_RERUNS = 50
MOST_RESULTS = 1000
"""GitHub lists no more runs than this when a filter is given."""


def _run(call: Call) -> RunRecord:
    run = call.state.runs.get(call.number("run_id"))
    if run is None or run.repo_id != call.repository.id:
        raise Refusal(404, "Not Found")
    return run


def _attempt(call: Call, run: RunRecord) -> AttemptRecord:
    number = call.number("attempt_number")
    if not 1 <= number <= len(run.attempts):
        raise Refusal(404, "Not Found")
    return run.attempts[number - 1]


def _job(call: Call) -> JobRecord:
    job = call.state.jobs.get(call.number("job_id"))
    if job is None or call.state.runs[job.run_id].repo_id != call.repository.id:
        raise Refusal(404, "Not Found")
    return job


def list_runs(call: Call) -> Answer:
    """`GET …/actions/runs`, newest first, at most 1,000 when filtered."""
    runs = [run for run in call.state.runs.values() if run.repo_id == call.repository.id]
    tests = [make(call.query[name]) for name, make in _FILTERS.items() if call.query.get(name)]
    found = [run for run in runs if all(test(run) for test in tests)]
    found.sort(key=lambda run: (run.created_at, run.id), reverse=True)
    items = [run_json(call.state, run) for run in found]
    if call.query.get("exclude_pull_requests") == "true":
        for item in items:
            item["pull_requests"] = []
    return wrapped(call, "workflow_runs", items, MOST_RESULTS if tests else None)


Test = Callable[[RunRecord], bool]


def _by_status(value: str) -> Test:
    return lambda run: value in (run.latest.status, run.latest.conclusion)


def _by_created(value: str) -> Test:
    """`a..b` (either end may be `*`), `>=a`, `<=b`, `>a`, `<b` or a single day."""
    if ".." in value:
        first, _, last = value.partition("..")
        return lambda run: _moment(first, 0.0) <= run.created_at <= _moment(last, float("inf"), end=True)
    for sign in (">=", "<=", ">", "<"):
        if value.startswith(sign):
            bound = _moment(value.removeprefix(sign), 0.0, end=sign in ("<=", ">"))
            upward = sign.startswith(">")
            return lambda run: run.created_at >= bound if upward else run.created_at <= bound
    return lambda run: _moment(value, 0.0) <= run.created_at <= _moment(value, 0.0, end=True)


def _moment(text: str, open_end: float, *, end: bool = False) -> float:
    if text == "*":
        return open_end
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise Refusal(422, f"{text!r} is not a date") from None
    moment = (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
    return moment + (86_399 if end and len(text) == 10 else 0)


_FILTERS: dict[str, Callable[[str], Test]] = {
    "status": _by_status,
    "created": _by_created,
    "branch": lambda value: lambda run: run.head_branch == value,
    "event": lambda value: lambda run: run.event == value,
    "head_sha": lambda value: lambda run: run.head_sha == value,
    "actor": lambda value: lambda run: run.actor.login == value,
    "check_suite_id": lambda value: lambda run: str(run.suite_id) == value,
}


def get_run(call: Call) -> Answer:
    """`GET …/actions/runs/{run_id}`: the latest attempt."""
    return Answer(run_json(call.state, _run(call)))


def get_attempt(call: Call) -> Answer:
    """`GET …/actions/runs/{run_id}/attempts/{attempt_number}`."""
    run = _run(call)
    return Answer(run_json(call.state, run, _attempt(call, run)))


def attempt_jobs(call: Call) -> Answer:
    """`GET …/attempts/{attempt_number}/jobs`."""
    jobs = _attempt(call, _run(call)).jobs
    return wrapped(call, "jobs", [job_json(call.state, job) for job in jobs])


def run_jobs(call: Call) -> Answer:
    """`GET …/actions/runs/{run_id}/jobs`: of the latest attempt, or with `filter=all` of every one."""
    run = _run(call)
    attempts = run.attempts if call.query.get("filter") == "all" else [run.latest]
    jobs = [job for attempt in reversed(attempts) for job in attempt.jobs]
    return wrapped(call, "jobs", [job_json(call.state, job) for job in jobs])


def get_job(call: Call) -> Answer:
    """`GET …/actions/jobs/{job_id}`."""
    return Answer(job_json(call.state, _job(call)))


def job_log(call: Call) -> Answer:
    """`GET …/actions/jobs/{job_id}/logs`: to a signed URL; the store says when nothing is there yet."""
    job = _job(call)
    if job.log_expired:
        raise Refusal(410, "Server Error: the logs have expired and were deleted")
    if job.log is None and not job.steps:
        raise Refusal(404, "Not Found")
    return Answer(None, 302, {"Location": call.log_url(job.id)})


def _rerun(call: Call, run: RunRecord) -> Answer:
    if run.latest.status != "completed":
        raise Refusal(403, "The workflow run is already running")
    if len(run.attempts) > MOST_RERUNS:
        raise Refusal(403, "This workflow run cannot be retried")
    call.state.next_attempt(run, call.caller.author.login)
    return Answer({}, 201)


def rerun(call: Call) -> Answer:
    """`POST …/rerun` and `…/rerun-failed-jobs`: 403 while it still runs."""
    return _rerun(call, _run(call))


def rerun_job(call: Call) -> Answer:
    """`POST …/actions/jobs/{job_id}/rerun`."""
    return _rerun(call, call.state.runs[_job(call).run_id])


_READ = (("actions", "read"),)
_WRITE = (("actions", "write"),)
_ROOT = "/repos/{owner}/{repo}/actions"

ROUTES = (
    Route("GET", f"{_ROOT}/runs", list_runs, permissions=_READ),
    Route("GET", f"{_ROOT}/runs/{{run_id}}", get_run, permissions=_READ),
    Route("GET", f"{_ROOT}/runs/{{run_id}}/attempts/{{attempt_number}}", get_attempt, permissions=_READ),
    Route("GET", f"{_ROOT}/runs/{{run_id}}/attempts/{{attempt_number}}/jobs", attempt_jobs, permissions=_READ),
    Route("GET", f"{_ROOT}/runs/{{run_id}}/jobs", run_jobs, permissions=_READ),
    Route("GET", f"{_ROOT}/jobs/{{job_id}}", get_job, permissions=_READ),
    Route("GET", f"{_ROOT}/jobs/{{job_id}}/logs", job_log, permissions=_READ),
    Route("POST", f"{_ROOT}/runs/{{run_id}}/rerun", rerun, permissions=_WRITE),
    Route("POST", f"{_ROOT}/runs/{{run_id}}/rerun-failed-jobs", rerun, permissions=_WRITE),
    Route("POST", f"{_ROOT}/jobs/{{job_id}}/rerun", rerun_job, permissions=_WRITE),
)
