"""How the reading commands come to their numbers: read-only, beside a running server, and without a database too."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

from bot.cli.output import Failed, load_settings, note, run_async

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from storage.database import Database
    from storage.model import Repository

T = TypeVar("T")
Work = Callable[["AsyncConnection", "Repository | None"], Awaitable[T]]


def seconds_of(time_range: str) -> int:
    """The length of `--time-range`; a wrong one ends the call with code 2."""
    from bot.time_range import parse

    try:
        return parse(time_range)
    except ValueError as error:
        raise Failed(f"--time-range: {error}", 2) from error


def now() -> int:
    """Epoch seconds."""
    return int(time.time())


def read(repo: str | None, work: Work[T], nothing: Callable[[], T]) -> T:
    """What `work` reads of the repository (None: of all); `nothing()` with a hint on stderr where there is no data."""
    return run_async(_read(repo, work, nothing))


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    """The database for reading alone. NoDatabase where there is none yet, Failed where it cannot be read."""
    from storage.database import Database
    from storage.errors import NoDatabase, StorageError

    try:
        database = await Database.open(url, readonly=True)
        try:
            yield database
        finally:
            await database.close()
    except NoDatabase:
        raise
    except StorageError as error:
        raise Failed(str(error)) from error


async def _read(repo: str | None, work: Work[T], nothing: Callable[[], T]) -> T:
    from bot.cli.tables import safe
    from storage import installations
    from storage.errors import NoDatabase

    try:
        async with opened(load_settings().database_url) as database, database.read() as conn:
            known = await installations.repository_named(conn, repo) if repo else None
            if repo and known is None:
                note(f"pipeline: nothing is recorded of {safe(repo, 140)}")
                return nothing()
            return await work(conn, known)
    except NoDatabase as error:
        note(f"pipeline: {error}")
        return nothing()
