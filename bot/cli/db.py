"""`pipeline db`: migrations."""

from __future__ import annotations

import typer

from bot.cli.output import Failed, load_settings, note, run_async
from bot.settings import Settings


def program() -> typer.Typer:
    """The command group."""
    group = typer.Typer(help="The database: migrations.", rich_markup_mode=None)

    @group.callback()
    def db() -> None:
        """The database: migrations."""

    @group.command()
    def upgrade() -> None:
        """Bring the database up to this version (servers and workers do so themselves at start)."""
        run_async(_upgrade(load_settings()))

    return group


async def _upgrade(settings: Settings) -> None:
    from contextlib import ExitStack

    from storage.database import Database
    from storage.errors import StorageError
    from storage.locations import SqliteFile, parse_url
    from storage.lock import SoleProcess

    try:
        location = parse_url(settings.database_url)
        with ExitStack() as stack:
            if isinstance(location, SqliteFile):
                stack.enter_context(SoleProcess(location.path))
            database = await Database.open(settings.database_url)
            try:
                await database.migrate()
            finally:
                await database.close()
    except (StorageError, OSError) as error:
        raise Failed(f"the database could not be upgraded: {error}") from error
    note("pipeline: the database is up to date")
