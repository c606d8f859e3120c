"""Claiming work: the hottest statement, in each driver's own words."""

from __future__ import annotations

import asyncio
import zlib
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from storage import claim_order
from storage.errors import is_unique_violation
from storage.inbox import DELIVERY
from storage.model import HISTORY, Job

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from storage.database import Database

_RACES = 20
_INLINE_BYTES = 64 * 1024
# The table is empty most of the time, so its statistics mislead the planner after a burst of deliveries; the partial
# index is right at every size. As a side effect this opens the transaction for the raw statements that follow.
_STEADY_PLAN = text(
    "SELECT set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true),"
    " set_config('enable_sort', 'off', true), set_config('enable_hashjoin', 'off', true),"
    " set_config('enable_mergejoin', 'off', true), set_config('jit', 'off', true)"
)


async def claim(
    db: Database,
    *,
    owner: str,
    now_ms: int,
    lease_ms: int,
    limit: int = 1,
    after: int = -1,
    skip: int = -1,
    most: int = HISTORY,
) -> list[Job]:
    """Takes up to `limit` ready jobs, at most one a lane, with their payloads; the attempt counts from here.

    The order is `claim_order`'s. `after` is the installation that was served last, `skip` one that gets nothing now,
    `most` the last priority that is wanted.
    """

    async def take(tx: AsyncConnection) -> list[dict[str, Any]]:
        values = (owner, now_ms + lease_ms, now_ms, limit, after, skip, most)
        return await (_claim_sqlite if tx.dialect.name == "sqlite" else _claim_postgres)(tx, values)

    rows = await _past_races(db, take)
    rows.sort(key=lambda row: (row["priority"], row["run_at_ms"], row["id"]))
    return [await _job(row, owner, now_ms + lease_ms) for row in rows]


async def _past_races(db: Database, take: Any) -> list[dict[str, Any]]:
    """The unique index on running lanes turns a race of two claims into an error: look again."""
    for _ in range(_RACES):
        try:
            rows: list[dict[str, Any]] = await db.write(take)
        except Exception as error:
            if not is_unique_violation(error):
                raise
        else:
            return rows
    return []


async def _claim_sqlite(tx: AsyncConnection, values: Sequence[Any]) -> list[dict[str, Any]]:
    connection: Any = (await tx.get_raw_connection()).driver_connection
    found = await connection.execute_fetchall(claim_order.SQLITE, values)
    rows = [dict(zip(claim_order.COLUMNS, row, strict=True)) for row in found]
    for row in rows:
        if row["guid"] is not None:
            query = "SELECT event, body FROM deliveries WHERE guid = ?"
            for event, body in await connection.execute_fetchall(query, (row["guid"],)):
                row |= {"event": event, "body": body}
    return rows


async def _claim_postgres(tx: AsyncConnection, values: Sequence[Any]) -> list[dict[str, Any]]:
    await tx.execute(_STEADY_PLAN)
    connection: Any = (await tx.get_raw_connection()).driver_connection
    rows = [dict(row) for row in await connection.fetch(claim_order.POSTGRES, *values)]
    guids = [row["guid"] for row in rows if row["guid"] is not None]
    if guids:
        query = "SELECT guid, event, body FROM deliveries WHERE guid = ANY($1::text[])"
        bodies = {row["guid"]: row for row in await connection.fetch(query, guids)}
        for row in rows:
            if row["guid"] in bodies:
                row |= {name: bodies[row["guid"]][name] for name in ("event", "body")}
    return rows


async def _job(row: Mapping[str, Any], owner: str, lease_until_ms: int) -> Job:
    is_delivery = row["kind"] == DELIVERY
    return Job(
        id=row["id"],
        kind=row["kind"],
        lane=row["lane"],
        owner=owner,
        attempt=row["attempts"],
        guid=row["guid"],
        event=row.get("event"),
        payload=await _unpack(row.get("body")) if is_delivery else row["args"] or b"",
        installation_id=row["installation_id"],
        lease_until_ms=lease_until_ms,
        priority=row["priority"],
        due_ms=row["run_at_ms"],
    )


async def _unpack(body: bytes | None) -> bytes:
    if body is None:
        return b""
    return zlib.decompress(body) if len(body) <= _INLINE_BYTES else await asyncio.to_thread(zlib.decompress, body)
