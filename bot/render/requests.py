"""Answers to what people ask for: muted, corrected, run again, told."""

from __future__ import annotations

from collections.abc import Sequence

from bot.render.failure import moment
from bot.render.markdown import code, fence, link, prose
from storage.model import Failure


def muted_markdown(failure: Failure, until: int | None, reason: str) -> str:
    """What is muted, until when, and how to undo it."""
    time = f"until {moment(until)} UTC" if until is not None else "for good"
    why = f"\n\nReason: {code(reason)}" if reason else ""
    return (
        f"Muted {time}: no notices of this failure in this repository. The check run still lists it.{why}\n\n"
        f"{_what(failure)}\n\nNext: `/pipeline unmute {failure.fingerprint}` undoes it."
    )


def unmuted_markdown(failure: Failure) -> str:
    """It speaks again."""
    return f"Notices of this failure are made again.\n\n{_what(failure)}"


def corrected_markdown(failure: Failure, category: str) -> str:
    """What was corrected, and what that means."""
    return (
        f"Remembered: this failure is **{category}**, not {failure.category}. Later occurrences here are shown so; "
        f"its fingerprint stays `{failure.fingerprint}`.\n\n{_what(failure)}"
    )


def notified_markdown(failure: Failure) -> str:
    """The notice is on its way."""
    return f"The notice is being made.\n\n{_what(failure)}"


def rerun_markdown(red: Sequence[Failure]) -> str:
    """Which jobs run again."""
    jobs = ", ".join(link(code(failure.job, limit=60), failure.url) for failure in red[:10])
    more = f" and {len(red) - 10} more" if len(red) > 10 else ""
    return f"Started again: {jobs}{more}."


def failed_markdown(reason: str) -> str:
    """What was asked for could not be done."""
    return prose(reason)


def too_many_markdown(most: int) -> str:
    """The last answer for a while."""
    return f"That were {most} commands within an hour. I am silent for you here until it is over."


def _what(failure: Failure) -> str:
    return f"{code(failure.job, limit=60)}, {failure.category}:\n\n{fence(failure.message, limit_bytes=600)}"
