"""Rules are data: packs of TOML become a RuleSet, and a bad pack tells every mistake at once.

A rule says which line it recognises (`pattern`, RE2, searched in one cleaned line), what it reads from it (named
groups `message`, `file`, `line`, `column`, `code`, as GitHub's problem matchers call them), and what the line is worth:

* `cause`: the thing to mend; * `summary`: a tool's own words that it failed; * `consequence`: a failure that another
  one explains; * `wrapper`: says only that something failed; * `clear`: a tool's own words that it succeeded;
* `phase`: what runs from here on (named group `command`).

`category = "context"` leaves the category to the failing step's command. `matches` and `rejects` are the rule's tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from classifiers.candidates import candidate
from classifiers.engine import Match, Pattern, PatternSet, compile_pattern
from classifiers.model import Category, Severity

ROLES = ("cause", "summary", "consequence", "wrapper", "clear", "phase")
SILENT = ("clear", "phase")
"""Roles of lines that tell something about other lines and are no findings themselves."""
SOURCES = ("recorded", "documented", "remembered")
SET_SIZE = 800
"""Rules in one automaton: larger ones start slowly, more of them read more slowly once warm."""
CONTEXT = "context"


class PackError(ValueError):
    """A pack that cannot be used. `mistakes` has one sentence for each, naming pack, rule and field."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = tuple(mistakes)


@dataclass(frozen=True)
class Nearby:
    """Where to look for a location that stands on another line: the nearest of `within` lines that matches."""

    pattern: str
    within: int

    @cached_property
    def regexp(self) -> Pattern:
        """The pattern, compiled when it is first needed."""
        return compile_pattern(self.pattern)


@dataclass(frozen=True)
class Rule:
    """One family of lines of one tool."""

    id: str
    tool: str
    category: Category | None
    """None: the failing step's command decides."""
    pattern: str
    role: str = "cause"
    weight: int = 0
    """How specific it is, from -30 (any tool prints such lines) to 30 (nothing else can be meant)."""
    matches: tuple[str, ...] = ()
    rejects: tuple[str, ...] = ()
    suggestions: tuple[str, ...] = ()
    source: str = "remembered"
    security: bool = False
    """It reports a vulnerability or a leaked secret."""
    warning: bool = False
    """It reports nothing above a warning."""
    anywhere: bool = False
    """Counts outside of the failing step too: the runner's own messages."""
    unless: str = ""
    """A line that this pattern matches too is not meant."""
    needs: bool = False
    """Counts only where one of `after` and `before` is found."""
    proof: Nearby | None = None
    """Counts only where this is found on one of the next or previous lines."""
    after: Nearby | None = None
    before: Nearby | None = None
    lines: tuple[int, int] = (2, 8)
    """How many lines before and after belong to it in an excerpt."""
    severity: Severity | None = None
    external: bool = False
    """Something outside refused: of a deployment where one was at work, of infrastructure otherwise."""
    checker: bool = False
    """A compiler's error that is a checker's finding where a linting command was at work (`tsc --noEmit`)."""
    own: bool = False
    """A repository's own rule: changes what is shown, never the identity of the failure."""

    @property
    def generic(self) -> bool:
        """Lines that any tool prints: such a rule yields where another one knows the same line."""
        return self.weight <= -20

    @cached_property
    def regexp(self) -> Pattern:
        """The pattern, compiled when a line first needs it."""
        return compile_pattern(self.pattern)

    @cached_property
    def exception(self) -> Pattern | None:
        """What is not meant, compiled."""
        return compile_pattern(self.unless) if self.unless else None

    def places(self, text: bytes, most: int) -> list[int]:
        """Indices of the lines of a text in which alone the rule may match, at most so many."""
        found: list[int] = []
        start = line = 0
        while start <= len(text) and len(found) < most:
            match = self.regexp.search(text, start)
            if match is None:
                break
            line += text.count(b"\n", start, match.start())
            found.append(line)
            start = text.find(b"\n", match.start()) + 1 or len(text) + 1
            line += 1
        return found

    def search(self, line: bytes) -> Match | None:
        """The match in one cleaned line."""
        match = self.regexp.search(line)
        if match is None or self.exception is None or not self.exception.search(line):
            return match
        return None


@dataclass(frozen=True, slots=True)
class Command:
    """What a command line, a step's or a job's name says about the tool at work."""

    pattern: str
    tool: str
    category: Category
    weak: bool = False
    """A word that many kinds of work use (`make`, `docker`): other signs go before it."""


@dataclass(frozen=True)
class RuleSet:
    """Rules ready to be used, in the order of their packs."""

    rules: tuple[Rule, ...]
    commands: tuple[Command, ...] = ()
    local: Mapping[str, str] = field(default_factory=dict)
    """By tool, the command that shows the failure on a person's own machine; `{file}` and `{line}` are filled in."""

    @cached_property
    def sets(self) -> tuple[tuple[tuple[int, ...], PatternSet], ...]:
        """(indices of its rules, set) for every part of the rules that is searched for together."""
        candidates = [candidate(rule.pattern) for rule in self.rules]
        return tuple(
            (part, PatternSet([candidates[at].pattern for at in part], [_sample(self.rules[at]) for at in part]))
            for part in _parts([each.company for each in candidates])
        )

    def prove(self) -> None:
        """Tries an example of every rule in the sets it is searched with; raises PatternError."""
        for _, patterns in self.sets:
            patterns.prove()

    @cached_property
    def command_patterns(self) -> tuple[tuple[Pattern, Command], ...]:
        """The commands' patterns, compiled."""
        return tuple((compile_pattern(f"(?i){command.pattern}"), command) for command in self.commands)


def _parts(companies: Sequence[int]) -> Iterable[tuple[int, ...]]:
    """Indices of the rules of one company, at most so many in one set."""
    for company in sorted(set(companies)):
        indices = [index for index, other in enumerate(companies) if other == company]
        for start in range(0, len(indices), SET_SIZE):
            yield tuple(indices[start : start + SET_SIZE])


def _sample(rule: Rule) -> bytes:
    """The shortest example that proves the rule; every byte of it costs a state of the automaton."""
    return min(rule.matches, key=len).encode()
