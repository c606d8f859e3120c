"""How a time window is counted: from the rows themselves, or whole days of it from the rollups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from storage.scopes import Scope

HOUR = 3_600
DAY = 86_400
FEW_DAYS = 2 * DAY
"""Up to here buckets are hours, and counting the rows is as fast as the rollups."""


@dataclass(frozen=True, slots=True)
class Window:
    """`since <= t < until` in epoch seconds; without `until` everything up to now."""

    since: int
    now: int
    until: int | None = None

    @property
    def seconds(self) -> int:
        """How long it is."""
        return (self.now if self.until is None else self.until) - self.since

    @property
    def middle(self) -> int:
        """Where its later half begins."""
        return self.since + self.seconds // 2

    @property
    def step(self) -> int:
        """How long a bucket of its trend is."""
        return HOUR if self.seconds <= FEW_DAYS else DAY


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a window: seconds `start <= t < end`, or `whole` days counted since 1970."""

    start: int
    end: int | None
    later: bool
    """It lies in the later half."""
    whole: bool


def pieces(window: Window) -> list[Piece]:
    """The two halves of the window, their whole days apart from what is left at their ends."""
    return [
        *_cut(window.since, window.middle, later=False),
        *_cut(window.middle, window.until, later=True),
    ]


def undivided(window: Window) -> list[Piece]:
    """The window's whole days apart from what is left at its two ends."""
    return _cut(window.since, window.until, later=False)


def _cut(start: int, end: int | None, *, later: bool) -> list[Piece]:
    first = -(-start // DAY)
    last = None if end is None else end // DAY
    if last is not None and first >= last:
        return [Piece(start, end, later, whole=False)]
    found = [Piece(first, last, later, whole=True)]
    if start < first * DAY:
        found.insert(0, Piece(start, first * DAY, later, whole=False))
    if last is not None and end is not None and last * DAY < end:
        found.append(Piece(last * DAY, end, later, whole=False))
    return found


def from_rollups(scope: Scope, window: Window) -> bool:
    """One repository's window is read from its covering index; many repositories' longer ones from the rollups."""
    return not scope.single and window.seconds > FEW_DAYS
