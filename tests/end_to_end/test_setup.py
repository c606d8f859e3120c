"""Creating the App in one click: the whole way against the stand-in GitHub, and every wrong turn."""

from __future__ import annotations

import asyncio
import json
import re
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot import app, settings
from bot.demo import deliveries
from bot.demo.github.recording import RecordedRequest
from bot.demo.github.records import AppRecord
from bot.demo.github.server import StandInGitHub
from bot.demo.github.state import GitHubState
from bot.demo.webhooks import sign
from bot.github.inspection import convert_once
from bot.manifest import manifest
from bot.setup.flow import Setup
from tests.end_to_end.browser import Browser, forms_of
from tests.end_to_end.processes import Program, buried, free_port
from tests.end_to_end.world import REPO, running
from tests.openapi import check_request

pytestmark = pytest.mark.slow

ADDRESS = "https://ci.example.com"
NAME = "Pipeline Monitor of octo"
CONVERSION = "/app-manifests/{code}/conversions"


@dataclass
class Desk:
    """A server without credentials, its set-up, and a browser before it."""

    github: StandInGitHub
    state: GitHubState
    setup: Setup
    url: str
    session: aiohttp.ClientSession
    browser: Browser
    env: Path

    @property
    def link(self) -> str:
        return f"{self.url}/?setup={self.setup.token}"

    @property
    def created(self) -> list[AppRecord]:
        """The Apps that were created on GitHub."""
        return [each for each in self.state.apps.values() if each.slug != "github-actions"]

    async def asked(self, **answers: str) -> None:
        """From the link to GitHub's own page."""
        await self.browser.open(self.link)
        await self.browser.submit(**{"name": NAME, "address": ADDRESS, **answers})
        await self.browser.submit()

    async def status(self, method: str, path: str, **more: Any) -> int:
        async with self.session.request(method, self.url + path, **more) as answer:
            return answer.status


@asynccontextmanager
async def opened(tmp_path: Path, *, enterprise: bool = False, **overrides: Any) -> AsyncIterator[Desk]:
    """The server in this process; it ends where the real one goes over to App mode."""
    state, env = GitHubState(), tmp_path / ".env"
    async with StandInGitHub(state, on_request=check_request, enterprise=enterprise) as github:
        given = {
            "database_url": f"sqlite:///{tmp_path / 'pipeline.db'}",
            "github_api_url": github.api_url,
            "port": 0,
            **overrides,
        }
        setup = Setup(
            settings.load(given, env_file=None),
            convert=lambda code: convert_once(github.api_url, code),
            reload=lambda: settings.load(given, env_file=env),
            env_path=env,
            environment={},
        )
        async with (
            app.assembled(setup.settings, setup=setup) as parts,
            running(parts) as url,
            aiohttp.ClientSession() as session,
        ):
            yield Desk(github, state, setup, url, session, Browser(session), env)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened(tmp_path) as desk:
        yield desk


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """The child process's working folder; no `.env` of ours above it is read."""
    inner = tmp_path / "work"
    inner.mkdir()
    return inner


# -- the whole way ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("enterprise", [False, True], ids=["github.com", "Enterprise Server"])
async def test_the_real_program_becomes_the_app_without_a_restart(folder: Path, enterprise: bool) -> None:
    state, reported = GitHubState(), asyncio.Event()
    async with (
        StandInGitHub(state, on_request=lambda request: _watched(request, reported), enterprise=enterprise) as github,
        aiohttp.ClientSession() as session,
    ):
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        environment = {"GITHUB_API_URL": github.api_url, "PORT": str(port), "HOST": "0.0.0.0"}  # noqa: S104
        program = await Program.start("serve", environment=environment, folder=folder)
        try:
            await program.said("/?setup=")
            await program.said("from another machine")
            async with session.post(f"{url}/webhook", json={}) as answer:
                assert answer.status == 503
            found = re.search(r"http://127\.0\.0\.1:\d+/\?setup=\S+", program.output)
            assert found is not None
            browser = Browser(session)
            await browser.open(found[0])
            await browser.submit(organisation="octo-org", name=NAME, address=ADDRESS)
            assert browser.forms[0].action.startswith(
                f"{github.api_url.removesuffix('/api/v3')}/organizations/octo-org/"
            )
            await browser.submit()
            assert "Create GitHub App for octo-org" in browser.text
            await browser.submit()
            assert (browser.status, browser.url.partition("?")[0]) == (200, f"{url}/setup/callback")

            record = next(each for each in state.apps.values() if each.slug == "pipeline-monitor-of-octo")
            assert browser.links == [f"{state.web_url}/apps/{record.slug}/installations/new"]
            assert record.owner.login == "octo-org"
            assert record.permissions == manifest().permissions
            assert record.events == manifest().events
            assert record.webhook_url == f"{ADDRESS}/webhook"

            await _delivery_is_worked_off(state, record, session, url, reported)
            async with session.get(url) as page:
                assert "Set up as a GitHub App" in await page.text()
            await browser.open(found[0])
            assert (browser.status, "used up" in browser.text) == (403, True)
            await program.said("working as the GitHub App")
            env = (folder / ".env").read_text()
            assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o600
            assert str(record.webhook_secret) in env
            for secret in (str(record.webhook_secret), record.private_key_pem.splitlines()[1]):
                assert secret not in program.output
                assert secret not in browser.text
        finally:
            await buried([program])


