"""Routes of check runs, check suites and annotations."""

from __future__ import annotations

from datetime import datetime

from bot.demo.github.call import Answer, Call, Refusal, Route
from bot.demo.github.limits import bad_request, check_actions, check_output
from bot.demo.github.paging import listed, wrapped
from bot.demo.github.records import AnnotationRecord, CheckRunRecord, CheckSuiteRecord, Json
from bot.demo.github.shapes.checks import annotation_json, check_run_json, suite_json

CONCLUSIONS = {"action_required", "cancelled", "failure", "neutral", "success", "skipped", "timed_out"}
STATUSES = {"queued", "in_progress", "completed"}


def _check_run(call: Call) -> CheckRunRecord:
    run = call.state.check_runs.get(call.number("check_run_id"))
    if run is None or run.repo_id != call.repository.id:
        raise Refusal(404, "Not Found")
    return run


def _suite(call: Call) -> CheckSuiteRecord:
    suite = call.state.suites.get(call.number("check_suite_id"))
    if suite is None or suite.repo_id != call.repository.id:
        raise Refusal(404, "Not Found")
    return suite


def create(call: Call) -> Answer:
    """`POST …/check-runs`: into the App's own suite of the commit, which must be known."""
    body = call.json_object()
    for name in ("name", "head_sha"):
        if not isinstance(body.get(name), str) or not body[name]:
            raise bad_request(f'"{name}" wasn\'t supplied.')
    if body["head_sha"] not in call.repository.commits:
        raise Refusal(422, f"No commit found for SHA: {body['head_sha']}")
    _check(body)
    app_id = call.caller.app_id or 0
    run = call.state.add_check_run(call.repository.full_name, app_id, body["head_sha"], body["name"], status="queued")
    _change(call, run, body)
    return Answer(check_run_json(call.state, run), 201)


def update(call: Call) -> Answer:
    """`PATCH …/check-runs/{check_run_id}`: by its own App alone; annotations are appended."""
    run, body = _check_run(call), call.json_object()
    if run.app_id != call.caller.app_id:
        raise Refusal(
            403, f"Invalid app_id `{run.app_id}` - check run can only be modified by the GitHub App that created it."
        )
    _check(body)
    _change(call, run, body)
    return Answer(check_run_json(call.state, run))


def _check(body: Json) -> None:
    """Everything is looked at before anything changes."""
    if "output" in body:
        check_output(body["output"])
    check_actions(body.get("actions", []))
    if body.get("conclusion") is not None and body["conclusion"] not in CONCLUSIONS:
        raise bad_request(f"{body['conclusion']!r} is not a conclusion.")
    if body.get("status", "queued") not in STATUSES:
        raise bad_request(f"{body['status']!r} is not a status.")
    if body.get("status") == "completed" and body.get("conclusion") is None:
        raise bad_request('"conclusion" wasn\'t supplied.')


def _change(call: Call, run: CheckRunRecord, body: Json) -> None:
    run.name = body.get("name", run.name)
    run.external_id = body.get("external_id", run.external_id)
    run.details_url = body.get("details_url", run.details_url)
    run.status = body.get("status", run.status)
    if body.get("conclusion") is not None:
        run.conclusion, run.status = body["conclusion"], "completed"
        run.completed_at = call.state.now()
    elif run.status != "completed":
        run.conclusion = run.completed_at = None
    for name in ("started_at", "completed_at"):
        if isinstance(body.get(name), str):
            setattr(run, name, datetime.fromisoformat(body[name]).timestamp())
    output = body.get("output")
    if output:
        run.title, run.summary = output.get("title", run.title), output["summary"]
        run.text = output.get("text", run.text)
        run.annotations += [_annotation(note) for note in output.get("annotations", [])]
    run.actions = body.get("actions", run.actions)
    call.state.suites[run.suite_id].updated_at = call.state.now()


def _annotation(note: Json) -> AnnotationRecord:
    known = AnnotationRecord.__dataclass_fields__
    return AnnotationRecord(**{key: value for key, value in note.items() if key in known})


def get_one(call: Call) -> Answer:
    """`GET …/check-runs/{check_run_id}`."""
    return Answer(check_run_json(call.state, _check_run(call)))


def list_annotations(call: Call) -> Answer:
    """`GET …/check-runs/{check_run_id}/annotations`."""
    run = _check_run(call)
    return listed(call, [annotation_json(call.state, run, note) for note in run.annotations])


def of_commit(call: Call) -> Answer:
    """`GET …/commits/{ref}/check-runs` of all Apps, newest first; `filter=latest` is GitHub's default."""
    sha = _sha(call)
    found = [run for run in call.state.check_runs.values() if run.repo_id == call.repository.id and run.head_sha == sha]
    if call.query.get("app_id"):
        found = [run for run in found if str(run.app_id) == call.query["app_id"]]
    return _listed(call, found)


def of_suite(call: Call) -> Answer:
    """`GET …/check-suites/{check_suite_id}/check-runs`."""
    return _listed(call, call.state.runs_of_suite(_suite(call).id))


def _listed(call: Call, found: list[CheckRunRecord]) -> Answer:
    wanted, status = call.query.get("check_name"), call.query.get("status")
    found = [run for run in found if wanted in (None, run.name) and status in (None, run.status)]
    if call.query.get("filter", "latest") == "latest":
        found = list({(run.suite_id, run.name): run for run in found}.values())
    found.sort(key=lambda run: run.id, reverse=True)
    return wrapped(call, "check_runs", [check_run_json(call.state, run) for run in found])


def suites_of_commit(call: Call) -> Answer:
    """`GET …/commits/{ref}/check-suites`."""
    sha, app_id = _sha(call), call.query.get("app_id")
    found = [
        suite_json(call.state, suite)
        for suite in call.state.suites.values()
        if suite.repo_id == call.repository.id and suite.head_sha == sha and app_id in (None, str(suite.app_id))
    ]
    return wrapped(call, "check_suites", found)


def get_suite(call: Call) -> Answer:
    """`GET …/check-suites/{check_suite_id}`."""
    return Answer(suite_json(call.state, _suite(call)))


def _sha(call: Call) -> str:
    ref = call.params["ref"]
    return call.repository.branches.get(ref.removeprefix("heads/"), ref)


_READ = (("checks", "read"),)
_WRITE = (("checks", "write"),)
_ROOT = "/repos/{owner}/{repo}"

ROUTES = (
    Route("POST", f"{_ROOT}/check-runs", create, permissions=_WRITE),
    Route("GET", f"{_ROOT}/check-runs/{{check_run_id}}", get_one, permissions=_READ),
    Route("PATCH", f"{_ROOT}/check-runs/{{check_run_id}}", update, permissions=_WRITE),
    Route("GET", f"{_ROOT}/check-runs/{{check_run_id}}/annotations", list_annotations, permissions=_READ),
    Route("GET", f"{_ROOT}/commits/{{ref}}/check-runs", of_commit, permissions=_READ),
    Route("GET", f"{_ROOT}/commits/{{ref}}/check-suites", suites_of_commit, permissions=_READ),
    Route("GET", f"{_ROOT}/check-suites/{{check_suite_id}}", get_suite, permissions=_READ),
    Route("GET", f"{_ROOT}/check-suites/{{check_suite_id}}/check-runs", of_suite, permissions=_READ),
)
