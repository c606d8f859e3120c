"""Fingerprints that are nearly the same count as one pattern, under the oldest of them.

A fingerprint is compared once, with those that were compared before it; its place never changes afterwards, so the
ids of patterns are stable however history grows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, exists, func, select, update

from classifiers.fingerprint import says_little
from classifiers.near import Known
from storage import patterns, rollups
from storage.rows import insert_into
from storage.tables import NO, pattern_joins, pipeline_failures

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sqlalchemy.ext.asyncio import AsyncConnection

    from storage.database import Database
    from storage.model import Failure

_joins = pattern_joins.c
_failures = pipeline_failures.c
AT_ONCE = 200
MOST_KNOWN = 5000


async def under(conn: AsyncConnection, found: Sequence[Failure]) -> dict[str, str]:
    """The pattern of each failure's fingerprint: itself unless it was joined to an older one."""
    places = {failure.fingerprint: failure.fingerprint for failure in found}
    for installation_id in {failure.installation_id for failure in found}:
        query = select(_joins.fingerprint, _joins.under).where(
            _joins.installation_id == installation_id, _joins.fingerprint.in_(sorted(places))
        )
        places |= {row.fingerprint: row.under for row in await conn.execute(query)}
    return places


async def join_near(database: Database, now: int) -> int:
    """Compares fingerprints that are new since the last time; how many were joined to an older one."""
    joined = 0
    async with database.read() as conn:
        installations = (await conn.execute(select(_failures.installation_id).distinct())).scalars().all()
    for installation_id in installations:
        while True:
            async with database.read() as conn:
                new = await _not_compared(conn, installation_id)
                known = await _known(conn, installation_id) if new else {}
            places = _places(new, known)
            if not places:
                break

            async def settle(
                tx: AsyncConnection, installation_id: int = installation_id, places: dict[str, str] = places
            ) -> None:
                await _settle(tx, installation_id, places, now)

            await database.write(settle)
            joined += sum(place != fingerprint for fingerprint, place in places.items())
    return joined


def _places(new: Sequence[Any], known: dict[str, Known]) -> dict[str, str]:
    places = {}
    for row in new:
        elders = known.setdefault(row.category, Known())
        # A bare exit code, or a message without a word of its own, is told apart by more than its text.
        vague = bool(row.generic) or says_little(row.message)
        elder = None if vague else elders.nearest(row.message)
        if elder is None and not vague:
            elders.add(row.fingerprint, row.message)
        places[row.fingerprint] = elder or row.fingerprint
    return places


async def _not_compared(conn: AsyncConnection, installation_id: int) -> Sequence[Any]:
    """The oldest fingerprints without a place, with the words of one of their failures."""
    placed = exists().where(
        _joins.installation_id == _failures.installation_id, _joins.fingerprint == _failures.fingerprint
    )
    query = (
        select(
            _failures.fingerprint,
            func.min(_failures.category).label("category"),
            func.min(_failures.message).label("message"),
            func.max(_failures.generic).label("generic"),
            func.min(_failures.detected_at).label("first_seen"),
        )
        .where(_failures.installation_id == installation_id, ~placed)
        .group_by(_failures.fingerprint)
        .order_by(func.min(_failures.detected_at), _failures.fingerprint)
        .limit(AT_ONCE)
    )
    return (await conn.execute(query)).all()


async def _known(conn: AsyncConnection, installation_id: int) -> dict[str, Known]:
    """Those that stand alone, in the order in which they were compared."""
    own = and_(_joins.installation_id == _failures.installation_id, _joins.fingerprint == _failures.fingerprint)
    query = (
        select(
            _failures.fingerprint,
            func.min(_failures.category).label("category"),
            func.min(_failures.message).label("message"),
        )
        .join_from(pipeline_failures, pattern_joins, own)
        .where(
            _failures.installation_id == installation_id,
            _joins.under == _joins.fingerprint,
            _failures.generic == NO,
        )
        .group_by(_failures.fingerprint)
        .order_by(func.min(_joins.at), func.min(_failures.detected_at), _failures.fingerprint)
        .limit(MOST_KNOWN)
    )
    known: dict[str, Known] = {}
    for row in await conn.execute(query):
        if not says_little(row.message):
            known.setdefault(row.category, Known()).add(row.fingerprint, row.message)
    return known


async def _settle(tx: AsyncConnection, installation_id: int, places: dict[str, str], now: int) -> None:
    rows = [
        {"installation_id": installation_id, "fingerprint": fingerprint, "under": place, "at": now}
        for fingerprint, place in places.items()
    ]
    await tx.execute(insert_into(tx, pattern_joins).on_conflict_do_nothing(), rows)
    moved = {fingerprint: place for fingerprint, place in places.items() if fingerprint != place}
    for fingerprint, place in moved.items():
        theirs = and_(_failures.installation_id == installation_id, _failures.fingerprint == fingerprint)
        counted = and_(_failures.installation_id == installation_id, _failures.pattern.in_([fingerprint, place]))
        async with rollups.kept_failures(tx, counted):
            await tx.execute(update(pipeline_failures).where(theirs).values(pattern=place))
        await patterns.refresh(tx, installation_id, {fingerprint, place})
