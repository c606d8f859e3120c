"""A mute ends by itself where the failure outgrows what was known when it was muted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from storage import patterns, waking, words
from storage.model import Mute
from tests.storage.facts import REPO, START, make_failure, make_run
from tests.storage.telling import learn

if TYPE_CHECKING:
    from storage.database import Database
    from storage.model import Wake

DAY = 86_400
MUTED = START + 30 * DAY


async def fail(
    database: Database, run_id: int, at: int, *, jobs: tuple[str, ...] = ("test",), **more: object
) -> list[Wake]:
    """A run that failed at that time, asked whether it wakes anything."""
    run = make_run(run_id, completed_at=at, started_at=at - 30, created_at=at - 30, **{"branch": "feature"} | more)
    failed = [make_failure(run, job) for job in jobs]
    await learn(database, run, *failed)
    return await database.write(lambda tx: waking.wake_up(tx, run, failed, at + 5))


async def mute(database: Database, at: int = MUTED, until: int | None = None) -> None:
    word = Mute(repo_id=REPO, installation_id=1, fingerprint="f1", until=until, reason="", by="octocat", at=at)
    await database.write(lambda tx: words.mute(tx, word))


async def is_muted(database: Database, now: int) -> bool:
    async with database.read() as conn:
        return bool(await words.muted(conn, REPO, {"f1"}, now))


async def once_a_day(database: Database, days: int = 7, runs_a_day: int = 1) -> None:
    for day in range(days):
        for number in range(runs_a_day):
            await fail(database, 1 + day * runs_a_day + number, MUTED - (days - day) * DAY + 60 + number)


async def test_from_one_to_two_wakes_nothing(database: Database) -> None:
    await fail(database, 1, MUTED - DAY)
    await mute(database)
    assert await fail(database, 2, MUTED + 100) == []
    assert await fail(database, 3, MUTED + 200) == []
    assert await is_muted(database, MUTED + 300)


async def test_a_daily_rate_that_doubles_wakes_and_says_from_what_to_what(database: Database) -> None:
    await once_a_day(database)
    await mute(database)
    woken = [await fail(database, 100 + number, MUTED + number * 3600) for number in range(1, 6)]
    assert woken[:4] == [[], [], [], []]
    [wake] = woken[4]
    assert (wake.cause, wake.count, wake.before, wake.by, wake.muted_at) == ("rate", 5, 1.0, "octocat", MUTED)
    assert not await is_muted(database, MUTED + DAY)


async def test_the_same_rate_as_before_goes_on_being_muted(database: Database) -> None:
    await once_a_day(database, runs_a_day=6)
    await mute(database)
    for day in range(3):
        for number in range(6):
            assert await fail(database, 200 + day * 6 + number, MUTED + day * DAY + number * 4 * 3600 + 60) == []
    assert await is_muted(database, MUTED + 3 * DAY)


async def test_the_legs_of_a_matrix_are_one_run(database: Database) -> None:
    await fail(database, 1, MUTED - 600)
    await mute(database)
    legs = tuple(f"test ({number})" for number in range(12))
    assert await fail(database, 2, MUTED + 60, jobs=legs) == []


async def test_what_reaches_the_default_branch_for_the_first_time_wakes(database: Database) -> None:
    await fail(database, 1, MUTED - 600)
    await mute(database)
    [wake] = await fail(database, 2, MUTED + 60, branch="main", default_branch=True)
    assert (wake.cause, wake.branch) == ("default_branch", "main")
    async with database.read() as conn:
        known = await patterns.pattern(conn, 1, "f1")
    assert known is not None
    assert not known.muted


async def test_what_was_on_the_default_branch_when_it_was_muted_does_not_wake_there(database: Database) -> None:
    await fail(database, 1, MUTED - 600, branch="main", default_branch=True)
    await mute(database)
    assert await fail(database, 2, MUTED + 60, branch="main", default_branch=True) == []


async def test_asked_again_of_the_same_run_it_answers_the_same(database: Database) -> None:
    await fail(database, 1, MUTED - 600)
    await mute(database)
    first = await fail(database, 2, MUTED + 60, branch="main", default_branch=True)
    assert await fail(database, 2, MUTED + 60, branch="main", default_branch=True) == first
    assert await fail(database, 3, MUTED + 90, branch="main", default_branch=True) == []


async def test_muted_again_it_sleeps_and_nothing_more_is_said_of_its_waking(database: Database) -> None:
    await fail(database, 1, MUTED - 600)
    await mute(database)
    assert await fail(database, 2, MUTED + 60, branch="main", default_branch=True)
    await mute(database, MUTED + 100)
    assert await fail(database, 3, MUTED + 200, branch="main", default_branch=True) == []
    async with database.read() as conn:
        assert await waking.awake(conn, REPO, {"f1"}, MUTED + 200) == {}


@pytest.mark.parametrize(("days", "told"), [(6, True), (8, False)])
async def test_that_it_woke_is_told_for_a_week(database: Database, days: int, told: bool) -> None:
    await fail(database, 1, MUTED - 600)
    await mute(database)
    await fail(database, 2, MUTED + 60, branch="main", default_branch=True)
    now = MUTED + days * DAY
    await database.write(lambda tx: waking.forget(tx, now))
    async with database.read() as conn:
        assert bool(await waking.awake(conn, REPO, {"f1"}, now)) is told


async def test_a_run_of_before_the_mute_wakes_nothing(database: Database) -> None:
    await fail(database, 1, MUTED - 600)
    await mute(database)
    assert await fail(database, 2, MUTED - 60, branch="main", default_branch=True) == []
