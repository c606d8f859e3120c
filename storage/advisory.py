"""Locks by name, for what no row stands for yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")


async def one_at_a_time(tx: AsyncConnection, name: str) -> None:
    """Waits until no other transaction holds `name`, and holds it to the end of this one.

    SQLite has one writer anyway. Statements after this one see what the earlier holders committed.
    """
    if tx.dialect.name == "postgresql":
        await tx.execute(_LOCK, {"name": name})
