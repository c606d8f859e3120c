"""Whose failure it is: excuses need positive evidence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.verdict import Kind, VerdictFacts, judge
from storage.model import Issue, Sighting
from tests.factories import a_failure, a_run

NOW = 1_790_000_000
DAY = 86_400


def seen(**more: Any) -> Sighting:
    """Somebody else's failure on another branch yesterday."""
    facts: dict[str, Any] = {
        "repository": "octo/app",
        "job": "test",
        "branch": "other",
        "commit": "c9",
        "actor": "hubot",
        "fork": False,
        "pull_request": None,
        "at": NOW - DAY,
        "url": "https://github.test/octo/app/actions/runs/9",
        "resolved_at": None,
        "passed_on_same_commit": False,
    }
    return Sighting(**{**facts, **more})


def facts(*sightings: Sighting, **more: Any) -> VerdictFacts:
    """A pull request's failure by octocat, where the base branch is known to have run."""
    given: dict[str, Any] = {
        "run": a_run(branch="feature", actor="octocat", pull_request=7, event="pull_request", default_branch=False),
        "failure": a_failure(branch="feature", detected_at=NOW),
        "base_branch": "main",
        "base_looked_at": True,
        "sightings": sightings,
    }
    return VerdictFacts(**{**given, **more})


def on_main(**more: Any) -> Sighting:
    return seen(**{"branch": "main", **more})


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (facts(), Kind.NEW),
        (facts(base_looked_at=False), Kind.UNKNOWN),
        (facts(on_main()), Kind.BASE),
        (facts(on_main(actor="octocat")), Kind.BASE),
        (facts(on_main(resolved_at=NOW - 100)), Kind.KNOWN),
        (facts(on_main(at=NOW - 8 * DAY)), Kind.KNOWN),
        (facts(seen(passed_on_same_commit=True, resolved_at=NOW - 5)), Kind.FLAKY),
        (facts(seen(passed_on_same_commit=True, resolved_at=NOW - 5, at=NOW - 8 * DAY)), Kind.KNOWN),
        (facts(seen()), Kind.ELSEWHERE),
        (facts(seen(at=NOW - 8 * DAY)), Kind.KNOWN),
        (facts(seen(branch="feature")), Kind.NEW),
        (facts(seen(pull_request=7)), Kind.NEW),
        (facts(seen(actor="octocat")), Kind.NEW),
        (facts(seen(branch="feature", passed_on_same_commit=True, resolved_at=NOW - 5)), Kind.NEW),
        (facts(seen(branch="feature", fork=True)), Kind.ELSEWHERE),
        (facts(outbreak=(seen(repository="octo/b"), seen(repository="octo/c"))), Kind.ELSEWHERE),
        (facts(outbreak=(seen(repository="octo/b"),)), Kind.NEW),
        (facts(passed=seen(branch="feature")), Kind.FLAKY),
        (facts(on_main(), seen(passed_on_same_commit=True)), Kind.BASE),
    ],
)
def test_the_first_verdict_that_applies(given: VerdictFacts, kind: Kind) -> None:
    verdict = judge(given)
    assert verdict.kind is kind
    assert bool(verdict.evidence) == (kind not in {Kind.NEW, Kind.UNKNOWN})


def test_a_bare_exit_code_excuses_nothing() -> None:
    given = facts(on_main(), seen())
    assert judge(replace(given, failure=replace(given.failure, generic=True))).kind is Kind.UNKNOWN


def test_what_was_mended_on_the_base_advises_to_rebase() -> None:
    verdict = judge(facts(on_main(resolved_at=NOW - 100)))
    assert "rebase" in verdict.advice
    assert verdict.kind is Kind.KNOWN


def test_an_open_issue_makes_it_known() -> None:
    issue = Issue(
        repo_id=1, fingerprint="f", number=3, state="open", opened_at=NOW - DAY, closed_at=None, url="https://x.test/3"
    )
    assert judge(facts(issue=issue)).kind is Kind.KNOWN
    assert judge(facts(issue=replace(issue, opened_at=NOW + 5))).kind is Kind.NEW


def test_a_failure_on_main_is_known_by_mains_own_history() -> None:
    run = a_run(branch="main", actor="octocat", default_branch=True, event="push")
    assert judge(facts(on_main(), run=run)).kind is Kind.KNOWN
    assert judge(facts(run=run, base_looked_at=False)).kind is Kind.NEW
