"""What the bot can do on GitHub, as data. `policy` makes them, `perform` carries them out."""

from __future__ import annotations

from dataclasses import dataclass

from storage.model import Issue


@dataclass(frozen=True, slots=True)
class RefreshCheckRun:
    """Bring our check run on this commit up to date; made where something was red there."""

    commit: str
    force: bool = False
    """Write although the text is unchanged: GitHub asked for the run again and waits."""


@dataclass(frozen=True, slots=True)
class OpenIssue:
    """The first notice of a fingerprint in this repository, or the first after a long recovery."""

    fingerprint: str
    mention: bool
    previous: Issue | None = None


@dataclass(frozen=True, slots=True)
class UpdateIssue:
    """The failure came again: its issue is rewritten, and opened again where it was closed."""

    issue: Issue
    mention: bool
    reopen: bool = False


@dataclass(frozen=True, slots=True)
class OpenGathering:
    """Too many different new failures at once (`outage`) or within an hour (`gathered`): one issue lists them.

    Nobody is mentioned in it.
    """

    kind: str
    key: str
    fingerprints: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CloseIssue:
    """Everything on which this failure crossed the threshold is green again."""

    issue: Issue


@dataclass(frozen=True, slots=True)
class CommentOnPull:
    """The notice of a pull request's run: one comment, made at the threshold and kept up to date."""

    number: int
    commit: str
    mention: bool


Action = RefreshCheckRun | OpenIssue | UpdateIssue | OpenGathering | CloseIssue | CommentOnPull