def _watched(request: RecordedRequest, reported: asyncio.Event) -> Iterator[str]:
    """What is wrong with a request; a check run that was made is announced."""
    if (request.method, request.status) == ("POST", 201) and request.route.endswith("/check-runs"):
        reported.set()
    yield from check_request(request)


async def _delivery_is_worked_off(
    state: GitHubState, record: AppRecord, session: aiohttp.ClientSession, url: str, reported: asyncio.Event
) -> None:
    """The new App is installed, its first delivery is taken at once, and its check run is on the commit."""
    state.add_repository(REPO)
    state.install("octo", app=record)
    run = state.add_run(REPO, conclusion="failure")
    state.add_job(run, "test", log="##[error]Process completed with exit code 1.\n")
    delivery = deliveries.workflow_run(state, run)
    headers = sign(record.webhook_secret, delivery.body, delivery)
    async with session.post(f"{url}/webhook", data=delivery.body, headers=headers) as answer:
        assert answer.status == 202
    async with session.post(f"{url}/webhook", data=delivery.body, headers={**headers, "X-Hub-Signature-256": ""}) as no:
        assert no.status == 401
    async with asyncio.timeout(60):
        await reported.wait()
    assert len(state.check_runs_named(REPO)) == 1


async def test_the_credentials_are_found_again_after_a_restart(folder: Path) -> None:
    state, reported = GitHubState(), asyncio.Event()
    record = state.offer_manifest("a-code", webhook_secret="hush")
    async with (
        StandInGitHub(state, on_request=lambda request: _watched(request, reported)) as github,
        aiohttp.ClientSession() as session,
    ):
        port = free_port()
        environment = {"GITHUB_API_URL": github.api_url, "PORT": str(port)}
        programs = [await Program.start("serve", environment=environment, folder=folder)]
        try:
            await programs[0].said("/?setup=")
            browser = Browser(session)
            await browser.open(f"http://127.0.0.1:{port}/?setup={programs[0].output.split('/?setup=')[1].split()[0]}")
            await browser.submit(name=NAME, address=ADDRESS)
            sent = browser.forms[0].action.split("state=")[1]
            await browser.open(f"http://127.0.0.1:{port}/setup/callback?code=a-code&state={sent}")
            assert browser.status == 200
            programs[0].kill()
            await programs[0].ended()
            programs.append(await Program.start("serve", environment=environment, folder=folder))
            await programs[1].said("listening on")
            assert "setup=" not in programs[1].output
            await _delivery_is_worked_off(state, record, session, f"http://127.0.0.1:{port}", reported)
        finally:
            await buried(programs)


# -- the pages -------------------------------------------------------------------------------------------


async def test_without_the_link_the_front_page_says_that_it_is_needed(desk: Desk) -> None:
    await desk.browser.open(desk.url)
    assert desk.browser.status == 200
    assert "one-time link that the server printed" in desk.browser.text
    assert desk.browser.forms == []


@pytest.mark.parametrize("token", ["", "wrong", "é", "%00", "%ff"])
async def test_a_wrong_link_opens_nothing(desk: Desk, token: str) -> None:
    await desk.browser.open(f"{desk.url}/?setup={token}")
    assert (desk.browser.status, desk.browser.forms) == (403, [])
    assert "not the one-time link" in desk.browser.text
    assert await desk.status("POST", "/setup", data={"setup": "wrong", "name": NAME, "address": ADDRESS}) == 403
    assert await desk.status("POST", "/setup", data={"name": NAME, "address": ADDRESS}) == 403
    assert await desk.status("GET", "/setup") == 403


