"""Many lines match; one is the cause. Every point that a finding gets is told, so that `--explain` can show it.

Causes go over a tool's summary, that over consequences, those over wrapper lines; what lies in the failing step over
what does not; what its tool confirmed ("2 failed") over what it took back ("all checks passed"); of equals the first.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from classifiers.context import Context
from classifiers.findings import counts, finding_of
from classifiers.green import mark
from classifiers.joblog import Segment
from classifiers.model import Category, Finding, JobFacts
from classifiers.rules import SILENT, Command, Rule, RuleSet
from classifiers.scanner import Hit, Scan

ROLE_POINTS = {"cause": 60.0, "summary": 40.0, "consequence": 22.0, "wrapper": 5.0}
INSIDE, INSIDE_CERTAIN = 20.0, 30.0
BESIDE, OUTSIDE, OUTSIDE_CERTAIN = -10.0, -35.0, -60.0
CONFIRMED, CLEARED = 12.0, -40.0
RUNNER = 35.0
COMMAND = 8.0
MARKED = 4.0
IN_GREEN = -50.0
CLOSE = 8.0
FIRST = 6.0
SPECIFIC = 10
FREQUENT = 30
"""Chunks of hits from which on a line of any tool is rather chatter than a cause."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """One finding with the hit it came from."""

    finding: Finding
    hit: Hit
    segment: Segment | None

    @property
    def rule(self) -> Rule:
        """The rule that matched."""
        return self.hit.rule


@dataclass(frozen=True, slots=True)
class Ranking:
    """All findings, best first, and what the failing step is."""

    ranked: tuple[Ranked, ...]
    failing: Segment | None
    command: Command | None
    context: Context | None = None

    def guessed(self, item: Ranked) -> bool:
        """Whether the finding's category is a guess: its rule leaves it open and nothing says what was at work."""
        return self.context is not None and self.context.guessed(item.hit, item.segment)

    @property
    def best(self) -> Ranked | None:
        """The cause, where there is any finding."""
        return self.ranked[0] if self.ranked else None


def rank(scan: Scan, parts: Sequence[Segment], facts: JobFacts, rules: RuleSet) -> Ranking:
    """Ranks the hits of a scan; `parts` are the job's steps."""
    failing = next((part for part in parts if part.failed), None)
    context = Context(scan, failing, facts, rules)
    board = _Board(scan, parts, context, facts.green)
    hits = _speaking([hit for hit in scan.hits if hit.rule.role not in SILENT and counts(hit)])
    places = [(hit, _part_of(hit, parts)) for hit in hits]
    ranked = [Ranked(board.scored(hit, part), hit, part) for hit, part in places]
    ranked.sort(key=lambda item: (-item.finding.score, item.finding.line))
    return Ranking(tuple(ranked), failing, context.command, context)


def _speaking(hits: Sequence[Hit]) -> list[Hit]:
    """Of the rules that know one line, generic ones yield, and of causes the most specific one speaks."""
    known = {hit.number for hit in hits if not hit.rule.generic}
    weights: dict[int, int] = {}
    for hit in hits:
        if hit.rule.role == "cause" and not hit.rule.own:
            weights[hit.number] = max(hit.rule.weight, weights.get(hit.number, -30))
    return [
        hit
        for hit in hits
        if not (hit.rule.generic and hit.number in known)
        and not (hit.rule.role == "cause" and not hit.rule.own and hit.rule.weight < weights[hit.number])
    ]


def _part_of(hit: Hit, parts: Sequence[Segment]) -> Segment | None:
    index = bisect_right(parts, hit.number, key=lambda part: part.first) - 1
    return parts[index] if index >= 0 and parts[index].holds(hit.number) else None


