"""A mute is for what was known when it was set: what grows beyond that wakes."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

from sqlalchemy import and_, delete, exists, func, or_, select

from storage import words
from storage.model import Mute, Wake
from storage.rows import build, columns_of, insert_into, values_of
from storage.tables import YES, pipeline_failures, pipeline_runs, wakes

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncConnection

    from storage.model import Failure, Run

DAY = 86_400
BEFORE_DAYS = 7
"""The rate at which a failure was muted is that of the week before."""
LEAST_RUNS = 5
"""Fewer failed runs within a day wake nothing: from one to two is no doubling."""
CHANCE = 3.0
"""Standard deviations of a count by which a doubling must also stand out of its own noise."""
SHOWN_SECONDS = 7 * DAY
_failures = pipeline_failures.c
_runs = pipeline_runs.c


async def wake_up(tx: AsyncConnection, run: Run, failed: Sequence[Failure], now: int) -> list[Wake]:
    """Ends the mutes that these failures of a run have outgrown; every fingerprint that woke with this attempt.

    Asked again of the same attempt it answers the same, so that whoever was interrupted can still tell of it.
    """
    newest = {failure.fingerprint: failure for failure in failed}
    muted = await words.muted(tx, run.repo_id, set(newest), now)
    for fingerprint, word in sorted(muted.items()):
        if newest[fingerprint].detected_at < word.at:
            continue
        wake = await _outgrown(tx, run, word, newest[fingerprint].detected_at)
        if wake is not None:
            await words.unmute(tx, word.repo_id, word.installation_id, fingerprint)
            await tx.execute(insert_into(tx, wakes).values(values_of(wake)))
    shown = await awake(tx, run.repo_id, set(newest), now)
    return [one for one in shown.values() if (one.run_id, one.run_attempt) == (run.run_id, run.run_attempt)]


async def awake(conn: AsyncConnection, repo_id: int, fingerprints: Collection[str], now: int) -> dict[str, Wake]:
    """What woke lately, by fingerprint."""
    query = select(*columns_of(wakes, Wake)).where(
        wakes.c.repo_id == repo_id, wakes.c.fingerprint.in_(sorted(fingerprints)), wakes.c.at > now - SHOWN_SECONDS
    )
    return {wake.fingerprint: wake for wake in build(Wake, await conn.execute(query))}


async def forget(tx: AsyncConnection, now: int) -> None:
    """Drops what nobody is told any more."""
    await tx.execute(delete(wakes).where(wakes.c.at <= now - SHOWN_SECONDS))


async def _outgrown(tx: AsyncConnection, run: Run, word: Mute, at: int) -> Wake | None:
    before = await _rate_before(tx, word)
    lately = await _failed_runs(tx, word, max(word.at, at - DAY), at + 1)
    cause = ""
    if lately >= max(LEAST_RUNS, 2 * before, before + CHANCE * sqrt(before)):
        cause = "rate"
    if run.default_branch and not await _was_on_default(tx, word, run):
        cause = "default_branch"
    if not cause:
        return None
    return Wake(
        repo_id=word.repo_id,
        installation_id=word.installation_id,
        fingerprint=word.fingerprint,
        at=at,
        cause=cause,
        count=lately,
        before=before,
        branch=run.branch,
        by=word.by,
        muted_at=word.at,
        run_id=run.run_id,
        run_attempt=run.run_attempt,
    )


async def _rate_before(tx: AsyncConnection, word: Mute) -> float:
    """Failed runs a day in the week before it was muted, or in the time since it was first seen, at least a day."""
    first = select(func.min(_failures.detected_at)).where(*_of(word))
    known_for = (word.at - ((await tx.execute(first)).scalar() or word.at)) / DAY
    days = min(BEFORE_DAYS, max(1.0, known_for))
    return round(await _failed_runs(tx, word, word.at - int(days * DAY), word.at) / days, 2)


async def _failed_runs(tx: AsyncConnection, word: Mute, since: int, until: int) -> int:
    """Runs, not jobs: the legs of a matrix fail together."""
    query = select(func.count(_failures.run_id.distinct())).where(
        *_of(word), _failures.detected_at >= since, _failures.detected_at < until
    )
    return int((await tx.execute(query)).scalar_one())


async def _was_on_default(tx: AsyncConnection, word: Mute, run: Run) -> bool:
    ours = and_(
        _runs.repo_id == _failures.repo_id,
        _runs.run_id == _failures.run_id,
        _runs.run_attempt == _failures.run_attempt,
        _runs.default_branch == YES,
    )
    earlier = or_(_failures.run_id != run.run_id, _failures.run_attempt < run.run_attempt)
    seen = exists().where(*_of(word), earlier, _failures.detected_at <= word.at, ours)
    return bool((await tx.execute(select(seen))).scalar_one())


def _of(word: Mute) -> tuple[ColumnElement[bool], ...]:
    return (_failures.repo_id == word.repo_id, _failures.fingerprint == word.fingerprint)
