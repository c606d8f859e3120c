"""Answers about failures that are taught by a pattern."""

from __future__ import annotations

from collections.abc import Sequence

from bot.known_study import Study
from bot.render.failure import count, day
from bot.render.markdown import cell, code, fence, word
from storage.known import COUNTS, Known

_STATES = {
    "looking": "is being looked at",
    "proposed": "waits for a 👍",
    "refused": "refused",
    "counts": "counts",
    "retired": "retired: matched nothing for 90 days",
    "expired": "nobody confirmed it",
}


def looking_markdown(known: Known) -> str:
    """The answer while the pattern is tried."""
    return (
        f"Trying it as `{known.id}` on the recorded failures and on a few green logs of this repository; "
        f"what it matches comes as a comment here. Until somebody confirms it, it counts for nothing.\n\n"
        f"{fence(known.pattern, limit_bytes=1_000)}"
    )


def study_markdown(known: Known, study: Study, refused: str) -> str:
    """What the pattern matches, and how it is made to count; or why it is not taken."""
    head = f"Refused: {refused}" if refused else f"Known failure `{known.id}`, category **{word(known.category)}**."
    parts = [head, fence(known.pattern, limit_bytes=1_000), _counts(study)]
    parts += _listed("It matches", study.examples)
    parts += _listed("Near misses, which it does not match", study.near)
    if not refused:
        parts.append(
            "Next: a 👍 on this comment by somebody with write permission makes it count (looked at now and then, for "
            f"a week), or `/pipeline known confirm {known.id}` at once. `/pipeline known remove {known.id}` drops it."
        )
    return "\n\n".join(parts)


def confirmed_markdown(known: Known) -> str:
    """It counts now."""
    return (
        f"Confirmed by {code(known.confirmed_by, limit=60)}: `{known.id}` counts from now on in this repository, as "
        f"**{word(known.category)}**. It changes what is shown of later failures, never their identity, and retires "
        f"when it matched nothing for 90 days. `/pipeline known remove {known.id}` ends it."
    )


def removed_markdown(known: Known) -> str:
    """It is gone."""
    return f"Removed `{known.id}`: {code(known.pattern, limit=120)} counts no more."


def list_markdown(taught: Sequence[Known]) -> str:
    """Everything that was taught here."""
    if not taught:
        return 'Nothing was taught here yet. `/pipeline known "REGEX" CATEGORY` teaches a failure.'
    rows = [
        "| Id | Pattern | Category | State | Matched | By | Since |",
        "| --- | --- | --- | --- | ---: | --- | --- |",
    ]
    for one in taught[-50:]:
        since = day(one.confirmed_at if one.state == COUNTS else one.at)
        rows.append(
            f"| {cell(one.id, limit=12)} | {cell(one.pattern, limit=80)} | {word(one.category or 'unknown')} "
            f"| {_STATES.get(one.state, one.state)} | {one.matched:,} | {cell(one.by, limit=40)} | {since} |"
        )
    return "\n".join(rows)


def _counts(study: Study) -> str:
    green = (
        f"{study.green_matched:,} of {count(study.green_logs, 'green log')}"
        if study.green_logs
        else "no green log, because none could be read: how broad it is, is not known"
    )
    return f"It matches {study.matched:,} of {count(study.recorded, 'recorded failure')} and {green}."


def _listed(title: str, messages: Sequence[str]) -> list[str]:
    lines = [f"- {code(message, limit=160)}" for message in messages if message.strip()]
    return [f"{title}:\n\n" + "\n".join(lines)] if lines else []
