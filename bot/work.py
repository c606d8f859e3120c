"""Work that is no delivery: what one job asks the repository's lane to do. The arguments as they are stored."""

from __future__ import annotations

import msgspec

NOTIFY = "notify"
"""Make the notice of these fingerprints now."""
REFRESH = "refresh"
"""Write the reports that show these fingerprints again."""

HAND_OFF = "handoff"
"""See whether the issue of a fingerprint goes to the coding agent; in the repository's lane, once it is written."""
AGENT = "agent"
"""Assign an issue to the coding agent, then look whether it starts; in a lane of its own, because it waits."""

HELD = "held"
"""The end of quiet hours, in a lane of its own, because it waits; it lays `RELEASE` into the repository's lane."""
RELEASE = "release"
"""Tell what was held back in quiet hours."""
DIGEST = "digest"
"""Post the summary of a week; in a lane of its own."""
DASHBOARD = "dashboard"
"""Write the dashboard issue of a repository; in a lane of its own."""
WARNING = "warning"
"""Tell a repository of what spreads over its installation, or that it stopped; in a lane of its own."""

BACKFILL = "backfill"
"""Read the history of a repository, a slice at a time, in a lane of its own."""
LOOK_UP = "lookup"
"""Ask GitHub what became of a run whose end nobody told; in the repository's lane, because it may report."""

KNOWN = "known"
"""Try a pattern that somebody wants to teach, in a lane of its own."""


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """Arguments of any work."""

    repo_id: int


class Backfill(Work, frozen=True, kw_only=True):
    """Arguments of `BACKFILL`. Times in epoch seconds."""

    since: int
    until: int
    limit: int
    """Failed runs whose logs are read."""


class Release(Work, frozen=True, kw_only=True):
    """Arguments of `HELD` and `RELEASE`."""

    until: int
    """When the quiet hours end, epoch seconds."""


class Week(Work, frozen=True, kw_only=True):
    """Arguments of `DIGEST`: the week that ended at `until` (epoch seconds)."""

    until: int


class Draw(Work, frozen=True, kw_only=True):
    """Arguments of `DASHBOARD`."""

    force: bool = False
    """Although it says the same: somebody edited it."""
    said: str = ""
    """What became of the box that was ticked."""


class Warn(Work, frozen=True, kw_only=True):
    """Arguments of `WARNING`."""

    pattern: str
    origin: int
    """Id of the repository where the note stands."""
    started: int
    over: bool


class LookUp(Work, frozen=True, kw_only=True):
    """Arguments of `LOOK_UP`."""

    run_id: int
    run_attempt: int


class Follow(Work, frozen=True, kw_only=True):
    """Arguments of `NOTIFY` and `REFRESH`."""

    fingerprints: tuple[str, ...]
    commit: str
    """Only the check run on this commit; empty: wherever they are red."""


class Weigh(Work, frozen=True, kw_only=True):
    """Arguments of `HAND_OFF`."""

    fingerprint: str
    run_id: int
    run_attempt: int
    outage: bool
    assign: bool
    daily: int


class Assign(Work, frozen=True, kw_only=True):
    """Arguments of `AGENT`."""

    fingerprint: str
    number: int
    base_branch: str
    at: int
    """When it was decided, epoch seconds."""


class Trial(Work, frozen=True, kw_only=True):
    """Arguments of `KNOWN`."""

    known_id: str
