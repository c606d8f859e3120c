"""When it is quiet, and until when."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from bot.quiet import quiet_until
from bot.repo_config import QuietHours

BERLIN = "Europe/Berlin"


def hours(begin: str, end: str, timezone: str = BERLIN) -> QuietHours:
    return QuietHours.model_validate({"from": begin, "to": end, "timezone": timezone})


def at(text: str, timezone: str = BERLIN) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(timezone)).timestamp())


@pytest.mark.parametrize(
    ("begin", "end", "now", "until"),
    [
        ("22:00", "07:00", "2026-11-25T23:30", "2026-11-26T07:00"),
        ("22:00", "07:00", "2026-11-26T06:59", "2026-11-26T07:00"),
        ("22:00", "07:00", "2026-11-26T07:00", None),
        ("22:00", "07:00", "2026-11-26T12:00", None),
        ("22:00", "07:00", "2026-11-25T22:00", "2026-11-26T07:00"),
        ("12:00", "13:00", "2026-11-25T12:30", "2026-11-25T13:00"),
        ("12:00", "13:00", "2026-11-25T13:00", None),
        ("00:00", "00:00", "2026-11-25T13:00", None),
        # The clocks go forward at 02:00 and back at 03:00.
        ("22:00", "07:00", "2026-03-28T23:00", "2026-03-29T07:00"),
        ("22:00", "07:00", "2026-10-24T23:00", "2026-10-25T07:00"),
    ],
)
def test_quiet_hours_are_the_wall_clocks(begin: str, end: str, now: str, until: str | None) -> None:
    assert quiet_until(hours(begin, end), at(now)) == (None if until is None else at(until))


def test_the_end_is_never_in_the_past() -> None:
    now = at("2026-03-29T01:59")
    assert (quiet_until(hours("01:00", "02:30"), now) or 0) > now


def test_without_quiet_hours_it_is_never_quiet() -> None:
    assert quiet_until(None, 0) is None
