"""`pipeline replay`: saved deliveries, through the same path as the server's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.output import Failed, load_settings, note, run_async, say

if TYPE_CHECKING:
    from bot.saved_delivery import SavedDelivery
    from bot.settings import Settings


def replay(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Saved deliveries as JSON; `-` is stdin.")],
) -> int:
    """Feed saved webhook deliveries ({"event", "delivery", "payload"}) to the program and work them off."""
    settings = load_settings()
    if settings.mode == "none":
        raise Failed("no credentials: set GITHUB_APP_ID and GITHUB_PRIVATE_KEY, or GITHUB_TOKEN", 2)
    saved, unread = _read(files)
    ended_badly = run_async(_replay(settings, saved)) if saved else 0
    return 1 if unread or ended_badly else 0


def _read(files: list[str]) -> tuple[list[SavedDelivery], int]:
    from bot.saved_delivery import NotADelivery, read_saved

    saved: list[SavedDelivery] = []
    unread = 0
    for name in files:
        try:
            text = typer.get_binary_stream("stdin").read() if name == "-" else Path(name).read_bytes()
            saved += read_saved(text)
        except OSError as error:
            note(f"pipeline: {name}: {error.strerror or error}")
            unread += 1
        except NotADelivery as error:
            note(f'pipeline: {name}: not a saved delivery {{"event", "delivery", "payload"}}: {error}')
            unread += 1
    return saved, unread


async def _replay(settings: Settings, saved: list[SavedDelivery]) -> int:
    """How many deliveries did not end well."""
    from bot import app, logs
    from bot.token_config import TokenConfigError
    from storage.errors import StorageError
    from storage.locations import SqliteFile, parse_url
    from storage.lock import AlreadyRunning

    logs.configure(
        "warning" if settings.log_level == "info" else settings.log_level, settings.log_format, settings.own_secrets
    )
    try:
        async with app.assembled(settings) as parts:
            return await _work_off(parts, saved)
    except AlreadyRunning as error:
        location = parse_url(settings.database_url)
        if not isinstance(location, SqliteFile):
            raise Failed(str(error)) from error
        return await _hand_over(location.path, saved)
    except (StorageError, TokenConfigError, OSError) as error:
        raise Failed(str(error)) from error


async def _work_off(parts: object, saved: list[SavedDelivery]) -> int:
    import asyncio

    import msgspec

    from bot import app
    from bot.door import NotAnObject

    assert isinstance(parts, app.Parts)  # noqa: S101
    kept = []
    for each in saved:
        try:
            fresh = await parts.intake(each.event, each.delivery, msgspec.json.encode(each.payload))
        except NotAnObject as error:
            raise Failed(f"delivery {each.delivery}: {error}") from error
        _tell(each, fresh)
        if fresh:
            kept.append(each.delivery)
    working = asyncio.create_task(parts.worker.run())
    try:
        dead = await app.until_worked_off(parts.database, kept)
    finally:
        parts.worker.stop()
        await working
    for guid, reason in dead.items():
        note(f"pipeline: delivery {guid} ended dead: {reason}")
    return len(dead)


async def _hand_over(database: Path, saved: list[SavedDelivery]) -> int:
    """A server has the database: it gets the deliveries, and works them off."""
    from bot.cli.ordering import handed_over
    from bot.orders import Deliver

    for each in saved:
        _tell(each, await handed_over(database, Deliver(each)))
    note("pipeline: handed to the running server")
    return 0


def _tell(each: SavedDelivery, fresh: bool | None) -> None:
    state = {None: "nothing to do", True: "accepted", False: "known already"}[fresh]
    say(f"{each.delivery} {each.event}: {state}")
