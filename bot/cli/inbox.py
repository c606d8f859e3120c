"""`pipeline inbox`: what waits and what died, and the decision about it."""

from __future__ import annotations

import time
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.examples import under
from bot.cli.ordering import ordered
from bot.cli.output import Failed, load_settings, note, run_async, say

if TYPE_CHECKING:
    from bot.inbox_view import Inbox
    from bot.settings import Settings


class State(StrEnum):
    """Which work is shown."""

    DEAD = "dead"
    WAITING = "waiting"
    RUNNING = "running"


class PlainFormat(StrEnum):
    """How it is printed."""

    TEXT = "text"
    JSON = "json"


MOST = 100
"""Lines for people; JSON has everything."""
Ids = Annotated[
    list[int], typer.Argument(metavar="ID...", min=1, max=2**63 - 1, help="As `pipeline inbox` shows them.")
]
StateOption = Annotated[State | None, typer.Option(help="Only what is in this state.")]
FormatOption = Annotated[PlainFormat | None, typer.Option(help="How to print it (text).", show_default=False)]


def program() -> typer.Typer:
    """The command group; without a subcommand it lists."""
    group = typer.Typer(help="What waits and what died.", rich_markup_mode=None)

    @group.callback(invoke_without_command=True)
    def inbox(context: typer.Context, state: StateOption = None, format: FormatOption = None) -> None:  # noqa: A002
        """What waits and what died, with the reason; dead work is taken up again or given up."""
        context.obj = (state, format)
        if context.invoked_subcommand is None:
            _list(state, format)

    @group.command("list", epilog=under("inbox list"))
    def list_(context: typer.Context, state: StateOption = None, format: FormatOption = None) -> None:  # noqa: A002
        """Show what is in the inbox. Reads beside a running server."""
        _list(state or context.obj[0], format or context.obj[1])

    @group.command(epilog=under("inbox revive"))
    def revive(ids: Ids) -> int:
        """Take dead work up again, with a fresh set of attempts."""
        return run_async(_revive(load_settings(), tuple(ids)))

    @group.command(epilog=under("inbox drop"))
    def drop(ids: Ids) -> int:
        """Give up dead or waiting work; a redelivery from GitHub does not bring it back."""
        return run_async(_drop(load_settings(), tuple(ids)))

    return group


def _list(state: State | None, format: PlainFormat | None) -> None:  # noqa: A002
    from bot.inbox_view import as_json, as_text

    found = run_async(_read(load_settings(), state))
    now = time.time()
    say(as_json(found, now) if format is PlainFormat.JSON else as_text(found, now, most=MOST))


async def _read(settings: Settings, state: State | None) -> Inbox:
    from bot.inbox_view import Inbox, look
    from storage.database import Database
    from storage.errors import NoDatabase, StorageError

    try:
        database = await Database.open(settings.database_url, readonly=True)
    except NoDatabase as error:
        note(f"pipeline: {error}")
        return Inbox(0, 0, 0, ())
    except StorageError as error:
        raise Failed(str(error)) from error
    try:
        async with database.read() as conn:
            return await look(conn, state)
    except StorageError as error:
        raise Failed(str(error)) from error
    finally:
        await database.close()


async def _revive(settings: Settings, ids: tuple[int, ...]) -> int:
    from bot.orders import Revive

    revived: list[int] = await ordered(settings, Revive(ids))
    for number in revived:
        say(f"{number}: waits again; the server or a worker takes it up")
    return await _missed(settings, ids, revived, "only dead work can be revived")


async def _drop(settings: Settings, ids: tuple[int, ...]) -> int:
    from bot.orders import Drop

    dropped: list[int] = await ordered(settings, Drop(ids))
    for number in dropped:
        say(f"{number}: given up")
    return await _missed(settings, ids, dropped, "work that runs cannot be dropped")


async def _missed(settings: Settings, ids: tuple[int, ...], done: list[int], rule: str) -> int:
    """Tell what became of the other ids; the exit code."""
    missed = sorted(set(ids) - set(done))
    if not missed:
        return 0
    items = {item.id: item for item in (await _read(settings, None)).items}
    for number in missed:
        item = items.get(number)
        reason = f"it is {item.state}, and {rule}" if item else "there is no such work in the inbox"
        note(f"pipeline: {number}: {reason}")
    return 1
