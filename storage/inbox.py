"""Jobs: put in, held on a lease, completed with their effects in one transaction.

A job is ready, running or dead; a finished one is deleted. Jobs of one lane run one at a time, oldest first. The fence
of a completion is (id, owner, attempt): `attempts` only ever grows; a wait that GitHub asked for and a death of the
process raise `max_attempts` instead, so that no two claims of a job look alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Text, and_, case, cast, delete, or_, select, update

from storage.columns import Whole
from storage.errors import LeaseLost
from storage.model import REPORT
from storage.rows import insert_into
from storage.tables import DEAD, READY, RUNNING, jobs
from storage.wakeup import made_work

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncConnection

    from storage.database import Database
    from storage.model import Job

DELIVERY = "delivery"
"""The kind of a job whose payload is a stored webhook delivery."""
MAX_ATTEMPTS = 8
MAX_DEATHS = 16
"""How many times running a job may go down with its process before it is taken to be what kills it."""
LONGEST_APART = 8
"""The death after which a job waits longest: up to a minute; after earlier ones up to the square in seconds."""
_ERROR_CHARS = 4000


async def enqueue(
    tx: AsyncConnection,
    *,
    kind: str,
    dedupe: str,
    lane: str | None,
    args: bytes,
    run_at_ms: int,
    installation_id: int = 0,
    priority: int = REPORT,
) -> bool:
    """Puts a job in with the transaction; True if it was added or a dead one of the same key was revived.

    False: a job of that key waits or runs. One that runs already does not see what happened since it began.
    """
    insert = insert_into(tx, jobs).values(
        kind=kind,
        dedupe=dedupe,
        lane=lane,
        args=args,
        run_at_ms=run_at_ms,
        created_at_ms=run_at_ms,
        installation_id=installation_id,
        priority=priority,
    )
    revived = {
        "state": READY,
        "args": insert.excluded.args,
        "run_at_ms": insert.excluded.run_at_ms,
        "priority": insert.excluded.priority,
        "max_attempts": jobs.c.attempts + MAX_ATTEMPTS,
        "deaths": 0,
    }
    statement = insert.on_conflict_do_update(
        index_elements=["dedupe"], set_=revived, where=jobs.c.state == DEAD
    ).returning(jobs.c.id)
    added = (await tx.execute(statement)).first() is not None
    if added:
        made_work(tx)
    return added


async def heartbeat(db: Database, held: Sequence[Job], *, until_ms: int) -> set[int]:
    """Extends the leases; returns the ids that are still ours. Work on any other must stop."""
    if not held:
        return set()

    async def extend(tx: AsyncConnection) -> set[int]:
        fences = or_(*(_fence(job) for job in held))
        statement = update(jobs).where(fences).values(lease_until_ms=until_ms).returning(jobs.c.id)
        return {row.id for row in await tx.execute(statement)}

    return await db.write(extend)


async def complete(tx: AsyncConnection, job: Job) -> None:
    """Removes the finished job in the transaction of its effects.

    Raises:
        LeaseLost: somebody else holds it by now; the transaction must be rolled back.
    """
    gone = (await tx.execute(delete(jobs).where(_fence(job)).returning(jobs.c.id))).first()
    if gone is None:
        raise LeaseLost(f"job {job.id} (attempt {job.attempt}) is no longer held by {job.owner}")
    made_work(tx)


async def retry(db: Database, job: Job, *, at_ms: int, error: str, counts: bool) -> bool:
    """Puts the job back to run at `at_ms`; False if that was its last attempt and it is dead now.

    `counts=False` is for waits that GitHub asked for: they use up no attempt. Raises LeaseLost like `complete`.
    """

    async def put_back(tx: AsyncConnection) -> bool:
        allowed = jobs.c.max_attempts + (0 if counts else 1)
        statement = (
            update(jobs)
            .where(_fence(job))
            .values(
                state=case((jobs.c.attempts >= allowed, DEAD), else_=READY),
                max_attempts=allowed,
                deaths=0,
                run_at_ms=at_ms,
                last_error=error[:_ERROR_CHARS],
                **_UNHELD,
            )
            .returning(jobs.c.state)
        )
        return await _released(tx, job, statement) == READY

    return await db.write(put_back)


async def bury(db: Database, job: Job, error: str) -> None:
    """Makes the job dead with its reason; its lane goes on. Raises LeaseLost like `complete`."""

    async def lay_down(tx: AsyncConnection) -> None:
        values = {"state": DEAD, "last_error": error[:_ERROR_CHARS], **_UNHELD}
        await _released(tx, job, update(jobs).where(_fence(job)).values(values).returning(jobs.c.state))

    await db.write(lay_down)


async def reap(db: Database, now_ms: int) -> int:
    """Takes back jobs whose lease has run out, and how many; those without attempts left are dead."""
    return await _take_back(db, and_(jobs.c.state == RUNNING, jobs.c.lease_until_ms < now_ms), now_ms)


async def recover(db: Database, now_ms: int = 0) -> int:
    """At the start of the only process on a SQLite file: whatever is running belongs to nobody any more."""
    return await _take_back(db, jobs.c.state == RUNNING, now_ms)


_UNHELD = {"owner": None, "lease_until_ms": None}


def _fence(job: Job) -> ColumnElement[bool]:
    return and_(
        jobs.c.id == job.id,
        jobs.c.owner == job.owner,
        jobs.c.attempts == job.attempt,
        jobs.c.state == RUNNING,
    )


async def _released(tx: AsyncConnection, job: Job, statement: object) -> int:
    row = (await tx.execute(statement)).first()  # type: ignore[call-overload]
    if row is None:
        raise LeaseLost(f"job {job.id} (attempt {job.attempt}) is no longer held by {job.owner}")
    made_work(tx)
    return int(row.state)


async def _take_back(db: Database, which: ColumnElement[bool], now_ms: int) -> int:
    async def release(tx: AsyncConnection) -> int:
        # A death uses up no attempt: whoever runs when a process is killed is seldom to blame. What kills its process
        # itself goes down every time, and is known by that.
        deaths = cast(jobs.c.deaths, Whole) + 1
        again_at = now_ms + _apart_ms(deaths)
        statement = (
            update(jobs)
            .where(jobs.c.id.in_(select(jobs.c.id).where(which).with_for_update(skip_locked=True)))
            .values(
                state=case((deaths >= MAX_DEATHS, DEAD), else_=READY),
                deaths=deaths,
                max_attempts=jobs.c.max_attempts + 1,
                run_at_ms=case((jobs.c.run_at_ms > again_at, jobs.c.run_at_ms), else_=again_at),
                last_error="its process died while it ran (" + cast(deaths, Text) + " in a row)",
                **_UNHELD,
            )
            .returning(jobs.c.id)
        )
        taken = len((await tx.execute(statement)).all())
        if taken:
            made_work(tx)
        return taken

    return await db.write(release)


def _apart_ms(deaths: ColumnElement[int]) -> ColumnElement[int]:
    """How long a job waits that went down with its process, in milliseconds: longer each time, and spread.

    What went down together comes back apart from one another, so that what kills its process is soon alone with it.
    """
    seconds = case((deaths >= LONGEST_APART, LONGEST_APART**2), else_=deaths * deaths)
    # In place of dice, which the engines throw differently: multiples of 0.62 modulo 1 lie far apart.
    return seconds * ((jobs.c.id * (617 + deaths)) % 997)
