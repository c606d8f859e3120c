"""How one failure, or several of one cause, are named and shown; shared by check run, comment and issue."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.facts import ReportedFailure
from bot.render.markdown import code, link, prose, word
from bot.verdict import EXCUSES, Kind, Verdict
from classifiers.model import Category, Severity
from storage.model import Failure, Issue, Pattern, Wake

_CODE = re.compile(r"^(?:error|warning)?\W{0,2}([A-Z]{1,5}\d{2,5})\b")
_DIGITS = re.compile("[0-9]{1,11}")
_RUNNER = "github-actions"
"""What the classifier calls the tool where the runner itself speaks."""
_SAYS_NOTHING = "Weaker signs of unknown were found as well."
_REASONS = 3
_SURE = ((0.9, "Nearly certain"), (0.7, "Likely"), (0.45, "A guess"), (0.0, "A weak guess"))
_LEAST_EXCUSED = (Kind.NEW, Kind.UNKNOWN, Kind.KNOWN, Kind.ELSEWHERE, Kind.FLAKY, Kind.BASE)


@dataclass(frozen=True, slots=True)
class Group:
    """Failures with one fingerprint in one report; the worst of them stands for all."""

    first: ReportedFailure
    members: tuple[ReportedFailure, ...]

    @property
    def failure(self) -> Failure:
        """The failure that is shown for the group."""
        return self.first.failure

    @property
    def jobs(self) -> str:
        """The job, or what many jobs are called together: `test (12 jobs)`. Not yet made safe."""
        job = self.failure.job
        if len(self.members) == 1:
            return job
        bases = {reported.failure.job.split(" (")[0] for reported in self.members}
        if len(bases) == 1:
            return f"{bases.pop()} ({len(self.members):,} jobs)"
        return f"{job} and {len(self.members) - 1:,} more"

    @property
    def verdict(self) -> Verdict | None:
        """The one that excuses least; None where one of the jobs has none."""
        verdicts = [reported.verdict for reported in self.members]
        judged = [verdict for verdict in verdicts if verdict is not None]
        if not judged or len(judged) < len(verdicts):
            return None
        return min(judged, key=lambda verdict: _LEAST_EXCUSED.index(verdict.kind))


def grouped(failures: Iterable[ReportedFailure]) -> list[Group]:
    """One group a fingerprint: what may be the reader's own first, then by severity, number of jobs and name."""
    found: dict[str, list[ReportedFailure]] = {}
    for reported in failures:
        found.setdefault(reported.failure.fingerprint, []).append(reported)
    groups = [Group(min(members, key=_order), tuple(sorted(members, key=_order))) for members in found.values()]
    return sorted(groups, key=_place)


def _place(group: Group) -> tuple[int, int, int, tuple[str | int, ...]]:
    return closeness(group), severity_rank(group.failure.severity), -len(group.members), _order(group.first)


def closeness(group: Group) -> int:
    """How near it is to whoever made the change: 0 new, 1 nobody knows, 2 known, 3 excused."""
    kind = group.verdict.kind if group.verdict else Kind.UNKNOWN
    return 3 if kind in EXCUSES else _LEAST_EXCUSED.index(kind)


def _order(reported: ReportedFailure) -> tuple[int, str, str, int]:
    failure = reported.failure
    return severity_rank(failure.severity), failure.workflow, natural(failure.job), failure.job_id


def severity_rank(severity: str) -> int:
    """0 for critical; a word nobody knows ranks after low."""
    try:
        return Severity(severity).rank
    except ValueError:
        return len(Severity)


def worst(failures: Iterable[Failure]) -> str:
    """The worst severity among `failures`, of which there is at least one."""
    return min((failure.severity for failure in failures), key=severity_rank)


def name(failure: Failure) -> str:
    """What failed, as a person says it: `ruff F401`, `pytest`, `time-out`. Not Markdown, not yet made safe."""
    if failure.tool == _RUNNER:
        return "time-out" if failure.category == Category.TIMEOUT else "runner"
    what = failure.tool or ("unknown failure" if failure.category == Category.UNKNOWN else failure.category)
    found = _CODE.match(failure.message)
    return f"{what} {found[1]}" if found else what


def natural(text: str) -> str:
    """A sorting key that puts `3.9` before `3.10`."""
    return _DIGITS.sub(lambda digits: digits[0].zfill(12), text)


def message(failure: Failure) -> str:
    """The key error line, or a sentence of ours where the log had none; not yet made safe."""
    return failure.message.strip() or "The log names no error."


def day(at: int) -> str:
    """A date in UTC, `2026-11-25`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")


def moment(at: int) -> str:
    """A time in UTC to the minute, `2026-11-25 14:03`."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")


