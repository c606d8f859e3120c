"""Killed at any moment, the program loses no delivery and does nothing twice."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from bot.demo import deliveries, users
from bot.demo.github.recording import RecordedRequest
from bot.demo.github.records import CommentRecord
from bot.demo.github.state import GitHubState
from bot.demo.webhooks import Delivery
from bot.render.markdown import read_marker
from storage import inbox_admin
from storage.database import Database
from tests.end_to_end.processes import Outside, Program, buried, outside
from tests.end_to_end.world import PYTEST_LOG, RUFF_LOG

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("PIPELINE_TEST_KILLS", "10"))
"""How often to kill; the long run, by hand, takes 100."""
PATIENCE = 300
"""Seconds: what went down with its process several times running waits up to a minute, and so does its lane."""
SEED = 20261125
REPOSITORIES = ("octo/app", "octo/shop")
ROUNDS = max(4, KILLS * 4 // 10)
"""Commits of each repository in the story: enough that there is work at every kill."""
PULL_LOG = PYTEST_LOG.replace("test_total", "test_tax").replace("assert 3 == 4", "tax is not supported here")
"""A failure that the default branch does not have, so that nothing excuses the pull request."""
COMPILE_LOG = (
    "2026-11-20T10:00:01.0000000Z ##[group]Run make\n"
    "2026-11-20T10:00:01.1000000Z ##[endgroup]\n"
    "2026-11-20T10:00:02.0000000Z src/cart.c:12:5: error: 'totl' undeclared (first use in this function)\n"
    "2026-11-20T10:00:03.0000000Z ##[error]Process completed with exit code 2.\n"
)


@dataclass
class Story:
    """What happens in one repository, in order, and what must be there in the end."""

    repository: str
    queue: list[Delivery] = field(default_factory=list)
    commits: set[str] = field(default_factory=set)
    """Those on which something failed."""
    commands: list[CommentRecord] = field(default_factory=list)
    pull: int = 0


def story(state: GitHubState, repository: str) -> Story:
    """Red runs of three workflows, one of which recovers; a red pull request; green runs; commands."""
    told = Story(repository)
    opened = state.add_pull(repository, "feature")
    told.pull = opened.number
    talk = state.add_issue(repository, title="How are we doing?").number
    for number in range(ROUNDS):
        sha = state.add_commit(repository, message=f"Change {number}").sha
        _red(state, told, PYTEST_LOG, name="CI", path="ci.yml", sha=sha)
        _red(state, told, RUFF_LOG, name="Lint", path="lint.yml", sha=sha)
        if number < ROUNDS - 1:
            _red(state, told, COMPILE_LOG, name="Build", path="build.yml", sha=sha)
        else:
            _green(state, told, name="Build", path="build.yml", sha=sha)
        at_head = state.add_commit(repository, branch="feature", message=f"Try {number}").sha
        assert opened.pull is not None
        opened.pull.head_sha = at_head
        _red(state, told, PULL_LOG, sha=at_head, branch="feature", event="pull_request", pulls=(told.pull,))
        _green(state, told, name="Docs", path="docs.yml", branch="docs")
        for place in (talk, told.pull):
            # Somebody else each time: one person gets no more than so many answers an hour.
            asked = users.post_comment(state, repository, place, "/pipeline health", author=f"reader-{number}")
            told.queue.append(asked)
            told.commands.append(state.repository(repository).issues[place].comments[-1])
    return told


def _red(state: GitHubState, told: Story, log: str, **fields: object) -> None:
    run = state.add_run(told.repository, **fields)  # type: ignore[arg-type]
    state.add_job(run, "test", log=log)
    told.commits.add(run.head_sha)
    told.queue.append(deliveries.workflow_run(state, run))


def _green(state: GitHubState, told: Story, **fields: object) -> None:
    run = state.add_run(told.repository, conclusion="success", **fields)  # type: ignore[arg-type]
    told.queue.append(deliveries.workflow_run(state, run))


@dataclass(frozen=True)
class Moment:
    """When to kill: at the n-th request, write or acknowledgement since the start, or while a write is on its way."""

    what: str
    number: int


def moments(dice: random.Random) -> list[Moment]:
    """As many moments as kills; each kind comes, in an order and at numbers drawn by the dice."""
    kinds = ["request", "request", "write", "write", "write", "held", "held", "held", "answer", "answer"]
    kinds = (kinds * -(-KILLS // len(kinds)))[:KILLS]
    dice.shuffle(kinds)
    return [Moment(kind, dice.randint(2, 6) if kind == "answer" else dice.randint(3, 12)) for kind in kinds]


@dataclass
class Killer:
    """Counts what happens since the last start, and kills at the moment that was chosen."""

    dice: random.Random
    programs: list[Program] = field(default_factory=list)
    moment: Moment | None = None
    counted: Counter[str] = field(default_factory=Counter)
    struck: asyncio.Event = field(default_factory=asyncio.Event)
    kills: Counter[str] = field(default_factory=Counter)

    def arm(self, moment: Moment) -> None:
        """Wait for this moment from now on."""
        self.moment = moment
        self.counted.clear()
        self.struck.clear()

    def watch(self, request: RecordedRequest) -> tuple[str, ...]:
        """A request whose effect, if any, has taken place and whose answer has not been sent."""
        self.count("request")
        if request.method in {"POST", "PATCH"} and request.route.startswith("/repos/"):
            self.count("write")
        return ()

    def count(self, what: str) -> None:
        """One more of these; the last one where the moment says so."""
        self.counted[what] += 1
        if self.moment is not None and self.moment.what == what and self.counted[what] >= self.moment.number:
            self.strike(what)

    def strike(self, why: str) -> None:
        """Kill the only process; of several the server for an acknowledgement, all workers for a held write, or one."""
        if self.moment is None:
            return
        server, *workers = self.programs
        victims = [server]
        if workers and why != "answer":
            victims = workers if why == "held" else [self.dice.choice(workers)]
        for victim in victims:
            victim.kill()
            self.kills[why] += 1
        self.moment = None
        self.struck.set()


@dataclass
class Siege:
    """Stories told to a program that is killed again and again."""

    outside: Outside
    killer: Killer
    roles: Sequence[tuple[str, ...]]
    stories: list[Story]
    acknowledged: dict[str, Delivery] = field(default_factory=dict)
    repeated: int = 0
    """Deliveries that were sent once more, with the GUID they had."""
    telling: asyncio.Future[object] = field(init=False)

    async def start_missing(self) -> None:
        """Start whichever process is not there and wait until the first one takes deliveries."""
        programs = self.killer.programs
        for place, role in enumerate(self.roles):
            if place < len(programs) and programs[place].alive:
                continue
            programs[place : place + 1] = [await self.outside.start(*role)]
        await programs[0].said("listening on")

    async def tell(self, story: Story, most: int) -> None:
        """Send up to `most` deliveries in order; what is not answered with 202 stays at the head of the queue."""
        for delivery in story.queue[:most]:
            if await self.outside.send(delivery) != 202:
                self.repeated += 1
                return
            self.acknowledged[delivery.guid] = story.queue.pop(0)
            self.killer.count("answer")

    async def tell_again(self) -> None:
        """GitHub delivers something again that was answered before."""
        if self.acknowledged:
            self.repeated += 1
            await self.outside.send(self.killer.dice.choice(list(self.acknowledged.values())))

    async def round(self, moment: Moment, most: int) -> None:
        """Start, tell, and be killed at the moment; or when all work is done, where the moment does not come."""
        await self.start_missing()
        self.killer.arm(moment)
        faults = self.outside.github.faults
        if moment.what == "held":
            faults.hold("POST /repos/{owner}/{repo}/" + self.killer.dice.choice(["check-runs", "issues"]))
        self.telling = asyncio.gather(self.tell_again(), *(self.tell(story, most) for story in self.stories))
        await _first_of(self.killer.struck.wait, self._held, self._idle)
        self.killer.strike("idle")
        for program in list(self.killer.programs):
            if program.killed:
                await program.ended()
        await self.telling
        # Only now does GitHub carry out what the dead process had sent.
        for fault in faults.held:
            fault.released.set()
        faults.pending.clear()

    async def finish(self) -> None:
        """Nobody is killed any more: tell the rest, and wait until everything is worked off."""
        await self.start_missing()
        for story in self.stories:
            await self.tell(story, len(story.queue))
        await self.outside.worked_off(PATIENCE)
        for program in self.killer.programs:
            program.signal(signal.SIGTERM)
            assert await program.ended() == 0

    async def _held(self) -> None:
        """Until a write is on its way; for ever where none is to be held."""
        if self.killer.moment is None or self.killer.moment.what != "held":
            await self.killer.struck.wait()
            return
        await self.outside.github.faults.held[-1].arrived.wait()
        self.killer.strike("held")

    async def _idle(self) -> None:
        while not self.killer.struck.is_set():
            try:
                if await self.outside.worked_off(PATIENCE) and self.telling.done():
                    return
            except aiohttp.ClientError:
                await asyncio.sleep(0.05)


async def _first_of(*waits: Callable[[], Awaitable[object]]) -> None:
    tasks = [asyncio.ensure_future(wait()) for wait in waits]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome


@pytest.mark.timeout(120 + 15 * KILLS)
async def test_kills_lose_nothing_and_do_nothing_twice(tmp_path: Path, database_url: str, engine: str) -> None:
    dice = random.Random(SEED)
    killer = Killer(dice)
    roles = [("serve",)] if engine == "sqlite" else [("serve", "--no-worker"), *[("worker",)] * 3]
    async with outside(tmp_path, database_url, repositories=REPOSITORIES, watch=killer.watch) as around:
        stories = [story(around.state, repository) for repository in REPOSITORIES]
        told = sum(len(each.queue) for each in stories)
        siege = Siege(around, killer, roles, stories)
        try:
            for moment in moments(dice):
                await siege.round(moment, most=3)
            await siege.finish()
        finally:
            await buried(killer.programs)
        print(  # noqa: T201  # the figures, for whoever runs it with -s
            f"\n{engine}: {killer.kills.total()} kills {dict(killer.kills)}; {len(siege.acknowledged)} deliveries "
            f"acknowledged, {siege.repeated} sent again; {around.github.count()} requests to GitHub, "
            f"{repeated_writes(around)} of them writes that were there already"
        )
        assert killer.kills.total() >= KILLS
        assert len(siege.acknowledged) == told
        await _nothing_waits(database_url)
        for each in stories:
            _everything_once(around.state, each)


async def _nothing_waits(database_url: str) -> None:
    database = await Database.open(database_url)
    try:
        async with database.read() as conn:
            left = await inbox_admin.list_jobs(conn, None, 100)
    finally:
        await database.close()
    assert left == []


def repeated_writes(around: Outside) -> int:
    """Writes whose like was carried out before: GitHub hears them twice, and nobody sees them twice."""
    writes = Counter(
        (request.method, request.path, str(request.body))
        for request in around.github.requests
        if request.method in {"POST", "PATCH"} and request.route.startswith("/repos/")
    )
    return sum(times - 1 for times in writes.values())


def _everything_once(state: GitHubState, told: Story) -> None:
    """One check run a commit, one issue a fingerprint, one answer a command, one comment on the pull request."""
    found = state.repository(told.repository).issues.values()
    ours = [issue for issue in found if "pipeline-failure" in issue.labels]
    assert Counter(run.head_sha for run in state.check_runs_named(told.repository)) == Counter(told.commits)
    assert sorted(issue.state for issue in ours) == ["closed", "open", "open"]
    assert len({read_marker(issue.body or "") for issue in ours}) == 3
    for issue in ours:
        assert len(issue.comments) == (1 if issue.state == "closed" else 0)
    markers = Counter(
        marker
        for issue in found
        if issue not in ours
        for comment in issue.comments
        if (marker := read_marker(comment.body)) is not None
    )
    assert set(markers.values()) == {1}
    assert Counter(marker.kind for marker in markers) == {"reply": len(told.commands), "pull-request": 1}
    for command in told.commands:
        assert sorted(reaction.content for reaction in command.reactions) == ["eyes", "rocket"]
