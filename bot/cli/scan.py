"""`pipeline scan`: a repository's history into the database, and the dashboard. Needs no App, a token is enough."""

from __future__ import annotations

import json
import signal
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.dashboard import print_dashboard
from bot.cli.output import Failed, Format, load_settings, note, run_async, say
from bot.cli.reading import now

if TYPE_CHECKING:
    from bot.settings import Settings
    from bot.views import Dashboard

STOPPED = 130
"""The exit code of a program that Ctrl-C ended."""


def scan(
    repositories: Annotated[list[str], typer.Argument(metavar="OWNER/NAME...", help="Repositories to read.")],
    days: Annotated[int, typer.Option(help="How many days back.")] = 14,
    limit: Annotated[int, typer.Option(help="How many of the newest failed runs have their logs read.")] = 30,
    format: Annotated[Format, typer.Option(help="How to print the dashboard.")] = Format.TEXT,  # noqa: A002
) -> int:
    """Read the run history of repositories through the API, and print the dashboard; nothing is written on GitHub.

    GITHUB_TOKEN is enough. Whatever stops it, the same command goes on where it was.
    """
    import asyncio

    from bot.cli.scanning import Wanted

    settings = load_settings()
    if settings.mode == "none":
        raise Failed("no credentials: set GITHUB_TOKEN to a token that may read the repositories' actions", 2)
    wanted = Wanted(_names(repositories), _days(days), _limit(limit))
    try:
        troubled = run_async(_stoppable(_scan(settings, wanted, format)))
    except asyncio.CancelledError:
        note("pipeline: stopped; what was read is kept, and the same command goes on from there")
        return STOPPED
    return 1 if troubled else 0


def _names(given: list[str]) -> list[str]:
    from bot.token_config import FULL_NAME

    for name in given:
        if not FULL_NAME.match(name):
            raise Failed(f"{name[:140]!r} is not a repository in the form owner/name", 2)
    return list({name.lower(): name for name in given}.values())


def _days(days: int) -> int:
    from bot.dashboard import days_within

    try:
        return days_within(days)
    except ValueError as error:
        raise Failed(f"--days: {error}", 2) from error


def _limit(limit: int) -> int:
    if not 0 <= limit <= 10_000:
        raise Failed(f"--limit: takes 0 to 10000 failed runs, not {limit}", 2)
    return limit


async def _stoppable(work: Coroutine[Any, Any, list[str]]) -> list[str]:
    """Ctrl-C cancels the work, which then puts everything away."""
    import asyncio

    task = asyncio.ensure_future(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, task.cancel)
    return await task


async def _scan(settings: Settings, wanted: Any, style: Format) -> list[str]:
    from bot import logs
    from bot.cli.scan_progress import Screen
    from bot.cli.scanning import scan as read
    from storage.errors import StorageError

    logs.configure(
        "error" if settings.log_level == "info" else settings.log_level, settings.log_format, settings.own_secrets
    )
    try:
        with Screen() as screen:
            outcome = await read(settings, wanted, screen)
        answer = await _dashboard(settings, outcome.repo_ids, wanted.days) if outcome.repo_ids else None
    except (StorageError, OSError) as error:
        raise Failed(str(error)) from error
    if answer is not None:
        _print(answer, style)
    return outcome.troubled


async def _dashboard(settings: Settings, repo_ids: list[int], days: int) -> Dashboard:
    """Of all that was read, as one."""
    from bot.dashboard import PipelineDashboard, Question
    from storage import installations
    from storage.database import Database
    from storage.scopes import Scope
    from storage.windows import DAY, Window

    database = await Database.open(settings.database_url, readonly=True)
    try:
        async with database.read() as conn:
            known = [repo for each in repo_ids if (repo := await installations.repository(conn, each))]
            owners = tuple(sorted({repo.installation_id for repo in known}))
            scope = Scope(owners, tuple(sorted({repo.id for repo in known})))
            name = known[0].full_name if scope.single else None
            at = now()
            return await PipelineDashboard(conn).dashboard(
                Question(scope, name, f"{days}d", Window(at - days * DAY, at))
            )
    finally:
        await database.close()


def _print(answer: Dashboard, style: Format) -> None:
    from bot.render.dashboard import dashboard_markdown
    from bot.render.objects import dashboard_json

    if style is Format.JSON:
        say(json.dumps(dashboard_json(answer)))
    elif style is Format.MARKDOWN:
        say(dashboard_markdown(answer))
    else:
        print_dashboard(answer)
