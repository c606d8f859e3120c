"""Patterns as a list: what recurs in a scope, and what it costs."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, case, func, select, union_all

from storage.model import Pattern
from storage.rows import build, columns_of
from storage.scopes import of_repository
from storage.tables import (
    failure_patterns,
    mutes,
    pattern_daily,
    pattern_repositories,
    pipeline_failures,
    pipeline_jobs,
    repositories,
)
from storage.windows import DAY, FEW_DAYS, Window

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import ColumnElement, Select, Subquery
    from sqlalchemy.ext.asyncio import AsyncConnection

    from storage.model import Repository
    from storage.scopes import Scope

_patterns = failure_patterns.c
_places = pattern_repositories.c
_failures = pipeline_failures.c
_jobs = pipeline_jobs.c
MINIMUM = 2
"""Seen less often than this it is no pattern."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a pattern came to within a window; `seconds` is the time of the failed jobs."""

    installation_id: int
    fingerprint: str
    count: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Outbreak:
    """One fingerprint in several repositories at once."""

    installation_id: int
    fingerprint: str
    repo_ids: tuple[int, ...]


async def recurring(conn: AsyncConnection, scope: Scope, window: Window, *, limit: int) -> list[Pattern]:
    """Patterns of the scope seen within the window up to now: what took most runner time in it first, then by count.

    `seconds` is of the window, the counts are of all their time. Where the scope is some repositories, everything is
    of those alone.
    """
    if scope.repo_ids is not None:
        return await _recurring_in(conn, scope, window, limit)
    spent = _spent(scope, window)
    seconds = func.coalesce(spent.c.seconds, 0).label("seconds")
    query = (
        select(*columns_of(failure_patterns, Pattern), seconds)
        .join_from(failure_patterns, spent, _same(_patterns, spent.c), isouter=True)
        .where(scope.within(_patterns), _patterns.last_seen >= window.since, _patterns.count >= MINIMUM)
        .order_by(seconds.desc(), _patterns.count.desc(), _patterns.last_seen.desc(), _patterns.fingerprint)
    )
    return build(Pattern, await conn.execute(query.limit(limit)))


async def of_fingerprints(conn: AsyncConnection, scope: Scope, fingerprints: Collection[str]) -> dict[str, Pattern]:
    """What the scope knows of these fingerprints, however rare they are."""
    if not fingerprints:
        return {}
    if scope.repo_ids is None:
        query = select(*columns_of(failure_patterns, Pattern)).where(
            scope.within(_patterns), _patterns.fingerprint.in_(fingerprints)
        )
        found = build(Pattern, await conn.execute(query.order_by(_patterns.count)))
    else:
        counted = _counted(scope).where(_places.fingerprint.in_(fingerprints))
        found = await _described(conn, scope, (await conn.execute(counted)).all())
    return {pattern.fingerprint: pattern for pattern in found}


async def counted_under(conn: AsyncConnection, repo: Repository, fingerprints: Collection[str]) -> dict[str, Pattern]:
    """For each of these fingerprints the pattern it counts under, as this repository alone knows it."""
    query = (
        select(_failures.fingerprint, func.max(_failures.pattern).label("under"))
        .where(_failures.repo_id == repo.id, _failures.fingerprint.in_(fingerprints))
        .group_by(_failures.fingerprint)
    )
    under = {row.fingerprint: row.under for row in await conn.execute(query)}
    known = await of_fingerprints(conn, of_repository(repo), set(under.values()))
    return {fingerprint: known[pattern] for fingerprint, pattern in under.items() if pattern in known}


async def costs(conn: AsyncConnection, scope: Scope, window: Window, *, limit: int) -> list[Cost]:
    """The patterns that took most runner time within the window up to now, the dearest first."""
    part = _spent(scope, window)
    query = (
        select(part)
        .where(part.c.count >= MINIMUM)
        .order_by(part.c.seconds.desc(), part.c.count.desc(), part.c.fingerprint)
    )
    return [
        Cost(row.installation_id, row.fingerprint, int(row[2]), int(row.seconds))
        for row in await conn.execute(query.limit(limit))
    ]


async def outbreaks(conn: AsyncConnection, scope: Scope, since: int, *, least: int) -> list[Outbreak]:
    """Fingerprints seen at or after `since` in `least` repositories of the scope or more."""
    query = select(_places.installation_id, _places.fingerprint, _places.repo_id).where(
        scope.within(_places), _places.last_seen >= since
    )
    found: dict[tuple[int, str], list[int]] = defaultdict(list)
    for installation_id, fingerprint, repo_id in await conn.execute(query.order_by(_places.repo_id)):
        found[(installation_id, fingerprint)].append(repo_id)
    spread = [Outbreak(*key, tuple(repo_ids)) for key, repo_ids in found.items() if len(repo_ids) >= least]
    return sorted(spread, key=lambda one: (-len(one.repo_ids), one.fingerprint))


async def _recurring_in(conn: AsyncConnection, scope: Scope, window: Window, limit: int) -> list[Pattern]:
    spent, seen = _spent(scope, window), _counted(scope).subquery()
    seconds = func.coalesce(spent.c.seconds, 0).label("seconds")
    query = (
        select(seen, seconds)
        .join_from(seen, spent, _same(seen.c, spent.c), isouter=True)
        .where(seen.c.last_seen >= window.since, seen.c.seen >= MINIMUM)
        .order_by(seconds.desc(), seen.c.seen.desc(), seen.c.last_seen.desc(), seen.c.fingerprint)
    )
    rows = (await conn.execute(query.limit(limit))).all()
    found = await _described(conn, scope, rows)
    took = {(row.installation_id, row.fingerprint): int(row.seconds) for row in rows}
    return [replace(one, seconds=took[one.installation_id, one.fingerprint]) for one in found]


