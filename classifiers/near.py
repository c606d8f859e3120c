"""Joins near-duplicates: messages that differ in a word or two where a mask could not know it.

Bounded and deterministic: candidates come from shared three-letter grams, at most `CANDIDATES` of them are compared,
and a message joins the oldest known one that is close enough. Known messages never move, so a growing history changes
no earlier answer.
"""

from __future__ import annotations

from collections import Counter, defaultdict

from classifiers.fingerprint import normalised

DISTANCE = 0.1
"""Edits per character up to which two normalised messages are the same failure."""
SHORTEST = 24
"""Characters below which a difference is a difference: `'x' undeclared` is not `'y' undeclared`."""
LONGEST = 400
CANDIDATES = 20
_GRAM = 3
_USUAL = 500
"""Messages that share a gram from which on the gram tells nothing."""


class Known:
    """Messages in the order in which they were first seen, each with its fingerprint; one category each."""

    def __init__(self) -> None:
        self._messages: list[tuple[str, str]] = []
        self._grams: defaultdict[str, list[int]] = defaultdict(list)

    def add(self, fingerprint: str, message: str) -> None:
        """Remembers a failure. Add the oldest first."""
        text = normalised(message)[:LONGEST]
        for gram in _grams(text):
            self._grams[gram].append(len(self._messages))
        self._messages.append((fingerprint, text))

    def nearest(self, message: str) -> str | None:
        """The fingerprint of the oldest known failure that is at most a tenth away, or None."""
        text = normalised(message)[:LONGEST]
        if len(text) < SHORTEST:
            return None
        for index in sorted(self._candidates(text)):
            fingerprint, known = self._messages[index]
            if within(text, known, int(DISTANCE * max(len(text), len(known)))):
                return fingerprint
        return None

    def _candidates(self, text: str) -> list[int]:
        shared: Counter[int] = Counter()
        for gram in _grams(text):
            found = self._grams.get(gram, [])
            shared.update(found[:_USUAL])
        ranked = sorted(shared.items(), key=lambda item: (-item[1], item[0]))
        return [index for index, _ in ranked[:CANDIDATES]]


def alike(one: str, two: str) -> bool:
    """Whether two messages are nearly the same, whichever was seen first."""
    known = Known()
    known.add("one", one)
    return known.nearest(two) is not None


def within(one: str, two: str, limit: int) -> bool:
    """Whether at most `limit` edits lie between two texts; looks only at the band where that can be."""
    if abs(len(one) - len(two)) > limit:
        return False
    previous = {column: column for column in range(min(limit, len(two)) + 1)}
    for row, letter in enumerate(one, 1):
        current: dict[int, int] = {}
        for column in range(max(0, row - limit), min(len(two), row + limit) + 1):
            if column == 0:
                current[0] = row
                continue
            changed = previous.get(column - 1, limit + 1) + (letter != two[column - 1])
            current[column] = min(changed, previous.get(column, limit + 1) + 1, current.get(column - 1, limit + 1) + 1)
        if min(current.values()) > limit:
            return False
        previous = current
    return previous.get(len(two), limit + 1) <= limit


def _grams(text: str) -> set[str]:
    return {text[start : start + _GRAM] for start in range(len(text) - _GRAM + 1)}
