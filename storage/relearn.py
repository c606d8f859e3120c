"""Gives stored failures the identity of today's fingerprint version, and takes along what hangs on the old one."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, delete, func, not_, select, tuple_, update

from classifiers.fingerprint import VERSION, fingerprint, says_little
from classifiers.model import Category
from storage import patterns, rollups
from storage.tables import corrections, issues, mutes, pattern_joins, pipeline_failures, wakes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Table
    from sqlalchemy.ext.asyncio import AsyncConnection

    from storage.database import Database

_failures = pipeline_failures.c
_KEY = (_failures.repo_id, _failures.run_id, _failures.run_attempt, _failures.job_id)
OWN = "own/"
"""Rules of a repository's own; what the built-in ones had said is not kept, so such a failure keeps its identity."""


async def relearn(database: Database, version: str = VERSION) -> int:
    """Reads the stored words of every failure of another fingerprint version again; how many identities changed.

    The logs are gone, so it is their message, place, job and step that are read. One old identity at a time, in a
    transaction each; interrupted, it goes on with what is left.
    """
    changed = 0
    async with database.read() as conn:
        old = (await conn.execute(_other_versions(version))).all()
    for row in old:

        async def one(tx: AsyncConnection, row: Any = row) -> int:
            return await _rename(tx, row.installation_id, row.fingerprint)

        changed += await database.write(one)
    return changed


def _other_versions(version: str) -> Any:
    return (
        select(_failures.installation_id, _failures.fingerprint)
        .where(
            not_(_failures.fingerprint.startswith(f"{version}-")),
            not_(func.coalesce(_failures.rule, "").startswith(OWN)),
        )
        .distinct()
        .order_by(_failures.installation_id, _failures.fingerprint)
    )


async def _rename(tx: AsyncConnection, installation_id: int, old: str) -> int:
    theirs = and_(_failures.installation_id == installation_id, _failures.fingerprint == old)
    before = and_(corrections.c.repo_id == _failures.repo_id, corrections.c.fingerprint == old)
    words = (_failures.category, _failures.message, _failures.path, _failures.generic)
    names = (_failures.workflow, _failures.job, _failures.step)
    query = (
        select(*_KEY, *words, *names, corrections.c.was)
        .join_from(pipeline_failures, corrections, before, isouter=True)
        .where(theirs, not_(func.coalesce(_failures.rule, "").startswith(OWN)))
        .order_by(_failures.detected_at, _failures.run_id)
    )
    groups: dict[str, list[tuple[int, ...]]] = defaultdict(list)
    newest = old
    for row in await tx.execute(query):
        newest = _identity(row)
        groups[newest].append(tuple(row[:4]))
    counted = and_(_failures.installation_id == installation_id, _failures.pattern.in_([old, *groups]))
    async with rollups.kept_failures(tx, counted):
        for new, keys in groups.items():
            await _move(tx, keys, new)
    gone = and_(pattern_joins.c.installation_id == installation_id, pattern_joins.c.fingerprint == old)
    await tx.execute(delete(pattern_joins).where(gone))
    for table in (issues, mutes, wakes, corrections):
        await _take_along(tx, table, installation_id, old, newest)
    await patterns.refresh(tx, installation_id, {old, *groups})
    return sum(len(keys) for new, keys in groups.items() if new != old)


def _identity(row: Any) -> str:
    category, context = Category(row.was or row.category), (row.workflow, row.job, row.step)
    if row.generic:
        return fingerprint(category, row.message, context)
    named = f"{row.path} {row.message}" if row.path and says_little(row.message) else row.message
    return fingerprint(category, named)


async def _move(tx: AsyncConnection, keys: Sequence[tuple[int, ...]], new: str) -> None:
    for start in range(0, len(keys), 200):
        some = tuple_(*_KEY).in_(list(keys[start : start + 200]))
        await tx.execute(update(pipeline_failures).where(some).values(fingerprint=new, pattern=new))


async def _take_along(tx: AsyncConnection, table: Table, installation_id: int, old: str, new: str) -> None:
    """What people said, and our issues, follow the newest occurrence, unless the new identity has its own."""
    repos = select(_failures.repo_id).where(_failures.installation_id == installation_id, _failures.fingerprint == new)
    taken = select(table.c.repo_id).where(table.c.fingerprint == new)
    here = and_(table.c.fingerprint == old, table.c.repo_id.in_(repos), table.c.repo_id.not_in(taken))
    await tx.execute(update(table).where(here).values(fingerprint=new))