class _Board:
    """The points, for one log."""

    def __init__(self, scan: Scan, parts: Sequence[Segment], context: Context, green: frozenset[int]) -> None:
        self._green = green
        self._scan = scan
        self._context = context
        self._command = context.command
        self._known = any(part.failed for part in parts)
        self._certain = any(part.certain for part in parts)
        self._last: dict[tuple[str, int], int] = {}
        self._summaries: dict[tuple[str, int], int] = {}
        self._clears: dict[tuple[str, int], int] = {}
        self._firsts: dict[int, int] = {}
        """Line of the first specific cause in each part."""
        for hit in scan.hits:
            if counts(hit):
                self._note(hit, _part_of(hit, parts))

    def _note(self, hit: Hit, part: Segment | None) -> None:
        key = _key(hit.rule, part)
        if hit.rule.role == "clear":
            self._clears[key] = hit.number
        if hit.rule.role in SILENT:
            return
        self._last[key] = hit.number
        if hit.rule.role == "summary":
            self._summaries[key] = hit.number
        if hit.rule.role == "cause" and hit.rule.weight >= SPECIFIC:
            self._firsts.setdefault(key[1], hit.number)

    def scored(self, hit: Hit, part: Segment | None) -> Finding:
        points = [(name, value) for name, value in self._points(hit, part) if value]
        finding = finding_of(hit, self._category(hit, part))
        return replace(
            finding,
            step=part.name if part else "",
            score=round(sum(value for _, value in points), 1),
            reasons=tuple(f"{name} {value:+.0f}" for name, value in points),
        )

    def _category(self, hit: Hit, part: Segment | None) -> Category:
        known = hit.rule.category
        if known is not None and not hit.rule.checker:
            return known
        context = self._context.category(hit, part)
        return context if known is None or context is Category.LINTING else known

    def _points(self, hit: Hit, part: Segment | None) -> Iterable[tuple[str, float]]:
        rule = hit.rule
        yield rule.role, ROLE_POINTS[rule.role]
        yield "specific" if rule.weight > 0 else "common", float(rule.weight)
        yield from self._place(rule, part)
        key = _key(rule, part)
        cleared = self._clears.get(key, 0)
        if cleared > hit.number and self._summaries.get(key, 0) < cleared:
            yield "its tool succeeded afterwards", CLEARED
        elif rule.role == "cause" and key in self._summaries and self._summaries[key] >= hit.number:
            yield "its tool says that it failed", CONFIRMED
        if self._command is not None and rule.tool == self._command.tool:
            yield "the step runs this tool", COMMAND
        if hit.line.startswith(b"##[error]") and rule.role != "wrapper":
            yield "marked as an error", MARKED
        if self._firsts.get(key[1]) == hit.number:
            yield "the first specific one", FIRST
        yield "near the end of its step", self._closeness(key, part)
        if self._green and mark(hit.line.decode("utf-8", "replace")) in self._green:
            yield "the last green log says the same", IN_GREEN
        count = self._scan.counts.get(rule.id, 0)
        if count > FREQUENT and rule.weight <= 0:
            yield "frequent", -min(12.0, 3 * math.log2(count / FREQUENT))

    def _place(self, rule: Rule, part: Segment | None) -> Iterable[tuple[str, float]]:
        if rule.anywhere and rule.role != "wrapper":
            yield "said by the runner", RUNNER
        elif part is None or not self._known:
            return
        elif part.failed:
            yield "in the failing step", INSIDE_CERTAIN if part.certain else INSIDE
        elif part.marked:
            yield "in a step with an error mark", BESIDE
        else:
            yield "outside of the failing step", OUTSIDE_CERTAIN if self._certain else OUTSIDE

    def _closeness(self, key: tuple[str, int], part: Segment | None) -> float:
        end = part.last if part else self._scan.lines
        distance = max(0, end - self._last.get(key, end))
        return round(CLOSE * max(0.0, 1 - math.log10(1 + distance) / 4), 1)


def _key(rule: Rule, part: Segment | None) -> tuple[str, int]:
    return rule.tool, part.first if part else 0


def rivals(ranked: Sequence[Ranked]) -> dict[Category, float]:
    """The best score of each category: how far ahead the first one is tells how sure we may be."""
    best: defaultdict[Category, float] = defaultdict(float)
    for item in ranked:
        category = item.finding.category
        best[category] = max(best[category], item.finding.score)
    return dict(best)
