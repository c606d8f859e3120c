"""`pipeline export`."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from bot.cli.output import Failed
from bot.cli.reading import now, read, seconds_of

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from bot.dashboard import Question
    from storage.model import Repository


class ExportFormat(StrEnum):
    """How the data is written."""

    JSON = "json"
    NDJSON = "ndjson"
    CSV = "csv"


def export(
    output: Annotated[str, typer.Option(help="The file; - is stdout.")],
    time_range: Annotated[str, typer.Option(help="How far back: 30m, 24h, 7d, 2w.")] = "7d",
    repo: Annotated[str | None, typer.Option(help="Only this repository (owner/name).")] = None,
    format: Annotated[ExportFormat, typer.Option(help="How to write it.")] = ExportFormat.JSON,  # noqa: A002
) -> None:
    """Monitoring data: runs, failures, patterns, health. CSV has the failures."""
    from bot import exporting
    from bot.dashboard import nothing, question
    from bot.render.objects import FAILURE_FIELDS

    seconds, at, time_range = seconds_of(time_range), now(), time_range.strip().lower()
    writers: dict[ExportFormat, Callable[[AsyncConnection, Question], AsyncIterator[str]]] = {
        ExportFormat.JSON: exporting.as_json,
        ExportFormat.NDJSON: exporting.as_ndjson,
        ExportFormat.CSV: exporting.as_csv,
    }
    with _opened(output) as stream:

        async def work(conn: AsyncConnection, known: Repository | None) -> None:
            asked = await question(conn, known, time_range=time_range, seconds=seconds, now=at)
            async for piece in writers[format](conn, asked):
                stream.write(piece)

        def without_data() -> None:
            if format is ExportFormat.JSON:
                stream.write(exporting.json_of_nothing(repo, nothing(repo, time_range, seconds, at).health, at))
            elif format is ExportFormat.CSV:
                stream.write(exporting.csv_row(FAILURE_FIELDS))

        read(repo, work, without_data)


@contextmanager
def _opened(output: str) -> Iterator[TextIO]:
    """Stdout, or a file that appears whole or not at all."""
    if output == "-":
        yield sys.stdout
        sys.stdout.flush()
        return
    try:
        # A device or a pipe is written to, never replaced.
        target = Path(output).resolve()
        special = target.exists() and not target.is_file()
        with target.open("w", encoding="utf-8") if special else _replaced(target) as stream:
            yield stream
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise Failed(f"{output[:200]!r} could not be written: {reason}") from error


@contextmanager
def _replaced(target: Path) -> Iterator[TextIO]:
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name[:100]}.", suffix=".partial", dir=target.parent)
    partial = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        partial.chmod(_mode(target))
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _mode(target: Path) -> int:
    """That of the file it replaces, else what the process gives new files."""
    if target.exists():
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
