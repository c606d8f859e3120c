"""A stored failure read again by today's rules. Pure: no database, no GitHub.

Logs are not kept, so it is the stored excerpt that is read, or the message where only that is left.
"""

from __future__ import annotations

from dataclasses import dataclass

from classifiers.classify import classify
from classifiers.model import Category, Classification, JobFacts, Severity
from classifiers.rules import RuleSet
from storage.rejudging import NewVerdict, Stored

OMISSION = "…"


@dataclass(frozen=True, slots=True)
class Reread:
    """One stored failure, and what today's rules make of it."""

    stored: Stored
    verdict: NewVerdict | None
    """None where they say the same, or too little is left to say anything else."""
    message_only: bool


def reread(stored: Stored, rules: RuleSet) -> Reread:
    """Another verdict only where the words that are left are evidence for it."""
    failure = stored.failure
    excerpt = [line for line in failure.excerpt.splitlines() if line.strip() != OMISSION]
    lines = excerpt or failure.message.splitlines()
    facts = JobFacts(
        workflow=failure.workflow,
        job=failure.job,
        step=failure.step,
        branch="" if stored.fork else failure.branch,
        default_branch=stored.default_branch,
    )
    read = classify([f"{line}\n".encode() for line in lines], facts, rules)
    message_only = not any(line.strip() for line in excerpt)
    new = None if _stays(stored, read, rules, message_only=message_only) else _verdict(stored, read)
    return Reread(stored, new, message_only)


def _stays(stored: Stored, read: Classification, rules: RuleSet, *, message_only: bool) -> bool:
    failure = stored.failure
    before = next((rule for rule in rules.rules if rule.id == failure.rule), None)
    again = [one.message for one in read.findings if one.rule == failure.rule]
    if read.rule is None or read.generic:
        # An excerpt lacks what stood around it: that it alone says little is no reason to forget what the log said.
        return before is not None or failure.rule is None or not failure.message.strip()
    if before is not None and message_only and not again:
        # A message is without what its tool had put around it: that its rule does not know it is no wonder.
        return True
    if before is not None and read.rule == failure.rule and failure.message in again:
        # Where the rule leaves the category to the step's command, the whole log knew that better.
        return before.category is None or read.category == stored.category
    if failure.rule is None and stored.category == Category.TIMEOUT:
        # It was told by the job's duration, which stands in no line.
        return True
    lost_before = any(one.rule == read.rule for one in failure.runners_up)
    return lost_before and bool(again)


def _verdict(stored: Stored, read: Classification) -> NewVerdict:
    failure = stored.failure
    return NewVerdict(
        key=stored.key,
        was=failure.fingerprint,
        category=str(read.category),
        severity=_severity(stored, read),
        confidence=read.confidence,
        rule=read.rule,
        tool=read.tool,
        message=read.message,
        fingerprint=read.fingerprint,
        generic=read.generic,
        path=read.location.path if read.location else failure.path,
        line=read.location.line if read.location else failure.line,
        suggestions=read.suggestions,
        reasons=(*read.reasons, "Read again by newer rules from what is kept of the log."),
    )


def _severity(stored: Stored, read: Classification) -> str:
    """What was critical because everything else on the default branch was red as well stays so."""
    if stored.default_branch and stored.failure.severity == Severity.CRITICAL:
        return stored.failure.severity
    return str(read.severity)
