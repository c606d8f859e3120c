"""Counts by day, kept with the runs and failures they follow from.

Whoever changes what is known of a run does so inside `kept`, which adds the difference in the same transaction: a
replay adds nothing, and in whatever order facts come the counts are what the stored rows say.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, delete, false, or_, select

from storage.merging import COUNTED
from storage.rows import insert_into
from storage.scopes import everything
from storage.tables import (
    YES,
    failure_daily,
    pattern_daily,
    pipeline_failures,
    pipeline_jobs,
    pipeline_runs,
    run_daily,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from sqlalchemy import ColumnElement, Table
    from sqlalchemy.ext.asyncio import AsyncConnection

    from storage.database import Database

DAY = 86_400
RECONCILED_DAYS = 3
Key = tuple[str, tuple[Any, ...]]
"""Name of a rollup and the key of one of its rows."""
Contribution = dict[Key, tuple[int, ...]]

ROLLUPS: tuple[Table, ...] = (failure_daily, pattern_daily, run_daily)
"""In the order in which they are written, always: two transactions then cannot wait for each other."""
_runs = pipeline_runs.c
_failures = pipeline_failures.c
_jobs = pipeline_jobs.c


def values_of(table: Table) -> tuple[str, ...]:
    """The columns of a rollup that count; the others are its key."""
    return tuple(column.name for column in table.columns if not column.primary_key)


@asynccontextmanager
async def kept(tx: AsyncConnection, repo_id: int, run_id: int) -> AsyncIterator[None]:
    """Brings the rollups up to date with whatever is changed inside about one run: its rows, failures and jobs.

    Nobody else may change the run meanwhile: hold its lock.
    """
    before = await contribution(tx, repo_id, run_id)
    yield
    await apply(tx, before, await contribution(tx, repo_id, run_id))


@asynccontextmanager
async def kept_failures(tx: AsyncConnection, which: ColumnElement[bool]) -> AsyncIterator[None]:
    """Brings the rollups up to date with whatever is changed inside about these failures.

    `which` must select whole runs' worth of each fingerprint it names, before the change and after it.
    """
    before = await _contributions(tx, false(), which, None)
    yield
    await apply(tx, before, await _contributions(tx, false(), which, None))


async def contribution(tx: AsyncConnection, repo_id: int, run_id: int) -> Contribution:
    """What one run with all its attempts adds to the rollups, as the stored rows say now."""
    return await _contributions(tx, _runs.run_id == run_id, _failures.run_id == run_id, repo_id)


async def apply(tx: AsyncConnection, before: Contribution, after: Contribution) -> None:
    """Adds what changed. Write it last: a row of today is everybody's, and is locked until the commit."""
    changed = {key: _difference(before.get(key), after.get(key)) for key in before.keys() | after.keys()}
    for table in ROLLUPS:
        rows = sorted((key, more) for (name, key), more in changed.items() if name == table.name and any(more))
        if rows:
            await _add(tx, table, rows)


async def reconcile(tx: AsyncConnection, installation_id: int, since: int, until: int) -> int:
    """Computes the rollups of an installation again for the days from `since` to `until`, ends included.

    Returns how many rows were wrong. Times in epoch seconds.
    """
    first, last = since // DAY, until // DAY
    between = (first * DAY, (last + 1) * DAY)
    runs = and_(_runs.installation_id == installation_id, _within(_runs.completed_at, between))
    # An attempt made today may belong to a run that failed first up to a month ago: its pattern counts on that day.
    failed = and_(
        _failures.installation_id == installation_id,
        _within(_failures.detected_at, (between[0] - 31 * DAY, between[1])),
    )
    right = await _contributions(tx, runs, failed, None)
    stored = await _stored(tx, installation_id, first, last)
    right = {key: counts for key, counts in right.items() if first <= key[1][1] <= last and any(counts)}
    await apply(tx, stored, right)
    wrong = sum(stored.get(key) != right.get(key) for key in stored.keys() | right.keys())
    for table in ROLLUPS:
        empty = and_(*(table.c[name] == 0 for name in values_of(table)))
        await tx.execute(delete(table).where(table.c.installation_id == installation_id, table.c.day >= first, empty))
    return wrong


async def reconcile_recent(database: Database, now: int) -> int:
    """Reconciles the last days of every installation, a transaction each; how many rows were wrong."""
    async with database.read() as conn:
        scope = await everything(conn)
    wrong = 0
    for installation_id in scope.installation_ids:
        since = now - RECONCILED_DAYS * DAY

        async def one(tx: AsyncConnection, installation_id: int = installation_id, since: int = since) -> int:
            return await reconcile(tx, installation_id, since, now)

        wrong += await database.write(one)
    return wrong


