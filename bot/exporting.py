"""Monitoring data as text, piece by piece: one JSON object, a JSON object a line, or CSV of the failures."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Iterable

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.dashboard import PipelineDashboard, Question
from bot.render.health import health_json
from bot.render.objects import FAILURE_FIELDS, failure_json, iso, pattern_json, run_json
from storage import exports, recurring
from storage.model import Health

MOST_PATTERNS = 100_000
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


async def as_json(conn: AsyncConnection, asked: Question) -> AsyncIterator[str]:
    """The contract's export object."""
    health = await PipelineDashboard(conn).health(asked)
    yield json_head(asked.repository, asked.time_range, asked.window.now) + ', "runs": ['
    async for piece in _listed(_runs(conn, asked)):
        yield piece
    yield '], "failures": ['
    async for piece in _listed(_failures(conn, asked)):
        yield piece
    yield '], "patterns": ['
    async for piece in _listed(_patterns(conn, asked)):
        yield piece
    yield f'], "health": {json.dumps(health_json(health))}}}\n'


def json_of_nothing(repository: str | None, health: Health, now: int) -> str:
    """The export object where there is no data."""
    head = json_head(repository, health.time_range, now)
    return f'{head}, "runs": [], "failures": [], "patterns": [], "health": {json.dumps(health_json(health))}}}\n'


def json_head(repository: str | None, time_range: str, now: int) -> str:
    """The export object up to its lists, without the closing brace."""
    return json.dumps({"generated_at": iso(now), "time_range": time_range, "repository": repository})[:-1]


async def as_ndjson(conn: AsyncConnection, asked: Question) -> AsyncIterator[str]:
    """One object a line with its `type`."""
    for kind, items in (
        ("run", _runs(conn, asked)),
        ("failure", _failures(conn, asked)),
        ("pattern", _patterns(conn, asked)),
    ):
        async for item in items:
            yield json.dumps({"type": kind} | item) + "\n"


async def as_csv(conn: AsyncConnection, asked: Question) -> AsyncIterator[str]:
    """The failures, with a header."""
    yield csv_row(FAILURE_FIELDS)
    async for item in _failures(conn, asked):
        yield csv_row([item[name] for name in FAILURE_FIELDS])


def csv_row(cells: Iterable[object]) -> str:
    """One line of CSV. Text that a spreadsheet would compute gets an apostrophe before it: it comes from logs."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(
        [f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell for cell in cells]
    )
    return buffer.getvalue()


async def _runs(conn: AsyncConnection, asked: Question) -> AsyncIterator[dict[str, object]]:
    async for run in exports.runs(conn, asked.scope, asked.window.since):
        yield run_json(run)


async def _failures(conn: AsyncConnection, asked: Question) -> AsyncIterator[dict[str, object]]:
    async for failure in exports.failures(conn, asked.scope, asked.window.since):
        yield failure_json(failure)


async def _patterns(conn: AsyncConnection, asked: Question) -> AsyncIterator[dict[str, object]]:
    found = await recurring.recurring(conn, asked.scope, asked.window, limit=MOST_PATTERNS)
    for pattern in found:
        yield pattern_json(pattern)


async def _listed(items: AsyncIterator[dict[str, object]]) -> AsyncIterator[str]:
    between = ""
    async for item in items:
        yield between + json.dumps(item)
        between = ", "
