"""The one comment on a pull request: is it mine, what failed, what to do; one screen."""

from __future__ import annotations

from bot.facts import CommitReport
from bot.render import failure as show
from bot.render import whose
from bot.render.check_run import also_in, checks_url, details, green_line, notes
from bot.render.failure import Group, count, grouped
from bot.render.fitting import fit
from bot.render.issue import BODY_BYTES, call_to_fix
from bot.render.markdown import NOTHING, cell, code, fence, link, marker, word
from storage.model import Failure

_ROWS = 8
_DETAILED = 3


def pull_request(report: CommitReport, *, mention: str = "", number: int | None = None) -> str:
    """The comment's whole body; it is the all-green line once nothing fails any more.

    `number` is the pull request's, where the runs of the report may not tell.
    """
    groups = grouped(report.failures)
    first = marker("pull-request", str(number or _number(report)))
    if not groups:
        commit = show.commit_link(report.web_url, report.repository, report.commit)
        return f"{first}\n{green_line(report, code)} on {commit}."
    blocks = _one(report, groups[0]) if len(groups) == 1 else _several(report, groups)
    answer = whose.answer(groups)
    parts = [part for part in (answer, *blocks, notes(report)) if part]
    tail = call_to_fix(mention, _wish(groups))
    return fit(f"{first}\n{parts[0]}", parts[1:], lambda _: _all(report), tail=tail, limit=BODY_BYTES)


def _wish(groups: list[Group]) -> str:
    excused = sum(map(whose.excused, groups))
    if not excused:
        return "please fix the cause above on this branch."
    if excused < len(groups):
        return "please fix on this branch what it broke itself; the rest has its cause elsewhere."
    return "please fix the cause above in a pull request of its own; this branch is probably not where it broke."


def _one(report: CommitReport, group: Group) -> list[str]:
    failure = group.failure
    what = f"{code(show.name(failure), limit=60)} in {link(code(group.jobs, limit=80), failure.url)}"
    return [f"{_failed(report, [group])}: {what}{_place(failure)} ({show.what(failure)}).", _block(group)]


def _several(report: CommitReport, groups: list[Group]) -> list[str]:
    detailed = groups[: _DETAILED if len(groups) <= _DETAILED else 1]
    blocks = [f"{_heading(group)}\n\n{_block(group)}" for group in detailed]
    return [f"{_failed(report, groups)}, for {count(len(groups), 'reason')}.", _table(report, groups), *blocks]


def _failed(report: CommitReport, groups: list[Group]) -> str:
    jobs = sum(len(group.members) for group in groups)
    commit = show.commit_link(report.web_url, report.repository, report.commit)
    return f"{count(jobs, 'job')} failed on {commit}"


def _heading(group: Group) -> str:
    name = f"{code(show.name(group.failure), limit=60)} in {code(group.jobs, limit=80)}{_place(group.failure)}"
    whose_it_is = whose.sentence(group)
    return f"{name}. {whose_it_is}" if whose_it_is else name


def _place(failure: Failure) -> str:
    place = show.location(failure)
    return f", at {code(place)}" if place else ""


def _number(report: CommitReport) -> int:
    failures = (reported.failure.pull_request for reported in report.failures)
    return next((number for number in (*(run.pull_request for run in report.runs), *failures) if number), 0)


def _table(report: CommitReport, groups: list[Group]) -> str:
    judged = any(group.verdict for group in groups)
    heads = ["Failure", "Job", *(["Verdict"] * judged), "Severity", "Seen before"]
    rows = [_row(heads), _row(["---"] * len(heads))]
    rows += [_row(_cells(group, judged=judged)) for group in groups[:_ROWS]]
    left = len(groups) - _ROWS
    return "\n".join(rows) + (f"\n\nAnd {left:,} more: {_all(report)}" if left > 0 else "")


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(group: Group, *, judged: bool) -> list[str]:
    failure = group.failure
    verdict = whose.tag(group.verdict, lambda name: cell(name, limit=40)) if group.verdict else NOTHING

    return [
        f"{cell(show.name(failure), limit=40)} ({word(failure.category)})",
        link(cell(group.jobs, limit=60), failure.url),
        *([verdict] * judged),
        word(failure.severity),
        show.known(group.first, brief=True),
    ]


def _all(report: CommitReport) -> str:
    return link("all checks of this commit", checks_url(report)) + "."


def _block(group: Group) -> str:
    failure, first = group.failure, group.first
    hang = whose.time_out(first.hang) if first.hang else ""
    lines = [f"- **Also in**: {also_in(group)}"] if len(group.members) > 1 else []
    lines += [f"- **Time**: {hang}"] if hang else []
    lines += [f"- **Muted**: {show.muted(first)}"] if first.mute else []
    lines += [f"- **Woke**: {show.woken(first.wake)}"] if first.wake else []
    lines += [f"- **Next**: {step}" for step in whose.next_steps(group)[: 1 if whose.excused(group) else 2]]
    parts = (fence(show.message(failure), limit_bytes=600), details(failure), "\n".join(lines))
    return "\n\n".join(part for part in parts if part)
