"""Annotations as evidence: what the server says of a job (time limit, lost runner, billing) often stands only there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from classifiers.findings import location_of
from classifiers.model import Annotation, JobFacts, Location
from classifiers.rules import RuleSet
from classifiers.scanner import Hit, Scan, Scanner

_LEVELS = ("failure", "error")
OWN_LINES, OWN_CHARACTERS = 100, 500
"""Of the annotations, what own rules are tried on."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Hits in the annotations; their lines are numbered from 0 downwards, since they are no lines of the log."""

    hits: tuple[Hit, ...]
    annotations: tuple[Annotation, ...]
    """The annotation of line -1, -2, …"""

    own: tuple[Hit, ...] = ()
    """Hits of the repository's own rules, numbered alike."""

    def annotation(self, number: int) -> Annotation | None:
        """The annotation that a hit stands in."""
        index = -number - 1
        return self.annotations[index] if 0 <= index < len(self.annotations) else None

    def location(self, number: int) -> Location | None:
        """The place an annotation points at; the workflow folder is the runner's stand-in for none."""
        found = self.annotation(number)
        if found is None or not found.path or found.path.startswith(".github"):
            return None
        return location_of(found.path, found.line)


def evidence_of(facts: JobFacts, rules: RuleSet) -> Evidence:
    """Searches the annotations with the same rules as a log."""
    lines = [
        (annotation, line)
        for annotation in facts.annotations
        if annotation.level in _LEVELS or "disk space" in annotation.message
        for line in annotation.message.splitlines()[:40]
    ]
    scanner = Scanner(rules, JobFacts())
    scanner.feed("\n".join(line for _, line in lines).encode())
    found = tuple(annotation for annotation, _ in lines)
    return Evidence(_numbered_down(scanner.result().hits), found, _own_hits([line for _, line in lines], facts, rules))


def _own_hits(lines: Sequence[str], facts: JobFacts, rules: RuleSet) -> tuple[Hit, ...]:
    """What a repository's own rules know of the annotations; bounded by size, because nobody measures their time."""
    if not facts.own_rules:
        return ()
    scanner = Scanner(rules, JobFacts(own_rules=facts.own_rules))
    scanner.feed("\n".join(line[:OWN_CHARACTERS] for line in lines[:OWN_LINES]).encode())
    return _numbered_down(scanner.result().own)


def _numbered_down(hits: Iterable[Hit]) -> tuple[Hit, ...]:
    return tuple(replace(hit, number=-hit.number) for hit in hits)


def joined(scan: Scan, evidence: Evidence) -> Scan:
    """The log's hits and the annotations'."""
    return replace(scan, hits=(*sorted(evidence.hits, key=lambda hit: hit.number), *scan.hits))
