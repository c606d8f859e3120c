"""Looking into the inbox, and deciding on dead jobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select, update

from storage.inbox import MAX_ATTEMPTS
from storage.tables import DEAD, READY, RUNNING, deliveries, jobs
from storage.wakeup import made_work

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy.ext.asyncio import AsyncConnection

_NAMES = {READY: "waiting", RUNNING: "running", DEAD: "dead"}
_STATES = {name: state for state, name in _NAMES.items()} | {"ready": READY}


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """How many jobs there are in each state."""

    ready: int
    running: int
    dead: int
    oldest_ready_ms: int | None
    """When the job that is ready for longest could have run first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobListing:
    """One job for people to look at. `state` is `waiting`, `running` or `dead`."""

    id: int
    kind: str
    state: str
    lane: str | None
    guid: str | None
    event: str | None
    action: str | None
    installation_id: int
    attempts: int
    created_at_ms: int
    run_at_ms: int
    owner: str | None
    last_error: str
    repo_id: int | None = None
    """Of the delivery; work that is no delivery has only its lane."""


async def census(conn: AsyncConnection) -> Census:
    """Counts the jobs by state."""
    query = select(jobs.c.state, func.count().label("n"), func.min(jobs.c.run_at_ms).label("oldest"))
    found = {row.state: row for row in await conn.execute(query.group_by(jobs.c.state))}
    counts = {state: found[state].n if state in found else 0 for state in _NAMES}
    oldest = found[READY].oldest if READY in found else None
    return Census(ready=counts[READY], running=counts[RUNNING], dead=counts[DEAD], oldest_ready_ms=oldest)


async def list_jobs(conn: AsyncConnection, state: str | None, limit: int) -> list[JobListing]:
    """Jobs in the order they would run; `state` is `waiting` (or `ready`), `running`, `dead`, or None for all.

    Raises:
        ValueError: no such state.
    """
    query = select(jobs, deliveries.c.event, deliveries.c.action, deliveries.c.repo_id).join_from(
        jobs, deliveries, jobs.c.guid == deliveries.c.guid, isouter=True
    )
    if state is not None:
        if state not in _STATES:
            raise ValueError(f"no such state: {state!r}; known are waiting, running, dead")
        query = query.where(jobs.c.state == _STATES[state])
    rows = (await conn.execute(query.order_by(jobs.c.run_at_ms, jobs.c.id).limit(limit))).mappings()
    plain = [name for name in JobListing.__slots__ if name != "state"]
    return [JobListing(state=_NAMES[row["state"]], **{name: row[name] for name in plain}) for row in rows]


async def next_due_ms(conn: AsyncConnection) -> int | None:
    """When the next ready job may run, None where none waits; its lane may still be busy then."""
    query = select(func.min(jobs.c.run_at_ms)).where(jobs.c.state == READY)
    due: int | None = (await conn.execute(query)).scalar_one()
    return due


async def revive(tx: AsyncConnection, ids: Collection[int], now_ms: int) -> list[int]:
    """Makes dead jobs ready with a fresh set of attempts; returns the ids it found dead."""
    statement = (
        update(jobs)
        .where(jobs.c.id.in_(ids), jobs.c.state == DEAD)
        .values(state=READY, run_at_ms=now_ms, max_attempts=jobs.c.attempts + MAX_ATTEMPTS, deaths=0)
        .returning(jobs.c.id)
    )
    revived = sorted(row.id for row in await tx.execute(statement))
    if revived:
        made_work(tx)
    return revived


async def drop(tx: AsyncConnection, ids: Collection[int]) -> list[int]:
    """Gives up jobs that are not running; returns the ids it removed. A redelivery does not bring them back."""
    statement = delete(jobs).where(jobs.c.id.in_(ids), jobs.c.state != RUNNING).returning(jobs.c.id)
    dropped = sorted(row.id for row in await tx.execute(statement))
    if dropped:
        made_work(tx)
    return dropped
