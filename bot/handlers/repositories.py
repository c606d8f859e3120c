"""The repository of an event as storage knows it."""

from __future__ import annotations

from bot.events import InstallationRef, RepositoryRef
from storage import installations
from storage.database import Database
from storage.model import Repository


async def repository_of(database: Database, ref: RepositoryRef, installation: InstallationRef | None) -> Repository:
    """The payload's repository; what the payload leaves out is taken from what is stored."""
    default_branch = ref.default_branch
    if default_branch is None:
        async with database.read() as conn:
            stored = await installations.repository(conn, ref.id)
        default_branch = stored.default_branch if stored else ""
    return Repository(
        id=ref.id,
        installation_id=installation.id if installation else 0,
        full_name=ref.full_name,
        private=ref.private,
        default_branch=default_branch,
    )
