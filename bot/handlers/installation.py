"""`installation` and `installation_repositories`: who has the App, and on which repositories."""

from __future__ import annotations

from collections.abc import Sequence

from gidgethub.sansio import Event
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.backfill import DAY, FAILED_RUNS, LONG_RUN
from bot.events import (
    InstallationEvent,
    InstallationRepositoriesEvent,
    InstallationShape,
    InstalledRepository,
    epoch,
    parse,
)
from bot.history_work import INSTALLED_DAYS, order_backfill
from bot.services import Services
from storage import installations
from storage.model import Installation, Repository


async def known(event: Event, services: Services) -> None:
    """created, unsuspend, new_permissions_accepted: the installation works."""
    parsed = parse(event.data, InstallationEvent)

    number = parsed.installation.id

    async def save(tx: AsyncConnection) -> None:
        before = await installations.installation(tx, number)
        await installations.save_installation(tx, _installation(parsed.installation))
        await installations.save_repositories(tx, _repositories(parsed.installation, parsed.repositories or ()))
        await installations.suspend(tx, number, None)
        if parsed.action != "new_permissions_accepted":
            # Before the installation, and while it was suspended, GitHub told us nothing.
            since = before.suspended_at - LONG_RUN if before and before.suspended_at else None
            await _look_back(tx, await installations.repositories_of(tx, number), services, since)

    await services.database.write(save)


async def suspended(event: Event, services: Services) -> None:
    """suspend: GitHub sends nothing more, and refuses tokens."""
    parsed = parse(event.data, InstallationEvent)
    at = epoch(parsed.installation.suspended_at) or int(services.clock())

    async def save(tx: AsyncConnection) -> None:
        await installations.save_installation(tx, _installation(parsed.installation))
        await installations.suspend(tx, parsed.installation.id, at)

    await services.database.write(save)


async def deleted(event: Event, services: Services) -> None:
    """deleted: the App was uninstalled."""
    parsed = parse(event.data, InstallationEvent)

    async def save(tx: AsyncConnection) -> None:
        await installations.save_installation(tx, _installation(parsed.installation))
        await installations.remove_installation(tx, parsed.installation.id, int(services.clock()))

    await services.database.write(save)


async def repositories_changed(event: Event, services: Services) -> None:
    """installation_repositories: added, removed."""
    parsed = parse(event.data, InstallationRepositoriesEvent)

    async def save(tx: AsyncConnection) -> None:
        await installations.save_installation(tx, _installation(parsed.installation))
        await installations.save_repositories(tx, _repositories(parsed.installation, parsed.repositories_added))
        await _look_back(tx, _repositories(parsed.installation, parsed.repositories_added), services)
        gone = [repository.id for repository in parsed.repositories_removed]
        await installations.remove_repositories(tx, gone, int(services.clock()))

    await services.database.write(save)


async def _look_back(
    tx: AsyncConnection, found: Sequence[Repository], services: Services, since: int | None = None
) -> None:
    """Have the days read of which no delivery told."""
    now = int(services.clock())
    since = max(since or 0, now - INSTALLED_DAYS * DAY)
    for repo in found:
        await order_backfill(tx, repo, since=since, until=now, limit=FAILED_RUNS, now=now)


def _installation(shape: InstallationShape) -> Installation:
    account = shape.account
    return Installation(
        id=shape.id,
        account=account.login if account else "",
        account_type=account.type if account else "",
        suspended_at=epoch(shape.suspended_at),
    )


def _repositories(shape: InstallationShape, found: Sequence[InstalledRepository]) -> list[Repository]:
    return [
        Repository(
            id=repository.id,
            installation_id=shape.id,
            full_name=repository.full_name,
            private=repository.private,
            default_branch="",
        )
        for repository in found
    ]
