"""`issues`: what people do to our issues is remembered, so that it is not undone."""

from __future__ import annotations

from gidgethub.sansio import Event
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.events import IssuesEvent, parse
from bot.services import Services
from storage import issues, words
from storage.model import Mute


async def closed(event: Event, services: Services) -> None:
    """closed: by whomever. A person who closes it as not planned does not want to hear of it again."""
    now = int(services.clock())
    parsed = await _set_state(event, services, "closed", now)
    if parsed.issue.state_reason != "not_planned" or parsed.sender is None or parsed.sender.type == "Bot":
        return
    by = parsed.sender.login

    async def mute(tx: AsyncConnection) -> None:
        for issue in await issues.all_of_number(tx, parsed.repository.id, parsed.issue.number):
            word = Mute(
                repo_id=issue.repo_id,
                installation_id=parsed.installation.id if parsed.installation else 0,
                fingerprint=issue.fingerprint,
                until=None,
                reason=f"issue #{issue.number} was closed as not planned",
                by=by,
                at=now,
            )
            await words.mute(tx, word)

    await services.database.write(mute)


async def reopened(event: Event, services: Services) -> None:
    """reopened: by whomever; what was muted with it speaks again."""
    parsed = await _set_state(event, services, "open", None)
    installation_id = parsed.installation.id if parsed.installation else 0

    async def unmute(tx: AsyncConnection) -> None:
        for issue in await issues.all_of_number(tx, parsed.repository.id, parsed.issue.number):
            await words.unmute(tx, issue.repo_id, installation_id, issue.fingerprint)

    await services.database.write(unmute)


async def vanished(event: Event, services: Services) -> None:
    """deleted, transferred: it is not here any more, so a relapse needs a new one."""
    await _set_state(event, services, "closed", 0)


async def _set_state(event: Event, services: Services, state: str, at: int | None) -> IssuesEvent:
    parsed = parse(event.data, IssuesEvent)

    async def remember(tx: AsyncConnection) -> None:
        await issues.set_state(tx, parsed.repository.id, parsed.issue.number, state=state, closed_at=at)

    await services.database.write(remember)
    return parsed
