"""What lost against the cause, and by what: kept with a failure, so that its verdict can be explained later."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from classifiers.model import Classification, Finding, RunnerUp

MOST = 5
LONGEST = 200
"""Characters of a message."""
FIRST_WON = "the other one came first"
_FIRST = "the first specific one"
_PLACES = (
    *("said by the runner", "in the failing step"),
    *("in a step with an error mark", "outside of the failing step"),
)
_SUBJECTS = (
    ("cause", "summary", "consequence", "wrapper"),
    ("specific", "common"),
    _PLACES,
    ("its tool says that it failed", "its tool succeeded afterwards"),
)
"""Points of which a finding has but one: they are compared with each other."""


def runners_up(verdict: Classification) -> tuple[RunnerUp, ...]:
    """The findings that competed with the one that decided, best first, at most five."""
    decided = next((finding for finding in verdict.findings if _decided(finding, verdict)), None)
    others = (finding for finding in verdict.findings if finding is not decided)
    return tuple(
        RunnerUp(
            rule=finding.rule,
            category=finding.category.value,
            message=finding.message[:LONGEST],
            line=finding.line,
            score=round(finding.score, 1),
            why=_why(finding, decided),
        )
        for finding in islice(others, MOST)
    )


def _decided(finding: Finding, verdict: Classification) -> bool:
    return finding.rule == verdict.rule and (verdict.line is None or finding.line == verdict.line)


def _why(lost: Finding, won: Finding | None) -> str:
    """The point on which it lost most; what weighed less is left out."""
    if won is None:
        return "says how it ended, not why"
    ours, theirs = _points(lost.reasons), _points(won.reasons)
    gaps = {subject: theirs.get(subject, ("", 0.0))[1] - ours.get(subject, ("", 0.0))[1] for subject in ours | theirs}
    subject = max(gaps, key=lambda each: gaps[each], default="")
    if gaps.get(subject, 0.0) <= 0:
        return "a weaker rule" if won.score < lost.score else FIRST_WON
    had, has = ours.get(subject, ("", 0.0)), theirs.get(subject, ("", 0.0))
    if had[0] and has[0] and had[0] != has[0]:
        return f"{had[0]}, not {has[0]}"
    if had[0] and has[0]:
        return f"less {had[0]}"
    return FIRST_WON if subject == _FIRST else had[0] or f"not {has[0]}"


def _points(reasons: Iterable[str]) -> dict[str, tuple[str, float]]:
    """By subject the name of the point and its value."""
    found = {}
    for reason in reasons:
        name, _, value = reason.rpartition(" ")
        subject = next((names[0] for names in _SUBJECTS if name in names), name)
        found[subject] = (name, float(value))
    return found
