"""Takes units of work from the inbox and sees each through: done, put back, or dead with its reason."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import secrets
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

import structlog

from bot.errors import GitHubRefused, GiveUp, Retry
from bot.events import Unreadable
from bot.metrics import Metrics
from storage import inbox, inbox_claim
from storage.database import Database
from storage.errors import DatabaseUnavailable, LeaseLost
from storage.model import ANSWER, Job

log = structlog.get_logger(__name__)

POLL_SECONDS = 0.5
GRACE_SECONDS = 15.0
"""Platforms kill a process that has not ended within twenty to thirty seconds of SIGTERM."""
SLOTS = 8
ANSWERS_ONLY = 1
"""Slots that only a command gets, so that an answer never waits until somebody's logs are read."""
LEFT_TO_OTHERS = 1
"""Further slots that no single installation gets: one whose calls all take long does not stop the others."""
Handle = Callable[[Job], Awaitable[None]]


def backoff_seconds(attempt: int) -> float:
    """How long work that failed for the `attempt`-th time waits: five seconds, doubled each time, up to an hour."""
    # Jitter keeps work that failed together from coming back together.
    return min(3600.0, 5.0 * 2.0 ** (attempt - 1)) * random.uniform(0.5, 1.5)  # noqa: S311


def last_served(claimed: Sequence[Job], before: int) -> int:
    """The installation after which the next turn begins: the farthest one from `before`, in a circle.

    Only the least urgent jobs count: where a claim came to those, every more urgent one was taken.
    """
    if not claimed:
        return before
    lowest = max(job.priority for job in claimed)
    theirs = {job.installation_id for job in claimed if job.priority == lowest}
    return max(theirs, key=lambda installation: (installation <= before, installation))


