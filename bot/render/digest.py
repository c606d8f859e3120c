"""The summary of a week: the comment, and the issue that gathers the comments."""

from __future__ import annotations

from bot.facts import IssueText
from bot.render.failure import count, day
from bot.render.fitting import fit
from bot.render.markdown import cell, code, link, marker, prose, word
from bot.render.whose import duration
from storage.digests import Broken, Digest

LIMIT = 30_000
LABEL = "pipeline-digest"
_ROWS = 10


def digest_issue(repository: str, key: str) -> IssueText:
    """The issue under which the digests stand; subscribe to it, or switch it off."""
    body = (
        f"{marker('digest', key)}\nOnce a week a comment here sums up the pipelines of {code(repository)}: what "
        "broke, what was mended, what it cost and what got slower.\n\n`digest: off` in `.github/pipeline.yml` ends it. "
        "Whoever subscribes to this issue gets it by mail."
    )
    return IssueText(title="Weekly digest of the pipelines", body=body, labels=(LABEL,))


def digest(week: Digest, key: str) -> str:
    """The comment of one week. `key` tells it from every other one."""
    blocks = [_broken(week), _mended(week), _slower(week)]
    return fit(f"{marker('digest', key)}\n{_opening(week)}", [b for b in blocks if b], lambda _: "…", limit=LIMIT)


def _opening(week: Digest) -> str:
    runs = week.runs
    head = f"### {day(week.since)} to {day(week.until)}"
    if not runs.runs:
        return f"{head}\n\nNo run counted in this week."
    rate = f"{100 * runs.success / runs.runs:.1f}% of {count(runs.runs, 'run')} succeeded"
    against = f" ({100 * week.before.success / week.before.runs:.1f}% the week before)" if week.before.runs else ""
    cost = f" Failed jobs took {_minutes(week.seconds)}." if week.seconds else ""
    state = "" if week.broken else " Nothing broke outside of pull requests."
    return f"{head}\n\n{rate}{against}.{cost}{state}"


def _broken(week: Digest) -> str:
    rows = ["| What broke | Category | Runs | Minutes | Now |", "| --- | --- | ---: | ---: | --- |"]
    for one in week.broken[:_ROWS]:
        new = " (new)" if one.new else ""
        state = "**still red**" if one.red else "mended"
        minutes = f"{max(1, round(one.seconds / 60)):,}" if one.seconds else "0"
        rows.append(f"| {_what(one)}{new} | {word(one.category)} | {one.runs:,} | {minutes} | {state} |")
    left = len(week.broken) - _ROWS
    more = f"\n\nAnd {left:,} more." if left > 0 else ""
    return "\n".join(rows) + more if week.broken else ""


def _mended(week: Digest) -> str:
    """What broke and was mended within the week stands in the table above."""
    lines = [f"- {_what(one)}" for one in week.mended[:_ROWS]]
    left = len(week.mended) - len(lines)
    lines += [f"- and {left:,} more"] if left > 0 else []
    return "**Mended, red since before**\n\n" + "\n".join(lines) if lines else ""


def _slower(week: Digest) -> str:
    rows = ["| What got slower | Median | Four weeks before | Runs |", "| --- | ---: | ---: | ---: |"]
    for one in week.slower[:_ROWS]:
        grew = f"+{100 * (one.seconds - one.before) // max(1, one.before)}%"
        took = f"{duration(one.seconds)} ({grew})"
        rows.append(f"| {cell(one.workflow, limit=60)} | {took} | {duration(one.before)} | {one.samples:,} |")
    return "\n".join(rows) if week.slower else ""


def _what(one: Broken) -> str:
    return link(cell(one.message or one.fingerprint, limit=90), one.url)


def _minutes(seconds: int) -> str:
    return prose(count(max(1, round(seconds / 60)), "runner minute"))
