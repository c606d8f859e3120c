"""What a job's own words (commands, phases, names of steps and jobs) say about the tool at work."""

from __future__ import annotations

import re
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import TypeVar

from classifiers.engine import captures
from classifiers.joblog import Segment
from classifiers.model import Category, JobFacts
from classifiers.rules import Command, RuleSet
from classifiers.scanner import Hit, Scan

_Told = TypeVar("_Told")
_LOOK_BACK = 12
"""Phases that are tried before the failing line; further back something else was at work."""

_ADDRESS = re.compile(r"https?://\S+")
"""Words of an address (`/releases/`) say nothing of the work."""

_WORDS = re.compile(r"['\"], ['\"]")
"""Between the words of a command that a program prints as a list (`['helm', 'upgrade']`)."""

_ACTION = re.compile(r"[\w.-]+/[\w./-]+@\S+$")
"""A step that uses an action: what it refuses is mostly its inputs, rights and services."""

_CLOSE = 15
"""Lines within which a target that is said to have failed is the one that printed the line."""


class Context:
    """Answers, for lines whose rule leaves it open, what was at work when they were printed."""

    def __init__(self, scan: Scan, failing: Segment | None, facts: JobFacts, rules: RuleSet) -> None:
        self._rules = rules
        self._known: dict[str, Command | None] = {}
        self._phases = _spoken_of(scan.hits, ("phase",))
        self._failed = _spoken_of(scan.hits, ("consequence", "wrapper"))
        summaries = [hit for hit in scan.hits if hit.rule.role == "summary"]
        self._summaries = [(hit.number, hit.rule.category) for hit in summaries if hit.rule.category is not None]
        ends = [hit for hit in scan.hits if hit.rule.role in ("summary", "clear")]
        self._concluded = [(hit.number, hit.rule.category) for hit in ends if hit.rule.category is not None]
        names = (facts.step or scan.step, facts.job or scan.job, facts.workflow)
        here = (failing.command, failing.name) if failing else ()
        self._step = self._strong(here)
        self._named = self._strong(names)
        self._vague = next(filter(None, map(self.command_of, (*here, *names))), None)

    @property
    def command(self) -> Command | None:
        """The tool of the failing step: by its command, its last phase, or the names of step, job and workflow."""
        last = (text for _, text in self._phases[: -_LOOK_BACK - 1 : -1])
        return self._step or self._strong(last) or self._named or self._vague

    def category(self, hit: Hit, part: Segment | None) -> Category:
        """What a tool concluded after this line, else what ran when it was printed, else what the line speaks of."""
        found = self._told(hit, part) or self._guess(hit, part)
        if hit.rule.external:
            return Category.DEPLOYMENT if found is Category.DEPLOYMENT else Category.INFRASTRUCTURE
        return found

    def guessed(self, hit: Hit, part: Segment | None) -> bool:
        """Whether nothing in the log says what was at work."""
        return hit.rule.category is None and self._told(hit, part) is None

    def _told(self, hit: Hit, part: Segment | None) -> Category | None:
        later = _between(self._summaries, hit.number, part)
        return later[0][1] if later else self._at_work(hit, part)

    def _at_work(self, hit: Hit, part: Segment | None) -> Category | None:
        first = part.first if part else -sys.maxsize
        before = self._phases[bisect_left(self._phases, (first, "")) : bisect_right(self._phases, (hit.number, "~"))]
        failed = _between(self._failed, hit.number, part)[:_LOOK_BACK]
        command = (
            self._strong(text for number, text in failed if number - hit.number <= _CLOSE)
            or self._strong(text for _, text in before[: -_LOOK_BACK - 1 : -1])
            or self._step
            or self._strong(text for _, text in failed)
            or (None if hit.rule.checker else self._spoken(hit))
            or self._named
            or self._vague
        )
        return command.category if command else None

    def _guess(self, hit: Hit, part: Segment | None) -> Category:
        """No word says what was at work: what a tool concluded before, else an action's own affair, else the build."""
        earlier = [category for number, category in self._concluded if number < hit.number and _holds(part, number)]
        if earlier:
            return earlier[-1]
        return Category.INFRASTRUCTURE if part is not None and _ACTION.match(part.command) else Category.BUILD

    def _spoken(self, hit: Hit) -> Command | None:
        return self._strong((hit.line[:300].decode("utf-8", "replace"),))

    def _strong(self, texts: Iterable[str]) -> Command | None:
        """The first command that is no word of all trades."""
        found = (self.command_of(text) for text in texts)
        return next((command for command in found if command is not None and not command.weak), None)

    def command_of(self, text: str) -> Command | None:
        """The first known command in a command line or name. The order of the packs' commands decides."""
        if text not in self._known:
            self._known[text] = self._look_up(text)
        return self._known[text]

    def _look_up(self, text: str) -> Command | None:
        line = _WORDS.sub(" ", _ADDRESS.sub("", text)).encode()[:400]
        return next((command for pattern, command in self._rules.command_patterns if pattern.search(line)), None)


def _spoken_of(hits: Sequence[Hit], roles: tuple[str, ...]) -> list[tuple[int, str]]:
    """Line and command of those that name one, in the order of the log."""
    named = ((hit.number, captures(hit.match).get("command", "")) for hit in hits if hit.rule.role in roles)
    return sorted((number, command) for number, command in named if command)


def _between(found: Sequence[tuple[int, _Told]], number: int, part: Segment | None) -> Sequence[tuple[int, _Told]]:
    """What stands at or after a line, in the same part."""
    start = bisect_left(found, number, key=_number)
    return found[start : bisect_right(found, part.last, key=_number)] if part else found[start:]


def _holds(part: Segment | None, number: int) -> bool:
    return part is None or part.holds(number)


def _number(told: tuple[int, object]) -> int:
    return told[0]
