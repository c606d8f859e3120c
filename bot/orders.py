"""What the command line may order done in the database: by itself where the database is free, else by its server.

SQLite takes one writing process, so beside a running server an order goes to that server (`bot.control`).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import msgspec

from bot.errors import GitHubRefused, GiveUp, Retry
from bot.history_work import HistoryWork
from bot.intake import Intake
from bot.saved_delivery import SavedDelivery
from storage import inbox_admin, rejudging, retention
from storage.database import Database
from storage.errors import NoDatabase
from storage.locations import SqliteFile, parse_url
from storage.lock import SoleProcess
from storage.rejudging import NewVerdict


class Deliver(msgspec.Struct, frozen=True, tag="deliver"):
    """Take a saved delivery in. Answer: null where it is no work, else whether it was new."""

    saved: SavedDelivery


class Revive(msgspec.Struct, frozen=True, tag="revive"):
    """Take dead work up again. Answer: the ids that were dead."""

    ids: tuple[int, ...]


class Drop(msgspec.Struct, frozen=True, tag="drop"):
    """Give up dead or waiting work. Answer: the ids that are gone now."""

    ids: tuple[int, ...]


class Prune(msgspec.Struct, frozen=True, tag="prune"):
    """Forget what is too old. Answer: how many rows of each kind, by name."""

    retention_days: int
    excerpt_days: int


class Backfill(msgspec.Struct, frozen=True, tag="backfill"):
    """Read a repository's history, as work of the queue. Answer: the key of that work."""

    repository: str
    days: int
    limit: int


class Rejudge(msgspec.Struct, frozen=True, tag="rejudge"):
    """Take in what rules of this version say of stored failures. Answer: how many failures that changed."""

    version: str
    verdicts: tuple[NewVerdict, ...]
    same: tuple[tuple[int, int, int, int], ...]
    """Keys of failures of which they say what was said before."""


class Ping(msgspec.Struct, frozen=True, tag="ping"):
    """Is anybody there? Answer: the server's process id."""


Order = Deliver | Revive | Drop | Prune | Backfill | Rejudge | Ping
ANSWERS: dict[type[Order], Any] = {
    Deliver: bool | None,
    Revive: list[int],
    Drop: list[int],
    Prune: dict[str, int],
    Backfill: str,
    Rejudge: int,
    Ping: int,
}
"""What the answer to each order is, as JSON carries it."""


class Orders:
    """Carries orders out in an open database. Without an intake, deliveries are not taken."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Callable[[], float],
        intake: Intake | None = None,
        history: HistoryWork | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._intake = intake
        self._history = history

    async def __call__(self, order: Order) -> Any:
        """The order's answer. Raises StorageError, or ValueError for a delivery that is none."""
        now = self._clock()
        match order:
            case Deliver(saved) if self._intake is not None:
                return await self._intake(saved.event, saved.delivery, msgspec.json.encode(saved.payload))
            case Revive(ids):
                return await self._database.write(lambda tx: inbox_admin.revive(tx, ids, int(now * 1000)))
            case Drop(ids):
                return await self._database.write(lambda tx: inbox_admin.drop(tx, ids))
            case Prune(days, bare):
                gone = await retention.prune(self._database, int(now), retention_days=days, excerpt_days=bare)
                return msgspec.to_builtins(gone)
            case Backfill() if self._history is not None:
                return await _requested(self._history, order)
            case Rejudge(version, verdicts, same):
                return await self._rejudge(version, verdicts, same)
            case Ping():
                return os.getpid()
            case _:
                raise ValueError("neither deliveries nor histories are taken here")

    async def _rejudge(
        self, version: str, verdicts: tuple[NewVerdict, ...], same: tuple[tuple[int, int, int, int], ...]
    ) -> int:
        """A transaction each run: others write in between."""
        changed = 0
        for verdict in verdicts:
            changed += await self._database.write(
                lambda tx, verdict=verdict: rejudging.apply(tx, [verdict], version)  # type: ignore[misc]
            )
        await self._database.write(lambda tx: rejudging.mark(tx, same, version))
        return changed


async def _requested(history: HistoryWork, order: Backfill) -> str:
    try:
        return await history.request(order.repository, days=order.days, limit=order.limit)
    except (GitHubRefused, Retry, GiveUp) as error:
        raise ValueError(str(error)) from error


async def carry_out(database_url: str, order: Order, *, clock: Callable[[], float]) -> Any:
    """Do it in this process.

    Raises:
        AlreadyRunning: a server or worker has the SQLite file: hand the order to it.
        NoDatabase: there is none, or it was not set up by this version.
        StorageError: it cannot be used now.
    """
    location = parse_url(database_url)
    with ExitStack() as stack:
        if isinstance(location, SqliteFile):
            if not location.path.is_file():
                raise NoDatabase(f"there is no database {location.path} yet: start `pipeline serve`")
            stack.enter_context(SoleProcess(location.path))
        database = await Database.open(database_url)
        try:
            await database.require_current()
            return await Orders(database, clock=clock)(order)
        finally:
            await database.close()
