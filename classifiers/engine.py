"""google-re2 behind a typed door: single patterns, and sets that prove that they work.

The binding calls `Set::Match` without asking for its error, so a set whose automaton ran out of memory answers
"no match". Every set therefore has to find a known sample before it is used.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol, cast

import re2

MAX_MEMORY = 64 << 20
"""Budget of one automaton in bytes; a set that needs more fails loudly when it is compiled."""


class PatternError(ValueError):
    """A pattern that the engine refuses, with the engine's own words."""


class Match(Protocol):
    """What a search returns: the part of `re.Match` that is used here, over bytes."""

    def groupdict(self) -> dict[bytes, bytes | None]:
        """All named groups; None where one took no part."""
        ...

    def start(self) -> int:
        """Offset of the match's first byte."""
        ...


class Pattern(Protocol):
    """A compiled pattern over bytes."""

    def search(self, text: bytes, pos: int = 0) -> Match | None:
        """The leftmost match that begins at this offset or after it."""
        ...


def captures(match: Match) -> dict[str, str]:
    """The named groups that took part, as text."""
    return {name.decode(): value.decode("utf-8", "replace") for name, value in match.groupdict().items() if value}


def _options(memory: int = MAX_MEMORY) -> object:
    options = re2.Options()
    # Under LATIN1 an invalid UTF-8 byte cannot hide a line from a rule, and it costs nothing.
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = memory
    options.log_errors = False
    return options


def size_of(pattern: Pattern) -> int:
    """Instructions of a compiled pattern: the most steps that one byte can cost."""
    return cast(int, cast(Any, pattern).programsize)


def groups_of(pattern: Pattern) -> frozenset[str]:
    """The names of a compiled pattern's groups."""
    return frozenset(name.decode() for name in cast(Any, pattern).groupindex)


def compile_pattern(pattern: str, memory: int = MAX_MEMORY) -> Pattern:
    """Compiles one pattern (RE2 syntax, UTF-8 text), its automata within `memory` bytes; raises PatternError."""
    try:
        return cast(Pattern, re2.compile(_anchored(pattern), _options(memory)))
    except re2.error as error:
        raise PatternError(_words(error)) from error


class PatternSet:
    """Many patterns searched for in one pass. `samples[i]` is a line that pattern i has to find.

    A set that has no memory for its automaton finds nothing at all, so one sample proves it when it is made; `prove`
    tries them all, which costs more than a small log: tests and long-lived processes do it.
    """

    def __init__(self, patterns: Sequence[str], samples: Sequence[bytes]) -> None:
        self._set = re2.Set.SearchSet(_options())
        for pattern in patterns:
            try:
                self._set.Add(_anchored(pattern))
            except re2.error as error:
                raise PatternError(f"{pattern}: {_words(error)}") from error
        self._set.Compile()
        self._patterns, self._samples = tuple(patterns), tuple(samples)
        self._prove(range(min(1, len(samples))))

    def match(self, text: bytes) -> list[int]:
        """Indices of the patterns found in the text: candidates, since a class may cross a newline."""
        return cast("list[int]", self._set.Match(text) or [])

    def prove(self) -> None:
        """Finds the sample of every pattern, or raises PatternError; the automaton is warm afterwards."""
        for start in range(0, len(self._samples), 16):
            indices = range(start, min(start + 16, len(self._samples)))
            found = set(self.match(b"\n".join(self._samples[index] for index in indices)))
            self._prove(index for index in indices if index not in found)

    def _prove(self, indices: Iterable[int]) -> None:
        for index in indices:
            if index not in self.match(self._samples[index]):
                raise PatternError(f"{self._patterns[index]}: the set does not find its own sample")


def _anchored(pattern: str) -> bytes:
    return b"(?m:" + pattern.encode() + b")"


def _words(error: Exception) -> str:
    words = error.args[0] if error.args else error
    return words.decode(errors="replace") if isinstance(words, bytes) else str(words)
