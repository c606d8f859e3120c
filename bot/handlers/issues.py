"""`issues`: what people do to our issues is remembered, so that it is not undone."""

from __future__ import annotations

from gidgethub.sansio import Event
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.events import IssuesEvent, parse
from bot.services import Services
from storage import issues


async def closed(event: Event, services: Services) -> None:
    """closed: by whomever."""
    await _set_state(event, services, "closed", int(services.clock()))


async def reopened(event: Event, services: Services) -> None:
    """reopened: by whomever."""
    await _set_state(event, services, "open", None)


async def vanished(event: Event, services: Services) -> None:
    """deleted, transferred: it is not here any more, so a relapse needs a new one."""
    await _set_state(event, services, "closed", 0)


async def _set_state(event: Event, services: Services, state: str, at: int | None) -> None:
    parsed = parse(event.data, IssuesEvent)

    async def remember(tx: AsyncConnection) -> None:
        await issues.set_state(tx, parsed.repository.id, parsed.issue.number, state=state, closed_at=at)

    await services.database.write(remember)