async def test_pages_may_not_be_framed_kept_or_scripted_and_post_to_github_alone(desk: Desk) -> None:
    await desk.browser.open(desk.link)
    policy = desk.browser.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "frame-ancestors 'none'" in policy
    assert desk.browser.headers["Cache-Control"] == "no-store"
    assert desk.browser.headers["Referrer-Policy"] == "strict-origin"
    await desk.browser.submit(name=NAME, address=ADDRESS)
    policy = desk.browser.headers["Content-Security-Policy"]
    assert f"form-action 'self' {desk.github.api_url};" in policy


async def test_mistakes_stand_at_their_fields_and_the_answers_are_kept(desk: Desk) -> None:
    await desk.browser.open(desk.link)
    await desk.browser.submit(organisation="no such/org", name='x" onfocus="alert(1)', address="localhost:8000")
    assert desk.browser.status == 422
    assert desk.browser.text.count("Please mend:") == 2
    fields = desk.browser.forms[0].fields
    assert (fields["organisation"], fields["name"]) == ("no such/org", 'x" onfocus="alert(1)')
    await desk.browser.submit(organisation="", name=NAME, address=ADDRESS)
    assert (desk.browser.status, desk.browser.forms[0].action.partition("?")[0]) == (
        200,
        f"{desk.github.api_url}/settings/apps/new",
    )


async def test_what_was_answered_can_be_changed_after_the_look_at_it(desk: Desk) -> None:
    await desk.browser.open(desk.link)
    await desk.browser.submit(organisation="octo-org", name=NAME, address=ADDRESS)
    await desk.browser.submit(1)
    assert desk.browser.status == 200
    fields = desk.browser.forms[0].fields
    assert (fields["organisation"], fields["name"], fields["address"]) == ("octo-org", NAME, ADDRESS)


async def test_the_channel_of_the_webhook_proxy_is_offered_as_the_address(tmp_path: Path) -> None:
    async with opened(tmp_path, webhook_proxy_url="https://smee.io/abc") as desk:
        await desk.browser.open(desk.link)
        assert desk.browser.forms[0].fields["address"] == "https://smee.io/abc"
        await desk.browser.submit(name=NAME)
        await desk.browser.submit()
        await desk.browser.submit()
        assert [each.webhook_url for each in desk.created] == ["https://smee.io/abc"]


async def test_a_name_that_is_taken_is_told_and_mended_on_github(desk: Desk) -> None:
    desk.state.create_app("pipeline-monitor-of-octo")
    await desk.asked()
    await desk.browser.submit()
    assert "Name is already taken" in desk.browser.text
    await desk.browser.submit(name="Another name")
    assert desk.browser.status == 200
    assert "another-name is yours" in desk.browser.text


@pytest.mark.parametrize(
    ("headers", "address", "back"),
    [
        ({}, "https://ci.example.com", "{url}"),
        ({"Origin": "null"}, "https://ci.example.com", "{url}"),
        ({"Origin": "http://["}, "https://ci.example.com", "{url}"),
        ({"Origin": "https://ci.example.com"}, "https://ci.example.com", "https://ci.example.com"),
        ({"Origin": "https://ci.example.com"}, "https://ci.example.com/bot", "https://ci.example.com/bot"),
        ({"Origin": "http://localhost:9000"}, "https://ci.example.com", "http://localhost:9000"),
    ],
)
async def test_github_sends_back_to_where_the_browser_sees_the_server(
    desk: Desk, headers: dict[str, str], address: str, back: str
) -> None:
    data = {"setup": desk.setup.token, "name": NAME, "address": address}
    async with desk.session.post(f"{desk.url}/setup", data=data, headers=headers) as answer:
        form = forms_of(await answer.text())[0]
    sent = json.loads(form.fields["manifest"])
    assert sent["redirect_url"] == back.format(url=desk.url) + "/setup/callback"
    assert sent["hook_attributes"]["url"] == f"{address}/webhook"


