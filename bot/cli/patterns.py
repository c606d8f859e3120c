"""`pipeline patterns`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.output import Failed, Format, say
from bot.cli.reading import now, read

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from storage.model import Pattern, Repository

_ROWS = 20


def patterns(
    days: Annotated[int, typer.Option(help="How many days back.")] = 30,
    repo: Annotated[str | None, typer.Option(help="Only this repository (owner/name).")] = None,
    format: Annotated[Format, typer.Option(help="How to print it.")] = Format.TEXT,  # noqa: A002
) -> None:
    """Recurring failures, what took most runner time first."""
    from bot.dashboard import PipelineDashboard, days_within
    from bot.render.objects import patterns_json
    from bot.render.patterns import patterns_markdown
    from storage.scopes import everything, of_repository

    try:
        days_within(days)
    except ValueError as error:
        raise Failed(f"--days {error}", 2) from error

    async def work(conn: AsyncConnection, known: Repository | None) -> list[Pattern]:
        scope = await everything(conn) if known is None else of_repository(known)
        return await PipelineDashboard(conn).patterns(scope, now(), days)

    empty: list[Pattern] = []
    found = read(repo, work, lambda: empty)
    if format is Format.JSON:
        say(json.dumps(patterns_json(found, days)))
    elif format is Format.MARKDOWN:
        say(patterns_markdown(found, repository=repo, days=days))
    elif found:
        pattern_table(f"Recurring failures of the last {days} days", found[:_ROWS])
    else:
        say(f"Nothing recurs: no failure of the last {days} days was seen twice.")


def pattern_table(title: str, found: Sequence[Pattern]) -> None:
    """Patterns with the runner minutes they took, their counts and places."""
    from bot.cli.tables import safe, table
    from bot.render.failure import day, minutes_lost

    rows = [
        (
            minutes_lost(one),
            f"{one.count:,}",
            one.category + (" (muted)" if one.muted else ""),
            safe(one.description or one.fingerprint),
            safe(one.repositories[0]) if len(one.repositories) == 1 else f"{len(one.repositories):,} repositories",
            day(one.first_seen),
            day(one.last_seen),
        )
        for one in found
    ]
    table(title, ("Minutes", "Times", "Category", "Failure", "Where", "First seen", "Last seen"), rows, right=(0, 1))
