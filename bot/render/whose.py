"""Whose a failure is, in words: for titles, for tables, and as the sentence with its evidence."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

from bot.facts import Hang
from bot.render import failure as show
from bot.render.failure import Group, count
from bot.render.markdown import code, link, plain, prose
from bot.verdict import EXCUSES, Kind, Verdict

_NAMED = 3
_ALL_NAMED = 4
"""Where more than so many failed, one line names only those that concern the reader most."""
_SPAN = re.compile("`(.+)`")
_LIMIT = re.compile(r"(?:(\d{1,4})h)?(?:(\d{1,5})m)?(?:\d{1,5}s)?")

_HEADS = {
    Kind.BASE: "Not yours",
    Kind.FLAKY: "Flaky, not yours",
    Kind.ELSEWHERE: "Likely not yours",
    Kind.KNOWN: "Known",
    Kind.NEW: "New",
    Kind.UNKNOWN: "Unclear whose",
}
_TAGS = {
    Kind.FLAKY: "flaky",
    Kind.ELSEWHERE: "also elsewhere",
    Kind.KNOWN: "known",
    Kind.NEW: "new",
    Kind.UNKNOWN: "unclear whose",
}
_ANSWERS: tuple[tuple[str, frozenset[Kind]], ...] = (
    ("Probably yours", frozenset({Kind.NEW})),
    ("Unclear whose", frozenset({Kind.UNKNOWN})),
    ("Known", frozenset({Kind.KNOWN})),
    ("Probably not yours", EXCUSES),
)


def tag(verdict: Verdict, shown: Callable[[str], str] = str) -> str:
    """The verdict in a word or two; `shown` makes the base branch's name safe for where it will stand."""
    if verdict.kind is not Kind.BASE:
        return _TAGS[verdict.kind]
    found = _SPAN.search(verdict.why)
    return f"also on {shown(found[1])}" if found else "also on the base branch"


def excused(group: Group) -> bool:
    """Every job of the group failed for a reason that is not the change's own."""
    return group.verdict is not None and group.verdict.kind in EXCUSES


def tally(groups: Sequence[Group]) -> str:
    """What follows the number of failures in a title: `, not yours`, `, all new`, ` (1 new, 1 flaky)`."""
    verdicts = [group.verdict for group in groups if group.verdict]
    if not verdicts:
        return ""
    if all(excused(group) for group in groups):
        return ", not yours"
    tags = Counter(tag(verdict) for verdict in verdicts)
    if len(tags) == 1 and len(verdicts) == len(groups):
        return f", {'all ' if len(groups) > 1 else ''}{next(iter(tags))}"
    return " (" + ", ".join(f"{number:,} {word}" for word, number in tags.items()) + ")"


def tagged(named: str, group: Group) -> str:
    """A group's name with the verdict behind it: `pytest in test (also on main)`. Not Markdown."""
    if group.verdict is None:
        return named
    word = plain(tag(group.verdict), limit=60)
    return f"{named[:-1]}; {word})" if named.endswith(")") else f"{named} ({word})"


def sentence(group: Group) -> str:
    """`**Not yours**: it fails on main as well (link).`; empty without a verdict."""
    return f"**{_HEADS[group.verdict.kind]}**: {_reason(group, group.verdict)}" if group.verdict else ""


def answer(groups: Sequence[Group]) -> str:
    """Is it mine? One line over all failures, with the evidence where there is but one; empty without a verdict."""
    said: list[tuple[str, str]] = []
    for head, kinds in _ANSWERS:
        members = [group for group in groups if group.verdict and group.verdict.kind in kinds]
        if members and said and len(groups) > _ALL_NAMED:
            said.append((head, f"{len(members):,} more."))
        elif members:
            said.append((head, _members(members, total=len(groups))))
    return " ".join(f"**{head}**: {text}" for head, text in said)


def _members(members: list[Group], *, total: int) -> str:
    if total == 1 and members[0].verdict:
        return _reason(members[0], members[0].verdict)
    named = [_name(group) for group in members[:_NAMED]]
    left = len(members) - len(named)
    return ", ".join(named) + (f" and {left:,} more" if left else "") + "."


def _name(group: Group) -> str:
    text = f"{code(show.name(group.failure), limit=40)} in {code(group.jobs, limit=60)}"
    why = f" ({tag(group.verdict, code)})" if group.verdict and excused(group) else ""
    return text + why


def _reason(group: Group, verdict: Verdict) -> str:
    why = prose(verdict.why.strip().rstrip("."))
    issue = next((member.issue for member in group.members if member.issue), None)
    if issue:
        why = why.replace(code(f"#{issue.number}"), show.issue_link(issue))
    links = [
        link(code(each.what, limit=60), each.url)
        for each in verdict.evidence[:_NAMED]
        if not (issue and each.url == issue.url) and code(each.what) not in why
    ]
    seen = f" ({', '.join(links)})" if links else ""
    return f"{why[:1].lower()}{why[1:]}{seen}."


def next_steps(group: Group) -> tuple[str, ...]:
    """What to do about it as Markdown sentences: what follows from the verdict, then the suggestions."""
    steps = show.steps_to_take(group.failure, group.first.pattern)
    verdict = group.verdict
    if verdict is None:
        return steps
    advice = [prose(verdict.advice)] if verdict.advice.strip() else []
    if verdict.kind in (Kind.FLAKY, Kind.ELSEWHERE):
        advice.append("Run it again, with the check run's button or `/pipeline rerun`.")
    elif verdict.kind is Kind.BASE:
        found = _SPAN.search(verdict.why)
        advice.append(f"Wait for the fix on {code(found[1]) if found else 'the base branch'}, then rebase.")
    return (*advice, *steps)


def time_out(hang: Hang) -> str:
    """`Usually 4 min; stopped by the limit of 45 min in step Run tests.`; empty where nothing is known."""
    usual = "" if hang.usual_seconds is None else f"Usually {duration(hang.usual_seconds)}"
    stopped = "stopped" + (f" by the limit of {_limit(hang.limit)}" if hang.limit else "")
    stopped += f" in step {code(hang.step)}" if hang.step else ""
    parts = [part for part in (usual, "" if stopped == "stopped" else stopped) if part]
    line = "; ".join(parts)
    return f"{line[:1].upper()}{line[1:]}." if line else ""


def duration(seconds: int) -> str:
    """`40 s`, `4 min`, `1 h 30 min`."""
    if seconds < 60:
        return f"{max(seconds, 0)} s"
    minutes = round(seconds / 60)
    hours, rest = divmod(minutes, 60)
    return " ".join(([f"{hours:,} h"] if hours else []) + ([f"{rest} min"] if rest or not hours else []))


def _limit(said: str) -> str:
    """GitHub writes Go's durations: `45m0s`."""
    found = _LIMIT.fullmatch(said)
    if not found or not (found[1] or found[2]):
        return code(said, limit=30)
    return duration(int(found[1] or 0) * 3600 + int(found[2] or 0) * 60)


def failures(groups: Sequence[Group]) -> str:
    """`2 failures in 256 jobs, not yours`: the head of a title."""
    jobs = sum(len(group.members) for group in groups)
    legs = f" in {count(jobs, 'job')}" if jobs > len(groups) else ""
    return f"{count(len(groups), 'failure')}{legs}{tally(groups)}"
