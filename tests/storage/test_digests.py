"""What a week came to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage import digests
from storage.digests import WEEK
from tests.storage.facts import REPO, START, make_failure, make_run
from tests.storage.telling import learn

if TYPE_CHECKING:
    from storage.database import Database

SINCE = START + 5 * WEEK
UNTIL = SINCE + WEEK


async def ended(database: Database, run_id: int, at: int, *, took: int = 60, red: str = "", **more: object) -> None:
    """A run that ended then; red with the fingerprint that is given."""
    conclusion = "failure" if red else "success"
    run = make_run(run_id, conclusion=conclusion, completed_at=at, started_at=at - took, **more)
    await learn(database, run, *([make_failure(run, fingerprint=red, message=red)] if red else []))


async def test_what_broke_is_counted_and_told_from_what_was_mended(database: Database) -> None:
    await ended(database, 1, SINCE - 100, red="old")
    await ended(database, 2, SINCE + 100)
    await ended(database, 3, SINCE + 200, red="new", workflow_id=8)
    await ended(database, 4, SINCE + 300, red="new", workflow_id=8)
    await ended(database, 5, SINCE + 400, red="pull", workflow_id=9, pull_request=3, branch="x")
    await ended(database, 6, UNTIL + 1, red="later", workflow_id=10)
    async with database.read() as conn:
        broken = await digests.broken(conn, REPO, SINCE, UNTIL)
        mended = await digests.mended(conn, REPO, SINCE, UNTIL)
    assert [(one.message, one.runs, one.red, one.new) for one in broken] == [("new", 2, True, True)]
    assert [one.message for one in mended] == ["old"]


async def test_what_comes_back_in_the_week_is_not_new_and_was_not_mended(database: Database) -> None:
    await ended(database, 1, SINCE - 100, red="again")
    await ended(database, 2, SINCE + 100)
    await ended(database, 3, SINCE + 200, red="again")
    async with database.read() as conn:
        [one] = await digests.broken(conn, REPO, SINCE, UNTIL)
        mended = await digests.mended(conn, REPO, SINCE, UNTIL)
    assert (one.new, one.red, mended) == (False, True, ())


async def timed(database: Database, before: int, week: int, samples: int) -> tuple[digests.Slower, ...]:
    for number in range(samples):
        await ended(database, 1 + number, SINCE - WEEK + number, took=before + number)
        await ended(database, 100 + number, SINCE + number, took=week + number)
    async with database.read() as conn:
        return await digests.slower(conn, REPO, SINCE, UNTIL)


async def test_a_workflow_that_got_slower_is_told_with_both_medians(database: Database) -> None:
    [one] = await timed(database, 300, 480, 11)
    assert (one.workflow, one.seconds, one.before, one.samples) == ("CI", 485, 305, 11)


async def test_few_samples_say_nothing(database: Database) -> None:
    assert await timed(database, 300, 480, 9) == ()


async def test_a_little_slower_is_no_news(database: Database) -> None:
    assert await timed(database, 300, 340, 11) == ()
