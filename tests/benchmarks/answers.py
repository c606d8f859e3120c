"""How long people wait for an answer: `python -m tests.benchmarks.answers [--comments 50]`.

The demo's day is played to the real server in a process of its own, with the stand-in GitHub on loopback. Then people
type comments; the time is from the moment a delivery is sent to the moment the stand-in has the answer, a webhook, a
stored job, an `eyes` reaction and the reading of the database in between. `one by one` waits for each answer before the
next comment; `at once` sends all of them together. Prints a Markdown table in milliseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

import aiohttp

from bot.demo import users
from bot.demo.github.records import IssueRecord
from bot.demo.github.server import StandInGitHub
from bot.demo.github.state import GitHubState
from bot.demo.server_process import ServerProcess
from bot.demo.story import REPO, Sent, Story
from bot.demo.webhooks import Delivery, send

COMMANDS = ("health", "dashboard", "patterns", "status", "explain")
PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.002


@dataclass(frozen=True, slots=True)
class World:
    """A server with the demo's history behind it, and who talks to it."""

    state: GitHubState
    server: ServerProcess
    session: aiohttp.ClientSession
    secret: str

    async def deliver(self, delivery: Delivery) -> None:
        """RuntimeError where the server does not take it."""
        status = await send(self.session, f"{self.server.url}/webhook", delivery, self.secret)
        if status != 202:
            raise RuntimeError(f"the server answered a {delivery.event} delivery with {status}")

    async def waited(self, command: str, asker: str) -> float:
        """Seconds until the command is answered."""
        issue = self.state.add_issue(REPO, title="A question", author=asker)
        delivery = users.post_comment(self.state, REPO, issue.number, f"/pipeline {command}", author=asker)
        sent = time.time()
        await self.deliver(delivery)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (answers := _answers(issue)):  # noqa: ASYNC110  # the stand-in rings no bell
                await asyncio.sleep(POLL_SECONDS)
        return answers[0] - sent


def _answers(issue: IssueRecord) -> list[float]:
    return [comment.created_at for comment in issue.comments if comment.user.type == "Bot"]


@asynccontextmanager
async def after_a_day() -> AsyncIterator[World]:
    """The demo, played to its end."""
    state = GitHubState()
    app = state.create_app(webhook_secret=secrets.token_hex(20))
    state.add_repository(REPO)
    state.set_permission(REPO, "mona", "write")
    installation = state.install(REPO.split("/", maxsplit=1)[0], app=app)
    with tempfile.TemporaryDirectory(prefix="pipeline-answers-") as name:
        folder = Path(name)
        key = folder / "app.pem"
        key.write_text(app.private_key_pem, encoding="ascii")
        async with StandInGitHub(state) as github, aiohttp.ClientSession() as session:
            settings = {
                "GITHUB_APP_ID": str(app.id),
                "GITHUB_PRIVATE_KEY_PATH": str(key),
                "GITHUB_API_URL": github.api_url,
                "WEBHOOK_SECRET": app.webhook_secret or "",
                "DATABASE_URL": f"sqlite:///{folder / 'pipeline.db'}",
                "PORT": "0",
                "PIPELINE_WRITES_PER_MINUTE": "60000",
            }
            async with ServerProcess(settings, folder) as server:
                world = World(state, server, session, app.webhook_secret or "")
                for step in Story(state, installation, time.time()).steps():
                    if isinstance(step, Sent):
                        for delivery in step.deliveries:
                            await world.deliver(delivery)
                        await server.until_idle(session)
                yield world


async def measured(number: int) -> None:
    """Plays the day and prints what was measured after it."""
    async with after_a_day() as world:
        sys.stdout.write("| Command | Comments | p50 | p99 | Longest |\n| --- | ---: | ---: | ---: | ---: |\n")
        for command in COMMANDS:
            # The first answer of a server has its modules and its token still to fetch; somebody waits for it as well.
            took = [await world.waited(command, f"person-{one}") for one in range(number)]
            _row(f"`{command}`, one by one", took)
        mixed = [COMMANDS[one % len(COMMANDS)] for one in range(number)]
        at_once = (world.waited(command, f"person-{one}") for one, command in enumerate(mixed))
        _row("all of them in turn, at once", await asyncio.gather(*at_once))
        sys.stdout.write(f"\nLoad of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.\n")


def _row(name: str, took: Sequence[float]) -> None:
    cuts = quantiles(took, n=100, method="inclusive")
    figures = " | ".join(f"{1_000 * seconds:,.0f}" for seconds in (cuts[49], cuts[98], max(took)))
    sys.stdout.write(f"| {name} | {len(took)} | {figures} |\n")


def main() -> None:
    """Reads the options and measures."""
    parser = argparse.ArgumentParser(description="How long people wait for an answer.")
    parser.add_argument("--comments", type=int, default=50)
    asyncio.run(measured(parser.parse_args().comments))


if __name__ == "__main__":
    main()
