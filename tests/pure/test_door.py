"""The first look at a delivery: what is work, whose, and in which lane."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bot.door import NotAnObject, Ticket, admit
from storage.model import ANSWER, RECORD, REPORT

OURS = 42
ACTIONS = {"id": 15368, "slug": "github-actions"}
STRANGER = {"id": 7, "slug": "other-ci"}
SELF = {"id": OURS, "slug": "pipeline-monitor"}
FRAME = {"installation": {"id": 3}, "repository": {"id": 9, "full_name": "Octo/App"}}


def look(event: str, action: str, *, watched: frozenset[str] | None = None, **payload: Any) -> Ticket | None:
    """The door's answer to a payload of octo/app."""
    body = json.dumps({"action": action, **FRAME, **payload}).encode()
    return admit(event, body, app_id=OURS, watched=watched)


@pytest.mark.parametrize(
    ("event", "action", "lane", "priority"),
    [
        ("workflow_run", "requested", None, RECORD),
        ("workflow_run", "in_progress", None, RECORD),
        ("workflow_run", "completed", "repo:9", REPORT),
        ("installation", "created", "installation:3", REPORT),
        ("installation_repositories", "added", "installation:3", REPORT),
    ],
)
def test_work_waits_in_the_lane_of_what_it_writes(event: str, action: str, lane: str | None, priority: int) -> None:
    assert look(event, action) == Ticket(action, 3, 9, lane, priority)


def test_a_command_goes_before_everything_else() -> None:
    ticket = look("issue_comment", "created", comment={"body": "/pipeline help"})
    assert ticket == Ticket("created", 3, 9, "repo:9:commands", ANSWER)


@pytest.mark.parametrize(
    ("event", "action"),
    [("ping", ""), ("push", ""), ("workflow_job", "completed"), ("workflow_run", "deleted"), ("issues", "opened")],
)
def test_what_nobody_handles_is_no_work(event: str, action: str) -> None:
    assert look(event, action) is None


@pytest.mark.parametrize(
    ("action", "app", "work"),
    [
        ("completed", STRANGER, True),
        ("completed", SELF, False),
        ("completed", ACTIONS, False),
        ("requested", SELF, True),
        ("requested", STRANGER, False),
        ("requested", ACTIONS, False),
        ("rerequested", SELF, True),
        ("rerequested", STRANGER, False),
        ("requested", None, False),
    ],
)
def test_suites_count_once(action: str, app: dict[str, Any] | None, work: bool) -> None:
    assert (look("check_suite", action, check_suite={"app": app}) is not None) is work


@pytest.mark.parametrize(("app", "work"), [(SELF, True), (STRANGER, False), (ACTIONS, False), (None, False)])
def test_only_our_own_check_runs_are_run_again(app: dict[str, Any] | None, work: bool) -> None:
    assert (look("check_run", "rerequested", check_run={"app": app}) is not None) is work


@pytest.mark.parametrize(
    ("body", "work"),
    [("/pipeline health", True), ("/PIPELINE help", True), ("see /pipeline", True), ("hello", False), (None, False)],
)
def test_a_comment_without_a_command_is_no_work(body: str | None, work: bool) -> None:
    ticket = look("issue_comment", "created", comment={"body": body})
    assert (ticket is not None) is work
    assert ticket is None or ticket.lane == "repo:9:commands"


@pytest.mark.parametrize("action", ["edited", "deleted"])
def test_an_edited_comment_is_no_work(action: str) -> None:
    assert look("issue_comment", action, comment={"body": "/pipeline health"}) is None


@pytest.mark.parametrize(("labels", "work"), [(["pipeline-failure"], True), (["bug"], False), ([], False)])
def test_only_issues_of_ours_are_followed(labels: list[str], work: bool) -> None:
    ticket = look("issues", "closed", issue={"labels": [{"name": name} for name in labels]})
    assert (ticket is not None) is work


@pytest.mark.parametrize(
    "wrong",
    [
        {"installation": 7},
        {"installation": {"id": "three"}},
        {"repository": "octo/app"},
        {"repository": {"id": None}},
        {"action": ["completed"]},
        {"check_suite": {"app": "other"}},
    ],
    ids=json.dumps,
)
def test_wrong_types_in_a_handled_event_are_let_in_so_that_they_are_seen(wrong: dict[str, Any]) -> None:
    body = json.dumps({"action": "completed", **FRAME, **wrong}).encode()
    assert admit("workflow_run", body, app_id=OURS, watched=None) == Ticket("", 0, None, None, RECORD)
    assert admit("push", body, app_id=OURS, watched=None) is None


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"{} x", b'{"a": "\xff"}', b"[" * 100_000])
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(NotAnObject):
        admit("workflow_run", body, app_id=OURS, watched=None)


@pytest.mark.parametrize(("watched", "work"), [("octo/app", True), ("octo/other", False)])
def test_token_mode_takes_only_the_repositories_of_its_list(watched: str, work: bool) -> None:
    assert (look("workflow_run", "completed", watched=frozenset({watched})) is not None) is work


def test_without_an_installation_the_ticket_says_zero() -> None:
    assert look("workflow_run", "completed", installation=None) == Ticket("completed", 0, 9, "repo:9")
