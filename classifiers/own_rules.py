"""A repository's own rules: strangers' patterns, kept apart from the built-in ones and within a budget.

They are searched on the linear engine, one by one behind a joined pattern. (A set answers "no match" when its automaton
runs out of memory, and an own rule has no sample that would prove it.) What they find is shown, and never counts for
the identity of a failure. A pattern may still be slow by a constant factor, so the program's size is limited here and
the time of one log by whoever has a clock.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache

from classifiers.engine import Match, Pattern, PatternError, compile_pattern, groups_of, size_of
from classifiers.model import Category, OwnRule, Severity
from classifiers.rules import Rule

MOST_RULES = 50
LARGEST = 2_000
"""Instructions of one compiled rule; a plain sentence has about one for each character."""
LARGEST_TOTAL = 5_000
"""Instructions of all rules: one byte of a log costs at most so many steps."""
SECONDS = 3.0
"""What the rules may take of one log; then it is read on without them."""
RULE_MEMORY, JOINED_MEMORY = 1 << 19, 4 << 20
"""Bytes of the automata, so that the rules of many repositories fit into one process."""
_TEXT_ENDS = re.compile(r"(?<!\\)(?:\\\\)*\\[AzCQ]|\(\?[a-zA-Z]*-[a-zA-Z]*m")
_BYTES = re.compile(r"\[[^\]]*[^\x00-\x7f][^\]]*\]")
_FIELD = re.compile(r"\{(\w+)\}")


def mistakes_of(rule: OwnRule) -> tuple[str, ...]:
    """What is wrong with a rule's pattern and suggestion, each with its remedy; empty for a good one."""
    if _TEXT_ENDS.search(rule.pattern):
        return (r"`\A`, `\z`, `\C`, `\Q` and `(?-m)` are not taken: write `^` and `$` for the ends of a line",)
    if _BYTES.search(rule.pattern):
        return ("a character beyond ASCII inside `[...]` would match single bytes: write `(?:a|b)`",)
    try:
        pattern = compile_pattern(rule.pattern, RULE_MEMORY)
    except PatternError as error:
        return (f"the pattern is no RE2 syntax ({error}): there is no look-around and no back-reference",)
    if size_of(pattern) > LARGEST:
        return (f"the pattern is too large ({size_of(pattern)} of {LARGEST} steps): use fewer and smaller repetitions",)
    if pattern.search(b""):
        return ("the pattern matches even an empty line: let it name a word of the line",)
    unknown = sorted(set(_FIELD.findall(rule.suggestion or "")) - groups_of(pattern) - {"file", "line"})
    if unknown:
        return (f"the suggestion uses a field that no named group of the pattern gives: {', '.join(unknown)}",)
    return ()


def size(rule: OwnRule) -> int:
    """Instructions of a good rule's pattern, which count against LARGEST_TOTAL."""
    return size_of(compile_pattern(rule.pattern, RULE_MEMORY))


class OwnSet:
    """Good rules, compiled."""

    def __init__(self, rules: Sequence[OwnRule]) -> None:
        self.rules = tuple(_built(rule) for rule in rules)
        self._patterns = tuple(compile_pattern(rule.pattern, RULE_MEMORY) for rule in rules)
        self._any = _joined([rule.pattern for rule in rules])

    def candidates(self, text: bytes) -> list[int]:
        """Indices of the rules that may match in some line of the text."""
        if self._any is not None and self._any.search(text) is None:
            return []
        return [index for index, pattern in enumerate(self._patterns) if pattern.search(text)]

    def search(self, index: int, line: bytes) -> Match | None:
        """The match of one rule in one cleaned line."""
        return self._patterns[index].search(line)


@lru_cache(8)
def prepared(rules: tuple[OwnRule, ...]) -> OwnSet:
    """The compiled set; kept, because the jobs of one run share it."""
    return OwnSet(rules)


class OwnSearch:
    """The own rules on one log. `clock` gives seconds; without one there is no limit of time."""

    def __init__(self, rules: OwnSet, clock: Callable[[], float] | None = None) -> None:
        self._set = rules
        self._clock = clock or (lambda: 0.0)
        self._spent = 0.0

    @property
    def exhausted(self) -> bool:
        """Whether the time is used up, so that nothing is searched any more."""
        return self._spent > SECONDS

    def candidates(self, text: bytes) -> list[int]:
        """As OwnSet.candidates; nothing once the time is used up."""
        if self.exhausted:
            return []
        with self._timed():
            return self._set.candidates(text)

    def search(self, index: int, line: bytes) -> tuple[Rule, Match] | None:
        """The rule and its match in one cleaned line."""
        if self.exhausted:
            return None
        with self._timed():
            match = self._set.search(index, line)
        return None if match is None else (self._set.rules[index], match)

    @contextmanager
    def _timed(self) -> Iterator[None]:
        began = self._clock()
        yield
        self._spent += self._clock() - began


def _built(rule: OwnRule) -> Rule:
    return Rule(
        id=f"own/{rule.id}",
        tool=rule.id,
        category=Category(rule.category),
        pattern=rule.pattern,
        suggestions=(rule.suggestion,) if rule.suggestion else (),
        source="own",
        severity=Severity(rule.severity) if rule.severity else None,
        own=True,
    )


def _joined(patterns: Sequence[str]) -> Pattern | None:
    """One pattern for all; None where they cannot be joined, which only makes the search slower."""
    try:
        return compile_pattern("|".join(f"(?:{_nameless(pattern)})" for pattern in patterns), JOINED_MEMORY)
    except PatternError:
        return None


def _nameless(pattern: str) -> str:
    """The pattern without names of its groups, which may be there twice when patterns are joined."""
    return re.sub(r"(\\.)|\(\?P?<\w+>", lambda found: found[1] or "(?:", pattern)
