"""`pipeline db`: migrations, online backup, retention."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.examples import under
from bot.cli.ordering import ordered
from bot.cli.output import Failed, load_settings, note, run_async, say

if TYPE_CHECKING:
    from bot.settings import Settings


def program() -> typer.Typer:
    """The command group."""
    group = typer.Typer(help="The database: migrations, backup, retention.", rich_markup_mode=None)

    @group.callback()
    def db() -> None:
        """The database: migrations, backup, retention."""

    @group.command(epilog=under("db upgrade"))
    def upgrade() -> None:
        """Bring the database up to this version (servers and workers do so themselves at start)."""
        run_async(_upgrade(load_settings()))

    @group.command(epilog=under("db backup"))
    def backup(file: Annotated[Path, typer.Argument(help="Where the copy goes; it must not exist yet.")]) -> None:
        """Copy a SQLite database while it is in use; the copy appears whole or not at all."""
        run_async(_backup(load_settings(), file))
        say(f"{file}: {file.stat().st_size / 2**20:.1f} MiB")

    @group.command(epilog=under("db prune"))
    def prune() -> None:
        """Forget now what RETENTION_DAYS and EXCERPT_DAYS do not keep (a running worker does so every day)."""
        run_async(_prune(load_settings()))

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


async def _backup(settings: Settings, file: Path) -> None:
    from storage.database import Database
    from storage.errors import StorageError
    from storage.locations import SqliteFile, parse_url

    try:
        if not isinstance(parse_url(settings.database_url), SqliteFile):
            raise Failed("online backup is for SQLite: back up PostgreSQL with `pg_dump --format=custom --file=FILE`")
        _refuse_to_overwrite(file)
        # Of whatever version: the time for a backup is before an upgrade.
        database = await Database.open(settings.database_url, readonly=True, any_version=True)
        try:
            await database.backup(file)
        finally:
            await database.close()
    except (StorageError, OSError) as error:
        raise Failed(f"no backup was made: {error}") from error


def _refuse_to_overwrite(file: Path) -> None:
    """Also where only a log of SQLite's stands beside: SQLite would play it into the copy."""
    if not file.parent.is_dir():
        raise Failed(f"no backup was made: there is no folder {file.parent}")
    for suffix in ("", "-wal", "-journal"):
        beside = file.with_name(file.name + suffix)
        if beside.exists():
            raise Failed(f"no backup was made: {beside} exists already; remove it, or name another file")


async def _prune(settings: Settings) -> None:
    from bot.orders import Prune

    order = Prune(retention_days=settings.retention_days, excerpt_days=settings.excerpt_days)
    gone: dict[str, int] = await ordered(settings, order)
    counts = ", ".join(f"{name} {number}" for name, number in gone.items())
    say(f"forgotten (older than {order.retention_days} days, excerpts {order.excerpt_days}): {counts}")
