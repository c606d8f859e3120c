"""What a person needs to see without opening the log: the deciding line with its surroundings, and further pieces."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from classifiers.ranking import Ranked
from classifiers.scanner import Scan, Window

MAX_LINES = 30
MAX_CHARACTERS = 4000
MAX_WIDTH = 400
DECIDING_WIDTH = 1000
"""Characters of a line that a rule recognised; some tools say everything in one line."""
OMISSION = "…"
_FURTHER = 6
"""Pieces beside the deciding one, at most."""


def excerpt_of(best: Ranked, others: Sequence[Ranked]) -> str:
    """At most 30 lines and 4,000 characters, not yet redacted; pieces in the order of the log."""
    chosen: dict[int, str] = {}
    _add(chosen, _piece(best, *best.rule.lines), must=best)
    for other in _further(best, others):
        _add(chosen, _piece(other, 1, 3), must=other)
    return _joined(chosen, best.finding.line)


def tail_of(scan: Scan, end: int | None = None) -> str:
    """The last lines of the log, or up to a line, where no rule recognised any."""
    lines = dict(_numbered(scan.tail))
    last = end if end is not None and end in lines else max(lines, default=0)
    chosen = {number: text for number, text in lines.items() if last - 20 < number <= last and text.strip()}
    return _joined(chosen, last)


def _piece(item: Ranked, before: int, after: int) -> dict[int, str]:
    number = item.finding.line
    near = {n: text for n, text in _numbered(item.hit.window) if number - before <= n <= number + after}
    near[number] = item.finding.text
    return {n: text for n, text in near.items() if n == number or text.strip()}


def _further(best: Ranked, others: Sequence[Ranked]) -> Iterable[Ranked]:
    """The next findings of the same kind of failure, each rule once, those of its own tool first."""
    seen = {best.rule.id}
    near = [item for item in others if item.finding.line and item.rule.role != "wrapper"]
    near.sort(key=lambda item: (item.rule.tool != best.rule.tool, -item.finding.score))
    count = 0
    for item in near:
        if item.rule.id in seen or item.finding.score < best.finding.score - 60 or count >= _FURTHER:
            continue
        seen.add(item.rule.id)
        count += 1
        yield item


def _add(chosen: dict[int, str], piece: dict[int, str], must: Ranked) -> None:
    """Adds a piece while it fits, its own line first, then outwards."""
    centre = must.finding.line
    for number in sorted(piece, key=lambda n: abs(n - centre)):
        if number in chosen:
            continue
        width = DECIDING_WIDTH if number == centre else MAX_WIDTH
        trial = {**chosen, number: piece[number][:width]}
        if _size(trial) > MAX_CHARACTERS - 200 or len(trial) + _gaps(trial) > MAX_LINES:
            return
        chosen[number] = piece[number][:width]


def _size(chosen: dict[int, str]) -> int:
    return sum(len(text) + 3 for text in chosen.values())


def _gaps(chosen: dict[int, str]) -> int:
    numbers = sorted(chosen)
    return sum(b - a > 1 for a, b in itertools.pairwise(numbers))


def _joined(chosen: dict[int, str], centre: int) -> str:
    lines: list[str] = []
    previous: int | None = None
    for number in sorted(chosen):
        if previous is not None and number - previous > 1 and number != centre + 1:
            lines.append(OMISSION)
        lines.append(chosen[number].rstrip()[:DECIDING_WIDTH])
        previous = number
    return "\n".join(lines)


def _numbered(window: Window) -> Iterable[tuple[int, str]]:
    for index, line in enumerate(window.lines):
        shown = line.rstrip(b"\r").rpartition(b"\r")[2] if b"\r" in line else line
        yield window.first + index, shown[: 4 * MAX_WIDTH].decode("utf-8", "replace")
