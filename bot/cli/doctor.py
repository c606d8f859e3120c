"""`pipeline doctor`: is everything right, and if not, what to do."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.output import colours, run_async, say

if TYPE_CHECKING:
    from bot.doctor.check import Check


class DoctorFormat(StrEnum):
    """How it is printed."""

    TEXT = "text"
    JSON = "json"


def doctor(
    format: Annotated[DoctorFormat, typer.Option(help="How to print it.")] = DoctorFormat.TEXT,  # noqa: A002
) -> int:
    """Check credentials, permissions, events, webhook, agent, database and queue; exit 1 if anything blocks."""
    from bot.doctor.check import as_json, as_text, is_ok

    checks = _checks()
    say(as_json(checks) if format is DoctorFormat.JSON else as_text(checks, coloured=colours()))
    return 0 if is_ok(checks) else 1


def _checks() -> list[Check]:
    from bot import settings
    from bot.doctor.check import blocked
    from bot.doctor.examine import examine

    try:
        configured = settings.load()
    except settings.SettingsError as error:
        return [blocked("settings", mistake, "correct it; nothing else was looked at") for mistake in error.mistakes]
    return run_async(examine(configured))
