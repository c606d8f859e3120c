"""Deliveries late, twice and in any order, through the real program: what it knows and what it shows is the same."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from bot.demo import deliveries
from bot.demo.github.records import RunRecord
from bot.demo.webhooks import Delivery
from storage.tables import failure_patterns, issues, pipeline_failures, pipeline_runs
from tests.end_to_end.world import PYTEST_LOG, RUFF_LOG, World, opened

pytestmark = pytest.mark.slow

LOGS = {"tests": PYTEST_LOG, "lint": RUFF_LOG}
WORKFLOWS = ("CI", "Build")
OF_RUN = ("workflow", "branch", "status", "conclusion", "latest")
OF_FAILURE = ("job", "fingerprint", "category", "retry_count", "crossed")
SO_FAR = {
    "requested": {"status": "queued", "conclusion": None},
    "in_progress": {"status": "in_progress", "conclusion": None},
}
"""What a delivery says of a run that is not over; the stand-in has only its end."""
numbers = itertools.count(1)


@dataclass(frozen=True)
class Attempt:
    """How one attempt of a run ended: its conclusion, and what each of two jobs failed with or None."""

    conclusion: str
    jobs: tuple[str | None, str | None]


@dataclass(frozen=True)
class Happened:
    """One run: its workflow, its commit (by number), its branch, its attempts in order."""

    workflow: str
    commit: int
    branch: str
    attempts: tuple[Attempt, ...]


@st.composite
def attempts(draw: st.DrawFn) -> Attempt:
    """Red for a reason, green, or neither."""
    jobs = (draw(st.sampled_from([None, "tests", "lint"])), draw(st.sampled_from([None, None, "lint"])))
    if any(jobs):
        return Attempt("failure", jobs)
    return Attempt(draw(st.sampled_from(["success", "success", "success", "cancelled", "skipped"])), jobs)


@st.composite
def histories(draw: st.DrawFn, most: int) -> list[Happened]:
    """Up to `most` runs of two workflows on one or two branches, some run again, some on the same commit."""
    happened = []
    for number in range(draw(st.integers(2, most))):
        branch = draw(st.sampled_from(["main", "main", "main", "dev"]))
        commit = draw(st.sampled_from([number, number, max(0, number - 1)]))
        some = draw(st.lists(attempts(), min_size=1, max_size=2))
        happened.append(Happened(draw(st.sampled_from(WORKFLOWS)), commit, branch, tuple(some)))
    return happened


@dataclass(frozen=True)
class Told:
    """A delivery of a history: which run, which attempt (from 1), and what became of it."""

    run: int
    attempt: int
    action: str


def chronicle(history: list[Happened]) -> list[Told]:
    """Everything GitHub says of a history, in order."""
    return [
        Told(run, attempt, action)
        for run, happened in enumerate(history)
        for attempt in range(1, len(happened.attempts) + 1)
        for action in ("requested", "in_progress", "completed")
    ]


@dataclass
class Place:
    """A repository of an installation of its own in which a history took place, and what is to be told of it."""

    world: World
    repository: str
    installation: int
    runs: list[RunRecord]
    sent: dict[Told, Delivery]

    async def tell(self, order: list[Told]) -> None:
        """Deliver in that order, one after the other; what comes again has the GUID it had."""
        for told in order:
            run = self.runs[told.run]
            if told not in self.sent:
                self.sent[told] = delivery = deliveries.workflow_run(
                    self.world.state, run, told.action, attempt=told.attempt
                )
                delivery.payload["workflow_run"].update(SO_FAR.get(told.action, {}))
            assert await self.world.send(self.sent[told]) == 202
        async with asyncio.timeout(60):
            while await self._busy():
                await self.world.parts.database.wakeup.wait(self.world.parts.database.wakeup.ticket, 0.05)

    async def _busy(self) -> bool:
        async with self.world.parts.database.read() as conn:
            return (await conn.exec_driver_sql("SELECT count(*) FROM jobs")).scalar_one() > 0

    async def outcome(self) -> dict[str, Any]:
        """What is known, what is reported and what the checks say, with no ids and times of this place."""
        repository = self.world.state.repository(self.repository)
        place = {run.id: number for number, run in enumerate(self.runs)}
        at = {run.head_sha: f"commit of {number}" for number, run in reversed(list(enumerate(self.runs)))}
        runs, failed, patterns, reported = await self._stored(repository.id)
        checks = self.world.state.check_runs_named(self.repository)
        return {
            "runs": sorted(
                (place[row.run_id], row.run_attempt, at[row.commit], *(getattr(row, name) for name in OF_RUN))
                for row in runs
            ),
            "failures": sorted(
                (
                    place[row.run_id],
                    row.run_attempt,
                    row.resolved_at is None,
                    *(getattr(row, each) for each in OF_FAILURE),
                )
                for row in failed
            ),
            "patterns": sorted((row.fingerprint, row.category, row.count) for row in patterns),
            "open": sorted(row.fingerprint for row in reported if repository.issues[row.number].state == "open"),
            # Where nothing was red at any moment there is no check run, which says the same as a green one.
            "checks": sorted((at[one.head_sha], one.conclusion) for one in checks if one.conclusion != "success"),
        }

    async def _stored(self, repo_id: int) -> list[Any]:
        wheres = [
            (pipeline_runs, pipeline_runs.c.repo_id == repo_id),
            (pipeline_failures, pipeline_failures.c.repo_id == repo_id),
            (failure_patterns, failure_patterns.c.installation_id == self.installation),
            (issues, issues.c.repo_id == repo_id),
        ]
        async with self.world.parts.database.read() as conn:
            return [(await conn.execute(select(table).where(where))).all() for table, where in wheres]


def take_place(world: World, history: list[Happened]) -> Place:
    """Let GitHub have that history, in a new repository of a new owner."""
    owner = f"owner-{next(numbers)}"
    repository = f"{owner}/app"
    world.state.add_repository(repository)
    installation = world.state.install(owner, app=deliveries.own_app(world.state))
    shas: dict[tuple[str, int], str] = {}
    runs = []
    for happened in history:
        key = (happened.branch, happened.commit)
        if key not in shas:
            shas[key] = world.state.add_commit(repository, branch=happened.branch).sha
        run = world.state.add_run(
            repository,
            name=happened.workflow,
            path=f".github/workflows/{happened.workflow}.yml",
            branch=happened.branch,
            sha=shas[key],
            conclusion=happened.attempts[0].conclusion,
        )
        for number, attempt in enumerate(happened.attempts, 1):
            if number > 1:
                world.state.next_attempt(run)
                world.state.complete(run, attempt.conclusion)
            if attempt.conclusion in {"failure", "cancelled"}:
                for name, failed in zip(("test", "lint"), attempt.jobs, strict=True):
                    log = LOGS[failed] if failed else None
                    world.state.add_job(
                        run, name, log=log, conclusion="failure" if failed else "success", run_attempt=number
                    )
        runs.append(run)
    return Place(world, repository, installation, runs, {})


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A world on SQLite."""
    async with opened(tmp_path, f"sqlite:///{tmp_path / 'pipeline.db'}") as made:
        yield made


