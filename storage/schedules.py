"""Recurring tasks without a leader: whoever advances the row runs the task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, select, update

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


async def reached(conn: AsyncConnection, name: str) -> int | None:
    """Up to when a task has done its work, as `mark` said last."""
    at: int | None = (
        await conn.execute(select(schedules.c.last_run_at).where(schedules.c.name == name))
    ).scalar_one_or_none()
    return at


async def mark(tx: AsyncConnection, name: str, at: int) -> None:
    """Notes under a name of its own that a task has done its work up to `at`; it never goes back."""
    insert = insert_into(tx, schedules).values(name=name, next_run_at=at, last_run_at=at)
    forward = schedules.c.last_run_at < insert.excluded.last_run_at
    learnt = {"next_run_at": at, "last_run_at": at}
    await tx.execute(insert.on_conflict_do_update(index_elements=["name"], set_=learnt, where=forward))


async def next_at(conn: AsyncConnection, name: str) -> int | None:
    """When a task is due; None where nobody has planned it."""
    query = select(schedules.c.next_run_at).where(schedules.c.name == name)
    at: int | None = (await conn.execute(query)).scalar_one_or_none()
    return at


async def put(tx: AsyncConnection, name: str, now: int, every_s: int) -> None:
    """A task was done now, whether it was due or not; it is due again after `every_s` seconds."""
    times = {"next_run_at": now + every_s, "last_run_at": now}
    insert = insert_into(tx, schedules).values(name=name, **times)
    await tx.execute(insert.on_conflict_do_update(index_elements=["name"], set_=times))


async def overdue(conn: AsyncConnection, prefix: str, now: int) -> list[tuple[str, int]]:
    """The tasks whose name begins so and that are due, with when they were done last."""
    query = select(schedules.c.name, schedules.c.last_run_at).where(
        schedules.c.name.startswith(prefix, autoescape=True), schedules.c.next_run_at <= now
    )
    return [(row.name, row.last_run_at or 0) for row in await conn.execute(query)]


async def named(conn: AsyncConnection, prefix: str) -> list[str]:
    """The tasks whose name begins so."""
    query = select(schedules.c.name).where(schedules.c.name.startswith(prefix, autoescape=True))
    return list((await conn.execute(query.order_by(schedules.c.name))).scalars())


async def forget(tx: AsyncConnection, name: str) -> None:
    """Nobody wants it any more."""
    await tx.execute(delete(schedules).where(schedules.c.name == name))


async def hasten(tx: AsyncConnection, name: str, at: int) -> None:
    """Lets a task be due at `at` already; it was due later."""
    await tx.execute(
        update(schedules).where(schedules.c.name == name, schedules.c.next_run_at > at).values(next_run_at=at)
    )
