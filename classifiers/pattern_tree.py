"""A rule's pattern as a tree: alternatives of pieces, each with its quantifier. Only what RE2 takes is read."""

from __future__ import annotations

import re

Piece = tuple["str | Group", str]
"""A class, escape, group or plain text, and how often: once (empty), `*`, `+?`, `{2,3}`, …"""
_TOKEN = re.compile(
    r"\\[pPx]\{[^}]*\}|\\.|\[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\]|\(\?P<\w+>|\(\?[a-zA-Z-]*:|\(\?[a-zA-Z-]+\)|\(|\)|\|"
    r"|[*+?]\??|\{\d+(?:,\d*)?\}\??|[\w ,:;'\"=/<>@#%&!~`-]+(?![*+?{])|.",
    re.DOTALL,
)


class Group:
    """Alternatives; `opening` is empty for the whole pattern."""

    __slots__ = ("alternatives", "opening")

    def __init__(self, opening: str = "(?:", alternatives: list[list[Piece]] | None = None) -> None:
        self.opening = opening
        self.alternatives: list[list[Piece]] = alternatives if alternatives is not None else [[]]

    def text(self) -> str:
        """The group as a pattern, names of captures left out."""
        return f"{self.opening}{self.inside})" if self.opening else self.inside

    @property
    def inside(self) -> str:
        """The alternatives without the parentheses around them."""
        return "|".join(text_of(part) for part in self.alternatives)


def text_of(part: list[Piece]) -> str:
    """Pieces as a pattern."""
    return "".join((piece if isinstance(piece, str) else piece.text()) + quantifier for piece, quantifier in part)


def parsed(pattern: str) -> Group:
    """The tree of a pattern that the engine takes."""
    stack = [Group("")]
    for mark in _TOKEN.findall(pattern):
        part = stack[-1].alternatives[-1]
        if mark[0] == "(" and mark[-1:] != ")":
            stack.append(Group("(?:" if mark[:3] == "(?P" or mark == "(" else mark))
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


def endless(quantifier: str) -> bool:
    """Whether there is no limit to how often."""
    return bool(quantifier) and (quantifier[0] in "*+" or quantifier.endswith((",}", ",}?")))


def optional(quantifier: str) -> bool:
    """Whether none at all will do."""
    return bool(quantifier) and quantifier.startswith(("*", "?", "{0,"))
