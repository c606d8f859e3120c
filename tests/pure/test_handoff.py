"""What goes to the coding agent, and what its hand-off comes to: a table of facts and decisions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot import handoff
from bot.actions import CloseIssue, OpenGathering, OpenIssue, RefreshCheckRun, UpdateIssue
from bot.handoff import Allowance, HandOff, HandOffFacts, Mention, Progress, Signs, Stage
from bot.render.handoff import handoff as comment
from bot.render.markdown import read_marker
from tests.factories import COMMIT, NOW, a_run, an_issue
from tests.snapshot import assert_snapshot

PATIENCE = 600
KEY = "agent:7:v1-5d41402abc4b2a76"


def facts(**fields: Any) -> HandOffFacts:
    """A test failed on main, and its issue stands."""
    run = a_run(default_branch=True, **fields.pop("run", {}))
    given: dict[str, Any] = {
        "run": run,
        "category": "testing",
        "issue": an_issue(),
        "outage": False,
        "muted": False,
        "handed_before": False,
        "handed_today": 0,
    }
    return HandOffFacts(**given | fields)


def requested(**fields: Any) -> Progress:
    return replace(Progress(stage=Stage.REQUESTED, at=NOW, base_branch="main"), **fields)


def signs(*mentions: Mention, assigned: bool = True, still_open: bool = True) -> Signs:
    return Signs(still_open, assigned, mentions)


def test_a_failure_on_the_default_branch_is_handed_over_from_there() -> None:
    assert handoff.decide(facts()) == HandOff(12, "")


def test_a_failure_on_another_branch_is_mended_from_that_branch() -> None:
    on_release = replace(facts().run, default_branch=False, branch="release/1.0")
    assert handoff.decide(replace(facts(), run=on_release)) == HandOff(12, "release/1.0")


@pytest.mark.parametrize(
    ("left_out", "why"),
    [
        ({"run": {"fork": True}}, "fork"),
        ({"category": "infrastructure"}, "infrastructure"),
        ({"category": "timeout"}, "time-out"),
        ({"run": {"branch": "copilot/fix-12"}}, "branch"),
        ({"run": {"actor": "Copilot"}}, "run is an agent's"),
        ({"run": {"actor": "copilot-swe-agent[bot]"}}, "run is an agent's"),
        ({"outage": True}, "outage"),
        ({"muted": True}, "muted"),
        ({"handed_before": True}, "before"),
        ({"handed_today": 5}, "day"),
        ({"allowance": Allowance(assign=False)}, "configuration"),
        ({"allowance": Allowance(daily=0)}, "day"),
        ({"issue": None}, "no open issue"),
        ({"issue": an_issue(state="closed")}, "no open issue"),
        ({"issue": an_issue(kind="gathered")}, "no open issue"),
        ({"issue": an_issue(kind="outage")}, "no open issue"),
    ],
)
def test_what_is_left_out(left_out: dict[str, Any], why: str) -> None:
    decided = handoff.decide(facts(**left_out))
    assert isinstance(decided, str)
    assert why in decided


def test_the_last_hand_off_of_the_day_is_made() -> None:
    assert isinstance(handoff.decide(facts(handed_today=4)), HandOff)


def test_only_opened_and_reopened_issues_are_candidates() -> None:
    actions = (
        OpenIssue("new", mention=True),
        UpdateIssue(an_issue(fingerprint="back"), mention=True, reopen=True),
        UpdateIssue(an_issue(fingerprint="again"), mention=True),
        UpdateIssue(an_issue(fingerprint="many", kind="gathered"), mention=True, reopen=True),
        OpenGathering("gathered", "gathered:1", ("rest",)),
        CloseIssue(an_issue(fingerprint="mended")),
        RefreshCheckRun(COMMIT),
    )
    assert handoff.candidates(actions) == ("new", "back")
    assert not handoff.is_outage(actions)
    assert handoff.is_outage((OpenGathering("outage", "outage:1", ("a",)),))


@pytest.mark.parametrize("login", ["Copilot", "copilot-swe-agent", "copilot-swe-agent[bot]"])
def test_the_agent_is_known_under_each_of_its_names(login: str) -> None:
    found = handoff.after_look(requested(), signs(Mention(45, login, NOW + 60, open=True)), NOW + 120, PATIENCE)
    assert (found.stage, found.pull) == (Stage.STARTED, 45)


def test_somebody_elses_pull_request_is_no_sign() -> None:
    looked = handoff.after_look(requested(), signs(Mention(45, "octocat", NOW + 60, open=True)), NOW + 120, PATIENCE)
    assert looked == requested()


def test_a_finished_pull_request_of_an_earlier_time_is_no_sign() -> None:
    earlier = Mention(45, "Copilot", NOW - 86_400, open=False)
    assert handoff.after_look(requested(), signs(earlier), NOW + 120, PATIENCE) == requested()


def test_without_a_sign_it_is_not_started_once_the_time_is_over() -> None:
    assert handoff.after_look(requested(), signs(), NOW + PATIENCE - 1, PATIENCE) == requested()
    over = handoff.after_look(requested(), signs(), NOW + PATIENCE, PATIENCE)
    assert (over.stage, over.reason) == (Stage.NOT_STARTED, "no pull request of the agent within 10 minutes")


def test_an_assignment_that_was_taken_back_is_told_at_once() -> None:
    looked = handoff.after_look(requested(), signs(assigned=False), NOW + 60, PATIENCE)
    assert (looked.stage, looked.reason) == (Stage.NOT_STARTED, "the assignment was taken back")


def test_an_issue_that_was_closed_first_is_told_at_once() -> None:
    looked = handoff.after_look(requested(), signs(still_open=False), NOW + 60, PATIENCE)
    assert (looked.stage, looked.reason) == (Stage.NOT_STARTED, "the issue was closed first")


@pytest.mark.parametrize("patience", [60, 600, 86_400])
def test_it_looks_five_times_and_last_at_the_end(patience: int) -> None:
    now, looks = NOW, []
    while now < NOW + patience:
        now += handoff.seconds_to_next_look(requested(), now, patience)
        looks.append(now - NOW)
    assert len(looks) == handoff.LOOKS
    assert looks[-1] == patience


@pytest.mark.parametrize("status", [401, 403, 404, 410, 422, 451])
def test_every_refusal_has_its_reason(status: int) -> None:
    reasons = [handoff.refusal(other) for other in (401, 403, 404, 410, 422, 451)]
    assert len(set(reasons)) == len(reasons)
    assert handoff.refusal(status) in reasons


def test_the_instructions_are_short_and_distrust_the_log() -> None:
    assert len(handoff.INSTRUCTIONS) < 500
    assert "untrusted" in handoff.INSTRUCTIONS


@pytest.mark.parametrize(
    ("name", "progress"),
    [
        ("requested", requested()),
        ("requested-unseen", requested(reason=handoff.BLIND)),
        ("started", requested(stage=Stage.STARTED, pull=45)),
        ("not-started", requested(stage=Stage.NOT_STARTED, reason=handoff.DROPPED)),
    ],
)
def test_what_the_issue_says(name: str, progress: Progress) -> None:
    body = comment(progress, key=KEY, until=NOW + PATIENCE)
    found = read_marker(body)
    assert found is not None
    assert (found.kind, found.key) == ("agent", KEY)
    assert_snapshot(f"agent/{name}.md", body)


def test_a_branchs_name_cannot_mention_anybody() -> None:
    body = comment(requested(base_branch="x` @octocat closes #1 `"), key=KEY, until=NOW)
    assert "`` x` @\u200boctocat closes #1 ` ``" in body
