"""A classification as `pipeline classify` prints it."""

from __future__ import annotations

from typing import Any

from classifiers.model import Classification, Finding


def as_json(name: str, verdict: Classification, *, explain: bool) -> dict[str, Any]:
    """The contract's `classify` object; `findings` beside it where the competition is to be shown."""
    location = verdict.location
    answer: dict[str, Any] = {
        "file": name,
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


def as_text(name: str, verdict: Classification, *, explain: bool) -> str:
    """The same for a person."""
    location = f"  at {verdict.location.path}:{verdict.location.line}" if verdict.location else ""
    lines = [
        f"{name}: {verdict.category}, {verdict.severity} ({verdict.confidence:.0%} sure)",
        f"  {verdict.message or 'nothing in the log says what went wrong'}",
    ]
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
