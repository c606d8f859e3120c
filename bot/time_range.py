"""Time ranges as people type them: `30m`, `24h`, `7d`, `2w`."""

from __future__ import annotations

import re

_FORM = re.compile(r"([0-9]{1,6})([mhdw])", re.ASCII)
_SECONDS = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
LONGEST = 400 * 86_400
"""History is kept for 400 days by default; asking for more would promise what is not there."""


class TimeRangeError(ValueError):
    """The text is no time range; the message says which form is understood and may be shown as it is."""


def parse(text: str) -> int:
    """Seconds of a time range; raises TimeRangeError for anything but a positive one of up to 400 days."""
    found = _FORM.fullmatch(text.strip().lower())
    seconds = int(found[1]) * _SECONDS[found[2]] if found else 0
    if not 0 < seconds <= LONGEST:
        raise TimeRangeError(
            f"{text[:40]!r} is no time range of 1 minute to 400 days: write a number and m, h, d or w, "
            "for example 30m, 24h, 7d or 2w"
        )
    return seconds


AHEAD = 3600
"""Seconds: GitHub's clock, or ours, may be off; a run that ended just now must not fall out of the window."""


def window(seconds: int, now: int) -> tuple[int, int]:
    """The window of that length up to now, as (since, until) in epoch seconds."""
    return now - seconds, now + AHEAD
