"""Fingerprints seen within an installation: how often, where, since when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, delete, func, or_, select

from storage.advisory import one_at_a_time
from storage.model import Pattern, Repository
from storage.rows import build, columns_of, insert_into
from storage.tables import NO, failure_patterns, pattern_repositories, pipeline_failures, repositories

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy.ext.asyncio import AsyncConnection

_patterns = failure_patterns.c
_failures = pipeline_failures.c
_KEY = ["installation_id", "fingerprint"]


async def refresh(tx: AsyncConnection, installation_id: int, fingerprints: Collection[str]) -> None:
    """Computes these patterns again from the stored failures that count under them, so that a replay adds nothing.

    A job that failed in several attempts of one run counts once. What nobody fails with any more is removed, unless
    somebody muted it.
    """
    for fingerprint in sorted(set(fingerprints)):
        # Another repository's transaction may be about to add to it: count after it has committed.
        await one_at_a_time(tx, f"pattern:{installation_id}:{fingerprint}")
        where = await _count_repositories(tx, installation_id, fingerprint)
        facts = await _facts(tx, installation_id, fingerprint, where)
        if facts is None:
            forgotten = delete(failure_patterns).where(
                _patterns.installation_id == installation_id,
                _patterns.fingerprint == fingerprint,
                _patterns.muted == NO,
            )
            await tx.execute(forgotten)
            continue
        insert = insert_into(tx, failure_patterns).values(
            installation_id=installation_id, fingerprint=fingerprint, **facts
        )
        await tx.execute(
            insert.on_conflict_do_update(index_elements=_KEY, set_={name: insert.excluded[name] for name in facts})
        )


async def set_muted(tx: AsyncConnection, installation_id: int, fingerprint: str, *, muted: bool) -> None:
    """Mutes a fingerprint, or lets it speak again; it need not have been seen yet."""
    insert = insert_into(tx, failure_patterns).values(
        installation_id=installation_id, fingerprint=fingerprint, muted=muted
    )
    await tx.execute(insert.on_conflict_do_update(index_elements=_KEY, set_={"muted": insert.excluded.muted}))


async def pattern(conn: AsyncConnection, installation_id: int, fingerprint: str) -> Pattern | None:
    """One fingerprint, however rare."""
    query = select(*columns_of(failure_patterns, Pattern)).where(
        _patterns.installation_id == installation_id, _patterns.fingerprint == fingerprint
    )
    return next(iter(build(Pattern, await conn.execute(query))), None)


async def nameable_repositories(conn: AsyncConnection, repo: Repository, fingerprint: str) -> tuple[str, ...]:
    """Where a fingerprint occurred, as readers of `repo` may know: there, and in public ones of its installation."""
    query = (
        select(repositories.c.full_name)
        .join(pipeline_failures, repositories.c.id == _failures.repo_id)
        .where(
            _failures.installation_id == repo.installation_id,
            _failures.fingerprint == fingerprint,
            or_(repositories.c.private == NO, repositories.c.id == repo.id),
            repositories.c.removed_at.is_(None),
        )
        .distinct()
    )
    return tuple(sorted((await conn.execute(query)).scalars()))


async def _count_repositories(tx: AsyncConnection, installation_id: int, fingerprint: str) -> list[dict[str, Any]]:
    """Counts a fingerprint in each repository again, and keeps what it came to."""
    failed = (
        select(
            _failures.repo_id,
            func.min(_failures.detected_at).label("first_seen"),
            func.max(_failures.detected_at).label("last_seen"),
        )
        .where(_failures.installation_id == installation_id, _failures.pattern == fingerprint)
        .group_by(_failures.repo_id, _failures.run_id, _failures.job)
        .subquery()
    )
    counted = select(
        failed.c.repo_id,
        func.count().label("count"),
        func.min(failed.c.first_seen).label("first_seen"),
        func.max(failed.c.last_seen).label("last_seen"),
    ).group_by(failed.c.repo_id)
    where = [dict(row._mapping) for row in await tx.execute(counted)]
    kept = pattern_repositories.c
    ours = and_(kept.installation_id == installation_id, kept.fingerprint == fingerprint)
    await tx.execute(delete(pattern_repositories).where(ours))
    if where:
        key = {"installation_id": installation_id, "fingerprint": fingerprint}
        await tx.execute(insert_into(tx, pattern_repositories), [key | row for row in where])
    return where


async def _facts(
    tx: AsyncConnection, installation_id: int, fingerprint: str, where: list[dict[str, Any]]
) -> dict[str, Any] | None:
    ours = (_failures.installation_id == installation_id, _failures.pattern == fingerprint)
    newest = (
        select(_failures.category, _failures.message, _failures.suggestions)
        .where(*ours)
        .order_by(
            *(_failures.detected_at.desc(), _failures.repo_id.desc(), _failures.run_id.desc()),
            *(_failures.run_attempt.desc(), _failures.job_id.desc()),
        )
        .limit(1)
    )
    row = (await tx.execute(newest)).first()
    if row is None:
        return None
    return {
        "category": row.category,
        "description": row.message,
        "suggestions": row.suggestions,
        "count": sum(each["count"] for each in where),
        "repositories": await _repositories(tx, installation_id, fingerprint),
        "first_seen": min(each["first_seen"] for each in where),
        "last_seen": max(each["last_seen"] for each in where),
    }


async def _repositories(tx: AsyncConnection, installation_id: int, fingerprint: str) -> tuple[str, ...]:
    name = func.max(func.coalesce(repositories.c.full_name, _failures.repository)).label("name")
    query = (
        select(name)
        .join_from(pipeline_failures, repositories, repositories.c.id == _failures.repo_id, isouter=True)
        .where(_failures.installation_id == installation_id, _failures.pattern == fingerprint)
        .group_by(_failures.repo_id)
    )
    return tuple(sorted((await tx.execute(query)).scalars()))
