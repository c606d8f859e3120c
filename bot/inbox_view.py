"""The inbox as people and programs see it."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot.printing import age, one_line
from storage import inbox_admin, installations

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.ext.asyncio import AsyncConnection

    from storage.inbox_admin import JobListing

MOST_LISTED = 100_000
_LANE = re.compile(r"^repo:(\d+)")


@dataclass(frozen=True, slots=True)
class InboxItem:
    """One unit of work. `event` is `event.action` of a delivery, or the kind of work that is none."""

    id: int
    state: str
    event: str
    delivery: str | None
    repository: str | None
    lane: str | None
    installation: int
    attempts: int
    created_at: float
    run_at: float
    reason: str


@dataclass(frozen=True, slots=True)
class Inbox:
    """How many units of work there are in each state, and those that were asked for."""

    waiting: int
    running: int
    dead: int
    items: tuple[InboxItem, ...]


async def look(conn: AsyncConnection, state: str | None) -> Inbox:
    """What is in the inbox; `state` is `waiting`, `running`, `dead` or None for all."""
    census = await inbox_admin.census(conn)
    jobs = await inbox_admin.list_jobs(conn, state, MOST_LISTED)
    ids = {number for job in jobs if (number := _repo_id(job)) is not None}
    names = await _names(conn, sorted(ids))
    return Inbox(census.ready, census.running, census.dead, tuple(_item(job, names) for job in jobs))


async def _names(conn: AsyncConnection, ids: list[int]) -> dict[int, str]:
    found: dict[int, str] = {}
    for start in range(0, len(ids), 1000):
        found |= await installations.names(conn, ids[start : start + 1000])
    return found


def _repo_id(job: JobListing) -> int | None:
    lane = _LANE.match(job.lane or "")
    return job.repo_id if job.repo_id is not None else int(lane[1]) if lane else None


def _item(job: JobListing, names: Mapping[int, str]) -> InboxItem:
    number = _repo_id(job)
    return InboxItem(
        id=job.id,
        state=job.state,
        event=".".join(part for part in (job.event, job.action) if part) or job.kind,
        delivery=job.guid,
        repository=names.get(number) if number is not None else None,
        lane=job.lane,
        installation=job.installation_id,
        attempts=job.attempts,
        created_at=job.created_at_ms / 1000,
        run_at=job.run_at_ms / 1000,
        reason=one_line(job.last_error, 4000),
    )


def as_json(inbox: Inbox, now: float) -> str:
    """One JSON object; times as ISO 8601 in UTC, ages in seconds."""
    items = [
        asdict(item)
        | {
            "created_at": _moment(item.created_at),
            "run_at": _moment(item.run_at),
            "age_seconds": int(max(0, now - item.created_at)),
        }
        for item in inbox.items
    ]
    return json.dumps({"waiting": inbox.waiting, "running": inbox.running, "dead": inbox.dead, "jobs": items})


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).isoformat().replace("+00:00", "Z")


def as_text(inbox: Inbox, now: float, *, most: int) -> str:
    """The same for people: a line for each, and its reason below."""
    lines = [f"{inbox.waiting} waiting, {inbox.running} running, {inbox.dead} dead"]
    for item in inbox.items[:most]:
        where = item.repository or item.lane or f"installation {item.installation}"
        tries = f"{item.attempts} attempt{'' if item.attempts == 1 else 's'}"
        later = f", again in {age(item.run_at - now)}" if item.state == "waiting" and item.run_at > now + 1 else ""
        lines.append(
            f"{item.id:>6}  {item.state:7}  {one_line(item.event, 60)}  {one_line(where, 120)}"
            f"  {tries}, {age(now - item.created_at)} old{later}"
        )
        if item.reason:
            lines.append(f"        {item.reason[:300]}")
    if len(inbox.items) > most:
        lines.append(f"… and {len(inbox.items) - most} more; --format json lists them all")
    return "\n".join(lines)