@pytest.mark.parametrize(
    ("headers", "address"),
    [
        ({"Host": "ci.example.com"}, "http://ci.example.com"),
        ({"Host": "ci.example.com", "X-Forwarded-Proto": "https"}, "https://ci.example.com"),
        ({"Host": "localhost:8000"}, ""),
        ({"Host": "["}, ""),
    ],
)
async def test_the_address_is_guessed_where_the_browser_is_elsewhere(
    desk: Desk, headers: dict[str, str], address: str
) -> None:
    async with desk.session.get(desk.link, headers=headers) as answer:
        if headers["Host"] == "[" and answer.status == 400:
            return
        assert answer.status == 200
        assert forms_of(await answer.text())[0].fields["address"] == address


# -- wrong turns -----------------------------------------------------------------------------------------


async def test_an_answer_with_another_state_is_refused_before_github_is_asked(desk: Desk) -> None:
    desk.state.offer_manifest("a-code")
    nonce, _, mark = desk.setup.new_state().partition(".")
    for state in ("", "x", f"{nonce}.", f"{nonce}x.{mark}", f".{mark}", "%C3%A9.%C3%A9"):
        await desk.browser.open(f"{desk.url}/setup/callback?code=a-code&state={state}")
        assert (desk.browser.status, "another set-up" in desk.browser.text) == (403, True), state
    assert desk.github.count("POST") == 0
    assert not desk.env.exists()


async def test_a_code_that_is_expired_or_used_has_its_page_and_its_state_is_spent(desk: Desk) -> None:
    address = f"{desk.url}/setup/callback?code=expired&state={desk.setup.new_state()}"
    await desk.browser.open(address)
    assert (desk.browser.status, "no longer good" in desk.browser.text) == (400, True)
    await desk.browser.open(address)
    assert desk.browser.status == 403
    assert desk.github.count("POST", CONVERSION) == 1
    assert not desk.env.exists()


@pytest.mark.parametrize("code", ["", "../../user", "a%20b", "a%2Fb"])
async def test_a_code_that_is_none_is_never_sent_to_github(desk: Desk, code: str) -> None:
    await desk.browser.open(f"{desk.url}/setup/callback?code={code}&state={desk.setup.new_state()}")
    assert desk.browser.status == 400
    assert desk.github.count("POST") == 0


async def test_where_github_is_out_of_reach_the_same_page_can_be_loaded_again(desk: Desk) -> None:
    desk.state.offer_manifest("a-code", webhook_secret="hush")
    address = f"{desk.url}/setup/callback?code=a-code&state={desk.setup.new_state()}"
    desk.github.fail_next(CONVERSION, status=503)
    await desk.browser.open(address)
    assert (desk.browser.status, "did not answer" in desk.browser.text) == (502, True)
    desk.github.fail_next(CONVERSION, status=403, body={"message": "<b>Forbidden</b>"})
    await desk.browser.open(address)
    assert (desk.browser.status, "403 &lt;b&gt;Forbidden" in desk.browser.text) == (502, True)
    await desk.browser.open(address)
    assert desk.browser.status == 200
    assert "hush" in desk.env.read_text()


@pytest.mark.parametrize("body", [{}, [], {"id": 7, "pem": "no key", "webhook_secret": "s", "html_url": "https://x"}])
async def test_an_answer_without_usable_credentials_writes_nothing(desk: Desk, body: object) -> None:
    desk.github.fail_next(CONVERSION, status=201, body=body)
    await desk.browser.open(f"{desk.url}/setup/callback?code=a-code&state={desk.setup.new_state()}")
    assert (desk.browser.status, "incomplete" in desk.browser.text) == (502, True)
    assert not desk.env.exists()


async def test_a_value_that_is_there_stops_the_set_up_before_an_app_is_created(desk: Desk) -> None:
    desk.env.write_text("WEBHOOK_SECRET=kept\n")
    await desk.browser.open(desk.link)
    assert (desk.browser.status, "WEBHOOK_SECRET in" in desk.browser.text) == (409, True)
    assert "kept" not in desk.browser.text
    data = {"setup": desk.setup.token, "name": NAME, "address": ADDRESS}
    assert await desk.status("POST", "/setup", data=data) == 409
    await desk.browser.open(f"{desk.url}/setup/callback?code=a-code&state={desk.setup.new_state()}")
    assert desk.browser.status == 409
    assert desk.github.count("POST") == 0
    assert desk.env.read_text() == "WEBHOOK_SECRET=kept\n"


