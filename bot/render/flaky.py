"""What failed and passed on one commit as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from bot.render.failure import count, day, name
from bot.render.markdown import cell, code, link
from bot.views import Flaky
from storage.live import Flip

MOST = 10


def flaky_markdown(found: Sequence[Flaky], *, repository: str) -> str:
    """Each fingerprint with how often it flipped, and the newest proof."""
    where = code(repository)
    if not found:
        return (
            f"Nothing flaky in {where}: no job failed and then passed on one commit in the last 7 days.\n\n"
            "Next: nothing to do."
        )
    head = f"{count(len(found), 'failure')} in {where} failed and then passed on one commit in the last 7 days."
    rows = ["| Failure | Job | Times | Newest | Proof |", "| --- | --- | ---: | --- | --- |"]
    rows += [_row(one) for one in found[:MOST]]
    if len(found) > MOST:
        rows.append(f"| and {len(found) - MOST:,} more | | | | |")
    return f"{head}\n\n" + "\n".join(rows) + "\n\nNext: mend or quarantine the first one; it cost the most runs."


def _row(one: Flaky) -> str:
    newest = one.flips[0]
    failure = newest.failure
    what = cell(failure.message or name(failure), limit=80)
    when = day(failure.detected_at)
    return f"| {what} | {cell(failure.job, limit=60)} | {one.count:,} | {when} | {_proof(newest)} |"


def _proof(flip: Flip) -> str:
    commit = cell(flip.failure.commit[:7])
    return f"{link('failed', flip.failure.url)}, {link('passed', flip.passed_url)} on {commit}"
