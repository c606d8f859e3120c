"""What an issue says of its hand-off to the coding agent: one comment, edited in place."""

from __future__ import annotations

from bot.handoff import Progress, Stage
from bot.render.failure import moment
from bot.render.markdown import code, marker

KIND = "agent"
_BY_HAND = (
    "Next, without a token: choose Copilot under *Assignees*; where it stands there already, take it off and choose it "
    "again. That needs write access and a seat for the agent."
)


def handoff(progress: Progress, *, key: str, until: int) -> str:
    """The comment's body; `key` goes into its hidden marker, `until` (epoch seconds) is when looking ends."""
    return f"{marker(KIND, key)}\n{_line(progress, until)}"


def _line(progress: Progress, until: int) -> str:
    said = f"Hand-off to the coding agent: {progress.stage}"
    match progress.stage:
        case Stage.STARTED:
            return f"{said}, in pull request #{progress.pull}."
        case Stage.NOT_STARTED:
            return f"{said}: {progress.reason}.\n\n{_BY_HAND}"
        case Stage.REQUESTED:
            branch = code(progress.base_branch) if progress.base_branch else "the default branch"
            known = progress.reason or f"whether it started stands here by {moment(until)} UTC"
            return f"{said}. It was assigned to work from {branch}; {known}."
