"""Recurring tasks without a leader: whoever advances the row runs the task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import update

from storage.rows import insert_into
from storage.tables import schedules

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection


async def due(tx: AsyncConnection, name: str, now: int, every_s: int) -> bool:
    """True for exactly one caller in every period of `every_s` seconds; a new name is due at once."""
    await tx.execute(insert_into(tx, schedules).values(name=name, next_run_at=now).on_conflict_do_nothing())
    advance = (
        update(schedules)
        .where(schedules.c.name == name, schedules.c.next_run_at <= now)
        .values(next_run_at=now + every_s, last_run_at=now)
        .returning(schedules.c.name)
    )
    return (await tx.execute(advance)).first() is not None
