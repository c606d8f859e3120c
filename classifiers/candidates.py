"""Shortens a rule's pattern for the search in a set, where a hit is only a candidate for the rule itself.

The result finds at least the same lines. What only reaches for the end of a line (`.*$`, optional tails) is left out:
in a set, each of these would have to be followed to the end of every line that begins like it.
"""

from __future__ import annotations

import re

_Piece = tuple["str | _Group", str]
_TOKEN = re.compile(
    r"\\[pPx]\{[^}]*\}|\\.|\[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\]|\(\?P<\w+>|\(\?[a-zA-Z-]*:|\(\?[a-zA-Z-]+\)|\(|\)|\|"
    r"|[*+?]\??|\{\d+(?:,\d*)?\}\??|.",
    re.DOTALL,
)


_OPTIONAL = ("*", "?", "{0,")


class _Group:
    """Alternatives of pieces; a piece is a text or a group, and its quantifier."""

    __slots__ = ("alternatives", "opening")

    def __init__(self, opening: str) -> None:
        self.opening = opening
        self.alternatives: list[list[_Piece]] = [[]]

    def text(self) -> str:
        """The group as a pattern, names of captures left out."""
        return f"{self.opening}{'|'.join(_text(part) for part in self.alternatives)})" if self.opening else self.inside

    @property
    def inside(self) -> str:
        return "|".join(_text(part) for part in self.alternatives)


def candidate(pattern: str) -> str:
    """The shorter pattern; the pattern itself where nothing would be left of it."""
    tree = _parsed(pattern)
    for part in tree.alternatives:
        _trim_end(part)
        _trim_start(part)
    return tree.inside if all(tree.alternatives) else pattern


def _text(part: list[_Piece]) -> str:
    return "".join((piece if isinstance(piece, str) else piece.text()) + quantifier for piece, quantifier in part)


def _parsed(pattern: str) -> _Group:
    stack = [_Group("")]
    for mark in _TOKEN.findall(pattern):
        part = stack[-1].alternatives[-1]
        if mark[0] == "(" and mark[-1:] != ")":
            stack.append(_Group("(?:" if mark[:3] == "(?P" or mark == "(" else mark))
        elif mark == ")":
            group = stack.pop()
            stack[-1].alternatives[-1].append((group, ""))
        elif mark == "|":
            stack[-1].alternatives.append([])
        elif mark[0] in "*+?" or (mark[0] == "{" and len(mark) > 1):
            part[-1] = (part[-1][0], part[-1][1] + mark)
        else:
            part.append((mark, ""))
    return stack[0]


def _trim_end(part: list[_Piece]) -> None:
    while len(part) > 1 and (part[-1][1].startswith(_OPTIONAL) or (part[-1][0] == "$" and _is_open(part[-2]))):
        part.pop()
    if not part:
        return
    piece, quantifier = part[-1]
    if quantifier.startswith("+"):
        part[-1] = (piece, "")
    elif not quantifier and isinstance(piece, _Group):
        for other in piece.alternatives:
            _trim_end(other)


def _is_open(piece: _Piece) -> bool:
    """Whether it takes whatever comes, so that an end of the line after it says nothing."""
    text, quantifier = piece
    if isinstance(text, _Group):
        return bool(quantifier) or any(part and _is_open(part[-1]) for part in text.alternatives)
    return quantifier.startswith(("*", "+")) or quantifier.endswith((",}", ",}?"))


def _drop_weak_start(part: list[_Piece]) -> None:
    """`^\\s*\\S.*X` finds what `X` finds: whatever stands before a wildcard and tells nothing is left out."""
    for index, (piece, quantifier) in enumerate(part[:-1]):
        if piece == "." and quantifier.startswith(("*", "+")):
            del part[: index + 1]
            return
        if piece not in ("^", "\\s", "\\S") and not quantifier.startswith(("*", "?", "{0,")):
            return


def _trim_start(part: list[_Piece]) -> None:
    _drop_weak_start(part)
    while len(part) > 1 and part[0][0] not in ("^", "$", "\\b") and part[0][1].startswith(("*", "?", "{0,")):
        part.pop(0)
    if part and part[0][1].startswith("+"):
        part[0] = (part[0][0], "")
    if part and not part[0][1] and isinstance(part[0][0], _Group):
        for other in part[0][0].alternatives:
            _trim_start(other)
