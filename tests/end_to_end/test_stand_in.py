"""The stand-in GitHub refuses what GitHub refuses, and fails when told to."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa

from bot.demo import deliveries, users
from bot.demo.github.server import StandInGitHub
from bot.demo.github.state import GitHubState

pytestmark = pytest.mark.slow

SECRET = "It's a Secret to Everybody"
REPO = "/repos/octo/app"


@dataclass
class World:
    """A stand-in with one App installed on one organisation, a clock that tests move, and a client."""

    time: float = field(default_factory=time.time)
    session: aiohttp.ClientSession = field(init=False)

    def __post_init__(self) -> None:
        self.state = GitHubState(clock=lambda: self.time)
        self.app = self.state.create_app(webhook_secret=SECRET)
        self.state.add_repository("octo/app", owner_type="Organization")
        self.state.add_repository("octo/secret", private=True)
        self.installation = self.state.install("octo", ["octo/app"])
        self.github = StandInGitHub(self.state)
        self.token = self.state.mint_token(self.state.installations[self.installation]).token

    async def ask(
        self, line: str, body: Any = None, *, token: str | None = None, **headers: str
    ) -> tuple[int, Any, Any]:
        """(status, JSON or text, headers) of a request, with the installation's token unless told."""
        method, _, path = line.partition(" ")
        sent = {"Authorization": f"token {self.token if token is None else token}"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.request(
            method, self.github.api_url + path, json=body, headers=sent, allow_redirects=False
        ) as response:
            is_json = response.content_type.endswith("json") and "raw" not in response.content_type
            content = await (response.json() if is_json else response.text())
            return response.status, content, response.headers

    def claims(self, **changed: Any) -> dict[str, Any]:
        now = int(self.time)
        return {"iat": now - 60, "exp": now + 540, "iss": str(self.app.id), **changed}

    def jwt(self, key: Any = None, **changed: Any) -> str:
        return jwt.encode(self.claims(**changed), key or self.app.private_key_pem, algorithm="RS256")


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    async with world.github, aiohttp.ClientSession() as world.session:
        yield world


async def test_an_app_buys_a_token_in_the_long_format_that_works_for_an_hour(world: World) -> None:
    line = f"POST /app/installations/{world.installation}/access_tokens"
    status, answer, _ = await world.ask(line, token=world.jwt())
    assert status == 201
    assert answer["token"].startswith(f"ghs_{world.app.id}_")
    assert len(answer["token"]) > 500
    assert (await world.ask(f"GET {REPO}", token=answer["token"]))[0] == 200
    world.time += 3601
    assert (await world.ask(f"GET {REPO}", token=answer["token"]))[0] == 401


@pytest.mark.parametrize(
    "changed",
    [{"exp": -1}, {"exp": 660}, {"iat": 30}],
    ids=["expired", "more than ten minutes ahead", "issued in the future"],
)
async def test_a_jwt_with_bad_times_is_refused(world: World, changed: dict[str, int]) -> None:
    moved = {name: int(world.time) + seconds for name, seconds in changed.items()}
    status, answer, _ = await world.ask("GET /app", token=world.jwt(**moved))
    assert status == 401
    assert "claim" in answer["message"]


async def test_a_jwt_signed_with_another_key_is_refused(world: World) -> None:
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert (await world.ask("GET /app", token=world.jwt(key=stranger)))[0] == 401


async def test_a_jwt_opens_no_repository_and_a_token_no_app(world: World) -> None:
    assert (await world.ask(f"GET {REPO}", token=world.jwt()))[0] == 401
    assert (await world.ask("GET /app"))[0] == 401


async def test_a_suspended_installation_gets_403_and_an_unknown_one_404(world: World) -> None:
    world.state.suspend(world.installation)
    line = f"POST /app/installations/{world.installation}/access_tokens"
    status, answer, _ = await world.ask(line, token=world.jwt())
    assert (status, answer["message"]) == (403, "This installation has been suspended")
    assert (await world.ask(f"GET {REPO}"))[0] == 403
    assert (await world.ask("POST /app/installations/1/access_tokens", token=world.jwt()))[0] == 404


async def test_a_repository_outside_the_installation_does_not_exist(world: World) -> None:
    assert (await world.ask("GET /repos/octo/secret"))[0] == 404


async def test_a_missing_permission_is_named_in_a_header(world: World) -> None:
    world.state.tokens[world.token].permissions["checks"] = "read"
    status, answer, headers = await world.ask(f"POST {REPO}/check-runs", {"name": "x", "head_sha": "y"})
    assert (status, answer["message"]) == (403, "Resource not accessible by integration")
    assert headers["X-Accepted-GitHub-Permissions"] == "checks=write"


async def test_check_runs_are_refused_to_users(world: World) -> None:
    world.state.add_user_token("ghp_user", "octo")
    body = {"name": "x", "head_sha": "y"}
    status, answer, _ = await world.ask(f"POST {REPO}/check-runs", body, token="ghp_user")
    assert (status, answer["message"]) == (403, "You must authenticate via a GitHub App.")
    assert (await world.ask("GET /user", token="ghp_user"))[1]["login"] == "octo"


async def test_pages_are_linked_and_hold_at_most_a_hundred(world: World) -> None:
    run = world.state.add_run("octo/app")
    for number in range(205):
        world.state.add_job(run, f"job {number}")
    url = f"GET {REPO}/actions/runs/{run.id}/attempts/1/jobs"
    _, first, headers = await world.ask(f"{url}?per_page=500")
    assert (first["total_count"], len(first["jobs"])) == (205, 100)
    assert f'{world.github.api_url}{url[4:]}?per_page=500&page=2>; rel="next"' in headers["Link"]
    _, last, headers = await world.ask(f"{url}?per_page=100&page=3")
    assert len(last["jobs"]) == 5
    assert 'rel="next"' not in headers["Link"]
    assert len((await world.ask(url))[1]["jobs"]) == 30


async def test_an_etag_saves_the_answer_and_the_budget(world: World) -> None:
    _, _, headers = await world.ask(f"GET {REPO}")
    left = headers["X-RateLimit-Remaining"]
    status, content, headers = await world.ask(f"GET {REPO}", If_None_Match=headers["ETag"])
    assert (status, content, headers["X-RateLimit-Remaining"]) == (304, "", left)


async def test_an_empty_budget_is_refused_with_the_time_it_fills_again(world: World) -> None:
    world.github.desk.rates.limit = 1
    await world.ask(f"GET {REPO}")
    status, _, headers = await world.ask(f"GET {REPO}")
    assert (status, headers["X-RateLimit-Remaining"]) == (403, "0")
    assert int(headers["X-RateLimit-Reset"]) > world.time


@pytest.mark.parametrize(
    ("output", "part"),
    [
        ({"title": "t", "summary": "ä" * 32_768}, "maximum bytesize of 65535"),
        ({"title": "t", "summary": "s", "annotations": [{}] * 51}, "No more than 50 items"),
        ({"title": "t", "summary": "s", "annotations": [{"path": "a"}]}, "start_line"),
    ],
    ids=["bytes of the summary", "number of annotations", "keys of an annotation"],
)
async def test_an_output_over_the_limits_is_refused(world: World, output: object, part: str) -> None:
    sha = world.state.repository("octo/app").branches["main"]
    body = {"name": "x", "head_sha": sha, "output": output}
    status, answer, _ = await world.ask(f"POST {REPO}/check-runs", body)
    assert status == 422
    assert part in str(answer)
    assert world.state.check_runs_named("octo/app", "x") == []


async def test_a_fourth_button_and_a_long_label_are_refused(world: World) -> None:
    sha = world.state.repository("octo/app").branches["main"]
    button = {"label": "a", "identifier": "b", "description": "c"}
    for actions in ([button] * 4, [{**button, "label": "l" * 21}]):
        body = {"name": "x", "head_sha": sha, "actions": actions}
        assert (await world.ask(f"POST {REPO}/check-runs", body))[0] == 422


async def test_annotations_are_appended_by_each_update(world: World) -> None:
    sha = world.state.repository("octo/app").branches["main"]
    place = {"path": "a.py", "start_line": 1, "end_line": 1}
    note = {**place, "annotation_level": "failure", "message": "m"}
    output = {"title": "t", "summary": "s", "annotations": [note]}
    body = {"name": "x", "head_sha": sha, "output": output, "conclusion": "neutral"}
    _, created, _ = await world.ask(f"POST {REPO}/check-runs", body)
    _, updated, _ = await world.ask(f"PATCH {REPO}/check-runs/{created['id']}", {"output": output})
    assert updated["output"]["annotations_count"] == 2
    assert updated["status"] == "completed"


async def test_a_check_run_of_another_app_cannot_be_changed(world: World) -> None:
    job = world.state.add_job(world.state.add_run("octo/app"))
    assert (await world.ask(f"PATCH {REPO}/check-runs/{job.id}", {"conclusion": "neutral"}))[0] == 403


async def test_a_body_that_is_too_long_is_refused_or_silently_kept_out(world: World) -> None:
    long = "ä" * 131_073
    issue = world.state.add_issue("octo/app", body="old")
    assert (await world.ask(f"POST {REPO}/issues", {"title": "t", "body": long}))[0] == 422
    assert (await world.ask(f"POST {REPO}/issues/1/comments", {"body": long}))[0] == 422
    assert (await world.ask(f"PATCH {REPO}/issues/1", {"body": long}))[0] == 200
    assert issue.body == "old"


async def test_labels_of_somebody_without_push_access_vanish(world: World) -> None:
    world.state.add_user_token("ghp_guest", "guest")
    body = {"title": "t", "labels": ["bug"], "assignees": ["octo"]}
    _, answer, _ = await world.ask(f"POST {REPO}/issues", body, token="ghp_guest")
    assert (answer["labels"], answer["assignees"]) == ([], [])
    _, answer, _ = await world.ask(f"POST {REPO}/issues", body)
    assert [label["name"] for label in answer["labels"]] == ["bug"]


async def test_a_repository_without_issues_answers_410(world: World) -> None:
    world.state.repository("octo/app").has_issues = False
    assert (await world.ask(f"POST {REPO}/issues", {"title": "t"}))[0] == 410


async def test_a_second_equal_reaction_is_answered_200(world: World) -> None:
    world.state.add_issue("octo/app")
    comment = world.state.add_comment("octo/app", 1, "hello")
    line = f"POST {REPO}/issues/comments/{comment.id}/reactions"
    assert (await world.ask(line, {"content": "eyes"}))[0] == 201
    assert (await world.ask(line, {"content": "eyes"}))[0] == 200
    assert len(comment.reactions) == 1


async def test_issues_are_found_by_creator_and_all_labels_with_pull_requests_among_them(world: World) -> None:
    await world.ask(f"POST {REPO}/issues", {"title": "ours", "labels": ["a", "b"]})
    world.state.add_issue("octo/app", title="theirs", labels=["a", "b"])
    world.state.add_pull("octo/app", "feature", title="pull")
    _, ours, _ = await world.ask(f"GET {REPO}/issues?creator=pipeline-monitor[bot]&labels=a,b")
    assert [issue["title"] for issue in ours] == ["ours"]
    _, everything, _ = await world.ask(f"GET {REPO}/issues")
    assert ["pull_request" in issue for issue in everything] == [True, False, False]


async def log_of(world: World, job_id: int, **headers: str) -> tuple[int, str]:
    _, _, answer = await world.ask(f"GET {REPO}/actions/jobs/{job_id}/logs")
    async with world.session.get(answer["Location"], headers=headers) as response:
        return response.status, await response.text()


async def test_the_log_store_gives_the_log_and_refuses_credentials(world: World) -> None:
    job = world.state.add_job(world.state.add_run("octo/app"), log="boom")
    assert await log_of(world, job.id) == (200, "boom")
    assert (await log_of(world, job.id, Authorization="token x"))[0] == 400
    assert await log_of(world, job.id, Range="bytes=2-") == (206, "om")


async def test_a_signed_url_is_good_for_a_minute(world: World) -> None:
    job = world.state.add_job(world.state.add_run("octo/app"), log="boom")
    _, _, answer = await world.ask(f"GET {REPO}/actions/jobs/{job.id}/logs")
    world.time += 61
    async with world.session.get(answer["Location"]) as response:
        assert response.status == 403


async def test_a_log_may_come_late_be_expired_or_never_be_written(world: World) -> None:
    run = world.state.add_run("octo/app")
    late = world.state.add_job(run, log="boom", log_later=1)
    status, text = await log_of(world, late.id)
    assert status == 404
    assert "BlobNotFound" in text
    assert await log_of(world, late.id) == (200, "boom")
    expired = world.state.add_job(run, log="boom", log_expired=True)
    assert (await world.ask(f"GET {REPO}/actions/jobs/{expired.id}/logs"))[0] == 410
    never = world.state.add_job(run, steps=[])
    assert (await world.ask(f"GET {REPO}/actions/jobs/{never.id}/logs"))[0] == 404


async def test_a_run_is_not_started_again_while_it_runs(world: World) -> None:
    run = world.state.add_run("octo/app")
    line = f"POST {REPO}/actions/runs/{run.id}/rerun-failed-jobs"
    assert (await world.ask(line))[0] == 201
    assert (await world.ask(line))[0] == 403
    assert (run.latest.number, run.latest.status) == (2, "queued")


async def test_a_renamed_repository_redirects_to_its_number(world: World) -> None:
    world.state.rename_repository("octo/app", "application")
    status, _, headers = await world.ask(f"GET {REPO}/issues")
    assert status == 301
    path = headers["Location"].removeprefix(world.github.api_url)
    assert (await world.ask(f"GET {path}"))[:2] == (200, [])


async def test_a_file_is_given_raw_or_encoded(world: World) -> None:
    world.state.put_file("octo/app", ".github/pipeline.yml", "enabled: true\n")
    line = f"GET {REPO}/contents/.github/pipeline.yml"
    assert (await world.ask(line, Accept="application/vnd.github.raw+json"))[1] == "enabled: true\n"
    assert (await world.ask(line))[1]["encoding"] == "base64"
    assert (await world.ask(f"GET {REPO}/contents/absent"))[0] == 404


async def test_roles_are_told_with_the_old_names_beside_them(world: World) -> None:
    world.state.set_permission("octo/app", "mona", "maintain")
    _, answer, _ = await world.ask(f"GET {REPO}/collaborators/mona/permission")
    assert (answer["permission"], answer["role_name"]) == ("write", "maintain")
    assert (await world.ask(f"GET {REPO}/collaborators/nobody/permission"))[0] == 404


async def test_a_comparison_names_the_merge_base(world: World) -> None:
    base = world.state.repository("octo/app").branches["main"]
    world.state.add_commit("octo/app", branch="feature", files=["a.py"])
    world.state.add_commit("octo/app", message="Meanwhile")
    _, answer, _ = await world.ask(f"GET {REPO}/compare/main...feature")
    assert answer["merge_base_commit"]["sha"] == base
    assert (answer["status"], answer["ahead_by"], answer["behind_by"]) == ("diverged", 1, 1)
    assert [file["filename"] for file in answer["files"]] == ["a.py"]


async def test_a_trailing_slash_is_404_and_an_unknown_version_400(world: World) -> None:
    assert (await world.ask(f"GET {REPO}/issues/"))[0] == 404
    assert (await world.ask(f"GET {REPO}", X_GitHub_Api_Version="1999-01-01"))[0] == 400
    assert (await world.ask(f"GET {REPO}", User_Agent=""))[0] == 403


async def test_the_api_is_found_under_the_path_of_an_enterprise_server() -> None:
    world = World()
    world.github = StandInGitHub(world.state, enterprise=True)
    async with world.github, aiohttp.ClientSession() as world.session:
        assert world.github.api_url.endswith("/api/v3")
        status, answer, _ = await world.ask(f"GET {REPO}")
    assert (status, answer["url"]) == (200, f"{world.github.api_url}{REPO}")


async def test_a_request_to_a_route_it_lacks_fails_the_test() -> None:
    world = World()
    with pytest.raises(AssertionError, match="no such route"):
        async with world.github, aiohttp.ClientSession() as world.session:
            assert (await world.ask("GET /marketplace_listing/plans"))[0] == 501


async def test_requests_are_remembered_without_the_token(world: World) -> None:
    await world.ask(f"GET {REPO}/issues?state=all")
    (request,) = world.github.requests
    assert (request.route, request.status, request.query) == (
        "/repos/{owner}/{repo}/issues",
        200,
        {"state": "all"},
    )
    assert world.token not in str(request)
    assert world.github.count("GET", REPO) == 1


async def test_a_planned_failure_meets_the_next_request_only(world: World) -> None:
    world.github.fail_next("GET /repos/{owner}/{repo}", status=502)
    assert [(await world.ask(f"GET {REPO}"))[0] for _ in range(2)] == [502, 200]


async def test_a_connection_may_break_after_the_work_was_done(world: World) -> None:
    world.github.faults.reset("POST /repos/{owner}/{repo}/issues", after=True)
    with pytest.raises(aiohttp.ClientError):
        await world.ask(f"POST {REPO}/issues", {"title": "t"})
    assert len(world.state.repository("octo/app").issues) == 1


async def test_an_answer_may_be_held_until_it_is_released(world: World) -> None:
    held = world.github.faults.hold(f"GET {REPO}")
    asking = asyncio.create_task(world.ask(f"GET {REPO}"))
    await held.arrived.wait()
    assert not asking.done()
    held.released.set()
    assert (await asking)[0] == 200


async def test_an_answer_may_be_cut_or_be_no_json(world: World) -> None:
    world.github.faults.truncated(f"GET {REPO}")
    world.github.faults.garbage(f"GET {REPO}")
    for _ in range(2):
        with pytest.raises(ValueError, match=r"JSON|Expecting|Unterminated|Invalid"):
            await world.ask(f"GET {REPO}")


async def test_a_secondary_limit_says_when_to_come_back(world: World) -> None:
    world.github.faults.secondary_limit(f"GET {REPO}", status=429, retry_after=7)
    status, answer, headers = await world.ask(f"GET {REPO}")
    assert (status, headers["Retry-After"]) == (429, "7")
    assert "secondary rate limit" in answer["message"]


async def test_content_may_be_limited_by_the_minute(world: World) -> None:
    world.github.desk.rates.writes_per_minute = 2
    answers = [await world.ask(f"POST {REPO}/issues", {"title": "t"}) for _ in range(3)]
    assert [status for status, _, _ in answers] == [201, 201, 403]
    assert answers[2][2]["Retry-After"] == "60"
    world.time += 61
    assert (await world.ask(f"POST {REPO}/issues", {"title": "t"}))[0] == 201


async def test_a_removed_app_has_no_repository_and_no_token_any_more(world: World) -> None:
    removed = users.change_repositories(world.state, world.installation, "octo/app", added=False)
    assert removed.payload["repositories_removed"][0]["full_name"] == "octo/app"
    assert (await world.ask(f"GET {REPO}"))[0] == 404
    gone = users.uninstall(world.state, world.installation)
    assert (gone.event, gone.payload["action"]) == ("installation", "deleted")
    assert (await world.ask(f"GET {REPO}"))[0] == 401


class Hook:
    """A receiver of webhooks that keeps what it gets; the first `refusals` are answered 503."""

    def __init__(self, refusals: int = 0) -> None:
        self.refusals = refusals
        self.got: list[tuple[str, str, bytes]] = []

    async def receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.got.append((request.headers["X-GitHub-Delivery"], request.headers["X-Hub-Signature-256"], body))
        self.refusals -= 1
        return web.Response(status=503 if self.refusals >= 0 else 202)


@pytest.fixture
async def hook(world: World) -> AsyncIterator[Hook]:
    hook = Hook(refusals=1)
    app = web.Application()
    app.router.add_post("/webhook", hook.receive)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    world.app.webhook_url = f"http://127.0.0.1:{runner.addresses[0][1]}/webhook"
    yield hook
    await runner.cleanup()


async def test_a_failed_delivery_is_listed_and_comes_again_under_its_guid(world: World, hook: Hook) -> None:
    world.state.add_issue("octo/app")
    delivery = users.post_comment(world.state, "octo/app", 1, "/pipeline health")
    failed = await world.github.deliver(delivery)
    _, listed, _ = await world.ask("GET /app/hook/deliveries?status=failure", token=world.jwt())
    assert [(one["id"], one["status_code"]) for one in listed] == [(failed.id, 503)]
    status, _, _ = await world.ask(f"POST /app/hook/deliveries/{failed.id}/attempts", token=world.jwt())
    assert status == 202
    await world.github.delivered()
    assert [guid for guid, _, _ in hook.got] == [delivery.guid, delivery.guid]
    assert [one.status for one in world.state.deliveries] == ["Invalid HTTP Response: 503", "OK"]


async def test_a_delivery_is_signed_over_the_bytes_that_are_sent(world: World, hook: Hook) -> None:
    await world.github.deliver(deliveries.ping(world.state))
    ((_, signature, body),) = hook.got
    expected = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert signature == f"sha256={expected}"


async def test_lost_deliveries_are_paged_with_a_cursor(world: World) -> None:
    for _ in range(3):
        world.github.lose(deliveries.ping(world.state))
    _, first, headers = await world.ask("GET /app/hook/deliveries?per_page=2", token=world.jwt())
    following = headers["Link"].partition(">")[0].removeprefix(f"<{world.github.api_url}")
    _, rest, _ = await world.ask(f"GET {following}", token=world.jwt())
    assert len({one["id"] for one in first + rest}) == 3


async def test_the_coding_agent_is_assigned_only_by_a_user_with_a_seat(world: World) -> None:
    world.state.add_issue("octo/app")
    world.state.add_user_token("ghp_octo", "octo")
    world.state.agent_seats.add("octo")
    line, body = f"POST {REPO}/issues/1/assignees", {"assignees": ["copilot-swe-agent[bot]"]}
    assert (await world.ask(line, body))[1]["assignees"] == []
    _, answer, _ = await world.ask(line, body, token="ghp_octo")
    assert [user["login"] for user in answer["assignees"]] == ["Copilot"]
