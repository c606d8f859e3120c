"""What GitHub sends an App that watches CI, as bytes ready to send; and the surroundings a program needs to take it.

The mix: six in ten are check events of other Apps (all of GitHub's own Actions arrive so too), nearly three in ten say
that a run was requested or goes on, one in ten that it succeeded. The rest, two in a hundred, are runs with a failed
job; nine in ten of those fail with one of a few messages that were seen before.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

from bot.demo import deliveries
from bot.demo.github.server import StandInGitHub
from bot.demo.github.state import GitHubState
from bot.demo.webhooks import Delivery, sign
from tests.end_to_end.world import PYTEST_LOG
from tests.tools.webhook_examples import webhook_examples

SECRET = "the benchmark's secret"
FOREIGN, GOING_ON, GREEN, RED = "foreign", "going on", "green", "red"
MESSAGES = 5
"""Failures that recur; each has a line of its own."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A delivery ready to be posted."""

    kind: str
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Template:
    """A delivery of which one number differs from case to case."""

    delivery: Delivery
    body: bytes
    run_id: bytes

    def parcel(self, kind: str, run_id: int) -> Parcel:
        body = self.body.replace(self.run_id, str(run_id).encode())
        named = replace(self.delivery, guid=str(uuid4()))
        return Parcel(kind, body, sign(SECRET, body, named))


class Traffic:
    """Deliveries of so many installations, one repository each; the failing runs exist in the state."""

    def __init__(self, state: GitHubState, *, installations: int, failures: float, seed: int = 1) -> None:
        self._state = state
        self._chance = random.Random(seed)
        self._repos = [f"org{number}/shop" for number in range(installations)]
        self._failures = failures
        self._next = 7_000_000_000
        for name in self._repos:
            state.add_repository(name)
            state.install(name.split("/")[0])
        self._templates = [self._of(name) for name in self._repos]

    def parcels(self) -> Iterator[Parcel]:
        """One after the other, without end."""
        while True:
            draw, at = self._chance.random(), self._chance.randrange(len(self._repos))
            self._next += 1
            if draw < self._failures:
                yield self._red(at)
                continue
            kind = FOREIGN if draw < 0.6 else GOING_ON if draw < 0.9 else GREEN
            yield self._chance.choice(self._templates[at][kind]).parcel(kind, self._next)

    def _red(self, at: int) -> Parcel:
        run = self._state.add_run(self._repos[at])
        known = self._chance.random() < 0.9
        number = self._chance.randrange(MESSAGES) if known else self._chance.randrange(10**9)
        word = "".join(chr(ord("a") + int(digit)) for digit in str(number))
        self._state.add_job(run, "test", log=PYTEST_LOG.replace("assert 3 == 4", f"assert {word} is None"))
        delivery = replace(deliveries.workflow_run(self._state, run), guid=str(uuid4()))
        return Parcel(RED, delivery.body, sign(SECRET, delivery.body, delivery))

    def _of(self, name: str) -> dict[str, list[_Template]]:
        run = self._state.add_run(name, conclusion="success")
        mark = str(run.id).encode()
        going = [deliveries.workflow_run(self._state, run, action) for action in ("requested", "in_progress")]
        for each in going:
            each.payload["workflow_run"] |= {"status": "in_progress", "conclusion": None}
        green = deliveries.workflow_run(self._state, run)
        foreign = [self._foreign(event, green) for event in ("check_run", "check_run", "check_run", "check_suite")]
        return {
            GOING_ON: [_Template(each, each.body, mark) for each in going],
            GREEN: [_Template(green, green.body, mark)],
            FOREIGN: [_Template(each, each.body, mark) for each in foreign],
        }

    def _foreign(self, event: str, own: Delivery) -> Delivery:
        """Published payloads of the event, of GitHub's own App and in our repository."""
        example = webhook_examples(event)[0]
        inner = {**example[event], "app": {**example[event]["app"], "id": 15368, "slug": "github-actions"}}
        same = {name: own.payload[name] for name in ("repository", "installation", "sender") if name in own.payload}
        return replace(own, event=event, payload={**example, "action": "completed", event: inner, **same})


@dataclass
class Surroundings:
    """A GitHub, its traffic, and the environment in which the program is the App."""

    github: StandInGitHub
    traffic: Traffic
    folder: Path
    environment: dict[str, str]


@asynccontextmanager
async def surroundings(
    folder: Path, database_url: str, *, installations: int = 100, failures: float = 0.02
) -> AsyncIterator[Surroundings]:
    """The stand-in GitHub on loopback, without recording what it checks in tests."""
    state = GitHubState()
    record = state.create_app(webhook_secret=SECRET)
    traffic = Traffic(state, installations=installations, failures=failures)
    async with StandInGitHub(state) as github:
        key = folder / "key.pem"
        key.write_text(record.private_key_pem)
        environment = {
            "GITHUB_APP_ID": str(record.id),
            "GITHUB_PRIVATE_KEY_PATH": str(key),
            "GITHUB_API_URL": github.api_url,
            "WEBHOOK_SECRET": SECRET,
            "DATABASE_URL": database_url,
            "LOG_LEVEL": "warning",
        }
        yield Surroundings(github, traffic, folder, environment)
