"""`pipeline health`."""

from __future__ import annotations

import json
import time
from typing import Annotated

import typer

from bot.cli.output import Failed, Format, colours, load_settings, note, run_async, say
from bot.settings import Settings
from storage.model import Health


def health(
    repo: Annotated[str | None, typer.Option(help="Only this repository (owner/name).")] = None,
    time_range: Annotated[str, typer.Option(help="How far back: 30m, 24h, 7d, 2w.")] = "24h",
    format: Annotated[Format, typer.Option(help="How to print it.")] = Format.TEXT,  # noqa: A002
) -> None:
    """Health status: success rate, runs, durations."""
    from bot.render.health import health_json, health_markdown
    from bot.time_range import parse

    try:
        seconds = parse(time_range)
    except ValueError as error:
        raise Failed(f"--time-range: {error}", 2) from error
    answer = run_async(_read(load_settings(), repo, time_range, seconds))
    if format is Format.JSON:
        say(json.dumps(health_json(answer)))
    elif format is Format.MARKDOWN:
        say(health_markdown(answer))
    else:
        _print(answer)


async def _read(settings: Settings, repo: str | None, time_range: str, seconds: int) -> Health:
    from bot.time_range import window
    from storage import dashboards, installations
    from storage.database import Database
    from storage.errors import NoDatabase, StorageError

    since, until = window(seconds, int(time.time()))
    nothing = Health(
        time_range=time_range,
        repository=repo,
        success_rate=None,
        total_runs=0,
        successful_runs=0,
        failed_runs=0,
        average_duration_minutes=0.0,
        health_score="unknown",
    )
    try:
        database = await Database.open(settings.database_url, readonly=True)
    except NoDatabase as error:
        note(f"pipeline: {error}")
        return nothing
    except StorageError as error:
        raise Failed(str(error)) from error
    try:
        async with database.read() as conn:
            known = await installations.repository_named(conn, repo) if repo else None
            if repo and known is None:
                note(f"pipeline: nothing is recorded of {repo}")
                return nothing
            return await dashboards.health(
                conn,
                since=since,
                until=until,
                time_range=time_range,
                repo_id=known.id if known else None,
                repository=known.full_name if known else None,
            )
    except StorageError as error:
        raise Failed(str(error)) from error
    finally:
        await database.close()


def _print(answer: Health) -> None:
    from rich.console import Console
    from rich.table import Table

    rate = "no runs" if answer.success_rate is None else f"{answer.success_rate:.1f} %"
    rows = (
        ("Health", answer.health_score),
        ("Success rate", rate),
        ("Runs", str(answer.total_runs)),
        ("Successful", str(answer.successful_runs)),
        ("Failed", str(answer.failed_runs)),
        ("Average duration", f"{answer.average_duration_minutes:.1f} min"),
    )
    heading = f"{answer.repository or 'All repositories'}, last {answer.time_range}"
    if not colours():
        say("\n".join([heading, *(f"{name + ':':18}{value}" for name, value in rows)]))
        return
    table = Table(title=heading, show_header=False, title_justify="left")
    for name, value in rows:
        table.add_row(name, value)
    Console().print(table)
