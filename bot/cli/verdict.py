"""A classification as `pipeline classify` prints it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from classifiers.model import Classification, Finding


@dataclass(frozen=True, slots=True)
class Answer:
    """The verdict on one log."""

    name: str
    """The file, the file within a zip, or the job's address."""
    verdict: Classification
    job: str = ""
    """The job's name where the input tells it."""


def as_json(answered: Answer, *, explain: bool) -> dict[str, Any]:
    """The contract's `classify` object; `findings` beside it where the competition is to be shown."""
    verdict, location = answered.verdict, answered.verdict.location
    answer: dict[str, Any] = {
        "file": answered.name,
        "category": str(verdict.category),
        "severity": str(verdict.severity),
        "confidence": verdict.confidence,
        "rule": verdict.rule,
        "tool": verdict.tool,
        "message": verdict.message,
        "line": verdict.line,
        "excerpt": verdict.excerpt,
        "location": {"path": location.path, "line": location.line} if location else None,
        "fingerprint": verdict.fingerprint,
        "suggestions": list(verdict.suggestions),
        "reasons": list(verdict.reasons),
    }
    if explain:
        answer["findings"] = [_finding(finding) for finding in verdict.findings]
    return answer


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "category": str(finding.category),
        "line": finding.line,
        "score": round(finding.score, 2),
        "message": finding.message,
        "reasons": list(finding.reasons),
    }


def as_text(answered: Answer, *, explain: bool) -> str:
    """The same for a person."""
    verdict = answered.verdict
    location = f"  at {verdict.location.path}:{verdict.location.line}" if verdict.location else ""
    lines = [
        f"{answered.name}: {verdict.category}, {verdict.severity} ({verdict.confidence:.0%} sure)",
        f"  {verdict.message or 'nothing in the log says what went wrong'}",
    ]
    if answered.job:
        lines.append(f"  job {answered.job}" + (f", step {verdict.step}" if verdict.step else ""))
    if verdict.line:
        lines.append(f"  line {verdict.line}{location}  rule {verdict.rule or 'none'}")
    lines += [f"  | {line}" for line in verdict.excerpt.splitlines()]
    lines += [f"  why: {reason}" for reason in verdict.reasons]
    lines += [f"  next: {suggestion}" for suggestion in verdict.suggestions]
    lines.append(f"  fingerprint {verdict.fingerprint}")
    if explain:
        lines += _competition(verdict)
    return "\n".join(lines)


def _competition(verdict: Classification) -> list[str]:
    lines = ["  findings that competed, best first:"]
    for finding in verdict.findings:
        lines.append(
            f"    {finding.score:7.2f}  {finding.rule} ({finding.category}), line {finding.line}: {finding.message}"
        )
        lines += [f"             {reason}" for reason in finding.reasons]
    return lines
