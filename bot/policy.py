"""Facts → actions. Pure: what is to be done about a run is decided here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.actions import (
    Action,
    CloseIssue,
    CommentOnPull,
    OpenGathering,
    OpenIssue,
    RefreshCheckRun,
    TellWoken,
    UpdateIssue,
)
from bot.events import PULL_REQUEST_EVENTS
from bot.repo_config import DEFAULTS, RepoConfig
from classifiers.model import Severity
from storage.model import Failure, Issue, Mute, Run, Wake

RELAPSE_SECONDS = 10 * 86400
"""A failure that comes back within ten days reopens its issue; a later one gets a new issue."""
OUTAGE = 8
"""More different new failures than this in one run are one outage."""
FAILED = frozenset({"failure", "timed_out", "startup_failure"})
READ_JOBS = FAILED | {"cancelled"}
"""Conclusions whose jobs are looked at: a job that exceeds its time limit leaves a cancelled run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """Everything the decision about one completed run rests on."""

    run: Run
    failures: tuple[Failure, ...]
    """Failures of this attempt, as stored."""
    issues: Mapping[str, Issue]
    """Newest issue of ours per fingerprint of those failures."""
    recovered: tuple[Issue, ...]
    """Open issues of the repository of which nothing that crossed the threshold is red any more."""
    has_check_run: bool
    can_check: bool
    pull_request: int | None
    has_comment: bool
    """The pull request has our comment already."""
    opened_last_hour: int
    now: int
    commit_red: bool = False
    """Something is red on the run's commit, whatever became of the branch since."""
    muted: frozenset[str] = frozenset()
    """Fingerprints of which nobody wants to be told."""
    settings: RepoConfig = DEFAULTS
    woken: tuple[Wake, ...] = ()
    """What was muted until this run, and has outgrown that."""


def crosses(failure: Failure, settings: RepoConfig) -> bool:
    """Whether a failure is worth a notice."""
    if not settings.enabled or settings.ignores(failure.workflow, failure.job, failure.branch):
        return False
    grave = Severity(failure.severity).rank <= Severity(settings.notify.severity).rank
    return grave or failure.retry_count >= settings.notify.retries


def crosses_late(failure: Failure, settings: RepoConfig) -> bool:
    """Whether a failure that was told without a notice deserves one now, because its streak turned out longer.

    A grave one was judged when it was told: if it got no notice then, it belongs to the past.
    """
    grave = Severity(failure.severity).rank <= Severity(settings.notify.severity).rank
    return not failure.crossed and not grave and crosses(failure, settings)


def why_no_notice(run: Run | None, settings: RepoConfig, mute: Mute | None) -> str:
    """Why not even somebody's asking makes a notice of a failure of this run, and what to do; empty where it does."""
    if not settings.enabled:
        return (
            "`.github/pipeline.yml` says `enabled: false`, so nothing is written in this repository. "
            "History is kept; set it to `true` to be told again."
        )
    if mute is not None:
        return f"this failure is muted here; `/pipeline unmute {mute.fingerprint}` lets it speak again."
    if run is not None and belongs_to_pull(run) and settings.pull_requests == "check":
        return "`.github/pipeline.yml` says `pull_requests: check`, so pull requests are told in the check run alone."
    return ""


def belongs_to_pull(run: Run) -> bool:
    """Whether this run speaks of a pull request rather than of a branch of the repository.

    A push to the default branch never does, even where that branch is the head of some pull request.
    """
    return run.event in PULL_REQUEST_EVENTS or (run.pull_request is not None and not run.default_branch)


def decide(facts: RunFacts) -> tuple[Action, ...]:
    """What to do about a completed run: notices first, because the check run links to them."""
    if not facts.settings.enabled:
        return ()
    notices = _comment(facts) if belongs_to_pull(facts.run) else _issues(facts)
    closing = tuple(CloseIssue(issue) for issue in facts.recovered)
    wanted = facts.can_check and (bool(facts.failures) or facts.has_check_run or facts.commit_red)
    check = (RefreshCheckRun(facts.run.commit),) if wanted else ()
    return (*notices, *_woken(facts), *closing, *check)


def _woken(facts: RunFacts) -> tuple[Action, ...]:
    """One comment for each issue, however many of its failures woke."""
    known = [(facts.issues[wake.fingerprint], wake) for wake in facts.woken if wake.fingerprint in facts.issues]
    by_number = {issue.number: issue for issue, _ in known}
    return tuple(
        TellWoken(issue, tuple(wake for each, wake in known if each.number == number))
        for number, issue in by_number.items()
    )


def _comment(facts: RunFacts) -> tuple[Action, ...]:
    if facts.pull_request is None:
        return ()
    crossed = any(failure.crossed and failure.fingerprint not in facts.muted for failure in facts.failures)
    wanted = crossed and facts.settings.pull_requests == "comment"
    if not wanted and not facts.has_comment:
        return ()
    return (CommentOnPull(facts.pull_request, facts.run.commit, mention=not facts.run.fork),)


def _issues(facts: RunFacts) -> tuple[Action, ...]:
    mention = not facts.run.fork
    actions: list[Action] = []
    new: list[str] = []
    for fingerprint, group in _by_fingerprint(facts.failures).items():
        if fingerprint in facts.muted:
            continue
        issue = facts.issues.get(fingerprint)
        crossed = any(failure.crossed for failure in group)
        if issue is not None and issue.state == "open":
            actions.append(UpdateIssue(issue, mention))
        elif crossed and issue is not None and _relapsed(issue, facts.now):
            actions.append(UpdateIssue(issue, mention, reopen=True))
        elif crossed:
            new.append(fingerprint)
    return (*_once_per_issue(actions), *_new_issues(new, facts, mention=mention))


def _new_issues(new: list[str], facts: RunFacts, *, mention: bool) -> tuple[Action, ...]:
    """One issue each; too many at once are an outage, too many in an hour are gathered in one."""
    if len(new) > OUTAGE:
        return (OpenGathering("outage", f"outage:{facts.run.run_id}", tuple(new)),)
    room = max(0, facts.settings.notify.max_new_issues_per_hour - facts.opened_last_hour)
    opened: list[Action] = [
        OpenIssue(fingerprint, mention, previous=facts.issues.get(fingerprint)) for fingerprint in new[:room]
    ]
    if new[room:]:
        opened.append(OpenGathering("gathered", f"gathered:{facts.now // 3600}", tuple(new[room:])))
    return tuple(opened)


def _once_per_issue(actions: list[Action]) -> list[Action]:
    """Several fingerprints may stand in one gathering issue, which is written once."""
    seen: set[int] = set()
    kept: list[Action] = []
    for action in actions:
        if isinstance(action, UpdateIssue):
            if action.issue.number in seen:
                continue
            seen.add(action.issue.number)
        kept.append(action)
    return kept


def _by_fingerprint(failures: tuple[Failure, ...]) -> dict[str, list[Failure]]:
    groups: dict[str, list[Failure]] = {}
    for failure in failures:
        groups.setdefault(failure.fingerprint, []).append(failure)
    return groups


def _relapsed(issue: Issue, now: int) -> bool:
    return issue.closed_at is not None and now - issue.closed_at <= RELAPSE_SECONDS