async def _contributions(
    tx: AsyncConnection, runs: ColumnElement[bool], failed: ColumnElement[bool], repo_id: int | None
) -> Contribution:
    found: dict[Key, list[int]] = defaultdict(lambda: [0, 0, 0, 0, 0])
    if repo_id is not None:
        runs, failed = and_(_runs.repo_id == repo_id, runs), and_(_failures.repo_id == repo_id, failed)
    counted = and_(_runs.latest == YES, _runs.conclusion.in_(COUNTED), _runs.completed_at.is_not(None))
    columns = (_runs.installation_id, _runs.repo_id, _runs.conclusion, _runs.started_at, _runs.completed_at)
    for row in await tx.execute(select(*columns).where(runs, counted)):
        key = (run_daily.name, (row.installation_id, row.completed_at // DAY, row.repo_id))
        timed = 0 < row.started_at <= row.completed_at
        good = row.conclusion == COUNTED[0]
        seconds = row.completed_at - row.started_at if timed else 0
        _count(found[key], (int(good), int(not good), seconds, int(timed)))
    await _failed(tx, failed, found)
    widths = {table.name: len(values_of(table)) for table in ROLLUPS}
    return {key: tuple(counts[: widths[key[0]]]) for key, counts in found.items()}


async def _failed(tx: AsyncConnection, which: ColumnElement[bool], found: dict[Key, list[int]]) -> None:
    """A job that failed with one fingerprint in several attempts counts once in its pattern, on its first day."""
    first: dict[tuple[Any, ...], tuple[int, int]] = {}
    for row in await tx.execute(_failures_with_durations().where(which)):
        day = row.detected_at // DAY
        _count(found[(failure_daily.name, (row.installation_id, day, row.category, row.severity))], (1,))
        _count(found[(run_daily.name, (row.installation_id, day, row.repo_id))], (0, 0, 0, 0, 1))
        same = (row.installation_id, row.pattern, row.repo_id, row.run_id, row.job)
        known, seconds = first.get(same, (day, 0))
        first[same] = (min(known, day), seconds + max(row.seconds or 0, 0))
    for (installation_id, fingerprint, *_), (day, seconds) in first.items():
        _count(found[(pattern_daily.name, (installation_id, day, fingerprint))], (1, seconds))


def _failures_with_durations() -> Any:
    job = and_(
        _jobs.repo_id == _failures.repo_id,
        _jobs.run_id == _failures.run_id,
        _jobs.run_attempt == _failures.run_attempt,
        _jobs.job_id == _failures.job_id,
    )
    columns = (_failures.installation_id, _failures.repo_id, _failures.run_id, _failures.job, _failures.pattern)
    more = (_failures.category, _failures.severity, _failures.detected_at)
    seconds = (_jobs.completed_at - _jobs.started_at).label("seconds")
    return select(*columns, *more, seconds).join_from(pipeline_failures, pipeline_jobs, job, isouter=True)


def _within(column: ColumnElement[Any], between: tuple[int, int]) -> ColumnElement[bool]:
    return and_(column >= between[0], column < between[1])


def _count(total: list[int], more: tuple[int, ...]) -> None:
    for index, number in enumerate(more):
        total[index] += number


def _difference(before: tuple[int, ...] | None, after: tuple[int, ...] | None) -> tuple[int, ...]:
    some = before or after or ()
    old, new = before or (0,) * len(some), after or (0,) * len(some)
    return tuple(b - a for a, b in zip(old, new, strict=True))


async def _add(tx: AsyncConnection, table: Table, rows: list[tuple[tuple[Any, ...], tuple[int, ...]]]) -> None:
    keys, counts = [column.name for column in table.primary_key], values_of(table)
    insert = insert_into(tx, table)
    summed: Mapping[str, Any] = {name: table.c[name] + insert.excluded[name] for name in counts}
    statement = insert.on_conflict_do_update(index_elements=keys, set_=summed)
    await tx.execute(
        statement,
        [dict(zip(keys, key, strict=True)) | dict(zip(counts, more, strict=True)) for key, more in rows],
    )


async def _stored(tx: AsyncConnection, installation_id: int, first: int, last: int) -> Contribution:
    found: Contribution = {}
    for table in ROLLUPS:
        keys, counts = [column.name for column in table.primary_key], values_of(table)
        query = select(table).where(
            table.c.installation_id == installation_id, table.c.day >= first, table.c.day <= last
        )
        some = or_(*(table.c[name] != 0 for name in counts))
        for row in await tx.execute(query.where(some)):
            values = row._mapping
            found[(table.name, tuple(values[name] for name in keys))] = tuple(values[name] for name in counts)
    return found
