"""The boxes of the dashboard issue: what each asks for when somebody ticks it, and which were ticked. Pure.

A box is known by a short hash of what it does. What the issue's text says of it is never read: whoever edits the text
can tick what is offered at that moment, and nothing else.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.actions import Notify, Rerun, SetMute
from storage.model import Failure

MOST = 3
"""Boxes of a kind."""
MUTED_SECONDS = 7 * 86_400
_TICKED = re.compile(r"^ {0,3}[-*] \[[xX]\] .*<!-- box=([0-9a-f]{12}) -->[ \t\r]*$", re.MULTILINE)
LONGEST = 262_144
"""Bytes of an issue's body that are looked at; GitHub stores no more."""


@dataclass(frozen=True, slots=True)
class Box:
    """One command that is offered. `failure` is the newest occurrence of what it speaks of."""

    kind: str
    """`rerun`, `mute` or `notify`."""
    target: str
    failure: Failure

    @property
    def id(self) -> str:
        """Stands hidden beside the box."""
        return hashlib.sha256(f"{self.kind}:{self.target}".encode()).hexdigest()[:12]

    def request(self, now: int) -> Rerun | SetMute | Notify:
        """What ticking it asks for."""
        if self.kind == "rerun":
            return Rerun((self.failure.run_id,))
        if self.kind == "mute":
            return SetMute((self.failure.fingerprint,), now + MUTED_SECONDS, "by the box of the dashboard issue")
        return Notify((self.failure.fingerprint,))


def offered(red: Sequence[Failure], muted: frozenset[str], told: frozenset[str]) -> tuple[Box, ...]:
    """For what is red on the default branch, newest first. `told`: fingerprints that have an open issue."""
    runs = {failure.workflow_id: failure for failure in reversed(red) if failure.job_id}
    causes = {failure.fingerprint: failure for failure in reversed(red) if failure.fingerprint not in muted}
    newest = sorted(runs.values(), key=lambda failure: -failure.run_id)
    loudest = sorted(causes.values(), key=lambda failure: -failure.detected_at)
    silent = [failure for failure in loudest if failure.fingerprint not in told]
    return (
        *(Box("rerun", str(failure.run_id), failure) for failure in newest[:MOST]),
        *(Box("mute", failure.fingerprint, failure) for failure in loudest[:MOST]),
        *(Box("notify", failure.fingerprint, failure) for failure in silent[:MOST]),
    )


def ticked(body: str, before: str) -> frozenset[str]:
    """The ids of the boxes that an edit ticked."""
    return frozenset(_TICKED.findall(body[:LONGEST])) - frozenset(_TICKED.findall(before[:LONGEST]))
