"""Who waits for whom: slow work of one installation does not stop another's, nor anybody's answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.demo import deliveries, users
from bot.demo.github.faults import Fault
from bot.worker import last_served
from storage.model import ANSWER, REPORT, Job
from tests.end_to_end.world import PYTEST_LOG, World, opened

pytestmark = pytest.mark.slow

REPOSITORIES = 12


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A world on SQLite."""
    async with opened(tmp_path, f"sqlite:///{tmp_path / 'pipeline.db'}") as made:
        yield made


async def stuck(world: World) -> list[Fault]:
    """One installation whose repositories all have a red run, every one of which waits for GitHub's answer."""
    world.state.install("acme", app=deliveries.own_app(world.state))
    held = []
    for number in range(REPOSITORIES):
        name = f"acme/app-{number}"
        world.state.add_repository(name)
        run = world.state.add_run(name)
        world.state.add_job(run, log=PYTEST_LOG)
        held.append(world.github.faults.hold(f"GET /repos/{name}/actions/runs/"))
        assert await world.send(deliveries.workflow_run(world.state, run)) == 202
    async with asyncio.timeout(30):
        await asyncio.gather(*(fault.arrived.wait() for fault in held[:6]))
    return held


async def test_a_slow_installation_holds_up_no_other_and_no_answer(world: World) -> None:
    held = await stuck(world)
    try:
        red = world.run()
        world.job(red)
        assert await world.send(deliveries.workflow_run(world.state, red)) == 202
        talk = world.state.add_issue("acme/app-0", title="How are we doing?").number
        assert await world.send(users.post_comment(world.state, "acme/app-0", talk, "/pipeline health")) == 202
        async with asyncio.timeout(30):
            while not world.check_runs or not _answered(world, talk):
                await world.parts.database.wakeup.wait(world.parts.database.wakeup.ticket, 0.1)
        assert sum(fault.arrived.is_set() for fault in held) == 6
    finally:
        for fault in held:
            fault.released.set()
    assert await world.settled() == {}
    checked = [number for number in range(REPOSITORIES) if world.state.check_runs_named(f"acme/app-{number}")]
    assert len(checked) == REPOSITORIES


def _answered(world: World, talk: int) -> bool:
    comments = world.state.repository("acme/app-0").issues[talk].comments
    return "rocket" in [reaction.content for reaction in comments[0].reactions]


def job(installation: int, priority: int = REPORT) -> Job:
    """Work of an installation, as the worker holds it."""
    return Job(
        id=1,
        kind="delivery",
        lane=None,
        owner="w",
        attempt=1,
        guid=None,
        event=None,
        payload=b"",
        installation_id=installation,
        lease_until_ms=0,
        priority=priority,
    )


def test_the_next_turn_begins_after_the_farthest_that_was_served() -> None:
    assert last_served([], 7) == 7
    assert last_served([job(3), job(5), job(9)], 2) == 9
    assert last_served([job(8), job(9), job(1)], 7) == 1


def test_an_answer_out_of_turn_moves_nobody_elses_turn() -> None:
    assert last_served([job(90, ANSWER), job(3), job(4)], 2) == 4