def minutes_lost(pattern: Pattern) -> str:
    """Runner minutes within the window, `1,204`; `under 1` for seconds, `0` where no duration is known."""
    whole = round(pattern.seconds / 60)
    return f"{whole:,}" if whole or not pattern.seconds else "under 1"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """`1 job`, `2 jobs`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def commit_link(web_url: str, repository: str, commit: str) -> str:
    """The short commit, linked to its page."""
    return link(code(commit[:7]), f"{web_url}/{repository}/commit/{commit}")


def issue_link(issue: Issue) -> str:
    """A reference to an issue of our own. This is the one place where a reference is meant to be live."""
    if not issue.url.startswith(("https://", "http://")):
        return f"#{issue.number}"
    return f"[#{issue.number}]({issue.url.translate(_UNSAFE_IN_URL)})"


_UNSAFE_IN_URL = str.maketrans("", "", "()<>| \t\r\n\"'`\\")


def known(reported: ReportedFailure, *, brief: bool = False) -> str:
    """Whether this failure was seen before: how often, where, since when, and its issue."""
    pattern, issue = reported.pattern, reported.issue
    said = [] if issue is None else [f"issue {issue_link(issue)}" + ("" if issue.state == "open" else " (closed)")]
    silent = ["muted"] if brief and reported.mute is not None else []
    if pattern is None or pattern.count < 2:
        now = "first seen now" if said else "no, seen for the first time"
        return ", ".join([*(said or ["no"]), *silent] if brief else [now, *said])
    where = f" in {len(pattern.repositories):,} repositories" if len(pattern.repositories) > 1 else ""
    times = f"{count(pattern.count, 'time')}{where} since {day(pattern.first_seen)}"
    own = reported.verdict is not None and reported.verdict.kind is Kind.NEW
    return ", ".join([times, *(["in the author's own runs alone"] * own), *said, *silent])


def muted(reported: ReportedFailure) -> str:
    """`by octocat until 2026-12-02 14:03 UTC: known outage`; empty where it is not muted."""
    mute = reported.mute
    if mute is None:
        return ""
    who = f"by {code(mute.by, limit=60)} " if mute.by else ""
    why = f": {code(mute.reason, limit=200)}" if mute.reason.strip() else ""
    return f"{who}{'for good' if mute.until is None else f'until {moment(mute.until)} UTC'}{why}"


def woken(wake: Wake) -> str:
    """Why it speaks again: `it reached the default branch main for the first time; muted by octocat since …`."""
    if wake.cause == "default_branch":
        why = f"it reached the default branch {code(wake.branch, limit=60)} for the first time"
    else:
        was = f"{wake.before:.1f}".removesuffix(".0")
        why = f"it failed in {count(wake.count, 'run')} within a day, {was} a day when it was muted"
    who = f"by {code(wake.by, limit=60)} " if wake.by else ""
    return f"{why}; muted {who}since {moment(wake.muted_at)} UTC"


def steps_to_take(failure: Failure, pattern: Pattern | None = None) -> tuple[str, ...]:
    """The classifier's suggestions as Markdown sentences, else the pattern's."""
    suggestions: Sequence[str] = failure.suggestions or (pattern.suggestions if pattern else ())
    return tuple(prose(suggestion) for suggestion in suggestions if suggestion.strip())


def log_link(failure: Failure, label: str = "log") -> str:
    """The link to the job, where its log is."""
    return link(label, failure.url)


def location(failure: Failure) -> str | None:
    """`src/app.py:12`, where the log names a line in the repository."""
    return f"{failure.path}:{failure.line}" if failure.path and failure.line else None


def why(failure: Failure) -> str:
    """Why it was classified so: the reasons as sentences, how sure that is, and the rule."""
    given = [reason for reason in failure.reasons if reason.strip() and reason != _SAYS_NOTHING]
    reasons = " ".join(_sentence(reason, failure.tool) for reason in given[:_REASONS])
    rule = f"rule {code(failure.rule)}" if failure.rule else "no rule matched"
    sure = next(words for least, words in _SURE if failure.confidence >= least or not least)
    closing = (
        f"{sure} ({rule})." if failure.confidence > 0 else f"{rule.capitalize() if not failure.rule else 'By ' + rule}."
    )
    return f"{reasons} {closing}" if reasons else closing


def _sentence(reason: str, tool: str | None) -> str:
    text = reason.strip().rstrip(".")
    if tool == _RUNNER and text.startswith(_RUNNER):
        text = "the runner" + text.removeprefix(_RUNNER)
    starts_with_name = bool(tool) and text.startswith(str(tool))
    return prose(text if starts_with_name else text[:1].upper() + text[1:]) + "."


def what(failure: Failure) -> str:
    """Category and severity, and how often in a row where it was not once."""
    row = f", failed {count(failure.retry_count + 1, 'time')} in a row" if failure.retry_count else ""
    return f"{word(failure.category)}, severity {word(failure.severity)}{row}"
