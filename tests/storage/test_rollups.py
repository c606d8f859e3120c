"""Rollups are what the stored facts come to, in whatever order and however often these were told."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from sqlalchemy import select, update

from storage import history, rollups, words
from storage.dashboards import Bucket, Halves, corrected, failures, halves, total, trend
from storage.merging import COUNTED
from storage.model import Correction
from storage.recurring import costs, outbreaks, recurring
from storage.rollups import DAY, ROLLUPS
from storage.scopes import Scope, everything
from storage.tables import failure_daily, pattern_daily, run_daily
from storage.windows import Window
from tests.storage.facts import REPO, START, make_failure, make_job, make_run
from tests.storage.telling import green, learn, red
from tests.storage.test_any_order import Attempt, deliveries, empty, tell

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from storage.database import Database

Rows = dict[str, dict[tuple[object, ...], tuple[int, ...]]]
ORG = Scope((1,))
NOW = START + 10**6
MONTH = Window(NOW - 30 * DAY, NOW)


async def rows(conn: AsyncConnection) -> Rows:
    found: Rows = {}
    for table in ROLLUPS:
        keys, counts = len(table.primary_key.columns), len(rollups.values_of(table))
        stored = [tuple(row) for row in await conn.execute(select(table))]
        found[table.name] = {row[:keys]: row[keys : keys + counts] for row in stored if any(row[keys:])}
    return found


def expected(attempts: list[Attempt]) -> Rows:
    """From the definition, without a look at how it is computed."""
    runs: Counter[tuple[object, ...]] = Counter()
    kinds: Counter[tuple[object, ...]] = Counter()
    patterns: dict[tuple[object, ...], list[tuple[int, int]]] = {}
    latest = {one.run.run_id: one for one in sorted(attempts, key=lambda one: one.place)}
    for attempt in attempts:
        run = attempt.run
        if latest[run.run_id] is attempt and run.conclusion in COUNTED and run.completed_at:
            runs[(1, run.completed_at // DAY, REPO, run.conclusion == "success")] += 1
        for failure in attempt.failures():
            day = failure.detected_at // DAY
            kinds[(1, day, failure.category, failure.severity)] += 1
            days = patterns.setdefault((failure.fingerprint, run.run_id, failure.job), [])
            days.append((day, 30 if run.completed_at else 0))
    broken: Counter[tuple[object, ...]] = Counter()
    for attempt in attempts:
        for failure in attempt.failures():
            broken[(1, failure.detected_at // DAY, REPO)] += 1
    daily = {key[:3] for key in runs} | broken.keys()
    spent: dict[tuple[object, ...], list[int]] = {}
    for (mark, *_), days in patterns.items():
        total = spent.setdefault((1, min(days)[0], mark), [0, 0])
        total[0] += 1
        total[1] += sum(seconds for _, seconds in days)
    return {
        "run_daily": {
            key: (good := runs[(*key, True)], bad := runs[(*key, False)], 30 * (good + bad), good + bad, broken[key])
            for key in daily
        },
        "failure_daily": {key: (count,) for key, count in kinds.items()},
        "pattern_daily": {key: (total[0], total[1]) for key, total in spent.items()},
    }


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=deliveries())
async def test_whatever_the_order_the_rollups_are_what_the_facts_say(
    database: Database, told: tuple[list[Attempt], list[tuple[Attempt, bool]]]
) -> None:
    attempts, order = told
    await database.write(empty)
    for attempt, at_end in order:
        await database.write(lambda tx, one=attempt, end=at_end: tell(tx, one, end))  # type: ignore[misc]
    async with database.read() as conn:
        found = await rows(conn)
    assert found == expected(attempts)
    assert await database.write(lambda tx: rollups.reconcile(tx, 1, START, NOW)) == 0


async def test_reconciling_mends_what_was_damaged_and_counts_it(database: Database) -> None:
    await red(database, 1)
    await green(database, 2)
    async with database.read() as conn:
        right = await rows(conn)
    await database.write(lambda tx: tx.execute(update(run_daily).values(success=9)))
    await database.write(lambda tx: tx.execute(failure_daily.delete()))
    stray = pattern_daily.insert().values(installation_id=1, day=START // DAY, fingerprint="stray", count=3, seconds=9)
    await database.write(lambda tx: tx.execute(stray))
    assert await database.write(lambda tx: rollups.reconcile(tx, 1, START, NOW)) == 3
    async with database.read() as conn:
        assert await rows(conn) == right


async def several_days(database: Database) -> None:
    """Twelve runs over twelve days in three repositories, the later ones red; one failed twice."""
    for number in range(1, 13):
        at = NOW - (13 - number) * DAY + 3_000
        run = make_run(
            number,
            conclusion="failure" if number > 6 else "success",
            repo_id=REPO + number % 3,
            repository=f"acme/r{number % 3}",
            created_at=at - 60,
            started_at=at - 60,
            completed_at=at,
        )
        await learn(database, run, *([make_failure(run)] if number > 6 else []))


async def test_rollups_and_rows_give_the_same_answers(database: Database) -> None:
    await several_days(database)
    each = Scope((1,), (REPO, REPO + 1, REPO + 2))
    async with database.read() as conn:
        for window in (MONTH, Window(NOW - 9 * DAY - 500, NOW)):
            whole = await halves(conn, ORG, window)
            one_by_one: dict[int, Halves] = {}
            for repo_id in each.repo_ids or ():
                one_by_one |= await halves(conn, Scope((1,), (repo_id,)), window)
            assert whole == one_by_one
            assert await halves(conn, each, window) == whole
            assert await total(conn, ORG, window) == sum(whole.values(), Halves()).whole
            assert await total(conn, each, window) == await total(conn, ORG, window)
            assert sum(one.runs for one in await trend(conn, ORG, window)) == sum(
                one.whole.runs for one in whole.values()
            )
            found = await failures(conn, ORG, window)
            assert found.by_repository == {REPO: 2, REPO + 1: 2, REPO + 2: 2}
            assert (found.by_category, found.by_severity) == ({"testing": 6}, {"medium": 6})
            assert await failures(conn, each, window) == found
            (dearest,) = await costs(conn, ORG, window, limit=3)
            assert (dearest.fingerprint, dearest.count, dearest.seconds) == ("f1", 6, 6 * 60)
    assert sum(whole.values(), Halves()).direction == "increasing"


async def test_patterns_come_by_the_runner_time_they_took_then_by_count(database: Database) -> None:
    for number, (fingerprint, took) in enumerate([("often", 30)] * 4 + [("long", 600)] * 2 + [("as-long", 400)] * 3, 1):
        run = make_run(number, completed_at=NOW - number * DAY)
        failure = make_failure(run, fingerprint=fingerprint)
        job = replace(make_job(run, "test", "failure"), started_at=1_000, completed_at=1_000 + took)
        await database.write(lambda tx, r=run, f=failure, j=job: history.learn(tx, r, [j], [f]))  # type: ignore[misc]
    async with database.read() as conn:
        for scope in (ORG, Scope((1,), (REPO,)), Scope((1,), (REPO, REPO + 1))):
            found = await recurring(conn, scope, MONTH, limit=5)
            assert [(one.fingerprint, one.count, one.seconds) for one in found] == [
                ("as-long", 3, 1_200),
                ("long", 2, 1_200),
                ("often", 4, 120),
            ]
            found = await recurring(conn, scope, Window(NOW - 5 * DAY - 60, NOW), limit=5)
            assert [(one.fingerprint, one.seconds) for one in found] == [("long", 600), ("often", 120)]


async def test_a_window_cuts_to_the_second_whichever_way_it_is_counted(database: Database) -> None:
    at = NOW - 10 * DAY
    for number, moment in enumerate((at - 1, at, at + DAY, NOW - 1), 1):
        await learn(database, make_run(number, conclusion="success", started_at=moment - 5, completed_at=moment))
    async with database.read() as conn:
        for scope in (ORG, Scope((1,), (REPO,))):
            found = await halves(conn, scope, Window(at, NOW))
            assert (found[REPO].earlier.success, found[REPO].later.success) == (2, 1)
            found = await halves(conn, scope, Window(at, NOW, NOW - 1))
            assert found[REPO].whole.success == 2
            assert (await total(conn, scope, Window(at, NOW))).success == 3
            assert (await total(conn, scope, Window(at, NOW, NOW - 1))).success == 2


async def test_the_trend_has_a_bucket_for_every_hour_or_day(database: Database) -> None:
    now = START // DAY * DAY + 5 * DAY + 1_800
    run = make_run(1, started_at=now - 7_300, completed_at=now - 7_200)
    await learn(database, run, make_failure(run))
    async with database.read() as conn:
        for scope in (ORG, Scope((1,), (REPO,))):
            hours = await trend(conn, scope, Window(now - 4 * 3_600, now))
            days = await trend(conn, scope, Window(now - 3 * DAY, now))
            assert [one.runs for one in hours] == [0, 0, 1, 0, 0]
            assert hours[2] == Bucket(now - 1_800 - 2 * 3_600, 1, 1)
            assert [one.failures for one in days] == [0, 0, 1, 0]


async def test_an_outbreak_is_one_failure_in_several_repositories_at_once(database: Database) -> None:
    for number in (1, 2, 3):
        run = make_run(number, repo_id=REPO + number)
        await learn(database, run, make_failure(run))
    late = make_run(3).completed_at or 0
    async with database.read() as conn:
        (found,) = await outbreaks(conn, ORG, late - 3_600, least=3)
        assert (found.fingerprint, found.repo_ids) == ("f1", (REPO + 1, REPO + 2, REPO + 3))
        assert await outbreaks(conn, ORG, late - 60, least=3) == []
        assert await outbreaks(conn, Scope((1,), (REPO + 1, REPO + 2)), late - 3_600, least=3) == []


async def test_everything_is_every_installation_that_has_runs(database: Database) -> None:
    async with database.read() as conn:
        assert await everything(conn) == Scope(())
    for number, installation in enumerate((0, 5, 9), 1):
        await green(database, number, installation_id=installation)
    async with database.read() as conn:
        assert await everything(conn) == Scope((0, 5, 9))


async def test_a_corrected_category_moves_in_the_rollup_as_well(database: Database) -> None:
    await red(database, 1)
    await red(database, 2, fingerprint="f2")
    word = Correction(
        repo_id=REPO,
        fingerprint="f1",
        category="infrastructure",
        was="testing",
        rule="",
        by="ann",
        at=1,
    )
    await database.write(lambda tx: words.correct(tx, word))
    async with database.read() as conn:
        found = await failures(conn, ORG, MONTH)
        assert await corrected(conn, ORG, MONTH) == 1
    assert found.by_category == {"infrastructure": 1, "testing": 1}
    assert await database.write(lambda tx: rollups.reconcile(tx, 1, START, NOW)) == 0
