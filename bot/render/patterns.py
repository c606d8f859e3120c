"""Recurring failures as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from bot.render.dashboard import LIMIT, pattern_rows
from bot.render.failure import count, day
from bot.render.fitting import fit
from bot.render.markdown import ELLIPSIS, code, prose
from storage.model import Pattern

MOST = 10
_ADVISED = 3


def patterns_markdown(patterns: Sequence[Pattern], *, repository: str | None, days: int) -> str:
    """Those that took most runner time in a table, and what to do about the first three."""
    where = code(repository) if repository else "all repositories"
    span = count(days, "day")
    if not patterns:
        return (
            f"Nothing recurs in {where}: no failure of the last {span} was seen twice.\n\n"
            "Next: nothing to do; ask for more time with `/pipeline patterns --days 90`."
        )
    shown = patterns[:MOST]
    lost = round(sum(pattern.seconds for pattern in patterns) / 60)
    took = f", {count(lost, 'runner minute')} lost" if lost else ""
    head = f"{count(len(patterns), 'recurring failure')} in {where} in the last {span}{took}."
    blocks = ["\n".join(pattern_rows(shown, places=repository is None)), _details(shown)]
    if len(patterns) > MOST:
        blocks.append(f"{len(patterns) - MOST:,} that took less are not shown.")
    return fit(head, [block for block in blocks if block], _more, limit=LIMIT)


def _details(patterns: Sequence[Pattern]) -> str:
    lines = []
    for pattern in patterns[:_ADVISED]:
        since = f"since {day(pattern.first_seen)}"
        step = next((one for one in pattern.suggestions if one.strip()), "")
        lines.append(f"- {code(pattern.fingerprint)}, {since}" + (f": {prose(step)}" if step else ""))
    return "\n".join(lines)


def _more(left: int) -> str:
    return f"{ELLIPSIS} {count(left, 'section')} left out: the answer would be too long."
