"""The dashboard as an issue: the page of the command `dashboard`, with boxes below that are commands."""

from __future__ import annotations

from collections.abc import Sequence

from bot.boxes import Box
from bot.facts import IssueText
from bot.render.dashboard import dashboard_markdown
from bot.render.failure import message, name
from bot.render.markdown import code, link, marker, prose
from bot.views import Dashboard

LABEL = "pipeline-dashboard"


def dashboard_issue(dashboard: Dashboard, boxes: Sequence[Box], *, key: str, said: str = "") -> IssueText:
    """`said` is a sentence about the box that was ticked last; empty where none was."""
    parts = [
        f"{marker('dashboard', key)}\n{prose(said)}" if said else marker("dashboard", key),
        dashboard_markdown(dashboard),
        _boxes(boxes),
        "Written again at most every 15 minutes; what else is written here is overwritten. A ticked box is a command "
        "of whoever ticks it, needs write permission, and is free again once it is done. `dashboard_issue: false` in "
        "`.github/pipeline.yml` ends it.",
    ]
    return IssueText(title="Pipeline dashboard", body="\n\n".join(part for part in parts if part), labels=(LABEL,))


def _boxes(boxes: Sequence[Box]) -> str:
    lines = [f"- [ ] {_label(box)} <!-- box={box.id} -->" for box in boxes]
    return "**Do something about what is red on the default branch**\n\n" + "\n".join(lines) if lines else ""


def _label(box: Box) -> str:
    failure = box.failure
    if box.kind == "rerun":
        run = link(f"run {failure.run_id}", failure.url)
        return f"Run the failed jobs of {code(failure.workflow, limit=60)} again ({run})"
    what = f"{code(name(failure), limit=40)}: {code(message(failure), limit=100)}"
    return f"Mute for a week: {what}" if box.kind == "mute" else f"Make the notice now: {what}"
