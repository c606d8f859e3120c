"""Is it mine? Facts → verdict, with its evidence. Pure: a failure is excused only by what can be shown.

The first that applies: base, flaky, elsewhere, known, new, unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from storage.model import Failure, Issue, Run, Sighting

WINDOW = 7 * 86_400
"""Seconds: what is older says nothing about today."""
OUTBREAK_SECONDS = 3600
OUTBREAK_REPOSITORIES = 3


class Kind(StrEnum):
    """The contract's words."""

    BASE = "base"
    FLAKY = "flaky"
    ELSEWHERE = "elsewhere"
    KNOWN = "known"
    NEW = "new"
    UNKNOWN = "unknown"


EXCUSES = frozenset({Kind.BASE, Kind.FLAKY, Kind.ELSEWHERE})
"""Somebody else's, or nobody's: the change in question did not break it."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that can be looked at."""

    what: str
    url: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whose a failure is, why, and where to see it."""

    kind: Kind
    why: str
    """A sentence of ours; names in it stand between backticks."""
    evidence: tuple[Evidence, ...] = ()
    advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictFacts:
    """Everything the verdict on one failure rests on. Sightings are newest first, without the failure itself."""

    run: Run
    failure: Failure
    base_branch: str
    base_looked_at: bool
    """A completed run of the same workflow on the base branch is recorded within the window."""
    sightings: tuple[Sighting, ...]
    """The same fingerprint in this repository, as far back as it is kept."""
    outbreak: tuple[Sighting, ...] = ()
    """One of each other repository that readers here may know, within the hour before."""
    issue: Issue | None = None
    """An open issue of ours about it."""
    passed: Sighting | None = None
    """The failure itself, where its job passed later on the same commit."""


def judge(facts: VerdictFacts) -> Verdict:
    """The first verdict that applies."""
    if facts.failure.generic:
        return Verdict(Kind.UNKNOWN, "Only an exit code is known, and that says nothing about whose failure it is.")
    others = [seen for seen in facts.sightings if not _own(seen, facts)]
    recent = [seen for seen in others if seen.at >= facts.failure.detected_at - WINDOW]
    rules: tuple[Callable[[], Verdict | None], ...] = (
        lambda: _base(facts, recent),
        lambda: _flaky(facts, recent),
        lambda: _elsewhere(facts, recent),
        lambda: _known(facts, others),
    )
    for rule in rules:
        verdict = rule()
        if verdict is not None:
            return _with_advice(verdict, facts, recent)
    return _with_advice(_new_or_unknown(facts), facts, recent)


def _own(seen: Sighting, facts: VerdictFacts) -> bool:
    """The change's own earlier runs, and the author's other branches, excuse nothing.

    What the base branch did is nobody's own.
    """
    run = facts.run
    if _on_base(seen, facts):
        return False
    same_pull = run.pull_request is not None and seen.pull_request == run.pull_request
    same_branch = seen.branch == run.branch and seen.fork == run.fork
    return same_pull or same_branch or (bool(run.actor) and seen.actor == run.actor)


def _on_base(seen: Sighting, facts: VerdictFacts) -> bool:
    return not seen.fork and seen.pull_request is None and seen.branch == facts.base_branch


def _is_change(facts: VerdictFacts) -> bool:
    """The run speaks of a change that is not on the base branch yet."""
    return not facts.run.default_branch and not (facts.run.branch == facts.base_branch and not facts.run.fork)


def _base(facts: VerdictFacts, recent: Iterable[Sighting]) -> Verdict | None:
    if not _is_change(facts):
        return None
    red = [seen for seen in recent if _on_base(seen, facts) and seen.resolved_at is None]
    if not red:
        return None
    return Verdict(Kind.BASE, f"It fails on `{facts.base_branch}` as well.", _shown(red))


def _flaky(facts: VerdictFacts, recent: Iterable[Sighting]) -> Verdict | None:
    if facts.passed is not None:
        return Verdict(Kind.FLAKY, "It passed when the job ran again on the same commit.", _shown([facts.passed]))
    flips = [seen for seen in recent if seen.passed_on_same_commit]
    if not flips:
        return None
    times = "once" if len(flips) == 1 else f"{len(flips)} times"
    return Verdict(
        Kind.FLAKY, f"It failed and then passed on the same commit {times} in the last 7 days.", _shown(flips)
    )


def _elsewhere(facts: VerdictFacts, recent: Iterable[Sighting]) -> Verdict | None:
    if len(facts.outbreak) + 1 >= OUTBREAK_REPOSITORIES:
        count = len(facts.outbreak) + 1
        why = f"It failed in {count} repositories within an hour, so its cause is likely external."
        return Verdict(Kind.ELSEWHERE, why, tuple(Evidence(s.repository, s.url) for s in facts.outbreak[:3]))
    branches = {seen.branch: seen for seen in recent if not _on_base(seen, facts)}
    if not branches:
        return None
    names = "another branch" if len(branches) == 1 else f"{len(branches)} other branches"
    return Verdict(
        Kind.ELSEWHERE, f"It failed on {names} of other people in the last 7 days.", _shown(branches.values())
    )


def _known(facts: VerdictFacts, others: list[Sighting]) -> Verdict | None:
    issue = facts.issue
    if issue is not None and (others or issue.opened_at < facts.failure.detected_at):
        return Verdict(Kind.KNOWN, f"Issue #{issue.number} is about it.", (Evidence(f"#{issue.number}", issue.url),))
    if not others:
        return None
    times = "once" if len(others) == 1 else f"{len(others)} times"
    return Verdict(Kind.KNOWN, f"It was seen {times} before.", _shown(others))


def _new_or_unknown(facts: VerdictFacts) -> Verdict:
    if _is_change(facts) and not facts.base_looked_at:
        why = (
            f"No run of this workflow on `{facts.base_branch or 'the default branch'}` is recorded in the last 7 days."
        )
        return Verdict(Kind.UNKNOWN, why)
    seen = "It was seen on nobody else's branch." if _is_change(facts) else "It was not seen here before."
    return Verdict(Kind.NEW, seen)


def _with_advice(verdict: Verdict, facts: VerdictFacts, recent: Iterable[Sighting]) -> Verdict:
    """A failure that was mended on the base branch is no excuse, but there is something to do about it."""
    mended = next((s for s in recent if _on_base(s, facts) and s.resolved_at is not None), None)
    if not _is_change(facts) or mended is None or verdict.kind is Kind.BASE or mended.passed_on_same_commit:
        return verdict
    advice = f"It was mended on `{facts.base_branch}` since: rebase onto it."
    return Verdict(verdict.kind, verdict.why, (*verdict.evidence, *_shown([mended]))[:3], advice)


def _shown(seen: Iterable[Sighting]) -> tuple[Evidence, ...]:
    """The newest three, with their links."""
    return tuple(Evidence(f"{each.job} on {each.branch}", each.url) for each in list(seen)[:3])
