"""`check_run`: somebody asked for our check run to be run again."""

from __future__ import annotations

from gidgethub.sansio import Event

from bot.events import CheckRunEvent, parse
from bot.handlers.repositories import repository_of
from bot.services import Services


async def rerequested(event: Event, services: Services) -> None:
    """GitHub resets the suite but not the run, so the run is written again in any case."""
    parsed = parse(event.data, CheckRunEvent)
    repo = await repository_of(services.database, parsed.repository, parsed.installation)
    await services.monitor.analyse_again(parsed.check_run.head_sha, repo)
