"""Quiet hours: when notices wait, and until when. Pure."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.actions import Action, RefreshCheckRun
from bot.repo_config import QuietHours


def quiet_until(hours: QuietHours | None, now: int) -> int | None:
    """The end of the quiet hours in epoch seconds; None where there are none just now.

    They are the wall clock's: a night in which the clocks change is an hour longer or shorter.
    """
    if hours is None or hours.from_ == hours.to:
        return None
    zone = ZoneInfo(hours.timezone)
    local = datetime.fromtimestamp(now, zone)
    begin, end, at = time.fromisoformat(hours.from_), time.fromisoformat(hours.to), local.time()
    inside = begin <= at < end if begin < end else at >= begin or at < end
    if not inside:
        return None
    day = local.date() if at < end else local.date() + timedelta(days=1)
    # Where the clocks go forward over the end it lies in the past already; a minute is long enough then.
    return max(int(datetime.combine(day, end, zone).timestamp()), now + 60)


def waits(action: Action) -> bool:
    """Whether an action is a notice. A check run never waits: it makes no noise."""
    return not isinstance(action, RefreshCheckRun)
