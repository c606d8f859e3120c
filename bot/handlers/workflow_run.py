"""`workflow_run`: every attempt is stored; a completed one is followed."""

from __future__ import annotations

from gidgethub.sansio import Event

from bot.events import WorkflowRunEvent, is_outdated, parse, run_of_workflow
from bot.handlers.repositories import repository_of
from bot.services import Services
from storage.merging import COUNTED


async def started(event: Event, services: Services) -> None:
    """requested, in_progress: the run is known and may be shown as running."""
    parsed = parse(event.data, WorkflowRunEvent)
    repo = await repository_of(services.database, parsed.repository, parsed.installation)
    await services.monitor.seen(run_of_workflow(parsed), repo)


async def completed(event: Event, services: Services) -> None:
    """completed: once for each attempt."""
    parsed = parse(event.data, WorkflowRunEvent)
    repo = await repository_of(services.database, parsed.repository, parsed.installation)
    run = run_of_workflow(parsed)
    await services.monitor.completed(run, repo, stale=is_outdated(parsed))
    if run.conclusion in COUNTED and run.conclusion != "success":
        await services.boards.follow(repo)
