"""`pipeline health`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.output import Format, say
from bot.cli.reading import now, read, seconds_of

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from storage.model import Health, Repository


def health(
    repo: Annotated[str | None, typer.Option(help="Only this repository (owner/name).")] = None,
    time_range: Annotated[str, typer.Option(help="How far back: 30m, 24h, 7d, 2w.")] = "24h",
    format: Annotated[Format, typer.Option(help="How to print it.")] = Format.TEXT,  # noqa: A002
) -> None:
    """Health status: success rate, runs, durations."""
    from bot.dashboard import PipelineDashboard, nothing, question
    from bot.render.health import health_json, health_markdown

    seconds, at, time_range = seconds_of(time_range), now(), time_range.strip().lower()

    async def work(conn: AsyncConnection, known: Repository | None) -> Health:
        asked = await question(conn, known, time_range=time_range, seconds=seconds, now=at)
        return await PipelineDashboard(conn).health(asked)

    answer = read(repo, work, lambda: nothing(repo, time_range, seconds, at).health)
    if format is Format.JSON:
        say(json.dumps(health_json(answer)))
    elif format is Format.MARKDOWN:
        say(health_markdown(answer))
    else:
        print_health(answer)


def print_health(answer: Health) -> None:
    """The figures of a health, one below the other."""
    from bot.cli.tables import safe, table

    rate = "no runs" if answer.success_rate is None else f"{answer.success_rate:.1f} %"
    rows = (
        ("Health", answer.health_score),
        ("Success rate", rate),
        ("Runs", f"{answer.total_runs:,}"),
        ("Successful", f"{answer.successful_runs:,}"),
        ("Failed", f"{answer.failed_runs:,}"),
        ("Average duration", f"{answer.average_duration_minutes:.1f} min"),
    )
    heading = f"{safe(answer.repository or 'All repositories', 140)}, last {answer.time_range}"
    table(heading, ("", ""), rows)
