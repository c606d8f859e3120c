"""The one comment on a pull request: what failed, whether it is known, what to do; one screen."""

from __future__ import annotations

from bot.facts import CommitReport
from bot.render import failure as show
from bot.render.check_run import also_in, checks_url, details, green_line, notes
from bot.render.failure import Group, count, grouped
from bot.render.fitting import fit
from bot.render.issue import BODY_BYTES, call_to_fix
from bot.render.markdown import cell, code, fence, link, marker, word

_ROWS = 8
_DETAILED = 3


def pull_request(report: CommitReport, *, mention: str = "", number: int | None = None) -> str:
    """The comment's whole body; it is the all-green line once nothing fails any more.

    `number` is the pull request's, where the runs of the report may not tell.
    """
    groups = grouped(report.failures)
    first = marker("pull-request", str(number or _number(report)))
    commit = show.commit_link(report.web_url, report.repository, report.commit)
    if not groups:
        return f"{first}\n{green_line(report)} on {commit}."
    jobs = sum(len(group.members) for group in groups)
    opening = f"**{count(jobs, 'job')} failed** on {commit}" + (
        f", for {count(len(groups), 'reason')}." if jobs > 1 else "."
    )
    blocks = [
        _table(report, groups),
        *[_block(group) for group in groups[: _DETAILED if len(groups) <= _DETAILED else 1]],
        notes(report),
    ]
    tail = call_to_fix(mention, "please fix the cause above on this branch.")
    return fit(
        f"{first}\n{opening}", [block for block in blocks if block], lambda _: _all(report), tail=tail, limit=BODY_BYTES
    )


def _number(report: CommitReport) -> int:
    failures = (reported.failure.pull_request for reported in report.failures)
    return next((number for number in (*(run.pull_request for run in report.runs), *failures) if number), 0)


def _table(report: CommitReport, groups: list[Group]) -> str:
    rows = ["| Failure | Job | Severity | Known |", "| --- | --- | --- | --- |"]
    rows += [_row(group) for group in groups[:_ROWS]]
    left = len(groups) - _ROWS
    return "\n".join(rows) + (f"\n\nAnd {left:,} more: {_all(report)}" if left > 0 else "")


def _row(group: Group) -> str:
    failure, first = group.failure, group.first
    job = link(cell(group.jobs, limit=60), failure.url)
    what = f"{cell(show.name(failure), limit=40)} ({word(failure.category)})"
    return f"| {what} | {job} | {word(failure.severity)} | {show.known(first.pattern, first.issue)} |"


def _all(report: CommitReport) -> str:
    return link("all checks of this commit", checks_url(report)) + "."


def _block(group: Group) -> str:
    failure = group.failure
    place = show.location(failure)
    heading = f"{code(show.name(failure), limit=60)} in {code(group.jobs, limit=80)}" + (
        f", at {code(place)}" if place else ""
    )
    others = f"Also in {also_in(group)}." if len(group.members) > 1 else ""
    steps = "\n".join(f"- **Next**: {step}" for step in show.steps_to_take(failure, group.first.pattern)[:2])
    parts = (heading, fence(show.message(failure), limit_bytes=600), others, details(failure), steps)
    return "\n\n".join(part for part in parts if part)