async def test_a_place_that_cannot_be_written_stops_the_set_up_before_an_app_is_created(desk: Desk) -> None:
    desk.env.mkdir()
    await desk.browser.open(desk.link)
    assert (desk.browser.status, str(desk.env) in desk.browser.text) == (500, True)
    desk.env.rmdir()
    await desk.browser.open(desk.link)
    assert desk.browser.status == 200


async def test_credentials_that_cannot_be_kept_at_the_last_moment_wait_for_a_second_try(desk: Desk) -> None:
    record = desk.state.offer_manifest("a-code", webhook_secret="hush")
    address = f"{desk.url}/setup/callback?code=a-code&state={desk.setup.new_state()}"
    # While GitHub takes its time, somebody else writes the file.
    asked = desk.github.faults.hold(CONVERSION)
    opening = asyncio.create_task(desk.browser.open(address))
    await asked.arrived.wait()
    desk.env.write_text("GITHUB_APP_ID=1\n")
    asked.released.set()
    await opening
    assert (desk.browser.status, "wait in the server" in desk.browser.text) == (409, True)
    assert desk.env.read_text() == "GITHUB_APP_ID=1\n"
    desk.env.unlink()
    await desk.browser.open(address)
    assert desk.browser.status == 200
    assert desk.github.count("POST", CONVERSION) == 1
    assert f'GITHUB_APP_ID="{record.id}"' in desk.env.read_text()


async def test_settings_that_do_not_fit_are_told_once_the_credentials_are_kept(desk: Desk) -> None:
    desk.state.offer_manifest("a-code", webhook_secret="hush")
    desk.env.write_text("RETENTION_DAYS=soon\n")
    address = f"{desk.url}/setup/callback?code=a-code&state={desk.setup.new_state()}"
    await desk.browser.open(address)
    assert (desk.browser.status, "RETENTION_DAYS" in desk.browser.text) == (500, True)
    assert "hush" in desk.env.read_text()
    assert "hush" not in desk.browser.text
    await desk.browser.open(address)
    assert desk.browser.status == 403
    await desk.browser.open(desk.link)
    assert (desk.browser.status, "GITHUB_APP_ID in" in desk.browser.text) == (409, True)


async def test_a_disk_that_is_thrown_away_is_no_place_for_credentials(tmp_path: Path) -> None:
    async with opened(tmp_path, dyno="web.1") as desk:
        await desk.browser.open(desk.link)
        assert (desk.browser.status, "thrown away" in desk.browser.text or "throws its disk" in desk.browser.text) == (
            409,
            True,
        )
    async with opened(tmp_path, dyno="web.1", allow_ephemeral=True) as desk:
        await desk.browser.open(desk.link)
        assert desk.browser.status == 200


# -- HTTP ------------------------------------------------------------------------------------------------


async def test_methods_bodies_and_sizes_are_checked(desk: Desk) -> None:
    assert await desk.status("PUT", "/setup") == 405
    assert await desk.status("POST", "/setup/callback") == 405
    assert await desk.status("HEAD", "/setup/callback") == 405
    assert await desk.status("POST", "/setup", json={"setup": desk.setup.token}) == 415
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert await desk.status("POST", "/setup", data=b"\xff\xfe", headers=form) == 415
    assert await desk.status("POST", "/setup", data=b"&".join([b"a=1"] * 100), headers=form) == 415
    assert await desk.status("POST", "/setup", data=b"a" * 20_000, headers=form) == 413


async def test_an_endless_form_is_refused_without_being_read(desk: Desk) -> None:
    host, _, port = desk.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"POST /setup HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n" + b"8000\r\n" + b"a" * 0x8000 + b"\r\n"
    )
    async with asyncio.timeout(10):
        assert b"413" in await reader.readline()
    writer.close()


async def test_a_server_with_credentials_has_no_set_up(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'pipeline.db'}"
    token_mode = settings.load(
        {"token": "t", "database_url": url, "port": 0, "pipeline_config": _config(tmp_path)}, env_file=None
    )
    async with app.assembled(token_mode) as parts, running(parts) as address, aiohttp.ClientSession() as session:
        browser = Browser(session)
        for path in ("/?setup=x", "/setup", "/setup/callback?code=a&state=b"):
            await browser.open(address + path)
            assert (browser.status, "used up" in browser.text) == (403, True), path


def _config(folder: Path) -> Path:
    path = folder / "config.json"
    path.write_text('{"repositories": {}}')
    return path
