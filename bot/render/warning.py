"""The early warning: one note where a failure of the infrastructure started, short references elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from bot.facts import IssueText
from bot.render.failure import message, moment
from bot.render.markdown import code, fence, link, marker, plain
from storage.model import Failure

LABEL = "pipeline-warning"
_NAMED = 10


def warning_issue(failure: Failure, names: Sequence[str], *, key: str) -> IssueText:
    """Where no issue of the failure stands yet. `names` are other public repositories."""
    body = (
        f"{marker('warning', key)}\n{_likely(names)}\n\n{fence(message(failure), limit_bytes=2_000)}\n\n"
        f"Seen here at {moment(failure.detected_at)} UTC: {link(code(failure.job, limit=60), failure.url)}.\n\n"
        "Next: look at the status of the service that the message names; re-run the failed jobs once it is back. This "
        "issue closes by itself once it stops."
    )
    return IssueText(title=plain(f"Likely external: {message(failure)}"), body=body, labels=(LABEL,))


def warning_note(names: Sequence[str], *, key: str) -> str:
    """The comment on the failure's own issue, where it started."""
    return f"{marker('warning', key)}\n{_likely(names)}"


def reference(url: str, *, key: str) -> str:
    """The comment elsewhere. `url` is the note's where readers may follow it, else empty."""
    where = f" [The note where it started]({url})." if url.startswith(("https://", "http://")) else ""
    return f"{marker('warning', key)}\n**Likely external**: {_SPREAD}.{where}"


def over(*, key: str) -> str:
    """It stopped."""
    why = "no repository met it within the last hour, or all are green again"
    return f"{marker('warning', key)}\nIt has stopped: {why}."


_SPREAD = "the same failure came up in three or more repositories of this account within an hour"


def _likely(names: Sequence[str]) -> str:
    left = len(names) - _NAMED
    listed = ", ".join(code(name, limit=100) for name in names[:_NAMED]) + (f" and {left:,} more" if left > 0 else "")
    also = f" Among them: {listed}." if names else ""
    return f"**Likely external**: {_SPREAD}, so its cause is likely outside of them.{also}"