class Worker:
    """Works on up to `slots` units at once until told to stop."""

    def __init__(
        self,
        database: Database,
        handle: Handle,
        *,
        metrics: Metrics,
        clock: Callable[[], float],
        lease_seconds: float = 60,
        slots: int = SLOTS,
    ) -> None:
        self._database = database
        self._handle = handle
        self._metrics = metrics
        self._clock = clock
        self._lease_ms = int(lease_seconds * 1000)
        self._slots = slots
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._held: dict[int, Job] = {}
        self._served = -1
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._stopping = asyncio.Event()
        self.ready = False
        """The last look into the inbox succeeded."""

    async def run(self) -> None:
        """Claim and work until `stop`; returns once nothing is claimed any more."""
        async with asyncio.TaskGroup() as group:
            heart = group.create_task(self._beat())
            while not self._stopping.is_set():
                ticket = self._database.wakeup.ticket
                claimed = await self._claim()
                for job in claimed:
                    self._held[job.id] = job
                    self._tasks[job.id] = group.create_task(self._see_through(job))
                if not claimed or len(self._held) >= self._slots:
                    await self._database.wakeup.wait(ticket, POLL_SECONDS)
            await self._drain()
            heart.cancel()

    def stop(self) -> None:
        """Claim nothing more; what runs may finish for a while, then it is put back unharmed."""
        self._stopping.set()
        self._database.wakeup.ring()

    @property
    def busy(self) -> bool:
        """Whether something is being worked on."""
        return bool(self._held)

    async def _claim(self) -> list[Job]:
        wanted = self._wanted()
        if wanted is None:
            return []
        try:
            claimed = await inbox_claim.claim(
                self._database, owner=self._owner, now_ms=self._now_ms(), lease_ms=self._lease_ms, **wanted
            )
        except DatabaseUnavailable as error:
            if self.ready:
                log.error("the inbox cannot be read; waiting for the database", reason=str(error))
            self.ready = False
            return []
        self.ready = True
        self._served = last_served(claimed, self._served)
        return claimed

    def _wanted(self) -> dict[str, int] | None:
        """How much is claimed next, and for whom; None where every slot is taken."""
        free = self._slots - len(self._held)
        if free <= 0:
            return None
        if free <= ANSWERS_ONLY < self._slots:
            return {"limit": free, "after": self._served, "most": ANSWER}
        general = free - ANSWERS_ONLY if self._slots > ANSWERS_ONLY else free
        theirs = max(1, self._slots - ANSWERS_ONLY - LEFT_TO_OTHERS)
        held = Counter(job.installation_id for job in self._held.values())
        [(busiest, most)] = held.most_common(1) or [(-1, 0)]
        if most >= theirs:
            return {"limit": general, "after": self._served, "skip": busiest}
        return {"limit": min(general, theirs - most), "after": self._served}

    async def _see_through(self, job: Job) -> None:
        # Repository and run are found out on the way; this task's own context keeps them to its last record.
        with structlog.contextvars.bound_contextvars(
            delivery=job.guid,
            installation=job.installation_id,
            repository=None,
            run=None,
            lane=job.lane,
            attempt=job.attempt,
            event_name=job.event or job.kind,
        ):
            started = self._clock()
            self._metrics.lag.observe(max(0.0, started - job.due_ms / 1000))
            try:
                outcome = await self._outcome(job)
            finally:
                self._held.pop(job.id, None)
                self._tasks.pop(job.id, None)
                self._database.wakeup.ring()
            self._metrics.jobs.labels(outcome).inc()
            self._metrics.seconds.observe(max(0.0, self._clock() - started))
            log.info("work ended", outcome=outcome, seconds=round(self._clock() - started, 3))

    async def _outcome(self, job: Job) -> str:
        """Do it, and record how it ended. A database that is away leaves the lease to run out."""
        try:
            return await self._attempt(job)
        except LeaseLost:
            log.warning("the lease was lost; another worker has this work")
            return "lost"
        except DatabaseUnavailable as error:
            log.error("the database went away; the work will be taken up again", reason=str(error))
            return "lost"
        except asyncio.CancelledError:
            if not self._stopping.is_set():
                return "lost"
            with contextlib.suppress(LeaseLost, DatabaseUnavailable):
                await inbox.retry(self._database, job, at_ms=self._now_ms(), error="stopped", counts=False)
            return "put back"
        except Exception:  # recording the end failed for a reason nobody foresaw: the lease will run out
            log.exception("the end of the work could not be recorded")
            return "lost"

    async def _attempt(self, job: Job) -> str:
        try:
            await self._handle(job)
        except Retry as error:
            return await self._put_back(job, str(error), error.after, counts=error.counts)
        except (GiveUp, Unreadable) as error:
            log.warning("given up", reason=str(error))
            await inbox.bury(self._database, job, str(error))
            return "dead"
        except GitHubRefused as error:
            log.warning("GitHub refused", reason=str(error))
            return await self._put_back(job, str(error), None, counts=True)
        except (DatabaseUnavailable, LeaseLost):
            raise
        except Exception as error:  # a bug: loud, tried again, dead in the end, and never the worker's end
            log.exception("work failed")
            return await self._put_back(job, f"{type(error).__name__}: {error}"[:500], None, counts=True)
        await self._database.write(lambda tx: inbox.complete(tx, job))
        return "done"

    async def _put_back(self, job: Job, reason: str, after: float | None, *, counts: bool) -> str:
        delay = backoff_seconds(job.attempt) if after is None else max(0.1, after)
        at = self._now_ms() + int(delay * 1000)
        log.info("put back", reason=reason, seconds=round(delay, 1))
        alive = await inbox.retry(self._database, job, at_ms=at, error=reason, counts=counts)
        return "put back" if alive else "dead"

    async def _beat(self) -> None:
        """Keep the leases of what is being worked on, take back what others let lapse."""
        while True:
            await asyncio.sleep(self._lease_ms / 3000)
            try:
                await self._renew(list(self._held.values()))
                if await inbox.reap(self._database, self._now_ms()):
                    self._database.wakeup.ring()
            except DatabaseUnavailable as error:
                log.error("leases could not be renewed", reason=str(error))

    async def _renew(self, held: list[Job]) -> None:
        kept = await inbox.heartbeat(self._database, held, until_ms=self._now_ms() + self._lease_ms)
        for job in held:
            task = self._tasks.get(job.id)
            if job.id not in kept and task is not None:
                task.cancel()

    async def _drain(self) -> None:
        running = list(self._tasks.values())
        if not running:
            return
        _, late = await asyncio.wait(running, timeout=GRACE_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)
