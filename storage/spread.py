"""The same infrastructure failure in several repositories of an installation at once: where, and since when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import exists, func, select

from storage.failures import failures_query
from storage.model import Failure
from storage.recurring import outbreaks
from storage.rows import build
from storage.scopes import everything
from storage.tables import NO, failure_patterns, pipeline_failures, repositories

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection


HOUR = 3600
LEAST = 3
"""Repositories within an hour, from which on the cause is likely outside of them."""
CATEGORY = "infrastructure"
_failures = pipeline_failures.c
_patterns = failure_patterns.c


@dataclass(frozen=True, slots=True)
class Place:
    """A repository in which it was seen within the hour."""

    repo_id: int
    full_name: str
    private: bool
    first: int


@dataclass(frozen=True, slots=True)
class Spread:
    """One pattern in `LEAST` repositories or more; the places in the order in which it reached them."""

    installation_id: int
    fingerprint: str
    places: tuple[Place, ...]


async def spreads(conn: AsyncConnection, now: int) -> list[Spread]:
    """What spreads just now. Failures whose message says nothing do not count."""
    found = []
    for one in await outbreaks(conn, await everything(conn), now - HOUR, least=LEAST):
        category = select(_patterns.category).where(
            _patterns.installation_id == one.installation_id, _patterns.fingerprint == one.fingerprint
        )
        if (await conn.execute(category)).scalar() == CATEGORY:
            where = await places(conn, one.installation_id, one.fingerprint, now - HOUR)
            if len(where) >= LEAST:
                found.append(Spread(one.installation_id, one.fingerprint, where))
    return found


async def places(conn: AsyncConnection, installation_id: int, pattern: str, since: int) -> tuple[Place, ...]:
    """Where a pattern was seen at or after `since`, the earliest first."""
    first = func.min(_failures.detected_at).label("first")
    query = (
        select(repositories.c.id, repositories.c.full_name, repositories.c.private, first)
        .join_from(pipeline_failures, repositories, repositories.c.id == _failures.repo_id)
        .where(
            _failures.installation_id == installation_id,
            _failures.pattern == pattern,
            _failures.detected_at >= since,
            _failures.generic == NO,
            repositories.c.removed_at.is_(None),
        )
        .group_by(repositories.c.id, repositories.c.full_name, repositories.c.private)
        .order_by(first, repositories.c.id)
    )
    return tuple(Place(row.id, row.full_name, bool(row.private), row.first) for row in await conn.execute(query))


async def goes_on(conn: AsyncConnection, installation_id: int, pattern: str, now: int) -> bool:
    """Whether it was seen within the hour and is red somewhere still."""
    ours = (_failures.installation_id == installation_id, _failures.pattern == pattern)
    seen = select(exists().where(*ours, _failures.detected_at >= now - HOUR))
    red = select(exists().where(*ours, _failures.resolved_at.is_(None)))
    return bool((await conn.execute(seen)).scalar()) and bool((await conn.execute(red)).scalar())


async def newest_in(conn: AsyncConnection, repo_id: int, pattern: str) -> Failure | None:
    """The newest occurrence in one repository, which its own readers may know."""
    query = failures_query().where(_failures.repo_id == repo_id, _failures.pattern == pattern)
    found = await conn.execute(query.order_by(_failures.detected_at.desc(), _failures.run_id.desc()).limit(1))
    return next(iter(build(Failure, found)), None)
