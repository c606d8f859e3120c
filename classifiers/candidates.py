"""Shortens a rule's pattern for the search in a set, where a hit is only a candidate for the rule itself.

The result finds at least the same lines. Of a pattern with wildcards inside, only its most telling stretch between two
of them is kept (`^error: cannot format \\S+: .*$` is looked for as `^error: cannot format \\S`): many patterns with
wildcards in one automaton multiply its states, so that it is never done with being built, and each has to be followed
to the end of every line that begins like it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from classifiers.pattern_tree import Group, Piece, endless, optional, parsed

TELLING = 5.0
"""Characters that a stretch has to have, so that it is not in every other line."""
_NARROW = re.compile(r"\\[ds]|[^\\.\[(]|\\[^dDsSwWbB]|\[[\\d.\s,:+-]*\]")
"""What may be repeated in a stretch: digits, spaces, one character."""
_COMMON = re.compile(r"(?i)errors?|fail(?:ed|ure)?s?|warn(?:ing)?|test(?:s|ing)?|run|not|the|with|from|file|build")
_WEIGHTS = {"^": 1.0, "$": 0.7, ".": 0.0, r"\S": 0.1, r"\w": 0.3, r"\b": 0.3, r"\s": 0.5, r"\d": 0.8}
_FLAGS = re.compile(r"\(\?[a-zA-Z]+\)")
_Stretch = tuple[float, list[Piece]]
"""How telling it is, and its pieces."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A shortened pattern, and the set that it belongs into.

    Every new state of an automaton is made by looking at all patterns that may be under way, so those that can begin
    only where a line does (0) are kept from those that begin anywhere (1), and from both what has wildcards or letters
    of either case left (2).
    """

    pattern: str
    company: int


def candidate(pattern: str) -> Candidate:
    """The shorter pattern; the pattern itself where nothing would be left of it."""
    flags = _FLAGS.match(pattern)
    opening = flags[0] if flags else ""
    tree = parsed(pattern[len(opening) :])
    for part in tree.alternatives:
        _trim(part)
    if not all(tree.alternatives):
        return Candidate(pattern, 2)
    steady = _steady(tree)
    if not steady:
        stretches = [_best(part, []) for part in tree.alternatives]
        if min(weight for weight, _ in stretches) >= TELLING:
            tree = Group("", [part for _, part in stretches])
            for part in tree.alternatives:
                _trim(part)
            steady = _steady(tree)
    return Candidate(opening + tree.inside, 2 if opening or not steady else 0 if _anchored(tree) else 1)


def _anchored(group: Group) -> bool:
    """Whether it matches only from the beginning of a line on."""
    firsts = [part[0] if part else ("", "") for part in group.alternatives]
    return all(
        not optional(quantifier) and (_anchored(piece) if isinstance(piece, Group) else piece == "^")
        for piece, quantifier in firsts
    )


def _best(part: list[Piece], before: list[Piece]) -> _Stretch:
    """The most telling stretch of the pieces; `before` are those that stand directly before them."""
    stretch, found = before, list[_Stretch]()
    for piece, quantifier in part:
        if isinstance(piece, Group) and not _steady(piece):
            if quantifier:
                found.append((_weight(stretch), stretch))
            else:
                inner = [_best(other, stretch) for other in piece.alternatives]
                found.append((min(weight for weight, _ in inner), [(Group("(?:", [each for _, each in inner]), "")]))
            stretch = []
        elif endless(quantifier) and (isinstance(piece, Group) or _NARROW.fullmatch(piece) is None):
            once: list[Piece] = [] if optional(quantifier) else [(piece, "")]
            found.append((_weight(stretch + once), stretch + once))
            stretch = once
        else:
            stretch = [*stretch, (piece, quantifier)]
    return max([*found, (_weight(stretch), stretch)], key=lambda each: each[0])


def _steady(group: Group) -> bool:
    """Whether nothing in it is repeated without limit but what is narrow."""
    for part in group.alternatives:
        for piece, quantifier in part:
            if isinstance(piece, Group):
                if endless(quantifier) or not _steady(piece):
                    return False
            elif quantifier and endless(quantifier) and _NARROW.fullmatch(piece) is None:
                return False
    return True


def _weight(part: list[Piece]) -> float:
    """How telling the pieces are: about one for each character that has to be there, less for common words."""
    total, word = 0.0, ""
    for piece, quantifier in part:
        if isinstance(piece, str) and not optional(quantifier) and _literal(piece):
            word += piece.removeprefix("\\")
            continue
        total, word = total + _word_weight(word), ""
        if optional(quantifier):
            continue
        total += min(map(_weight, piece.alternatives)) if isinstance(piece, Group) else _WEIGHTS.get(piece, 0.5)
    return total + _word_weight(word)


def _literal(piece: str) -> bool:
    if piece[0] == "\\":
        return len(piece) == 2 and not piece[1].isalnum()
    return piece[0] not in "[.^$"


def _word_weight(word: str) -> float:
    return len(word) - 0.6 * sum(map(len, _COMMON.findall(word)))


def _trim(part: list[Piece]) -> None:
    _trim_end(part)
    _trim_start(part)


def _trim_end(part: list[Piece]) -> None:
    while len(part) > 1 and (optional(part[-1][1]) or (part[-1][0] == "$" and _is_open(part[-2]))):
        part.pop()
    if not part:
        return
    piece, quantifier = part[-1]
    if quantifier.startswith("+"):
        part[-1] = (piece, "")
    elif not quantifier and isinstance(piece, Group):
        for other in piece.alternatives:
            _trim_end(other)


def _is_open(piece: Piece) -> bool:
    """Whether it takes whatever comes, so that an end of the line after it says nothing."""
    text, quantifier = piece
    if isinstance(text, Group):
        return bool(quantifier) or any(part and _is_open(part[-1]) for part in text.alternatives)
    return quantifier.startswith(("*", "+")) or quantifier.endswith((",}", ",}?"))


def _drop_weak_start(part: list[Piece]) -> None:
    """`^\\s*\\S.*X` finds what `X` finds: whatever stands before a wildcard and tells nothing is left out."""
    for index, (piece, quantifier) in enumerate(part[:-1]):
        if piece == "." and quantifier.startswith(("*", "+")):
            del part[: index + 1]
            return
        if piece not in ("^", "\\s", "\\S") and not optional(quantifier):
            return


def _trim_start(part: list[Piece]) -> None:
    _drop_weak_start(part)
    while len(part) > 1 and part[0][0] not in ("^", "$", "\\b") and optional(part[0][1]):
        part.pop(0)
    if part and part[0][1].startswith("+"):
        part[0] = (part[0][0], "")
    if part and not part[0][1] and isinstance(part[0][0], Group):
        for other in part[0][0].alternatives:
            _trim_start(other)
