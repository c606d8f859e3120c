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


class Backfill(msgspec.Struct, frozen=True, kw_only=True):
    """Arguments of `BACKFILL`. Times in epoch seconds."""

    repo_id: int
    since: int
    until: int
    limit: int
    """Failed runs whose logs are read."""


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """Arguments of `HELD` and `RELEASE`."""

    repo_id: int
    until: int
    """When the quiet hours end, epoch seconds."""


class Week(msgspec.Struct, frozen=True, kw_only=True):
    """Arguments of `DIGEST`: the week that ended at `until` (epoch seconds)."""

    repo_id: int
    until: int


class Draw(msgspec.Struct, frozen=True, kw_only=True):
    """Arguments of `DASHBOARD`."""

    repo_id: int
    force: bool = False
    """Although it says the same: somebody edited it."""
    said: str = ""
    """What became of the box that was ticked."""


class Warn(msgspec.Struct, frozen=True, kw_only=True):
    """Arguments of `WARNING`."""

    repo_id: int
    pattern: str
    origin: int
    """Id of the repository where the note stands."""
    started: int
    over: bool


class LookUp(msgspec.Struct, frozen=True, kw_only=True):
    """Arguments of `LOOK_UP`."""

    repo_id: int
    run_id: int
    run_attempt: int


class Follow(msgspec.Struct, frozen=True):
    """Arguments of `NOTIFY` and `REFRESH`."""

    repo_id: int
    fingerprints: tuple[str, ...]
    commit: str
    """Only the check run on this commit; empty: wherever they are red."""


class Weigh(msgspec.Struct, frozen=True, kw_only=True):
    """Arguments of `HAND_OFF`."""

    repo_id: int
    fingerprint: str
    run_id: int
    run_attempt: int
    outage: bool
    assign: bool
    daily: int


class Assign(msgspec.Struct, frozen=True, kw_only=True):
    """Arguments of `AGENT`."""

    repo_id: int
    fingerprint: str
    number: int
    base_branch: str
    at: int
    """When it was decided, epoch seconds."""
