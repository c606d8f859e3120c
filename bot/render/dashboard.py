"""The dashboard as Markdown: one screen, and what GitHub does not draw in mail and on the telephone said in a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from bot.render.failure import count, day, minutes_lost, moment, name
from bot.render.fitting import fit
from bot.render.health import MEANING
from bot.render.markdown import ELLIPSIS, cell, code, link, prose, word
from bot.views import Dashboard
from storage.dashboards import Bucket
from storage.model import Failure, Pattern

LIMIT = 30_000
"""Bytes; half of what GitHub takes, so that two answers fit one comment."""
_ROWS = 4
_TREND_ROWS = 7
_RUNNING = 3
_LOW = '%%{init: {"xyChart": {"height": 240, "yAxis": {"labelFontSize": 10}}}}%%'
"""By default a chart alone fills a laptop's screen."""
_DIRECTIONS = {
    "increasing": "The failure rate is **rising**",
    "decreasing": "The failure rate is **falling**",
    "stable": "The failure rate is **stable**",
}


def dashboard_markdown(dashboard: Dashboard) -> str:
    """Everything on one page; sections that would be empty are left out."""
    blocks = [
        _metrics(dashboard),
        _alerts(dashboard),
        _trend(dashboard),
        _recommendations(dashboard),
        _live(dashboard),
        _repositories(dashboard),
        _recent(dashboard),
        _patterns(dashboard),
    ]
    return fit(_opening(dashboard), [block for block in blocks if block], _more, limit=LIMIT)


def pattern_rows(patterns: Sequence[Pattern], *, places: bool) -> list[str]:
    """The table of patterns, its head included; with `places` where several repositories are spoken of."""
    where = ("Repositories",) if places else ()
    heads = ("Pattern", "Category", "Minutes lost", "Times", *where, "Last seen")
    rows = [f"| {' | '.join(heads)} |", f"| --- | --- | ---: | ---: |{' ---: |' * places} --- |"]
    for one in patterns:
        muted = " (muted)" if one.muted else ""
        what = cell(one.description or one.fingerprint, limit=90)
        cells = [f"{what}{muted}", word(one.category), minutes_lost(one), f"{one.count:,}"]
        cells += [_places(one.repositories)] if places else []
        rows.append(f"| {' | '.join(cells)} | {day(one.last_seen)} |")
    return rows


def _places(repositories: Sequence[str]) -> str:
    return cell(repositories[0], limit=60) if len(repositories) == 1 else str(len(repositories))


def _opening(dashboard: Dashboard) -> str:
    where = code(dashboard.repository) if dashboard.repository else "all repositories"
    verb = "is" if dashboard.repository else "are"
    span = prose(dashboard.time_range)
    health = dashboard.health
    if health.success_rate is None:
        head = f"No run of {where} finished in the last {span}."
        if not dashboard.recent_failures and not dashboard.running:
            more = "Next: ask for more time, for example `/pipeline dashboard --time-range 7d`."
            return f"### Dashboard\n\n{head}\n\n{more}"
        return f"### Dashboard\n\n{head}"
    meaning = MEANING.get(health.health_score, "")
    return (
        f"### Dashboard\n\n{where[0].upper()}{where[1:]} {verb} **{health.health_score}** over the last {span}"
        f"{f' ({meaning})' if meaning else ''}. {_DIRECTIONS[dashboard.direction]}."
    )


def _metrics(dashboard: Dashboard) -> str:
    health = dashboard.health
    if health.success_rate is None:
        return ""
    rows = [
        "| Success rate | Runs | Failed | Average duration |",
        "| ---: | ---: | ---: | ---: |",
        f"| {health.success_rate:.1f}% | {health.total_runs:,} | {health.failed_runs:,} "
        f"| {health.average_duration_minutes:.1f} min |",
    ]
    splits = [_split("Category", dashboard.by_category), _split("Severity", dashboard.by_severity)]
    accuracy = ""
    if dashboard.corrected:
        total = max(sum(dashboard.by_category.values()), dashboard.corrected)
        accuracy = f"Accuracy: people corrected the category of {dashboard.corrected:,} of {total:,} failures."
    return "\n\n".join(part for part in ("\n".join(rows), "<br>\n".join(s for s in splits if s), accuracy) if part)


def _split(title: str, counts: Mapping[str, int]) -> str:
    if not counts:
        return ""
    return f"{title}: " + ", ".join(f"{word(key)} {number:,}" for key, number in counts.items())


def _alerts(dashboard: Dashboard) -> str:
    lines = []
    for alert in dashboard.alerts[:_ROWS]:
        where = f" in {code(alert.repository, limit=80)}" if alert.repository and not dashboard.repository else ""
        seen = f" ({link('run', alert.url)})" if alert.url else ""
        lines.append(f"- **{word(alert.severity)}**{where}: {prose(alert.message)}{seen}")
    left = len(dashboard.alerts) - len(lines)
    if left > 0:
        lines.append(f"- and {count(left, 'more alert')}")
    return "**Alerts**\n\n" + "\n".join(lines) if lines else ""


