"""Fingerprints seen within an installation: how often, where, since when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, exists, func, or_, select

from storage.advisory import one_at_a_time
from storage.model import Pattern, Repository
from storage.rows import build, columns_of, insert_into
from storage.tables import NO, failure_patterns, pipeline_failures, repositories

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy.ext.asyncio import AsyncConnection

_patterns = failure_patterns.c
_failures = pipeline_failures.c
_KEY = ["installation_id", "fingerprint"]


async def refresh(tx: AsyncConnection, installation_id: int, fingerprints: Collection[str]) -> None:
    """Computes these patterns again from the stored failures, so that a replay adds nothing.

    A job that failed in several attempts of one run counts once. What nobody fails with any more is removed, unless
    somebody muted it.
    """
    for fingerprint in sorted(set(fingerprints)):
        # Another repository's transaction may be about to add to it: count after it has committed.
        await one_at_a_time(tx, f"pattern:{installation_id}:{fingerprint}")
        facts = await _facts(tx, installation_id, fingerprint)
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


async def patterns(
    conn: AsyncConnection,
    *,
    since: int,
    installation_id: int | None = None,
    repo_id: int | None = None,
    minimum: int = 2,
) -> list[Pattern]:
    """Patterns seen at least `minimum` times and last after `since`, the most frequent first.

    With `repo_id` those that occurred there; counts are still of the whole installation.
    """
    query = select(*columns_of(failure_patterns, Pattern)).where(
        _patterns.last_seen >= since, _patterns.count >= minimum
    )
    if installation_id is not None:
        query = query.where(_patterns.installation_id == installation_id)
    if repo_id is not None:
        there = exists().where(
            _failures.repo_id == repo_id,
            _failures.fingerprint == _patterns.fingerprint,
            _failures.installation_id == _patterns.installation_id,
        )
        query = query.where(there)
    order = (_patterns.count.desc(), _patterns.last_seen.desc(), _patterns.fingerprint)
    return build(Pattern, await conn.execute(query.order_by(*order)))


async def pattern(conn: AsyncConnection, installation_id: int, fingerprint: str) -> Pattern | None:
    """One fingerprint, however rare."""
    query = select(*columns_of(failure_patterns, Pattern)).where(
        _patterns.installation_id == installation_id, _patterns.fingerprint == fingerprint
    )
    return next(iter(build(Pattern, await conn.execute(query))), None)


async def in_repository(conn: AsyncConnection, repo_id: int, fingerprint: str) -> Pattern | None:
    """A fingerprint as one repository alone knows it: nothing of any other repository is in the counts."""
    ours = (_failures.repo_id == repo_id, _failures.fingerprint == fingerprint)
    failed = select(_failures.run_id, _failures.job).where(*ours).distinct().subquery()
    count = (await conn.execute(select(func.count()).select_from(failed))).scalar_one()
    newest = select(pipeline_failures).where(*ours).order_by(_failures.detected_at.desc()).limit(1)
    row = (await conn.execute(newest)).first()
    if row is None:
        return None
    seen = (await conn.execute(select(func.min(_failures.detected_at)).where(*ours))).scalar_one()
    return Pattern(
        installation_id=row.installation_id,
        fingerprint=fingerprint,
        category=row.category,
        description=row.message,
        count=count,
        repositories=(row.repository,),
        first_seen=seen,
        last_seen=row.detected_at,
        muted=False,
        suggestions=row.suggestions,
    )


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


async def _facts(tx: AsyncConnection, installation_id: int, fingerprint: str) -> dict[str, Any] | None:
    ours = (_failures.installation_id == installation_id, _failures.fingerprint == fingerprint)
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
    failed = select(_failures.repo_id, _failures.run_id, _failures.job).where(*ours).distinct().subquery()
    seen = select(func.min(_failures.detected_at), func.max(_failures.detected_at)).where(*ours)
    first_seen, last_seen = (await tx.execute(seen)).one()
    return {
        "category": row.category,
        "description": row.message,
        "suggestions": row.suggestions,
        "count": (await tx.execute(select(func.count()).select_from(failed))).scalar_one(),
        "repositories": await _repositories(tx, installation_id, fingerprint),
        "first_seen": first_seen,
        "last_seen": last_seen,
    }


async def _repositories(tx: AsyncConnection, installation_id: int, fingerprint: str) -> tuple[str, ...]:
    name = func.max(func.coalesce(repositories.c.full_name, _failures.repository)).label("name")
    query = (
        select(name)
        .join_from(pipeline_failures, repositories, repositories.c.id == _failures.repo_id, isouter=True)
        .where(_failures.installation_id == installation_id, _failures.fingerprint == fingerprint)
        .group_by(_failures.repo_id)
    )
    return tuple(sorted((await tx.execute(query)).scalars()))
