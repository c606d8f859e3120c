"""Lays work into the inbox: into the lane of its repository, or into one beside it where it must not hold that up."""

from __future__ import annotations

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.work import Work
from storage import inbox
from storage.model import REPORT


def lane_of(repo_id: int | None) -> str:
    """The lane in which everything that reports on a repository is done, one after another."""
    return f"repo:{repo_id}"


def lane_beside(repo_id: int | None, kind: str) -> str:
    """A lane of a repository for one kind of work, which may wait there."""
    return f"{lane_of(repo_id)}:{kind}"


async def lay(
    tx: AsyncConnection,
    kind: str,
    work: Work,
    *,
    dedupe: str,
    at_ms: int,
    installation_id: int,
    lane: str | None = None,
    priority: int = REPORT,
) -> bool:
    """Puts work in with the transaction, in its repository's lane unless told otherwise; else as `inbox.enqueue`."""
    return await inbox.enqueue(
        tx,
        kind=kind,
        dedupe=dedupe,
        lane=lane or lane_of(work.repo_id),
        args=msgspec.json.encode(work),
        run_at_ms=at_ms,
        installation_id=installation_id,
        priority=priority,
    )
