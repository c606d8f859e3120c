"""`issues.edited`: somebody edited the dashboard issue; a box that was ticked is a command."""

from __future__ import annotations

import structlog
from gidgethub.sansio import Event

from bot.boxes import ticked
from bot.errors import UserError
from bot.events import IssuesEvent, parse
from bot.handlers.repositories import repository_of
from bot.perform.boards import number_of
from bot.perform.requests import Asker
from bot.services import Services
from storage.model import Repository

log = structlog.get_logger(__name__)

MAY = frozenset({"admin", "write"})
MOST = 9
"""Boxes that one edit may tick; there are no more."""


async def edited(event: Event, services: Services) -> None:
    """Of our issue alone, known by its number; programs, ourselves among them, tick nothing."""
    parsed = parse(event.data, IssuesEvent)
    sender = parsed.sender
    if sender is None or sender.type == "Bot":
        return
    repo = await repository_of(services.database, parsed.repository, parsed.installation)
    async with services.database.read() as conn:
        ours = await number_of(conn, repo.id)
    if ours != parsed.issue.number:
        return
    wanted = ticked(parsed.issue.body or "", parsed.before)
    if wanted:
        said = await _done(services, repo, sender.login, wanted, event.delivery_id or "")
        if said:
            await services.boards.want(repo, force=True, said=said, key=f"tick:{event.delivery_id}")
            return
    if services.gateway.app_id is not None:
        # With a token our own writing comes back as the owner's: it would be undone for ever.
        await services.boards.want(repo, force=True, key="restore")


async def _done(services: Services, repo: Repository, login: str, wanted: frozenset[str], delivery: str) -> str:
    """What became of the boxes, as a sentence; empty where none of them is ours."""
    boxes = [box for box in await services.boards.boxes(repo) if box.id in wanted][:MOST]
    if not boxes:
        log.info("a box was ticked that is not offered", login=login)
        return ""
    github = await services.gateway.client(repo.installation_id)
    if await github.permission(repo.full_name, login) not in MAY:
        log.info("a box was ticked without write permission", login=login)
        return ""
    now = int(services.clock())
    asker = Asker(login, f"tick:{delivery}")
    try:
        await services.requests.perform([box.request(now) for box in boxes], asker, repo, github)
    except UserError as error:
        return f"`{login}` ticked a box. {error}"
    done = {"rerun": "runs failed jobs again", "mute": "muted a failure for a week", "notify": "asked for a notice"}
    return f"`{login}` {' and '.join(dict.fromkeys(done[box.kind] for box in boxes))}."