async def same_in_any_order(world: World, history: list[Happened], seed: int) -> None:
    """The history told in order, and told in another order with some of it twice."""
    dice = random.Random(seed)
    in_order = take_place(world, history)
    await in_order.tell(chronicle(history))
    told = chronicle(history)
    told += dice.choices(told, k=4)
    dice.shuffle(told)
    anyhow = take_place(world, history)
    await anyhow.tell(told)
    assert await anyhow.outcome() == await in_order.outcome(), told


STREAK = [Happened("CI", number, "dev", (Attempt("failure", ("lint", None)),)) for number in range(3)]
"""The third time in a row is worth a notice, which the first two are not."""


async def test_a_streak_told_backwards_is_reported_like_one_told_in_order(world: World) -> None:
    in_order, backwards = take_place(world, STREAK), take_place(world, STREAK)
    await in_order.tell(chronicle(STREAK))
    await backwards.tell(chronicle(STREAK)[::-1])
    outcome = await in_order.outcome()
    assert outcome["open"] != []
    assert await backwards.outcome() == outcome


async def test_a_failure_told_after_its_recovery_shows_on_its_own_commit(world: World) -> None:
    red, green = Attempt("failure", ("tests", None)), Attempt("success", (None, None))
    history = [Happened("CI", 0, "main", (red,)), Happened("CI", 1, "main", (green,))]
    place, told = take_place(world, history), chronicle(history)
    await place.tell(told[3:] + told[:3])
    outcome = await place.outcome()
    assert (outcome["checks"], outcome["open"]) == ([("commit of 0", "neutral")], [])


async def test_a_run_that_ends_as_nothing_beside_a_mended_one_leaves_the_check_green(world: World) -> None:
    red, ended = Attempt("failure", ("lint", None)), Attempt("cancelled", (None, None))
    history = [Happened("CI", 0, "main", (red,)), Happened("CI", 0, "main", (ended, Attempt("skipped", (None, None))))]
    place = take_place(world, history)
    await place.tell(chronicle(history))
    [check] = world.state.check_runs_named(place.repository)
    assert (check.conclusion, "running" in (check.title or "")) == ("success", False)


ONE_WORLD = (HealthCheck.function_scoped_fixture, HealthCheck.too_slow)
ONCE = (Phase.explicit, Phase.reuse, Phase.generate)
"""Without shrinking: each try takes seconds, and the history is printed."""


# The first example is always the least one.
@settings(max_examples=2, deadline=None, phases=ONCE, suppress_health_check=ONE_WORLD)
@given(history=histories(most=4), seed=st.integers(0, 2**32))
async def test_any_order_and_repetition_of_a_history_comes_to_the_same(
    world: World, history: list[Happened], seed: int
) -> None:
    await same_in_any_order(world, history, seed)


@pytest.mark.slow
@pytest.mark.timeout(900)
@settings(max_examples=40, deadline=None, phases=ONCE, suppress_health_check=ONE_WORLD)
@given(history=histories(most=6), seed=st.integers(0, 2**32))
async def test_many_histories_in_any_order_come_to_the_same(world: World, history: list[Happened], seed: int) -> None:
    await same_in_any_order(world, history, seed)
