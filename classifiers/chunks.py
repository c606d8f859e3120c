"""The part of a log that is in memory: blocks of lines, chunks in which rules may match, windows around a hit."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from classifiers.joblog import stamp_of
from classifiers.rules import Rule

BEFORE, AFTER = 40, 30
"""Lines kept around a hit, for its excerpt and for locations that stand on another line."""
MARK = b"##[error]"
_NAMES = re.compile(rb"([^\t\n]{1,120})\t([^\t\n]{1,200})\t(?:\xef\xbb\xbf)?\d{4}-\d\d-\d\dT")


@dataclass(frozen=True, slots=True)
class Window:
    """Cleaned lines around a hit; `first` is the 1-based number of the first of them."""

    first: int
    lines: tuple[bytes, ...]

    def at(self, number: int) -> bytes | None:
        """The line of that number, where the window holds it."""
        index = number - self.first
        return self.lines[index] if 0 <= index < len(self.lines) else None


NOTHING = Window(1, ())
"""Of a log without lines."""


@dataclass(slots=True)
class Block:
    """Lines in memory: `lines[offset:offset + ready]` are to be scanned now, the others are surroundings."""

    first: int
    """Number of `lines[0]`."""
    lines: list[bytes]
    offset: int
    ready: int
    raw: list[bytes]
    """Raw lines of `lines[offset:]`."""

    def window(self, index: int, count: int = 1) -> Window:
        """The lines around `lines[index:index + count]`."""
        start = max(0, index - BEFORE)
        return Window(self.first + start, tuple(self.lines[start : index + count + AFTER]))

    def chunk(self, index: int, count: int) -> Chunk:
        """`lines[index:index + count]`, which are to be scanned now."""
        lines = self.lines[index : index + count]
        place = index - self.offset
        raw = self.raw[max(0, place - BEFORE) : place + count]
        return Chunk(self.first + index, lines, raw, self)


@dataclass(slots=True)
class Chunk:
    """About 1 KB of lines in which some rules may match. `first` is the number of its first line."""

    first: int
    lines: list[bytes]
    raw: list[bytes]
    """Raw lines up to the last of `lines`, for their timestamps."""
    block: Block | None
    surroundings: Window | None = None
    joined: bytes | None = None
    """`text`, once it was asked for."""

    @property
    def window(self) -> Window:
        """The lines around; made when a hit or a wait needs it, because it lets go of the block."""
        if self.surroundings is None and self.block is not None:
            self.surroundings = self.block.window(self.first - self.block.first, len(self.lines))
            self.block = None
        return self.surroundings or Window(self.first, ())

    def stamp(self, place: int) -> str:
        """Of the line or the nearest before it: a message of several lines has one stamp."""
        for raw in self.raw[: len(self.raw) - len(self.lines) + place + 1][::-1]:
            stamp = stamp_of(raw)
            if stamp:
                return stamp.decode()
        return ""

    def names(self, place: int) -> tuple[str, str] | None:
        """Job and step of the line, where `gh run view` put them before it."""
        found = _NAMES.match(self.raw[len(self.raw) - len(self.lines) + place])
        job, step = (name.decode("utf-8", "replace") for name in found.groups()) if found else ("", "")
        return (job, "" if step == "UNKNOWN STEP" else step) if found else None

    @property
    def text(self) -> bytes:
        """The lines as they are searched, joined when first asked for."""
        if self.joined is None:
            self.joined = b"\n".join(self.lines)
        return self.joined

    def places(self, rule: Rule) -> Iterable[int]:
        """Indices of the lines in which the rule may match."""
        if b"\r" in self.text or MARK in self.text:
            return range(len(self.lines))
        return rule.places(self.text, len(self.lines))

    def divided(self, borders: tuple[bytes, ...]) -> Iterable[Chunk]:
        """The chunk cut where lines begin with one of these texts, so that no part belongs to two steps."""
        places = [place for place, line in enumerate(self.lines) if place and line.startswith(borders)]
        for start, end in pairwise((0, *places, len(self.lines))):
            raw = self.raw[: len(self.raw) - (len(self.lines) - end)]
            yield Chunk(self.first + start, self.lines[start:end], raw, self.block)
