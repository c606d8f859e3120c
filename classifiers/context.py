"""What a job's own words (commands, phases, names of steps and jobs) say about the tool at work."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from classifiers.engine import captures
from classifiers.joblog import Segment
from classifiers.model import Category, JobFacts
from classifiers.rules import Command, RuleSet
from classifiers.scanner import Hit, Scan

_LOOK_BACK = 12
"""Phases that are tried before the failing line; further back something else was at work."""


class Context:
    """Answers, for lines whose rule leaves it open, what was at work when they were printed."""

    def __init__(self, scan: Scan, failing: Segment | None, facts: JobFacts, rules: RuleSet) -> None:
        self._rules = rules
        self._known: dict[str, Command | None] = {}
        self._phases = [hit for hit in scan.hits if hit.rule.role == "phase"]
        self._summaries = [hit for hit in scan.hits if hit.rule.role == "summary" and hit.rule.category]
        names = (facts.step, facts.job or scan.job, facts.workflow)
        here = (failing.command, failing.name) if failing else ()
        self._step = self._strong(here)
        self._named = self._strong(names)
        self._vague = next(filter(None, map(self.command_of, (*here, *names))), None)

    @property
    def command(self) -> Command | None:
        """The tool of the failing step: by its command, its last phase, or the names of step, job and workflow."""
        return self._step or self._strong(_texts(self._phases)) or self._named or self._vague

    def category(self, hit: Hit, part: Segment | None) -> Category:
        """What a tool concluded after this line, else what ran when it was printed, else what the line speaks of."""
        later = [found for found in self._summaries if found.number >= hit.number and _inside(found, part)]
        if later and later[0].rule.category is not None:
            return later[0].rule.category
        inside = [phase for phase in self._phases if _inside(phase, part)]
        before = inside[: bisect_right([phase.number for phase in inside], hit.number)]
        command = self._strong(_texts(before)) or self._step or self._spoken(hit) or self._named or self._vague
        return command.category if command else Category.BUILD

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
        line = text.encode()[:400]
        return next((command for pattern, command in self._rules.command_patterns if pattern.search(line)), None)


def _texts(phases: Sequence[Hit]) -> Iterable[str]:
    return (captures(phase.match).get("command", "") for phase in phases[: -_LOOK_BACK - 1 : -1])


def _inside(hit: Hit, part: Segment | None) -> bool:
    return part is None or part.holds(hit.number)
