"""What the bot can do on GitHub, as data. `policy` makes them, `perform` carries them out."""

from __future__ import annotations

from dataclasses import dataclass

from storage.known import Known
from storage.model import Issue, Wake


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


@dataclass(frozen=True, slots=True)
class TellWoken:
    """Say in its issue why a failure that was muted speaks again."""

    issue: Issue
    wakes: tuple[Wake, ...]


@dataclass(frozen=True, slots=True)
class Rerun:
    """Run the failed jobs of these workflow runs again."""

    run_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SetMute:
    """Do not tell of these fingerprints in this repository until then (epoch seconds; None: for good)."""

    fingerprints: tuple[str, ...]
    until: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class LiftMute:
    """Tell of this fingerprint again."""

    fingerprint: str


@dataclass(frozen=True, slots=True)
class Correct:
    """The failure is of another category than the classifier says."""

    fingerprint: str
    category: str
    was: str
    rule: str


@dataclass(frozen=True, slots=True)
class Notify:
    """Make the notice of these fingerprints now, whatever the threshold."""

    fingerprints: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Teach:
    """Try a pattern, and let it count once somebody confirmed it."""

    known: Known


@dataclass(frozen=True, slots=True)
class ConfirmKnown:
    """A pattern that was tried counts from now on."""

    known_id: str


@dataclass(frozen=True, slots=True)
class ForgetKnown:
    """A pattern counts no more."""

    known_id: str


Request = Rerun | SetMute | LiftMute | Correct | Notify | Teach | ConfirmKnown | ForgetKnown
"""What a person asks for, by a command or a button."""

Action = RefreshCheckRun | OpenIssue | UpdateIssue | OpenGathering | CloseIssue | CommentOnPull | TellWoken
