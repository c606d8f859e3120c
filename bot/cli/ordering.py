"""Orders to the database from the command line: done here, or handed to the server that has it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.cli.output import Failed, note

if TYPE_CHECKING:
    from bot.orders import Order
    from bot.settings import Settings


async def ordered(settings: Settings, order: Order) -> Any:
    """The order's answer; Failed with one clear line where it could not be carried out."""
    from bot import orders
    from storage.errors import StorageError
    from storage.locations import SqliteFile, parse_url
    from storage.lock import AlreadyRunning

    try:
        return await orders.carry_out(settings.database_url, order, clock=time.time)
    except AlreadyRunning as error:
        location = parse_url(settings.database_url)
        if not isinstance(location, SqliteFile):
            raise Failed(str(error)) from error
        answer = await handed_over(location.path, order)
        note("pipeline: done by the running server")
        return answer
    except (StorageError, OSError) as error:
        raise Failed(str(error)) from error


async def handed_over(database: Path, order: Order) -> Any:
    """The answer of the server that has the SQLite file."""
    from bot.control import Refused, hand_over

    try:
        return await hand_over(database, order)
    except Refused as error:
        raise Failed(f"the server on {database} refused: {error}") from error
    except OSError as error:
        raise Failed(
            f"{database} is in use, and its server cannot be reached beside it ({error}); stop it and try again"
        ) from error
