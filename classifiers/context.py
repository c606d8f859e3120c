"""What a job's own words (commands, phases, names of steps and jobs) say about the tool at work."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from classifiers.engine import captures
from classifiers.joblog import Segment
from classifiers.model import Category, JobFacts
from classifiers.rules import Command, RuleSet
from classifiers.scanner import Hit, Scan

_LOOK_BACK = 12
"""Phases that are tried before the failing line; further back something else was at work."""

_CLOSE = 15
"""Lines within which a target that is said to have failed is the one that printed the line."""


class Context:
    """Answers, for lines whose rule leaves it open, what was at work when they were printed."""

    def __init__(self, scan: Scan, failing: Segment | None, facts: JobFacts, rules: RuleSet) -> None:
        self._rules = rules
        self._known: dict[str, Command | None] = {}
        self._phases = [hit for hit in scan.hits if hit.rule.role == "phase"]
        self._summaries = [hit for hit in scan.hits if hit.rule.role == "summary" and hit.rule.category]
        self._failed = [hit for hit in scan.hits if hit.rule.role in ("consequence", "wrapper")]
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
        found = self._concluded(hit, part) or self._at_work(hit, part)
        if hit.rule.external:
            return Category.DEPLOYMENT if found is Category.DEPLOYMENT else Category.INFRASTRUCTURE
        return found

    def _concluded(self, hit: Hit, part: Segment | None) -> Category | None:
        later = _following(self._summaries, hit)
        return next((found.rule.category for found in later if _inside(found, part)), None)

    def _at_work(self, hit: Hit, part: Segment | None) -> Category:
        inside = [phase for phase in self._phases if _inside(phase, part)]
        before = inside[: bisect_right(inside, hit.number, key=_number)]
        failed = [found for found in _following(self._failed, hit)[:40] if _inside(found, part)]
        close = [found for found in failed if found.number - hit.number <= _CLOSE]
        command = (
            self._strong(map(_command, close))
            or self._strong(_texts(before))
            or self._step
            or self._strong(map(_command, failed))
            or self._spoken(hit)
            or self._named
            or self._vague
        )
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
    return (_command(phase) for phase in phases[: -_LOOK_BACK - 1 : -1])


def _command(hit: Hit) -> str:
    return captures(hit.match).get("command", "")


def _following(hits: Sequence[Hit], hit: Hit) -> Sequence[Hit]:
    return hits[bisect_left(hits, hit.number, key=_number) :]


def _number(hit: Hit) -> int:
    return hit.number


def _inside(hit: Hit, part: Segment | None) -> bool:
    return part is None or part.holds(hit.number)
