"""Runs the migrations of this package; needs no alembic.ini, so it works from an installed wheel.

Versions run side by side during an upgrade: a numbered migration only adds, so that the program before it works on.
One that takes something away from older programs must not have four digits for a name; those then refuse to start.
"""

from __future__ import annotations

import re
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

_NUMBERED = re.compile(r"\d{4}")
_LOCK = 0x70_69_70_65_6C_69_6E_65
"""Any constant does, as long as every version of the program uses the same."""


async def upgrade(tx: AsyncConnection) -> None:
    """Migrates to this version's head within the transaction; on PostgreSQL one process at a time.

    A database that a newer version has only added to stays as it is.
    """
    if tx.dialect.name == "postgresql":
        await tx.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    await tx.run_sync(_upgrade)


async def is_current(connection: AsyncConnection) -> bool:
    """Whether the database stands at this version's head, or at one that a newer version has only added to."""
    found = await connection.run_sync(_revision)
    return found == _head() or _added_to(found)


def _head() -> str:
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def _added_to(revision: str | None) -> bool:
    return revision is not None and _NUMBERED.fullmatch(revision) is not None and revision > _head()


def _config() -> Config:
    config = Config()
    folder = str(resources.files("storage") / "migrations")
    config.set_main_option("script_location", folder.replace("%", "%%"))
    return config


def _upgrade(connection: Connection) -> None:
    if _added_to(_revision(connection)):
        return
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
