"""Plays the story: stand-in GitHub and real server on loopback, real signed deliveries, and what came of them."""

from __future__ import annotations

import asyncio
import secrets
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp

from bot.demo.github.records import AppRecord
from bot.demo.github.server import StandInGitHub
from bot.demo.github.state import GitHubState
from bot.demo.server_process import ServerFailed, ServerProcess, environment, program
from bot.demo.show import Screen
from bot.demo.story import REPO, Scene, Sent, Step, Story
from bot.demo.webhooks import Delivery, send

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
INTERRUPTED = 130


class DemoFailed(Exception):
    """The demo did not get to its end. `log` is the end of the server's log."""

    def __init__(self, reason: str, log: list[str]) -> None:
        super().__init__(reason)
        self.log = log


async def play(*, keep_running: bool) -> int:
    """Play the day and print it; with `keep_running` stay afterwards until a signal. Exit code, or DemoFailed."""
    loop = asyncio.get_running_loop()
    demo = Demo(Screen(), keep_running=keep_running)
    playing = asyncio.create_task(demo.play())
    for number in STOPPING:
        loop.add_signal_handler(number, _cancel_once, playing)
    try:
        await playing
    except asyncio.CancelledError:
        return 0 if demo.told else INTERRUPTED
    finally:
        for number in STOPPING:
            loop.remove_signal_handler(number)
    return 0


def _cancel_once(playing: asyncio.Task[None]) -> None:
    """A second Ctrl-C must not cut off the ending of the server."""
    if not playing.cancelling():
        playing.cancel()


class Demo:
    """One performance in a folder of its own, which is gone afterwards."""

    def __init__(self, screen: Screen, *, keep_running: bool) -> None:
        self.told = False
        """Whether the story came to its end."""
        self._screen = screen
        self._keep_running = keep_running

    async def play(self) -> None:
        """From the first line to the last; DemoFailed where something went wrong on the way."""
        state = GitHubState()
        app = state.create_app(webhook_secret=secrets.token_hex(20))
        state.add_repository(REPO)
        state.set_permission(REPO, "mona", "write")
        installation = state.install(REPO.split("/", maxsplit=1)[0], app=app)
        with tempfile.TemporaryDirectory(prefix="pipeline-demo-") as name:
            folder = Path(name)
            async with StandInGitHub(state) as github:
                settings = _settings(app, github.api_url, folder)
                server = ServerProcess(settings, folder)
                try:
                    async with server, aiohttp.ClientSession() as session:
                        self._opening(github, server)
                        audience = _Audience(server, session, app.webhook_secret)
                        await self._tell(Story(state, installation, time.time()).steps(), audience)
                        await self._dashboard(settings, folder)
                        await self._stay(github, server, folder)
                except (ServerFailed, LookupError) as error:
                    raise DemoFailed(str(error), server.log_tail()) from error

    def _opening(self, github: StandInGitHub, server: ServerProcess) -> None:
        line = self._screen.line
        line("Pipeline Monitor, demo", "bold")
        line(f"A day in the repository {REPO}. Nothing leaves this machine:")
        line(f"  server   {server.url}  the real one, fed with signed webhook deliveries")
        line(f"  GitHub   {github.api_url}  a stand-in; its logs were recorded from real tools")

    async def _tell(self, steps: Iterator[Step], audience: _Audience) -> None:
        for step in steps:
            if isinstance(step, Scene):
                self._screen.scene(step)
            elif isinstance(step, Sent):
                await audience.hear(step.deliveries)
            else:
                self._screen.post(step)

    async def _dashboard(self, settings: dict[str, str], folder: Path) -> None:
        """The very command, on the same database, with this terminal as its own."""
        self._screen.line()
        self._screen.line("$ pipeline health", "bold")
        process = await asyncio.create_subprocess_exec(*program("health"), cwd=folder, env=environment(settings))
        if await process.wait() != 0:
            raise ServerFailed("`pipeline health` failed")
        self.told = True

    async def _stay(self, github: StandInGitHub, server: ServerProcess, folder: Path) -> None:
        line = self._screen.line
        if not self._keep_running:
            line("That was the real server. Next: install the App in your own repositories, see README.md.")
            return
        line("Still running, until Ctrl-C:", "bold")
        line(f"  server            {server.url}  (also /readyz, /metrics)")
        line(f"  stand-in GitHub   {github.api_url}/repos/{REPO}/...  (asks for a token, as GitHub does)")
        line(f"  database          {_database_url(folder)}")
        line(f"  server log        {server.log_path}")
        await server.ended()
        raise ServerFailed("the server ended by itself")


class _Audience:
    """The server as GitHub sees it: an address that takes deliveries."""

    def __init__(self, server: ServerProcess, session: aiohttp.ClientSession, secret: str | None) -> None:
        self._server = server
        self._session = session
        self._secret = secret

    async def hear(self, deliveries: tuple[Delivery, ...]) -> None:
        """Send all of them and wait until they are worked off."""
        for delivery in deliveries:
            try:
                status = await send(self._session, f"{self._server.url}/webhook", delivery, self._secret)
            except aiohttp.ClientError as error:
                raise ServerFailed(f"the server did not take a {delivery.event} delivery: {error}") from error
            if status != 202:
                raise ServerFailed(f"the server answered a {delivery.event} delivery with {status}")
        await self._server.until_idle(self._session)


def _settings(app: AppRecord, api_url: str, folder: Path) -> dict[str, str]:
    key = folder / "app.pem"
    key.touch(mode=0o600)
    key.write_text(app.private_key_pem, encoding="ascii")
    return {
        "GITHUB_APP_ID": str(app.id),
        "GITHUB_PRIVATE_KEY_PATH": str(key),
        "GITHUB_API_URL": api_url,
        "WEBHOOK_SECRET": app.webhook_secret or "",
        "DATABASE_URL": _database_url(folder),
        "HOST": "127.0.0.1",
        "PORT": "0",
        "LOG_LEVEL": "info",
        # The stand-in has no limit to keep to, and somebody is watching.
        "PIPELINE_WRITES_PER_MINUTE": "60000",
    }


def _database_url(folder: Path) -> str:
    return f"sqlite:///{folder / 'pipeline.db'}"
