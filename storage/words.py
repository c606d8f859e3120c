"""What people said of fingerprints in their repository: muted, corrected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, delete, func, or_, select, update

from storage import patterns, rollups
from storage.model import Correction, Mute
from storage.rows import build, columns_of, insert_into, values_of
from storage.tables import corrections, mutes, pipeline_failures, wakes

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy.ext.asyncio import AsyncConnection

_KEY = ["repo_id", "fingerprint"]


async def mute(tx: AsyncConnection, word: Mute) -> None:
    """Mutes a fingerprint in one repository; a later word replaces an earlier one."""
    insert = insert_into(tx, mutes).values(values_of(word))
    said = {name: insert.excluded[name] for name in values_of(word) if name not in _KEY}
    await tx.execute(insert.on_conflict_do_update(index_elements=_KEY, set_=said))
    await _stop_telling(tx, word.repo_id, word.fingerprint)
    await patterns.set_muted(tx, word.installation_id, word.fingerprint, muted=True)


async def unmute(tx: AsyncConnection, repo_id: int, installation_id: int, fingerprint: str) -> bool:
    """Lets a fingerprint speak again; False if it was not muted."""
    gone = delete(mutes).where(mutes.c.repo_id == repo_id, mutes.c.fingerprint == fingerprint)
    found = (await tx.execute(gone.returning(mutes.c.fingerprint))).first() is not None
    await _stop_telling(tx, repo_id, fingerprint)
    await _follow(tx, installation_id, fingerprint)
    return found


async def muted(conn: AsyncConnection, repo_id: int, fingerprints: Collection[str], now: int) -> dict[str, Mute]:
    """The mutes that are in force, by fingerprint."""
    query = select(*columns_of(mutes, Mute)).where(
        mutes.c.repo_id == repo_id,
        mutes.c.fingerprint.in_(sorted(fingerprints)),
        or_(mutes.c.until.is_(None), mutes.c.until > now),
    )
    return {word.fingerprint: word for word in build(Mute, await conn.execute(query))}


async def wake(tx: AsyncConnection, now: int) -> int:
    """Forgets mutes whose time is over; how many there were."""
    over = delete(mutes).where(mutes.c.until <= now).returning(mutes.c.installation_id, mutes.c.fingerprint)
    woken = (await tx.execute(over)).all()
    for row in woken:
        await _follow(tx, row.installation_id, row.fingerprint)
    return len(woken)


async def _stop_telling(tx: AsyncConnection, repo_id: int, fingerprint: str) -> None:
    """Somebody has decided about it: why it had woken is no news any more."""
    await tx.execute(delete(wakes).where(wakes.c.repo_id == repo_id, wakes.c.fingerprint == fingerprint))


async def _follow(tx: AsyncConnection, installation_id: int, fingerprint: str) -> None:
    """A pattern counts as muted as long as it is muted in any repository of its installation."""
    still = select(func.count()).where(mutes.c.installation_id == installation_id, mutes.c.fingerprint == fingerprint)
    if (await tx.execute(still)).scalar_one() == 0:
        await patterns.set_muted(tx, installation_id, fingerprint, muted=False)


async def correct(tx: AsyncConnection, word: Correction) -> int:
    """Remembers the category and shows it on what is stored of the fingerprint; how many failures that are."""
    insert = insert_into(tx, corrections).values(values_of(word))
    said = {name: insert.excluded[name] for name in ("category", "by", "at")}
    await tx.execute(insert.on_conflict_do_update(index_elements=_KEY, set_=said))
    alike = and_(pipeline_failures.c.repo_id == word.repo_id, pipeline_failures.c.fingerprint == word.fingerprint)
    shown = update(pipeline_failures).where(alike).values(category=word.category).returning(pipeline_failures.c.job_id)
    async with rollups.kept_failures(tx, alike):
        return len((await tx.execute(shown)).all())


async def corrected(conn: AsyncConnection, repo_id: int, fingerprints: Collection[str]) -> dict[str, Correction]:
    """People's corrections, by fingerprint."""
    query = select(*columns_of(corrections, Correction)).where(
        corrections.c.repo_id == repo_id, corrections.c.fingerprint.in_(sorted(fingerprints))
    )
    return {word.fingerprint: word for word in build(Correction, await conn.execute(query))}
