"""The stand-in against GitHub's own description: answers and deliveries have the described shape."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator

import aiohttp
import jwt
import pytest

from bot.demo import deliveries, users
from bot.demo.github.recording import RecordedRequest
from bot.demo.github.records import AppRecord
from bot.demo.github.server import StandInGitHub
from bot.demo.github.state import GitHubState
from bot.demo.webhooks import Delivery
from tests.openapi import check_delivery, check_request, check_response, reason_unavailable

pytestmark = pytest.mark.slow


def check_both(record: RecordedRequest) -> Iterator[str]:
    yield from check_request(record)
    yield from check_response(record)


@pytest.fixture(autouse=True)
def described() -> None:
    if reason_unavailable():
        pytest.skip(reason_unavailable())


def filled() -> GitHubState:
    """A repository with one of everything."""
    state = GitHubState()
    state.create_app(webhook_secret="hush")
    state.add_repository("octo/app", owner_type="Organization")
    state.add_repository("mona/app", fork_of=state.repository("octo/app").id)
    state.install("octo", account_type="Organization")
    state.add_commit("octo/app", branch="feature", message="Add a feature", files=["src/app.py"])
    state.put_file("octo/app", ".github/pipeline.yml", "enabled: true\n")
    state.add_issue("octo/app", title="Broken", labels=["bug"])
    state.add_pull("octo/app", "feature", body="Fixes #1")
    state.add_comment("octo/app", 1, "hello")
    run = state.add_run("octo/app", branch="feature", pulls=[2], run_attempt=2)
    state.add_job(run, log="hello", annotations=["it broke"])
    return state


async def call(
    github: StandInGitHub, session: aiohttp.ClientSession, token: str, line: str, body: object = None
) -> None:
    """One request; the stand-in must not refuse it."""
    method, _, path = line.partition(" ")
    headers = {"Authorization": f"token {token}"}
    async with session.request(
        method, github.api_url + path, json=body, headers=headers, allow_redirects=False
    ) as response:
        assert response.status < 400, (line, await response.text())


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


async def test_every_answer_to_an_app_has_the_described_shape(session: aiohttp.ClientSession) -> None:
    state = filled()
    app = deliveries.own_app(state)
    installation = next(iter(state.installations.values()))
    state.offer_manifest("a-code")
    async with StandInGitHub(state, on_request=check_both) as github:
        lost = github.lose(deliveries.ping(state))
        for line in (
            "GET /app",
            "GET /app/installations",
            f"GET /app/installations/{installation.id}",
            "GET /repos/octo/app/installation",
            "GET /app/hook/config",
            "GET /app/hook/deliveries?per_page=1",
            f"GET /app/hook/deliveries/{lost.id}",
            "GET /rate_limit",
            "POST /app-manifests/a-code/conversions",
        ):
            await call(github, session, app_jwt(app), line)
        await call(
            github,
            session,
            app_jwt(app),
            f"POST /app/installations/{installation.id}/access_tokens",
            {"repositories": ["app"], "permissions": {"issues": "write"}},
        )


async def test_every_reading_answer_to_an_installation_has_the_described_shape(
    session: aiohttp.ClientSession,
) -> None:
    state = filled()
    token = state.mint_token(next(iter(state.installations.values()))).token
    run = next(iter(state.runs.values()))
    job = run.latest.jobs[0]
    async with StandInGitHub(state, on_request=check_both) as github:
        for path in (
            "",
            "/actions/runs?status=failure&created=2020-01-01..2030-01-01&exclude_pull_requests=true",
            f"/actions/runs/{run.id}",
            f"/actions/runs/{run.id}/attempts/1",
            f"/actions/runs/{run.id}/attempts/2/jobs?per_page=100",
            f"/actions/runs/{run.id}/jobs?filter=all",
            f"/actions/jobs/{job.id}",
            f"/actions/jobs/{job.id}/logs",
            f"/check-runs/{job.id}",
            f"/check-runs/{job.id}/annotations?per_page=100",
            f"/commits/{run.head_sha}/check-runs?check_name=test&app_id=15368&filter=latest",
            f"/commits/{run.head_sha}/check-suites",
            f"/check-suites/{run.suite_id}",
            f"/check-suites/{run.suite_id}/check-runs",
            "/issues?state=open&creator=octocat&labels=bug&per_page=100&since=2020-01-01T00:00:00Z",
            "/issues/1",
            "/issues/1/comments",
            "/issues/1/timeline",
            "/labels",
            "/pulls?state=open&head=octo:feature",
            "/pulls/2",
            f"/commits/{run.head_sha}/pulls",
            "/commits/main",
            "/branches/feature",
            "/compare/main...feature",
            "/contents/.github/pipeline.yml?ref=main",
            "/collaborators/octocat/permission",
        ):
            await call(github, session, token, f"GET /repos/octo/app{path}")
        await call(github, session, token, "GET /installation/repositories")


async def test_every_writing_answer_to_an_installation_has_the_described_shape(
    session: aiohttp.ClientSession,
) -> None:
    state = filled()
    token = state.mint_token(next(iter(state.installations.values()))).token
    run = next(iter(state.runs.values()))
    comment = state.repository("octo/app").issues[1].comments[0]
    output = {"title": "1 failed", "summary": "It broke.", "annotations": [annotation()]}
    button = {"label": "Mute", "identifier": "mute", "description": "Say no more of this."}
    async with StandInGitHub(state, on_request=check_both) as github:
        for line, body in (
            ("POST /check-runs", {"name": "Mine", "head_sha": run.head_sha, "external_id": "x"}),
            ("POST /issues", {"title": "A", "body": "B", "labels": ["a", "b"]}),
            ("PATCH /issues/1", {"state": "closed", "state_reason": "completed"}),
            ("POST /issues/1/comments", {"body": "hello"}),
            (f"PATCH /issues/comments/{comment.id}", {"body": "hello again"}),
            (f"POST /issues/comments/{comment.id}/reactions", {"content": "eyes"}),
            (f"POST /issues/comments/{comment.id}/reactions", {"content": "eyes"}),
            ("POST /issues/1/reactions", {"content": "rocket"}),
            ("POST /labels", {"name": "c", "color": "ff0000", "description": "C"}),
            ("POST /issues/1/labels", {"labels": ["d"]}),
            (f"POST /actions/runs/{run.id}/rerun-failed-jobs", None),
        ):
            method, _, path = line.partition(" ")
            await call(github, session, token, f"{method} /repos/octo/app{path}", body)
        mine = state.check_runs_named("octo/app", "Mine")[0]
        end: dict[str, object] = {"status": "completed", "conclusion": "neutral", "output": output, "actions": [button]}
        await call(github, session, token, f"PATCH /repos/octo/app/check-runs/{mine.id}", end)


def app_jwt(app: AppRecord) -> str:
    now = int(time.time())
    claims = {"iat": now - 60, "exp": now + 540, "iss": str(app.id)}
    return jwt.encode(claims, app.private_key_pem, algorithm="RS256")


def annotation() -> dict[str, object]:
    place = {"path": "src/app.py", "start_line": 1, "end_line": 1}
    return {**place, "annotation_level": "failure", "message": "no"}


def all_deliveries(state: GitHubState) -> Iterator[Delivery]:
    run = next(iter(state.runs.values()))
    app, installation = deliveries.own_app(state), next(iter(state.installations))
    for action in ("requested", "in_progress", "completed"):
        yield deliveries.workflow_run(state, run, action)
    yield deliveries.workflow_job(state, run.latest.jobs[0])
    mine = state.add_check_run("octo/app", app.id, run.head_sha, "Mine", title="t", summary="s")
    mine.actions = [{"label": "Mute", "identifier": "mute", "description": "d"}]
    yield users.rerequest(state, mine)
    yield users.press_button(state, mine, "mute")
    for action in ("created", "completed"):
        yield deliveries.check_run(state, mine, action)
    for action in ("requested", "rerequested", "completed"):
        yield deliveries.check_suite(state, state.suites[mine.suite_id], action)
    yield users.post_comment(state, "octo/app", 1, "/pipeline health")
    yield users.post_comment(state, "octo/app", 2, "/pipeline health")
    comment = state.repository("octo/app").issues[1].comments[0]
    yield users.edit_comment(state, "octo/app", comment.id, "/pipeline help")
    yield users.close_issue(state, "octo/app", 1)
    yield users.reopen_issue(state, "octo/app", 1)
    for action in ("created", "deleted", "new_permissions_accepted", "unsuspend"):
        yield deliveries.installation(state, installation, action)
    for action in ("added", "removed"):
        yield deliveries.installation_repositories(state, installation, action, repositories=["octo/app"])
    yield deliveries.ping(state)
    state.suspend(installation)
    yield deliveries.installation(state, installation, "suspend")


def test_every_delivery_has_the_described_shape() -> None:
    found = [
        f"{delivery.event}: {error}" for delivery in all_deliveries(filled()) for error in check_delivery(delivery)
    ]
    assert found == []


def test_a_request_github_would_not_understand_is_told() -> None:
    record = RecordedRequest(
        "POST",
        "/repos/octo/app/issues",
        {"dry_run": "1"},
        {},
        {"title": [], "nonsense": 1},
        route="/repos/{owner}/{repo}/issues",
    )
    told = "\n".join(check_request(record))
    assert "'dry_run'" in told
    assert "'nonsense'" in told
    assert "title" in told