def _recommendations(dashboard: Dashboard) -> str:
    lines = [f"{number}. {prose(one.text)}" for number, one in enumerate(dashboard.recommendations, 1)]
    return "**Mend first**\n\n" + "\n".join(lines) if lines else ""


def _trend(dashboard: Dashboard) -> str:
    if not any(one.runs for one in dashboard.buckets):
        return ""
    hours = dashboard.step < 86_400
    labels = ", ".join(f'"{_label(one.start, hours)}"' for one in _joined(dashboard.buckets, 31))
    shown = _joined(dashboard.buckets, 31)
    chart = [
        "```mermaid",
        "xychart-beta",
        '    title "Runs (bars) and failed runs (line)"',
        f"    x-axis [{labels}]",
        f'    y-axis "Runs" 0 --> {max(one.runs for one in shown)}',
        f"    bar [{', '.join(str(one.runs) for one in shown)}]",
        f"    line [{', '.join(str(one.failures) for one in shown)}]",
        _LOW,
        "```",
    ]
    rows = ["| From (UTC) | Runs | Failed | Success rate |", "| --- | ---: | ---: | ---: |"]
    for one in _joined(dashboard.buckets, _TREND_ROWS):
        rate = f"{100 * (one.runs - one.failures) / one.runs:.1f}%" if one.runs else "no runs"
        start = moment(one.start) if hours else day(one.start)
        rows.append(f"| {start} | {one.runs:,} | {one.failures:,} | {rate} |")
    table = "\n".join(rows)
    return "\n".join(chart) + "\n\n" + folded("The same as a table", table)


def _joined(buckets: Sequence[Bucket], most: int) -> list[Bucket]:
    """At most so many buckets, each of as many neighbours as it takes; the last one may be shorter."""
    size = -(-len(buckets) // most)
    groups = [buckets[index : index + size] for index in range(0, len(buckets), size)]
    return [
        Bucket(group[0].start, sum(one.runs for one in group), sum(one.failures for one in group)) for group in groups
    ]


def _label(start: int, hours: bool) -> str:
    return datetime.fromtimestamp(start, UTC).strftime("%H:%M" if hours else "%m-%d")


def _live(dashboard: Dashboard) -> str:
    if not dashboard.running:
        return ""
    named = []
    for run in dashboard.running[:_RUNNING]:
        where = f" in {code(run.repository, limit=80)}" if not dashboard.repository else ""
        named.append(f"{link(code(run.workflow, limit=60), run.url)} on {code(run.branch, limit=60)}{where}")
    left = len(dashboard.running) - len(named)
    more = f" and {left:,} more" if left > 0 else ""
    return f"**Running now**: {', '.join(named)}{more}."


def _recent(dashboard: Dashboard) -> str:
    if not dashboard.recent_failures:
        return ""
    rows = ["| Failure | Job | Branch | Severity | When (UTC) |", "| --- | --- | --- | --- | --- |"]
    rows += [_recent_row(failure, dashboard.repository is None) for failure in dashboard.recent_failures[:_ROWS]]
    return folded("Newest failures", "\n".join(rows))


def _recent_row(failure: Failure, with_repository: bool) -> str:
    what = link(cell(failure.message or name(failure), limit=80), failure.url)
    job = cell(f"{failure.repository}: {failure.job}" if with_repository else failure.job, limit=60)
    state = " (resolved)" if failure.resolved_at is not None else ""
    branch, at = cell(failure.branch, limit=40), moment(failure.detected_at)
    return f"| {what}{state} | {job} | {branch} | {word(failure.severity)} | {at} |"


def _patterns(dashboard: Dashboard) -> str:
    shown = dashboard.patterns[:_ROWS]
    if not shown:
        return ""
    return folded("Patterns that took most", "\n".join(pattern_rows(shown, places=not dashboard.repository)))


def folded(summary: str, text: str) -> str:
    """Markdown behind a line to click on."""
    return f"<details><summary>{summary}</summary>\n\n{text}\n\n</details>"


def _repositories(dashboard: Dashboard) -> str:
    if dashboard.repository or not dashboard.repository_health:
        return ""
    rows = ["| Repository | Health | Success rate | Runs | Failure rate |", "| --- | --- | ---: | ---: | --- |"]
    for one in dashboard.repository_health[:_ROWS]:
        health = one.health
        rate = "no runs" if health.success_rate is None else f"{health.success_rate:.1f}%"
        where = cell(health.repository or "", limit=80)
        rows.append(f"| {where} | {health.health_score} | {rate} | {health.total_runs:,} | {one.direction} |")
    left = len(dashboard.repository_health) - _ROWS
    if left > 0:
        rows.append(f"| and {left:,} more | | | | |")
    found = count(len(dashboard.repository_health), "repository", "repositories")
    return folded(f"Health of {found}, the worst first", "\n".join(rows))


def _more(left: int) -> str:
    return f"{ELLIPSIS} {count(left, 'section')} left out: the answer would be too long."
