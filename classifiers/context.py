"""What a job's own words (commands, names of steps, jobs and workflows) say about the tool at work."""

from __future__ import annotations

from collections.abc import Iterable

from classifiers.joblog import Segment
from classifiers.model import JobFacts
from classifiers.rules import Command, RuleSet


def command_of(text: str, rules: RuleSet) -> Command | None:
    """The first known command in a command line or name. The order of the packs' commands decides."""
    line = text.encode()[:500]
    if not line:
        return None
    return next((command for pattern, command in rules.command_patterns if pattern.search(line)), None)


def at_work(segment: Segment | None, facts: JobFacts, rules: RuleSet) -> Command | None:
    """The tool of the failing step: by its command, else by the names of step, job and workflow, in this order."""
    for text in _texts(segment, facts):
        found = command_of(text, rules)
        if found is not None:
            return found
    return None


def _texts(segment: Segment | None, facts: JobFacts) -> Iterable[str]:
    if segment is not None:
        yield segment.command
        yield segment.name
    yield from (facts.step, facts.job, facts.workflow)
