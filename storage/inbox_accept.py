"""Taking deliveries in: durable before the answer, many in one commit."""

from __future__ import annotations

import asyncio
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from storage.columns import storable
from storage.errors import InboxFull
from storage.inbox import DELIVERY, MAX_ATTEMPTS
from storage.tables import DEAD, READY
from storage.wakeup import made_work

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from storage.database import Database
    from storage.model import NewDelivery

_INLINE_BYTES = 256 * 1024
"""Compressing more than this takes milliseconds: it goes to a thread, not to the event loop."""

_READY_COUNT = f"SELECT count(*) FROM (SELECT 1 FROM jobs WHERE state = {READY} LIMIT %d) AS waiting"  # noqa: S608


@dataclass(frozen=True, slots=True)
class _Waiting:
    delivery: NewDelivery
    guid: str
    packed: bytes
    answer: asyncio.Future[bool]


class _NoRoom(Exception):
    """Rolls a batch back; it carries no text because nobody sees it."""


@dataclass
class Acceptor:
    """Stores deliveries in groups: those that arrive while a commit is under way share the next one.

    `batch` bounds one commit, `capacity` the jobs that are ready or still waiting to be stored.
    """

    db: Database
    batch: int = field(default=256, kw_only=True)
    capacity: int = field(default=20_000, kw_only=True)
    _waiting: list[_Waiting] = field(default_factory=list, init=False)
    _flusher: asyncio.Task[None] | None = field(default=None, init=False)

    async def accept(self, delivery: NewDelivery) -> bool:
        """Returns once the delivery is durable: True if it is new or woke a dead one, False if it was known.

        Raises:
            InboxFull: as many jobs wait already as `capacity` allows.
            DatabaseUnavailable: this group of deliveries could not be committed; none of it is stored.
        """
        if len(self._waiting) >= self.capacity:
            raise InboxFull(f"{len(self._waiting)} deliveries wait to be stored: come back later")
        packed = await _pack(delivery.body)
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(delivery, storable(delivery.guid), packed, answer))
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush(), name="inbox-acceptor")
        return await answer

    async def _flush(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[: self.batch], self._waiting[self.batch :]
            try:
                fresh = await self.db.write(lambda tx, group=group: self._store(tx, group))  # type: ignore[misc]
            except _NoRoom:
                _refuse(group, InboxFull(f"{self.capacity} jobs wait already: come back later"))
            except Exception as error:  # noqa: BLE001 - every caller of the group gets it
                _refuse(group, error)
            except asyncio.CancelledError:
                for item in group + self._waiting:
                    item.answer.cancel()
                raise
            else:
                _answer(group, fresh)

    async def _store(self, tx: AsyncConnection, group: Sequence[_Waiting]) -> set[str]:
        store = _store_sqlite if tx.dialect.name == "sqlite" else _store_postgres
        fresh = await store(tx, _first_of_each(group), self.capacity)
        if fresh:
            made_work(tx)
        return fresh


async def _pack(body: bytes) -> bytes:
    # Level 1 makes rows about 6 times smaller; higher levels cost more time than the disk saves.
    if len(body) <= _INLINE_BYTES:
        return zlib.compress(body, 1)
    return await asyncio.to_thread(zlib.compress, body, 1)


def _first_of_each(group: Sequence[_Waiting]) -> list[_Waiting]:
    first: dict[str, _Waiting] = {}
    for item in group:
        first.setdefault(item.guid, item)
    return list(first.values())


def _answer(group: Sequence[_Waiting], fresh: set[str]) -> None:
    for item in group:
        new = item.guid in fresh
        fresh.discard(item.guid)
        if not item.answer.done():
            item.answer.set_result(new)


def _refuse(group: Sequence[_Waiting], error: Exception) -> None:
    for item in group:
        if not item.answer.done():
            item.answer.set_exception(error)


def dedupe_key(guid: str) -> str:
    """The job key of a delivery."""
    return f"delivery:{guid}"


def _delivery_row(item: _Waiting) -> tuple[Any, ...]:
    its = item.delivery
    texts = (item.guid, storable(its.event), storable(its.action))
    return (*texts, its.installation_id, its.repo_id, its.received_at_ms, item.packed)


def _job_row(item: _Waiting) -> tuple[Any, ...]:
    its = item.delivery
    lane = None if its.lane is None else storable(its.lane)
    times = (its.received_at_ms, its.received_at_ms)
    return (dedupe_key(item.guid), item.guid, DELIVERY, lane, its.installation_id, *times, its.priority)


async def _store_sqlite(tx: AsyncConnection, group: Sequence[_Waiting], capacity: int) -> set[str]:
    connection: Any = (await tx.get_raw_connection()).driver_connection
    if (await connection.execute_fetchall(_READY_COUNT % capacity))[0][0] >= capacity:
        raise _NoRoom
    rows = ",".join(["(?,?,?,?,?,?,?)"] * len(group))
    known = await connection.execute_fetchall(
        "INSERT INTO deliveries (guid, event, action, installation_id, repo_id, received_at_ms, body)"  # noqa: S608
        f" VALUES {rows} ON CONFLICT DO NOTHING RETURNING guid",
        [value for item in group for value in _delivery_row(item)],
    )
    fresh = {row[0] for row in known}
    if fresh:
        await connection.executemany(
            "INSERT INTO jobs (dedupe, guid, kind, lane, installation_id, run_at_ms, created_at_ms, priority)"
            " VALUES (?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING",
            [_job_row(item) for item in group if item.guid in fresh],
        )
    again = [item for item in group if item.guid not in fresh]
    for item in again:
        woken = await connection.execute_fetchall(
            _REVIVE.format("?", "?"), (item.delivery.received_at_ms, dedupe_key(item.guid))
        )
        fresh.update(row[0] for row in woken)
    return fresh


_REVIVE = (
    f"UPDATE jobs SET state = {READY}, run_at_ms = {{}}, max_attempts = attempts + {MAX_ATTEMPTS}, deaths = 0"  # noqa: S608
    f" WHERE dedupe = {{}} AND state = {DEAD} RETURNING guid"
)
_DELIVERIES_PG = """
INSERT INTO deliveries (guid, event, action, installation_id, repo_id, received_at_ms, body)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bytea[])
ON CONFLICT DO NOTHING RETURNING guid
"""
_JOBS_PG = """
INSERT INTO jobs (dedupe, guid, kind, lane, installation_id, run_at_ms, created_at_ms, priority)
SELECT dedupe, guid, kind, lane, installation_id, run_at, created_at, priority
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::smallint[])
     WITH ORDINALITY AS fresh (dedupe, guid, kind, lane, installation_id, run_at, created_at, priority, place)
ORDER BY place ON CONFLICT DO NOTHING
"""


async def _store_postgres(tx: AsyncConnection, group: Sequence[_Waiting], capacity: int) -> set[str]:
    # SQLAlchemy opens the transaction with its first statement, so the first one must be its own.
    if (await tx.execute(text(_READY_COUNT % capacity))).scalar_one() >= capacity:
        raise _NoRoom
    connection: Any = (await tx.get_raw_connection()).driver_connection
    # In the order of their ids, so that two web processes given the same deliveries cannot deadlock.
    ordered = sorted(group, key=lambda item: item.guid)
    known = await connection.fetch(_DELIVERIES_PG, *_turned(_delivery_row(item) for item in ordered))
    fresh = {row["guid"] for row in known}
    if fresh:
        await connection.execute(_JOBS_PG, *_turned(_job_row(item) for item in group if item.guid in fresh))
    for item in ordered:
        if item.guid not in fresh:
            woken = await connection.fetch(
                _REVIVE.format("$1", "$2"), item.delivery.received_at_ms, dedupe_key(item.guid)
            )
            fresh.update(row["guid"] for row in woken)
    return fresh


def _turned(rows: Any) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
