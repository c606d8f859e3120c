"""What the same job's last green log says: lines that stand there too are no cause.

A line is kept as eight bytes, the hash of its normalised text: whether it is there is all that is asked, and the
whole set crosses a pipe. A log that is longer than the limits is known in part; then only what was found in it counts.
"""

from __future__ import annotations

import hashlib
import re
from array import array
from collections.abc import Iterable

from classifiers.fingerprint import normalised
from classifiers.joblog import LINE_LIMIT, clean

MOST_LINES = 50_000
MOST_BYTES = 8 << 20
BLOCK = 64 << 10
_WORD = re.compile(r"[^\W\d_]{3}")
_TROUBLE = re.compile(
    r"(?i)\b(?:error|errors|fail|failed|failure|fatal|cannot|can't|could not|couldn't|unable|invalid|missing|denied"
    r"|refused|unexpected|not found|no such|mismatch|exception|panic|abort(?:ed)?|killed|crash(?:ed)?)\b"
)


def mark(line: str) -> int:
    """The hash of a cleaned line, equal where only what differs between any two runs differs."""
    return int.from_bytes(hashlib.blake2b(normalised(line).encode(), digest_size=8).digest(), "little")


def unpacked(packed: bytes) -> tuple[frozenset[int], bool]:
    """The lines' marks, and whether the log was longer than what was read."""
    marks = array("Q")
    marks.frombytes(packed[1:])
    return frozenset(marks), packed[:1] == b"\x01"


def novel_line(lines: Iterable[tuple[int, str]], green: frozenset[int]) -> tuple[int, str] | None:
    """Of numbered lines the one to show where no rule knows any: the first new one that speaks of trouble, else the
    last new one; None where the green log has them all."""
    new = [(number, text) for number, text in lines if _WORD.search(text) and mark(text) not in green]
    return next((item for item in new if _TROUBLE.search(item[1])), new[-1] if new else None)


class GreenLines:
    """Sans-I/O builder: `feed` as often as needed, then `packed`. Keeps at most 50,000 lines of the first 8 MB."""

    def __init__(self) -> None:
        self._marks: set[int] = set()
        self._seen: set[int] = set()
        """Hashes of the cleaned lines, because normalising costs more than looking up."""
        self._rest = b""
        self._size = 0
        self._cut = False

    def feed(self, data: bytes) -> None:
        """Takes the next bytes of the log, cut anywhere."""
        for start in range(0, len(data), BLOCK):
            if self._cut:
                return
            piece = data[start : start + BLOCK]
            self._size += len(piece)
            self._take(self._rest + piece)
            if self._size >= MOST_BYTES:
                self._cut = True

    def packed(self) -> bytes:
        """One byte that says whether the log was cut, and eight for each line (little-endian)."""
        if self._rest and not self._cut:
            self._add(clean([self._rest]))
        return bytes((self._cut,)) + array("Q", self._marks).tobytes()

    def _take(self, data: bytes) -> None:
        lines = data.split(b"\n")
        self._rest = lines.pop()[:LINE_LIMIT]
        if lines:
            self._add(clean(lines))

    def _add(self, lines: list[bytes]) -> None:
        for line in lines:
            shown = line.rpartition(b"\r")[2] if b"\r" in line else line
            key = hash(shown)
            if not shown or key in self._seen:
                continue
            self._cut = len(self._seen) >= MOST_LINES
            if self._cut:
                return
            self._seen.add(key)
            self._marks.add(mark(shown.decode("utf-8", "replace")))
