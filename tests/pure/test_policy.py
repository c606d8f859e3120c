"""What is decided about a completed run: a table of facts and actions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.actions import (
    CloseIssue,
    CommentOnPull,
    OpenGathering,
    OpenIssue,
    RefreshCheckRun,
    UpdateIssue,
)
from bot.policy import OUTAGE, RELAPSE_SECONDS, RunFacts, belongs_to_pull, crosses, decide
from bot.repo_config import DEFAULTS
from storage.model import Failure, Issue
from tests.factories import COMMIT, NOW, a_failure, a_run

CHECK = RefreshCheckRun(COMMIT)
HOOK = {"event": "pull_request", "branch": "feature"}


def an_issue(fingerprint: str = "f0", number: int = 5, **fields: Any) -> Issue:
    """An open issue of ours."""
    given: dict[str, Any] = {
        "repo_id": 7,
        "fingerprint": fingerprint,
        "number": number,
        "state": "open",
        "opened_at": NOW - 900,
        "closed_at": None,
        "url": "",
        "kind": "failure",
        "effect_key": f"issue:7:{fingerprint}:0",
    }
    return Issue(**given | fields)


def red(number: int = 0, **fields: Any) -> Failure:
    """A failure that crossed the threshold, unless told otherwise."""
    return a_failure(**{"fingerprint": f"f{number}", "job_id": 500 + number, "crossed": True, **fields})


def facts(*failures: Failure, **fields: Any) -> RunFacts:
    """A red run of the default branch in App mode, with nothing on GitHub yet."""
    given: dict[str, Any] = {
        "run": a_run(default_branch=True),
        "failures": failures,
        "issues": {},
        "recovered": (),
        "has_check_run": False,
        "can_check": True,
        "pull_request": None,
        "has_comment": False,
        "opened_last_hour": 0,
        "now": NOW,
    }
    return RunFacts(**given | fields)


def test_nothing_red_and_nothing_there_is_nothing_to_do() -> None:
    assert decide(facts()) == ()


def test_a_failure_below_the_threshold_is_only_in_the_check_run() -> None:
    assert decide(facts(red(crossed=False))) == (CHECK,)


def test_a_failure_that_crossed_opens_an_issue_before_the_check_run() -> None:
    assert decide(facts(red())) == (OpenIssue("f0", mention=True, previous=None), CHECK)


def test_matrix_legs_of_one_failure_open_one_issue() -> None:
    assert decide(facts(red(), red(job_id=900)))[:-1] == (OpenIssue("f0", mention=True, previous=None),)


def test_one_leg_that_crossed_is_enough() -> None:
    found = decide(facts(red(crossed=False), red(job_id=900)))
    assert found[0] == OpenIssue("f0", mention=True, previous=None)


def test_a_recurrence_updates_the_open_issue_even_below_the_threshold() -> None:
    issue = an_issue()
    assert decide(facts(red(crossed=False), issues={"f0": issue})) == (UpdateIssue(issue, mention=True), CHECK)


@pytest.mark.parametrize(("ago", "reopened"), [(60, True), (RELAPSE_SECONDS, True), (RELAPSE_SECONDS + 1, False)])
def test_a_relapse_reopens_within_ten_days_and_links_later(ago: int, reopened: bool) -> None:
    issue = an_issue(state="closed", closed_at=NOW - ago)
    wanted = (
        UpdateIssue(issue, mention=True, reopen=True) if reopened else OpenIssue("f0", mention=True, previous=issue)
    )
    assert decide(facts(red(), issues={"f0": issue})) == (wanted, CHECK)


def test_a_closed_issue_stays_closed_below_the_threshold() -> None:
    issue = an_issue(state="closed", closed_at=NOW - 60)
    assert decide(facts(red(crossed=False), issues={"f0": issue})) == (CHECK,)


def test_a_gathering_issue_is_written_once_for_all_its_fingerprints() -> None:
    both = {"f0": an_issue("f0"), "f1": an_issue("f1")}
    assert decide(facts(red(0), red(1), issues=both)) == (UpdateIssue(both["f0"], mention=True), CHECK)


def test_eight_new_failures_are_eight_issues_and_nine_are_an_outage() -> None:
    eight = decide(facts(*map(red, range(OUTAGE))))
    assert [type(action) for action in eight[:-1]] == [OpenIssue] * OUTAGE
    nine = decide(facts(*map(red, range(OUTAGE + 1)), opened_last_hour=10))
    assert nine == (OpenGathering("outage", "outage:9001", tuple(f"f{n}" for n in range(OUTAGE + 1))), CHECK)


def test_what_exceeds_the_cap_of_an_hour_is_gathered() -> None:
    found = decide(facts(*map(red, range(4)), opened_last_hour=8))
    assert found == (
        OpenIssue("f0", mention=True, previous=None),
        OpenIssue("f1", mention=True, previous=None),
        OpenGathering("gathered", f"gathered:{NOW // 3600}", ("f2", "f3")),
        CHECK,
    )


def test_a_fork_mentions_nobody() -> None:
    found = decide(facts(red(), run=a_run(fork=True)))
    assert found[0] == OpenIssue("f0", mention=False, previous=None)


def test_what_recovered_is_closed_once() -> None:
    issue = an_issue()
    green = facts(run=a_run(conclusion="success"), recovered=(issue,), has_check_run=True)
    assert decide(green) == (CloseIssue(issue), CHECK)


def test_in_token_mode_there_is_no_check_run() -> None:
    assert decide(facts(red(), can_check=False)) == (OpenIssue("f0", mention=True, previous=None),)


def test_a_pull_request_gets_its_comment_instead_of_an_issue() -> None:
    found = decide(facts(red(), run=a_run(**HOOK), pull_request=3))
    assert found == (CommentOnPull(3, COMMIT, mention=True), CHECK)


@pytest.mark.parametrize(
    ("crossed", "has_comment", "comments"), [(False, False, 0), (True, False, 1), (False, True, 1)]
)
def test_a_pull_requests_comment_begins_at_the_threshold_and_is_kept_up_to_date(
    crossed: bool,
    has_comment: bool,
    comments: int,
) -> None:
    given = facts(red(crossed=crossed), run=a_run(**HOOK), pull_request=3, has_comment=has_comment)
    assert sum(isinstance(action, CommentOnPull) for action in decide(given)) == comments


def test_a_pull_request_that_cannot_be_found_leaves_the_check_run() -> None:
    assert decide(facts(red(), run=a_run(**HOOK))) == (CHECK,)


@pytest.mark.parametrize(
    ("fields", "belongs"),
    [
        ({"event": "pull_request"}, True),
        ({"event": "pull_request_target"}, True),
        ({"event": "push"}, False),
        ({"event": "push", "pull_request": 3}, True),
        ({"event": "push", "pull_request": 3, "default_branch": True}, False),
        ({"event": "schedule"}, False),
    ],
)
def test_which_runs_speak_of_a_pull_request(fields: dict[str, Any], belongs: bool) -> None:
    assert belongs_to_pull(a_run(**fields)) is belongs


@pytest.mark.parametrize(
    ("severity", "retries", "over"),
    [
        ("critical", 0, True),
        ("high", 0, True),
        ("medium", 0, False),
        ("medium", 1, False),
        ("medium", 2, True),
        ("low", 5, True),
    ],
)
def test_the_threshold_is_severity_or_retries(severity: str, retries: int, over: bool) -> None:
    failure = replace(a_failure(), severity=severity, retry_count=retries)
    assert crosses(failure, DEFAULTS) is over
