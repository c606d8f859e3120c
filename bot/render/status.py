"""What runs now as Markdown."""

from __future__ import annotations

from bot.render.failure import count, moment
from bot.render.markdown import ELLIPSIS, cell, code, link
from bot.render.whose import duration
from bot.views import Running, Status

MOST = 15


def status_markdown(status: Status) -> str:
    """Each run with its time so far against what such a run takes when it passes."""
    where = code(status.repository)
    if not status.running:
        return f"Nothing runs in {where} now.\n\nNext: `/pipeline dashboard` shows how the last runs went."
    rows = ["| Workflow | Branch | Since (UTC) | So far | Usually |", "| --- | --- | --- | ---: | ---: |"]
    rows += [_row(one, status.now) for one in status.running[:MOST]]
    left = len(status.running) - MOST
    if left > 0:
        rows.append(f"| {ELLIPSIS} and {left:,} more | | | | |")
    late = [one for one in status.running if _late(one, status.now)]
    verb = "takes" if len(late) == 1 else "take"
    rest = f"Next: {count(len(late), 'run')} {verb} longer than twice the usual time; look at the log." if late else ""
    head = f"{count(len(status.running), 'run')} in progress in {where}."
    return "\n\n".join(part for part in (head, "\n".join(rows), rest) if part)


def _row(one: Running, now: int) -> str:
    run = one.run
    started = run.started_at or run.created_at
    usual = "unknown" if one.usual_seconds is None else duration(one.usual_seconds)
    late = " (late)" if _late(one, now) else ""
    workflow = link(cell(run.workflow, limit=60), run.url)
    so_far = duration(max(now - started, 0)) if started else "unknown"
    since = moment(started) if started else "unknown"
    return f"| {workflow} | {cell(run.branch, limit=60)} | {since} | {so_far}{late} | {usual} |"


def _late(one: Running, now: int) -> bool:
    started = one.run.started_at or one.run.created_at
    return bool(started) and one.usual_seconds is not None and now - started > max(2 * one.usual_seconds, 60)
