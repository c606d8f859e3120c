"""Runs the migrations of this package; needs no alembic.ini, so it works from an installed wheel."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import text

from storage.errors import StorageError

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.ext.asyncio import AsyncConnection

_LOCK = 0x70_69_70_65_6C_69_6E_65
"""Any constant does, as long as every version of the program uses the same."""


async def upgrade(tx: AsyncConnection) -> None:
    """Migrates to this version's head within the transaction; on PostgreSQL one process at a time."""
    if tx.dialect.name == "postgresql":
        await tx.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    await tx.run_sync(_upgrade)


async def is_current(connection: AsyncConnection) -> bool:
    """Whether the database stands at this version's head."""
    return await connection.run_sync(_revision) == ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    config = Config()
    folder = str(resources.files("storage") / "migrations")
    config.set_main_option("script_location", folder.replace("%", "%%"))
    return config


def _upgrade(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StorageError(
            f"the database was set up by a newer version ({error}): run that version or restore a backup"
        ) from error


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
