"""What wants attention and what to mend first. Pure: counts in, sentences out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.views import Alert, Recommendation
from storage.dashboards import Halves
from storage.model import Pattern
from storage.recurring import Cost

MOST = 3
FELL_BY = 10.0
"""Points by which the success rate must have fallen."""
_ENOUGH_RUNS = 3
"""In each half of the window, before a change of the rate says anything."""
_LONGEST = 120


@dataclass(frozen=True, slots=True)
class RedFacts:
    """A workflow that fails on a default branch."""

    repository: str
    branch: str
    workflow: str
    failures: int
    since: int
    url: str


@dataclass(frozen=True, slots=True)
class SpreadFacts:
    """A pattern seen in several repositories within an hour."""

    pattern: Pattern
    repositories: int


def alerts_of(
    halves: Halves, red: Sequence[RedFacts], spread: Sequence[SpreadFacts], repository: str | None
) -> tuple[Alert, ...]:
    """The most urgent first: one failure everywhere, red default branches, a falling success rate."""
    found = [_outbreak(one) for one in spread[:MOST]] + [_red(one) for one in red]
    before, after = halves.earlier, halves.later
    if min(before.runs, after.runs) >= _ENOUGH_RUNS and before.failure_rate is not None:
        fell = (after.failure_rate or 0.0) - before.failure_rate
        if fell >= FELL_BY:
            was, now = 100 - before.failure_rate, 100 - (after.failure_rate or 0.0)
            message = f"The success rate fell from {was:.1f}% to {now:.1f}% between the two halves of this time."
            found.append(Alert("medium", "success_rate_fell", repository, message, None))
    return tuple(found)


def recommendations_of(
    costs: Sequence[Cost], known: Mapping[str, Pattern], time_range: str
) -> tuple[Recommendation, ...]:
    """The patterns that cost most, with what was suggested against them; muted ones are left out."""
    found = []
    for cost in costs:
        pattern = known.get(cost.fingerprint)
        if pattern is not None and not pattern.muted:
            found.append(_recommendation(pattern, cost, time_range))
    return tuple(found[:MOST])


def minutes(seconds: int) -> str:
    """Runner time as people say it: `under a minute`, `12 runner minutes`."""
    whole = round(seconds / 60)
    if whole < 1:
        return "under a runner minute"
    return f"{whole:,} runner minute{'' if whole == 1 else 's'}"


def _recommendation(pattern: Pattern, cost: Cost, time_range: str) -> Recommendation:
    what = shortened(pattern.description) or f"a {pattern.category} failure without a message"
    spent = f" and took {minutes(cost.seconds)}" if cost.seconds else ""
    first = next((suggestion.strip() for suggestion in pattern.suggestions if suggestion.strip()), "")
    text = f"Mend `{what}`: it failed {cost.count:,} times in {time_range}{spent}."
    return Recommendation(f"{text} {first}".strip(), pattern.category, pattern.fingerprint)


def _red(red: RedFacts) -> Alert:
    since = datetime.fromtimestamp(red.since, UTC).strftime("%Y-%m-%d %H:%M")
    what = "one failure" if red.failures == 1 else f"{red.failures:,} different failures"
    message = f"`{shortened(red.workflow)}` is red on `{shortened(red.branch)}` since {since} UTC, with {what}."
    return Alert("high", "default_branch_red", red.repository, message, red.url or None)


def _outbreak(one: SpreadFacts) -> Alert:
    message = (
        f"`{shortened(one.pattern.description) or one.pattern.fingerprint}` failed in {one.repositories:,} "
        "repositories within an hour: its cause is likely outside of them."
    )
    return Alert("critical", "outbreak", None, message, None)


def shortened(text: str) -> str:
    """Foreign text as one line between our backticks."""
    line = " ".join(text[: _LONGEST * 10].replace("`", "'").split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
