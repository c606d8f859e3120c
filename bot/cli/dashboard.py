"""`pipeline dashboard`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.output import Format, colours, say
from bot.cli.reading import now, read, seconds_of

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from bot.views import Dashboard
    from storage.model import Repository

_ROWS = 5


def dashboard(
    repo: Annotated[str | None, typer.Option(help="Only this repository (owner/name).")] = None,
    time_range: Annotated[str, typer.Option(help="How far back: 30m, 24h, 7d, 2w.")] = "24h",
    format: Annotated[Format, typer.Option(help="How to print it.")] = Format.TEXT,  # noqa: A002
) -> None:
    """The dashboard: health, trend, alerts, what runs, what failed, what to mend first."""
    from bot.dashboard import PipelineDashboard, nothing, question
    from bot.render.dashboard import dashboard_markdown
    from bot.render.objects import dashboard_json

    seconds, at, time_range = seconds_of(time_range), now(), time_range.strip().lower()

    async def work(conn: AsyncConnection, known: Repository | None) -> Dashboard:
        asked = await question(conn, known, time_range=time_range, seconds=seconds, now=at)
        return await PipelineDashboard(conn).dashboard(asked)

    answer = read(repo, work, lambda: nothing(repo, time_range, seconds, at))
    if format is Format.JSON:
        say(json.dumps(dashboard_json(answer)))
    elif format is Format.MARKDOWN:
        say(dashboard_markdown(answer))
    else:
        print_dashboard(answer)


def print_dashboard(answer: Dashboard) -> None:
    """Everything on one screen."""
    _print_health(answer)
    _print_trend(answer)
    _print_advice(answer)
    _print_live(answer)
    _print_split("Failures by category", answer.by_category)
    _print_split("Failures by severity", answer.by_severity)
    _print_repositories(answer)
    _print_patterns(answer)


def _print_health(answer: Dashboard) -> None:
    from bot.cli.tables import safe, table

    health = answer.health
    row = (
        health.health_score,
        "no runs" if health.success_rate is None else f"{health.success_rate:.1f} %",
        f"{health.total_runs:,}",
        f"{health.failed_runs:,}",
        f"{health.average_duration_minutes:.1f} min",
    )
    title = f"{safe(answer.repository or 'All repositories', 140)}, last {answer.time_range}"
    table(title, ("Health", "Success rate", "Runs", "Failed", "Average duration"), [row])


def _print_trend(answer: Dashboard) -> None:
    from bot.cli.tables import sparkline, table

    runs = [one.runs for one in answer.buckets]
    failures = [one.failures for one in answer.buckets]
    rows = [("Failure rate", answer.direction)]
    if any(runs) and colours():
        rows += [("Runs", sparkline(runs)), ("Failed runs", sparkline(failures))]
    table(f"Trend, by {'hour' if answer.step < 86_400 else 'day'}", ("", ""), rows)


def _print_advice(answer: Dashboard) -> None:
    from bot.cli.tables import safe, table

    alerts = [(one.severity, safe(one.repository or ""), safe(one.message, 300)) for one in answer.alerts[:_ROWS]]
    table("Alerts", ("Severity", "Repository", "What"), alerts)
    advice = [(str(number), safe(one.text, 300)) for number, one in enumerate(answer.recommendations, 1)]
    table("Mend first", ("", ""), advice)


def _print_live(answer: Dashboard) -> None:
    from bot.cli.tables import safe, table
    from bot.render.failure import moment

    running = [
        (safe(run.repository), safe(run.workflow, 40), safe(run.branch, 40), moment(run.started_at))
        for run in answer.running[:_ROWS]
    ]
    table("Running now", ("Repository", "Workflow", "Branch", "Since (UTC)"), running)
    failed = [
        (
            moment(one.detected_at),
            safe(one.repository),
            safe(one.job, 40),
            one.severity,
            one.verdict or "",
            safe(one.message),
        )
        for one in answer.recent_failures[:_ROWS]
    ]
    table("Newest failures", ("When (UTC)", "Repository", "Job", "Severity", "Verdict", "Message"), failed)


def _print_split(title: str, counts: Mapping[str, int]) -> None:
    from bot.cli.tables import bar, safe, table

    most = max(counts.values(), default=0)
    rows = [(safe(name, 30), f"{number:,}", bar(number, most) if colours() else "") for name, number in counts.items()]
    table(title, ("", "", ""), rows, right=(1,))


def _print_repositories(answer: Dashboard) -> None:
    from bot.cli.tables import safe, table

    if answer.repository is not None:
        return
    rows = [
        (
            safe(one.health.repository or ""),
            one.health.health_score,
            "" if one.health.success_rate is None else f"{one.health.success_rate:.1f} %",
            f"{one.health.total_runs:,}",
            one.direction,
        )
        for one in answer.repository_health[:_ROWS]
    ]
    columns = ("Repository", "Health", "Success rate", "Runs", "Failure rate")
    table("Repositories, the worst first", columns, rows, right=(2, 3))


def _print_patterns(answer: Dashboard) -> None:

    from bot.cli.patterns import pattern_table

    pattern_table("Patterns", answer.patterns[:_ROWS])