def _counted(scope: Scope) -> Select[Any]:
    return (
        select(
            _places.installation_id,
            _places.fingerprint,
            func.sum(_places.count).label("seen"),
            func.min(_places.first_seen).label("first_seen"),
            func.max(_places.last_seen).label("last_seen"),
        )
        .where(scope.within(_places))
        .group_by(_places.installation_id, _places.fingerprint)
    )


async def _described(conn: AsyncConnection, scope: Scope, rows: Collection[Any]) -> list[Pattern]:
    """The description is that of the newest failure inside the scope: another's text may hold what is not for here."""
    if not rows:
        return []
    prints = [row.fingerprint for row in rows]
    words = await _newest_words(conn, scope, prints)
    muted = await _muted(conn, scope, prints)
    where = await _where(conn, scope, prints)
    found = []
    for row in rows:
        key_of = (row.installation_id, row.fingerprint)
        word = words.get(key_of)
        if word is not None:
            found.append(
                Pattern(
                    installation_id=row.installation_id,
                    fingerprint=row.fingerprint,
                    category=word.category,
                    description=word.message,
                    count=int(row.seen),
                    repositories=tuple(where[key_of]),
                    first_seen=row.first_seen,
                    last_seen=row.last_seen,
                    muted=key_of in muted,
                    suggestions=word.suggestions,
                )
            )
    return found


async def _newest_words(conn: AsyncConnection, scope: Scope, prints: list[str]) -> dict[tuple[int, str], Any]:
    newest = and_(
        _failures.repo_id == _places.repo_id,
        _failures.pattern == _places.fingerprint,
        _failures.detected_at == _places.last_seen,
    )
    key = (_places.installation_id, _places.fingerprint)
    query = (
        select(*key, _failures.category, _failures.message, _failures.suggestions)
        .join_from(pattern_repositories, pipeline_failures, newest)
        .where(scope.within(_places), _places.fingerprint.in_(prints))
        .order_by(_failures.detected_at, _failures.run_id, _failures.run_attempt, _failures.job_id)
    )
    return {(row.installation_id, row.fingerprint): row for row in await conn.execute(query)}


async def _muted(conn: AsyncConnection, scope: Scope, prints: list[str]) -> set[tuple[int, str]]:
    query = select(mutes.c.installation_id, mutes.c.fingerprint).where(
        scope.within(mutes.c), mutes.c.fingerprint.in_(prints)
    )
    return {(row.installation_id, row.fingerprint) for row in await conn.execute(query)}


async def _where(conn: AsyncConnection, scope: Scope, prints: list[str]) -> dict[tuple[int, str], list[str]]:
    query = (
        select(_places.installation_id, _places.fingerprint, repositories.c.full_name)
        .join(repositories, repositories.c.id == _places.repo_id)
        .where(scope.within(_places), _places.fingerprint.in_(prints))
        .order_by(repositories.c.full_name)
    )
    found: dict[tuple[int, str], list[str]] = defaultdict(list)
    for installation_id, fingerprint, name in await conn.execute(query):
        found[(installation_id, fingerprint)].append(name)
    return found


def _same(one: Any, other: Any) -> ColumnElement[bool]:
    return and_(one.installation_id == other.installation_id, one.fingerprint == other.fingerprint)


def _spent(scope: Scope, window: Window) -> Subquery:
    """How often each pattern failed within the window up to now, and the time of its failed jobs.

    Whole days of an installation come from the rollup.
    """
    parts: list[Select[Any]] = []
    end: tuple[ColumnElement[bool], ...] = ()
    if scope.repo_ids is None and window.seconds > FEW_DAYS:
        first = -(-window.since // DAY)
        end = (_failures.detected_at < first * DAY,)
        days = pattern_daily.c
        totals = (func.sum(days.count).label("count"), func.sum(days.seconds).label("seconds"))
        parts.append(
            select(days.installation_id, days.fingerprint, *totals)
            .where(scope.within(days), days.day >= first)
            .group_by(days.installation_id, days.fingerprint)
        )
    parts.append(_failed_jobs(and_(scope.within(_failures), _failures.detected_at >= window.since, *end)))
    part = union_all(*parts).subquery()
    seconds, count = func.sum(part.c.seconds).label("seconds"), func.sum(part.c.count).label("count")
    return (
        select(part.c.installation_id, part.c.fingerprint, count, seconds)
        .group_by(part.c.installation_id, part.c.fingerprint)
        .subquery()
    )


def _failed_jobs(which: ColumnElement[bool]) -> Select[Any]:
    job = and_(
        _jobs.repo_id == _failures.repo_id,
        _jobs.run_id == _failures.run_id,
        _jobs.run_attempt == _failures.run_attempt,
        _jobs.job_id == _failures.job_id,
    )
    took = case((_jobs.completed_at > _jobs.started_at, _jobs.completed_at - _jobs.started_at), else_=0).label("took")
    pattern = _failures.pattern.label("fingerprint")
    key = (_failures.installation_id, pattern, _failures.repo_id, _failures.run_id, _failures.job)
    # A job that failed alike in several attempts of one run is one occurrence, with the time of all of them.
    failed = select(*key, took).join_from(pipeline_failures, pipeline_jobs, job, isouter=True).where(which).subquery()
    once = (
        select(failed.c.installation_id, failed.c.fingerprint, func.sum(failed.c.took).label("took"))
        .group_by(*(failed.c[column.name] for column in key))
        .subquery()
    )
    return select(
        once.c.installation_id,
        once.c.fingerprint,
        func.count().label("count"),
        func.sum(once.c.took).label("seconds"),
    ).group_by(once.c.installation_id, once.c.fingerprint)
