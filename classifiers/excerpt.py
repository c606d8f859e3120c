"""What a person needs to see without opening the log: the deciding line with its surroundings, and further pieces."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence

from classifiers.chunks import Window
from classifiers.ranking import Ranked
from classifiers.redaction import shorten
from classifiers.scanner import Scan

MAX_LINES = 30
MAX_CHARACTERS = 4000
MAX_WIDTH = 400
DECIDING_WIDTH = 1000
"""Characters of a line that a rule recognised; some tools say everything in one line."""
OMISSION = "…"
_BORDERS = ("##[group]Run ", "Post job cleanup.", "Cleaning up orphan processes")
_ECHO_END = "##[endgroup]"
_LAST = "##[error]Process completed with exit code"
"""A step prints nothing after it."""
_FURTHER = 6
"""Pieces beside the deciding one, at most."""


def excerpt_of(best: Ranked, others: Sequence[Ranked]) -> str:
    """At most 30 lines and 4,000 characters, not yet redacted; pieces in the order of the log."""
    chosen: dict[int, str] = {}
    _add(chosen, _piece(best, *best.rule.lines), must=best)
    silent = _silent(best)
    for other in _further(best, others):
        _add(chosen, _piece(other, 1, 3), must=other)
        silent |= _silent(other)
    return _joined(chosen, silent)


def last_words(scan: Scan, wrapper: Ranked | None) -> list[tuple[int, str]]:
    """The numbered lines with which the failing step ended, up to the line that says only that it failed."""
    if wrapper is not None and wrapper.finding.line > 0:
        last, lines = wrapper.finding.line, dict(_numbered(wrapper.hit.window))
    else:
        lines = dict(_numbered(scan.tail))
        over = (number - 1 for number, text in sorted(lines.items()) if text.startswith(_BORDERS[1:]))
        last = next(over, max(lines, default=0))
    if last not in lines:
        return []
    own = [(last, lines[last])] if lines[last].strip() else []
    return [*reversed(list(_reach(lines, range(last - 1, last - 40, -1)))), *own]


def tail_of(words: Sequence[tuple[int, str]], centre: int | None) -> str:
    """Of a step's last words those that end it, `centre` among them, where no rule recognised any."""
    chosen = dict(words[-20:])
    if centre is not None and centre not in chosen:
        around = [(number, text) for number, text in words if centre - 3 <= number <= centre + 8]
        chosen = {**dict(around), **dict(words[-8:])}
    return _joined({number: shorten(text, MAX_WIDTH) for number, text in chosen.items()}, ())


def _piece(item: Ranked, before: int, after: int) -> dict[int, str]:
    """The lines around that belong to the same step."""
    number, lines = item.finding.line, dict(_numbered(item.hit.window))
    piece = dict(_reach(lines, range(number - 1, number - before - 1, -1)))
    piece[number] = item.finding.text
    if not piece[number].startswith(_LAST):
        piece |= _reach(lines, range(number + 1, number + after + 1))
    return piece


def _reach(lines: Mapping[int, str], numbers: range) -> Iterable[tuple[int, str]]:
    """The lines that say something, until another step begins: upwards the echo of the step's own script ends it."""
    for number in numbers:
        text = lines.get(number)
        if text is None or text.startswith(_BORDERS) or (numbers.step < 0 and text.startswith((_ECHO_END, _LAST))):
            return
        if text.strip() and not text.startswith(_ECHO_END):
            yield number, text
        if text.startswith(_LAST):
            return


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
        line = shorten(piece[number], width)
        trial = {**chosen, number: line}
        if _size(trial) > MAX_CHARACTERS - 200 or len(trial) + _gaps(trial) > MAX_LINES:
            return
        chosen[number] = line


def _size(chosen: dict[int, str]) -> int:
    return sum(len(text) + 3 for text in chosen.values())


def _gaps(chosen: dict[int, str]) -> int:
    numbers = sorted(chosen)
    return sum(b - a > 1 for a, b in itertools.pairwise(numbers))


def _silent(item: Ranked) -> set[int]:
    """Lines around a hit that say nothing, so that leaving them out is no omission."""
    return {n for n, text in _numbered(item.hit.window) if not text.strip() or text.startswith(_ECHO_END)}


def _joined(chosen: dict[int, str], silent: Collection[int]) -> str:
    lines: list[str] = []
    previous: int | None = None
    for number in sorted(chosen):
        if previous is not None and any(n not in silent for n in range(previous + 1, number)):
            lines.append(OMISSION)
        lines.append(chosen[number].rstrip()[:DECIDING_WIDTH])
        previous = number
    return "\n".join(lines)


def _numbered(window: Window) -> Iterable[tuple[int, str]]:
    for index, line in enumerate(window.lines):
        shown = line.rstrip(b"\r").rpartition(b"\r")[2] if b"\r" in line else line
        yield window.first + index, shown[: 4 * MAX_WIDTH].decode("utf-8", "replace")
