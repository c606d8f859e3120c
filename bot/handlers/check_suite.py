"""`check_suite`: GitHub asks for our check run again, or another App's suite ended."""

from __future__ import annotations

from gidgethub.sansio import Event

from bot.events import CheckSuiteEvent, parse, run_of_suite
from bot.handlers.repositories import repository_of
from bot.services import Services


async def requested(event: Event, services: Services) -> None:
    """requested: a push; our check run there is brought up to date if there is one."""
    parsed = parse(event.data, CheckSuiteEvent)
    repo = await repository_of(services.database, parsed.repository, parsed.installation)
    await services.monitor.refresh(parsed.check_suite.head_sha, repo, force=False)


async def rerequested(event: Event, services: Services) -> None:
    """rerequested: somebody wants it read again; GitHub has reset the suite and waits for the check run."""
    parsed = parse(event.data, CheckSuiteEvent)
    repo = await repository_of(services.database, parsed.repository, parsed.installation)
    await services.monitor.analyse_again(parsed.check_suite.head_sha, repo)


async def completed(event: Event, services: Services) -> None:
    """completed: of another App; our own and GitHub Actions' never get here."""
    parsed = parse(event.data, CheckSuiteEvent)
    repo = await repository_of(services.database, parsed.repository, parsed.installation)
    await services.monitor.suite_completed(run_of_suite(parsed), repo)
